/* SPDX-License-Identifier: Apache-2.0 */
/*
 * model.h - a model VM in one line, for tests that want to ask it things
 */
#ifndef TESTS_SUPPORT_MODEL_H
#define TESTS_SUPPORT_MODEL_H

#include "support/check.h"

#include <kvmcore/kvmcore.h>
#include <string.h>

struct model {
	struct kvmcore_vm *vm;
	struct kvm_port port;
	struct kvmcore_reply reply;    /* of the last step */
	struct kvmcore_vcpu_regs regs; /* of the vCPU that made it */
};

/* @n_vcpus vCPUs with MPIDR 0, 1, ..., initialised with PSCI_0_2, the VM resumed. */
static inline struct model model_new(const struct kvmcore_config *config, unsigned int n_vcpus)
{
	struct model m = { 0 };

	if (!CHECK(kvmcore_vm_create(config, &m.vm, NULL) == 0, "a VM can be made"))
		return m;
	for (unsigned int i = 0; i < n_vcpus; i++)
		CHECK(kvmcore_vcpu_create(m.vm, i, i) == (int)i, "a vCPU can be made");
	kvmcore_resume(m.vm);
	kvmcore_port(m.vm, &m.port);
	return m;
}

static inline void model_free(struct model *m)
{
	m->vm = kvmcore_vm_destroy(m->vm);
}

/* vCPU @vcpu calls @id by HVC; x4.. stay as they are. Return: x0 afterwards */
static inline uint64_t model_call(struct model *m, int vcpu, uint64_t id, uint64_t x1, uint64_t x2,
				  uint64_t x3)
{
	const struct kvmcore_trap hvc = { .smc = false };

	kvmcore_vcpu_regs_get(m->vm, vcpu, &m->regs);
	m->regs.x[0] = id;
	m->regs.x[1] = x1;
	m->regs.x[2] = x2;
	m->regs.x[3] = x3;
	kvmcore_vcpu_regs_set(m->vm, vcpu, &m->regs);
	CHECK(kvmcore_vcpu_call(m->vm, vcpu, &hvc, &m->reply) == 0, "the call can be made");
	kvmcore_vcpu_regs_get(m->vm, vcpu, &m->regs);
	return m->regs.x[0];
}

static inline int model_get_reg(struct model *m, int vcpu, uint64_t id, void *value)
{
	struct kvm_one_reg reg = { id, (uintptr_t)value };

	return kvmcore_ioctl(m->vm, vcpu, KVM_GET_ONE_REG, &reg);
}

static inline int model_set_reg(struct model *m, int vcpu, uint64_t id, uint64_t value)
{
	struct kvm_one_reg reg = { id, (uintptr_t)&value };

	return kvmcore_ioctl(m->vm, vcpu, KVM_SET_ONE_REG, &reg);
}

static inline int model_attr(struct model *m, int vcpu, unsigned long cmd, uint32_t group,
			     uint64_t attr, const void *value)
{
	struct kvm_device_attr a = { .group = group, .attr = attr, .addr = (uintptr_t)value };

	return kvmcore_ioctl(m->vm, vcpu, cmd, &a);
}

static inline int model_filter(struct model *m, uint32_t base, uint32_t nr, uint8_t action)
{
	const struct kvm_smccc_filter f = { .base = base, .nr_functions = nr, .action = action };

	return model_attr(m, -1, KVM_SET_DEVICE_ATTR, KVM_ARM_VM_SMCCC_CTRL,
			  KVM_ARM_VM_SMCCC_FILTER, &f);
}

static inline int model_enable(struct model *m, uint32_t cap, uint64_t arg)
{
	struct kvm_enable_cap e = { .cap = cap, .args = { arg } };

	return kvmcore_ioctl(m->vm, -1, KVM_ENABLE_CAP, &e);
}

static inline int model_memory(struct model *m, uint32_t slot, uint64_t ipa, uint64_t size,
			       void *at)
{
	struct kvm_userspace_memory_region r = { .slot = slot,
						 .guest_phys_addr = ipa,
						 .memory_size = size,
						 .userspace_addr = (uintptr_t)at };

	return kvmcore_ioctl(m->vm, -1, KVM_SET_USER_MEMORY_REGION, &r);
}

#endif
