// SPDX-License-Identifier: Apache-2.0
/* Which registers a step will read: a VMM on /dev/kvm pays for each of them with an ioctl. */
#include "calls.h"
#include "realm/realm_rsi.h"
#include "vm.h"

#include <stddef.h>

#define IS_WORD(member, mask)                                                                    \
	_Static_assert(1u << offsetof(struct kvmcore_regs, member) / sizeof(uint64_t) == (mask), \
		       #member " is the word its bit says")
IS_WORD(x[17], KVMCORE_MASK_X(17));
IS_WORD(pc, KVMCORE_MASK_PC);
IS_WORD(pstate, KVMCORE_MASK_PSTATE);
IS_WORD(elr_el1, KVMCORE_MASK_ELR_EL1);
IS_WORD(spsr_el1, KVMCORE_MASK_SPSR_EL1);
IS_WORD(sctlr_el1, KVMCORE_MASK_SCTLR_EL1);
IS_WORD(vbar_el1, KVMCORE_MASK_VBAR_EL1);
_Static_assert(KVMCORE_MASK_VBAR_EL1 == 1u << (KVMCORE_N_MASKED - 1), "it is the last");

/* What the VM was made as does not change: no lock. */
uint32_t kvmcore_call_reads(const struct kvmcore_vm *vm, uint32_t id, uint32_t features)
{
	const struct call_row *row;

	if (vm->realm && rsi_has(id))
		return rsi_reads(id);
	row = vm->s390 ? NULL : calls_find(id);
	return row ? calls_reads(vm, row, features) : 0;
}

/* With the lock held */
static bool has_reason_to_enter(const struct kvmcore_vm *vm, const struct vcpu *vcpu)
{
	return vcpu && !vm->s390 &&
	       (vcpu->power == POWER_SUSPENDED || vcpu->host_call.active || sdei_may_deliver(vcpu));
}

uint32_t kvmcore_enter_reads(struct kvmcore_vm *vm, int index, uint32_t features)
{
	uint32_t reads = 0;

	pthread_mutex_lock(&vm->lock);
	if (has_reason_to_enter(vm, vm_vcpu(vm, index)))
		reads = sdei_deliver_reads(vm, features);
	pthread_mutex_unlock(&vm->lock);
	return reads;
}
