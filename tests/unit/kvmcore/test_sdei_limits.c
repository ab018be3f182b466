// SPDX-License-Identifier: Apache-2.0
/* The largest VM: 512 vCPUs, 128 events, each registered, enabled and queued everywhere. */
#include "support/check.h"

#include <kvmcore/kvmcore.h>
#include <stdlib.h>

#define N_VCPUS  512
#define N_EVENTS 128u
#define FIRST    0x1000u

static int command(struct kvmcore_vm *vm, int v, uint32_t cmd, uint32_t count, void *ptr)
{
	struct kvm_sdei_cmd request = { .cmd = cmd, .count = count, .pointer = (uintptr_t)ptr };

	return kvmcore_ioctl(vm, v, KVM_ARM_SDEI_COMMAND, &request);
}

static int64_t call(struct kvmcore_vm *vm, int v, uint32_t id, uint64_t x1, uint64_t x2)
{
	static const struct kvmcore_trap hvc = { 0 };
	struct kvmcore_regs regs = { .x = { id, x1, x2 } };
	struct kvmcore_reply reply;

	return kvmcore_call(vm, v, &hvc, &regs, &reply) ? -1000 : (int64_t)regs.x[0];
}

static void expose(struct kvmcore_vm *vm)
{
	static struct kvm_sdei_exposed_event_state event[N_EVENTS];

	for (unsigned int i = 0; i < N_EVENTS; i++)
		event[i].num = FIRST + i;
	CHECK(command(vm, -1, KVM_SDEI_CMD_SET_EXPOSED_EVENT, N_EVENTS, event) == 0, "128 events");
}

static void queue_everything(struct kvmcore_vm *vm, int v)
{
	struct kvmcore_reply reply;
	int wrong = 0;

	for (uint64_t num = FIRST; num < FIRST + N_EVENTS; num++) {
		wrong += call(vm, v, 0xc4000021, num, 0x4000) != 0;
		wrong += call(vm, v, 0xc4000022, num, 0) != 0;
		wrong += kvmcore_inject(vm, v, num, &reply) != 0;
	}
	CHECK(wrong == 0, "each vCPU registers, enables and queues them all");
}

static void check_capture(struct kvmcore_vm *vm, struct kvm_sdei_registered_event_state *event)
{
	static struct kvm_sdei_vcpu_event_state entry[N_EVENTS];

	CHECK(command(vm, -1, KVM_SDEI_CMD_GET_REGISTERED_EVENT, N_EVENTS, event) == 0,
	      "they can be read");
	for (unsigned int i = 0; i < N_EVENTS; i++)
		CHECK(event[i].registered[7] == ~0ULL && event[i].enabled[0] == ~0ULL &&
			      event[i].ep_address[511] == 0x4000,
		      "registered and enabled by every vCPU");
	CHECK(command(vm, 511, KVM_SDEI_CMD_GET_VCPU_EVENT, N_EVENTS, entry) == 0 &&
		      entry[0].num == FIRST && entry[127].num == FIRST + 127 &&
		      entry[127].event_count == 1,
	      "the last vCPU's queue has them all");
}

static void test_the_largest_vm(void)
{
	struct kvm_sdei_registered_event_state *event = calloc(N_EVENTS, sizeof(*event));
	const struct kvmcore_config config = { .profile = KVMCORE_PROFILE_SPEC };
	struct kvmcore_vm *vm = NULL, *copy = NULL;

	REQUIRE(event && kvmcore_vm_create(&config, &vm, NULL) == 0 &&
			kvmcore_vm_create(&config, &copy, NULL) == 0,
		"two VMs");
	for (uint32_t v = 0; v < N_VCPUS; v++)
		CHECK(kvmcore_vcpu_create(vm, v, v) == (int)v &&
			      kvmcore_vcpu_create(copy, v, v) == (int)v,
		      "512 vCPUs");
	expose(vm);
	expose(copy);
	CHECK(kvmcore_resume(vm) == 0, "it runs");
	for (int v = 0; v < N_VCPUS; v++)
		queue_everything(vm, v);
	check_capture(vm, event);
	CHECK(command(copy, -1, KVM_SDEI_CMD_SET_REGISTERED_EVENT, N_EVENTS, event) == 0,
	      "and set elsewhere");
	vm = kvmcore_vm_destroy(vm);
	copy = kvmcore_vm_destroy(copy);
	free(event);
}

static void test_configurations_that_cannot_be(void)
{
	static const struct {
		const char *promise;
		struct kvmcore_config config;
	} row[] = {
		{ "65 private slots", { .slots_given = true, .private_slots = 65 } },
		{ "65 shared slots", { .slots_given = true, .shared_slots = 65 } },
		{ "17 PPIs", { .n_ppi = 17 } },
		{ "989 SPIs", { .n_spi = 989 } },
		{ "profile 3", { .profile = KVMCORE_NR_PROFILES } },
	};
	struct kvmcore_vm *vm = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(row); i++)
		CHECK(kvmcore_vm_create(&row[i].config, &vm, NULL) == -22 && !vm, row[i].promise);
}

int main(void)
{
	return RUN_TESTS(test_the_largest_vm, test_configurations_that_cannot_be);
}
