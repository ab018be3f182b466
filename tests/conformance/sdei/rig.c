// SPDX-License-Identifier: Apache-2.0
#include "rig.h"

#include <errno.h>

#define SDEI_BASE 0xc4000000u

void rig_open_config(struct rig *rig, const struct kvmcore_config *config, unsigned int n_vcpus)
{
	*rig = (struct rig){ .n = n_vcpus };
	if (kvmcore_vm_create(config, &rig->vm, NULL))
		abort();
	for (unsigned int v = 0; v < n_vcpus; v++) {
		if (kvmcore_vcpu_create(rig->vm, 10 + v, RIG_MPIDR(v)) != (int)v)
			abort();
		for (unsigned int i = 0; i < 18; i++)
			rig->regs[v].x[i] = 0x1000u * (v + 1) + i;
		rig->regs[v].pc = 0x40000000u + v;
		rig->regs[v].pstate = 0x60000005u;
		rig->regs[v].vbar_el1 = 0xffff800000080000u;
	}
}

void rig_open_paused(struct rig *rig, enum kvmcore_profile profile, unsigned int n_vcpus)
{
	const struct kvmcore_config config = { .profile = profile };

	rig_open_config(rig, &config, n_vcpus);
}

void rig_go(struct rig *rig)
{
	if (kvmcore_resume(rig->vm))
		abort();
}

void rig_open(struct rig *rig, enum kvmcore_profile profile, unsigned int n_vcpus)
{
	rig_open_paused(rig, profile, n_vcpus);
	rig_go(rig);
}

void rig_close(struct rig *rig)
{
	rig->vm = kvmcore_vm_destroy(rig->vm);
}

int64_t rig_call(struct rig *rig, unsigned int v, enum call_id id, const uint64_t args[5])
{
	static const struct kvmcore_trap hvc = { 0 };
	struct kvmcore_regs *regs = &rig->regs[v];

	regs->x[0] = SDEI_BASE + (unsigned int)id; /* PSCI's 64-bit calls share the range */
	if (id == PSCI_CPU_OFF)
		regs->x[0] = 0x84000002u;
	for (unsigned int i = 0; i < 5; i++)
		regs->x[1 + i] = args[i];
	if (kvmcore_call(rig->vm, (int)v, &hvc, regs, &rig->reply))
		abort();
	return (int64_t)regs->x[0];
}

bool enter(struct rig *rig, unsigned int v)
{
	if (kvmcore_enter(rig->vm, (int)v, &rig->regs[v], &rig->reply))
		abort();
	return rig->reply.delivered;
}

int64_t rig_register(struct rig *rig, unsigned int v, uint64_t num, uint64_t flags,
		     uint64_t affinity)
{
	return call(rig, v, EVENT_REGISTER, num, ENTRY(v, num), ARG(v, num), flags, affinity);
}

bool rig_arm(struct rig *rig, unsigned int v, uint64_t num)
{
	return rig_register(rig, v, num, RM_ANY, 0) == 0 && call(rig, v, EVENT_ENABLE, num) == 0 &&
	       call(rig, v, PE_UNMASK) == 0;
}

bool kicks(const struct rig *rig, unsigned int v)
{
	return rig->reply.any_kick && rig->reply.kick[v / 64] >> v % 64 & 1;
}

int rig_cmd(struct rig *rig, int v, uint32_t cmd, uint32_t count, const void *ptr)
{
	struct kvm_sdei_cmd request = { .cmd = cmd, .count = count, .pointer = (uintptr_t)ptr };

	return kvmcore_ioctl(rig->vm, v, KVM_ARM_SDEI_COMMAND, &request);
}

uint32_t rig_count(struct rig *rig, int v, uint32_t cmd)
{
	struct kvm_sdei_cmd request = { .cmd = cmd };

	return kvmcore_ioctl(rig->vm, v, KVM_ARM_SDEI_COMMAND, &request) ? ~0u : request.count;
}

int rig_expose(struct rig *rig, uint64_t num, uint8_t type, uint8_t priority)
{
	const struct kvm_sdei_exposed_event_state event = {
		.num = num, .type = type, .signaled = 1, .priority = priority
	};

	return rig_cmd(rig, -1, KVM_SDEI_CMD_SET_EXPOSED_EVENT, 1, &event);
}

int rig_inject(struct rig *rig, unsigned int v, uint64_t num)
{
	return kvmcore_inject(rig->vm, (int)v, num, &rig->reply);
}

static int attr(struct rig *rig, unsigned long cmd, uint64_t which, void *addr)
{
	struct kvm_device_attr request = { .group = KVMCORE_GROUP_SDEI,
					   .attr = which,
					   .addr = (uintptr_t)addr };

	return kvmcore_ioctl(rig->vm, -1, cmd, &request);
}

int rig_attr_get(struct rig *rig, uint64_t which, void *entry, uint64_t capacity, uint64_t *n)
{
	struct kvmcore_array array = { .capacity = capacity, .ptr = (uintptr_t)entry };
	int ret = attr(rig, KVM_GET_DEVICE_ATTR, which, &array);

	*n = array.count;
	return ret;
}

int rig_attr_set(struct rig *rig, uint64_t which, const void *entry, uint64_t n)
{
	struct kvmcore_array array = { .count = n, .ptr = (uintptr_t)entry };

	return attr(rig, KVM_SET_DEVICE_ATTR, which, &array);
}

struct kvm_sdei_vcpu_state rig_state(struct rig *rig, unsigned int v)
{
	struct kvm_sdei_vcpu_state state = { 0 };

	if (rig_cmd(rig, (int)v, KVM_SDEI_CMD_GET_VCPU_STATE, 0, &state))
		abort();
	return state;
}

uint32_t rig_queued(struct rig *rig, unsigned int v, uint64_t num)
{
	struct kvm_sdei_vcpu_event_state entry[160] = { 0 };
	const uint32_t n = rig_count(rig, (int)v, KVM_SDEI_CMD_GET_VCPU_EVENT_COUNT);

	if (n > ARRAY_SIZE(entry) || rig_cmd(rig, (int)v, KVM_SDEI_CMD_GET_VCPU_EVENT, n, entry))
		abort();
	for (uint32_t i = 0; i < n; i++)
		if (entry[i].num == num)
			return entry[i].event_count;
	return 0;
}
