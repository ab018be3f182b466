// SPDX-License-Identifier: Apache-2.0
#include "calls.h"
#include "smccc.h"
#include "user.h"

#include <errno.h>

/* Arm DEN0057 §3.2.2: what the guest finds at its stolen time address; little endian. */
struct stolen_time {
	uint32_t revision;
	uint32_t attributes;
	uint64_t stolen_ns;
	uint8_t pad[48];
};

_Static_assert(sizeof(struct stolen_time) == 64, "stolen time has the size DEN0057 gives it");

void pvtime_features(struct call *call)
{
	if (call->vcpu->pvtime_ipa == PVTIME_UNSET)
		call_return(call, SMCCC_NOT_SUPPORTED);
	else
		call_return(call, calls_discover(call, (uint32_t)call->regs->x[1], FOUND_PV_TIME));
}

/*
 * arch/arm64/kvm/pvtime.c, kvm_init_stolen_time(): asking for the address starts the count anew. No
 * time is ever stolen from a model vCPU, so the zero stays.
 */
void pvtime_stolen_time(struct call *call)
{
	const struct stolen_time fresh = { 0 };
	const uint64_t ipa = call->vcpu->pvtime_ipa;

	if (ipa != PVTIME_UNSET)
		memslot_write(&call->vm->memslots, ipa, &fresh, sizeof(fresh));
	call_return(call, ipa); /* unset is all ones: NOT_SUPPORTED */
}

/* Documentation/virt/kvm/devices/vcpu.rst §3. */
int pvtime_attr_set(struct vcpu *vcpu, uint64_t attr, uint64_t addr)
{
	uint64_t ipa;

	if (attr != KVM_ARM_VCPU_PVTIME_IPA)
		return -ENXIO;
	if (user_read(&ipa, addr, sizeof(ipa)))
		return -EFAULT;
	if (ipa % sizeof(struct stolen_time))
		return -EINVAL;
	if (vcpu->pvtime_ipa != PVTIME_UNSET)
		return -EEXIST;
	if (!memslot_find(&vcpu->vm->memslots, ipa))
		return -EINVAL;
	vcpu->pvtime_ipa = ipa;
	return 0;
}

int pvtime_attr_get(struct vcpu *vcpu, uint64_t attr, uint64_t addr)
{
	if (attr != KVM_ARM_VCPU_PVTIME_IPA)
		return -ENXIO;
	return user_write(addr, &vcpu->pvtime_ipa, sizeof(vcpu->pvtime_ipa));
}

int pvtime_attr_has(struct vcpu *vcpu, uint64_t attr)
{
	(void)vcpu;
	return attr == KVM_ARM_VCPU_PVTIME_IPA ? 0 : -ENXIO;
}
