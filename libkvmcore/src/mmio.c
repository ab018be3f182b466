// SPDX-License-Identifier: Apache-2.0
#include "exits.h"
#include "reply.h"
#include "vcpu_state.h"
#include "vm.h"

#include <errno.h>

#define MAX_ACCESS       16u
#define MAX_SYNDROME     8u /* an instruction with a syndrome moves at most one register */
#define ISS_WNR          (1u << 6)
#define ISS_MASK         0x1ffffffu
#define PSTATE_MODE_MASK 0xfULL /* 0: EL0 */

/* Memory is there: the access just happens. */
static int touch_memory(struct vcpu *vcpu, const struct kvmcore_mmio *access)
{
	const struct memslots *slots = &vcpu->vm->memslots;
	uint64_t value[2] = { 0 };
	int ret;

	if (access->write)
		ret = memslot_write(slots, access->ipa, access->value, access->len);
	else
		ret = memslot_read(slots, access->ipa, value, access->len);
	if (ret)
		return ret;
	if (!access->write && access->reg < ARRAY_SIZE(vcpu->regs.x))
		vcpu->regs.x[access->reg] = value[0];
	vcpu->regs.pc += 4;
	return 0;
}

/* io_mem_abort() of arch/arm64/kvm/mmio.c for an access without a syndrome. */
static int leave_without_syndrome(struct vcpu *vcpu, const struct kvmcore_mmio *fault,
				  struct kvmcore_reply *reply)
{
	if (!vcpu->vm->nisv_to_user)
		return -ENOSYS;
	exits_fill_nisv(vcpu, fault->write ? ISS_WNR : 0, fault->ipa);
	reply->exit = KVMCORE_EXIT_NISV;
	return 0;
}

/* The guest is told by an external abort; it never leaves to the VMM. */
static void abort_access(struct vcpu *vcpu, const struct kvmcore_mmio *fault,
			 struct kvmcore_mmio_result *result)
{
	if (fault->from_el0)
		vcpu->regs.pstate &= ~PSTATE_MODE_MASK;
	vcpu_inject_abort(vcpu, fault->va);
	*result = (struct kvmcore_mmio_result){ true, vcpu->regs.esr_el1, vcpu->regs.far_el1 };
}

/*
 * A data abort is taken at the first byte that has no memory: from there on the access is judged, and left, with the
 * length that the syndrome tells (kvm_handle_guest_abort(), io_mem_abort()).
 */
static int take_fault(struct vcpu *vcpu, const struct kvmcore_mmio *fault,
		      struct kvmcore_mmio_result *result, struct kvmcore_reply *reply)
{
	const bool no_syndrome = fault->no_syndrome || fault->len > MAX_SYNDROME;

	vcpu->fault_va = fault->va;
	if (guard_refuses(vcpu->vm, fault->ipa, fault->len, no_syndrome)) {
		abort_access(vcpu, fault, result);
		return 0;
	}
	if (no_syndrome)
		return leave_without_syndrome(vcpu, fault, reply);
	exits_fill_mmio(vcpu, fault);
	reply->exit = KVMCORE_EXIT_MMIO;
	reply->returned = false;
	return 0;
}

static int access_memory(struct vcpu *vcpu, const struct kvmcore_mmio *access,
			 struct kvmcore_mmio_result *result, struct kvmcore_reply *reply)
{
	const uint64_t before =
		memslot_answers(&vcpu->vm->memslots, access->ipa, access->len, access->write);
	struct kvmcore_mmio fault = *access;

	*result = (struct kvmcore_mmio_result){ 0 };
	vcpu->run->exit_reason = KVM_EXIT_UNKNOWN;
	vcpu->fault_va = access->va;
	if (before == access->len)
		return touch_memory(vcpu, access);
	fault.ipa += before;
	fault.va += before;
	return take_fault(vcpu, &fault, result, reply);
}

int kvmcore_vcpu_mmio(struct kvmcore_vm *vm, int index, const struct kvmcore_mmio *access,
		      struct kvmcore_mmio_result *result, struct kvmcore_reply *reply)
{
	struct vcpu *vcpu;
	int ret = -EBADF;

	if (vm->s390) /* its I/O is by instructions of their own */
		return -EOPNOTSUPP;
	if (access->len == 0 || access->len > MAX_ACCESS || access->ipa + access->len < access->ipa)
		return -EINVAL;
	pthread_mutex_lock(&vm->lock);
	vcpu = vm_vcpu(vm, index);
	if (vcpu)
		ret = vm->running ? 0 : -EBUSY;
	if (!ret)
		ret = exits_act(vcpu, reply);
	if (!ret) {
		ret = access_memory(vcpu, access, result, reply);
		vm_changed(vm);
	}
	pthread_mutex_unlock(&vm->lock);
	return ret;
}
