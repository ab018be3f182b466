// SPDX-License-Identifier: Apache-2.0
/*
 * What an s390 VM is beside its attribute groups: capabilities, vCPUs, and what of its state no attribute tells.
 * arch/s390/kvm/kvm-s390.c, kvm_vm_ioctl_check_extension(), kvm_arch_vcpu_ioctl_{get,set}_mpstate().
 */
#include "s390_attr.h"
#include "user.h"
#include "vm.h"

#include <errno.h>

/* Numbers that are 1 on every s390 kernel of the profiles. */
static const uint32_t always[] = {
	KVM_CAP_SYNC_MMU,       KVM_CAP_S390_PSW,
	KVM_CAP_ONE_REG,        KVM_CAP_S390_GMAP,
	KVM_CAP_ENABLE_CAP,     KVM_CAP_VM_ATTRIBUTES,
	KVM_CAP_MP_STATE,       KVM_CAP_S390_SKEYS,
	KVM_CAP_IMMEDIATE_EXIT, KVM_CAP_S390_CMMA_MIGRATION,
};

static bool host_has(const struct s390 *s, unsigned int number)
{
	return s->host.facilities[number / 64] >> (63 - number % 64) & 1;
}

int s390_cap(const struct kvmcore_vm *vm, uint64_t cap)
{
	const struct s390 *s = vm->s390;

	for (size_t i = 0; i < ARRAY_SIZE(always); i++)
		if (always[i] == cap)
			return 1;
	switch (cap) {
	case KVM_CAP_NR_VCPUS:
	case KVM_CAP_MAX_VCPUS:
	case KVM_CAP_MAX_VCPU_ID:
		return S390_MAX_VCPUS;
	case KVM_CAP_S390_HPAGE_1M:
		return s->host.huge_1m && !s->host.ucontrol;
	case KVM_CAP_S390_VECTOR_REGISTERS:
		return host_has(s, S390_FACILITY_VECTOR);
	case KVM_CAP_S390_CPU_TOPOLOGY:
		return host_has(s, S390_FACILITY_TOPOLOGY);
	case KVM_CAP_S390_PROTECTED:
		return s->protected_guest;
	}
	return 0;
}

int s390_enable_cap(struct kvmcore_vm *vm, struct vcpu *vcpu, void *arg)
{
	struct kvm_enable_cap cap;

	(void)vm;
	(void)vcpu;
	return user_read(&cap, (uintptr_t)arg, sizeof(cap)) ? -EFAULT : -EINVAL;
}

int s390_one_reg(struct kvmcore_vm *vm, struct vcpu *vcpu, void *arg)
{
	struct kvm_one_reg reg;

	(void)vm;
	(void)vcpu;
	return user_read(&reg, (uintptr_t)arg, sizeof(reg)) ? -EFAULT : -EINVAL;
}

int s390_get_mp_state(struct kvmcore_vm *vm, struct vcpu *vcpu, void *arg)
{
	const struct kvm_mp_state state = { vcpu->power == POWER_OFF ? KVM_MP_STATE_STOPPED
								     : KVM_MP_STATE_OPERATING };

	(void)vm;
	return user_write((uintptr_t)arg, &state, sizeof(state));
}

/* LOAD is for protected guests, CHECK_STOP for nobody yet. */
int s390_set_mp_state(struct kvmcore_vm *vm, struct vcpu *vcpu, void *arg)
{
	struct kvm_mp_state state;

	(void)vm;
	if (user_read(&state, (uintptr_t)arg, sizeof(state)))
		return -EFAULT;
	if (state.mp_state != KVM_MP_STATE_STOPPED && state.mp_state != KVM_MP_STATE_OPERATING)
		return -ENXIO;
	vcpu->power = state.mp_state == KVM_MP_STATE_STOPPED ? POWER_OFF : POWER_ON;
	return 0;
}

void s390_vcpu_created(struct kvmcore_vm *vm)
{
	vm->s390->topology_changed = true;
}

int s390_state_get(struct kvmcore_vm *vm, uint64_t attr, uint64_t addr)
{
	const struct s390 *s = vm->s390;
	const struct kvmcore_s390_info info = {
		.flags = (s->use_cmma ? KVMCORE_S390_INFO_CMMA : 0) |
			 (s->aes_kw ? KVMCORE_S390_INFO_AES_KW : 0) |
			 (s->dea_kw ? KVMCORE_S390_INFO_DEA_KW : 0) |
			 (s->apie ? KVMCORE_S390_INFO_APIE : 0) |
			 (s->protected_guest ? KVMCORE_S390_INFO_PROTECTED : 0),
	};

	return attr == KVMCORE_S390_INFO ? user_write(addr, &info, sizeof(info)) : -ENXIO;
}

int s390_state_has(struct kvmcore_vm *vm, uint64_t attr)
{
	(void)vm;
	return attr == KVMCORE_S390_INFO ? 0 : -ENXIO;
}
