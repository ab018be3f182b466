// SPDX-License-Identifier: Apache-2.0
/*
 * Exits that have no end yet, as KVMCORE_VM_EXITS tells them and makes them again, and the VMM's
 * answer to one.
 */
#include "array.h"
#include "exits.h"
#include "vm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_LEN      8u
#define NO_REGISTER  31u
#define CALL_FLAGS   (KVM_HYPERCALL_EXIT_SMC | KVM_HYPERCALL_EXIT_16BIT | KVMCORE_EXIT_DIALECT)
#define FLAGS_OFFSET 96 /* of kvm_run.hypercall */

static uint64_t call_flags(const struct kvm_run *run)
{
	uint64_t flags;

	memcpy(&flags, (const char *)run + FLAGS_OFFSET, sizeof(flags));
	return flags;
}

static void describe(const struct vcpu *vcpu, struct kvmcore_exit_state *exit)
{
	const struct kvm_run *run = vcpu->run;

	*exit = (struct kvmcore_exit_state){ .vcpu = vcpu->index, .answered = vcpu->answered };
	if (vcpu->pending == PENDING_HYPERCALL || vcpu->pending == PENDING_FORWARD) {
		exit->reason = KVM_EXIT_HYPERCALL;
		exit->nr = run->hypercall.nr;
		exit->flags = call_flags(run);
		if (vcpu->pending == PENDING_FORWARD)
			exit->flags |= KVMCORE_EXIT_DIALECT;
		return;
	}
	exit->reason = KVM_EXIT_MMIO;
	exit->nr = run->mmio.phys_addr;
	exit->len = (uint8_t)run->mmio.len;
	if (vcpu->pending == PENDING_MMIO_WRITE)
		exit->flags = KVMCORE_EXIT_WRITE;
	else
		exit->reg = vcpu->pending_reg;
	if (vcpu->pending == PENDING_MMIO_WRITE || vcpu->answered)
		memcpy(&exit->data, run->mmio.data, exit->len);
}

int exits_attr_get(struct kvmcore_vm *vm, uint64_t addr)
{
	struct kvmcore_exit_state *exit = calloc(vm->n_vcpus + 1u, sizeof(*exit));
	size_t n = 0;
	int ret;

	if (!exit)
		return -ENOMEM;
	for (unsigned int i = 0; i < vm->n_vcpus; i++)
		if (vm->vcpu[i]->pending != PENDING_NONE)
			describe(vm->vcpu[i], &exit[n++]);
	ret = array_give(addr, exit, n, sizeof(*exit));
	free(exit);
	return ret;
}

static bool is_call(const struct kvmcore_vm *vm, const struct kvmcore_exit_state *exit)
{
	const bool dialect = exit->flags & KVMCORE_EXIT_DIALECT;

	if (exit->flags & ~CALL_FLAGS || exit->answered || exit->data || exit->len || exit->reg)
		return false;
	return !dialect || vm->dialects & KVMCORE_DIALECT_FORWARD_HYPERCALL;
}

static bool is_access(const struct kvmcore_exit_state *exit)
{
	const bool write = exit->flags & KVMCORE_EXIT_WRITE;

	if (exit->flags & ~KVMCORE_EXIT_WRITE || exit->len == 0 || exit->len > MAX_LEN)
		return false;
	if (exit->len < MAX_LEN && exit->data >> 8 * exit->len)
		return false;
	return write ? exit->reg == 0 : exit->reg <= NO_REGISTER && (exit->answered || !exit->data);
}

static bool is_exit(const struct kvmcore_vm *vm, const struct kvmcore_exit_state *exit)
{
	static const struct kvmcore_exit_state none;

	if (exit->vcpu >= vm->n_vcpus || exit->answered > 1 ||
	    memcmp(exit->pad, none.pad, sizeof(none.pad)))
		return false;
	return exit->reason == KVM_EXIT_HYPERCALL
		       ? is_call(vm, exit)
		       : exit->reason == KVM_EXIT_MMIO && is_access(exit);
}

static void leave_with_call(struct vcpu *vcpu, const struct kvmcore_exit_state *exit)
{
	const struct kvmcore_reply reply = { .exit = KVMCORE_EXIT_HYPERCALL,
					     .nr = exit->nr,
					     .flags = exit->flags & ~KVMCORE_EXIT_DIALECT };

	exits_fill_call(vcpu, &reply);
}

static void leave_with_access(struct vcpu *vcpu, const struct kvmcore_exit_state *exit)
{
	const struct kvmcore_mmio access = { .ipa = exit->nr,
					     .len = exit->len,
					     .write = exit->flags & KVMCORE_EXIT_WRITE,
					     .value = { exit->data },
					     .reg = exit->reg };

	exits_fill_mmio(vcpu, &access);
	memcpy(vcpu->run->mmio.data, &exit->data, exit->len);
	vcpu->answered = exit->answered;
}

static int check_all(const struct kvmcore_vm *vm, const struct kvmcore_exit_state *exit, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!is_exit(vm, &exit[i]) || (i > 0 && exit[i - 1].vcpu >= exit[i].vcpu))
			return -EINVAL;
	return vm->has_run_once ? -EBUSY : 0;
}

int exits_attr_set(struct kvmcore_vm *vm, uint64_t addr)
{
	struct kvmcore_exit_state *exit;
	void *entry = NULL;
	size_t n = 0;
	int ret = array_take(addr, sizeof(*exit), KVMCORE_MAX_VCPUS, &entry, &n);

	exit = entry;
	if (!ret)
		ret = check_all(vm, exit, n);
	for (size_t i = 0; i < n && !ret; i++)
		if (exit[i].reason == KVM_EXIT_HYPERCALL)
			leave_with_call(vm->vcpu[exit[i].vcpu], &exit[i]);
		else
			leave_with_access(vm->vcpu[exit[i].vcpu], &exit[i]);
	free(entry);
	return ret;
}

static int answer(struct vcpu *vcpu, const uint64_t value[4])
{
	switch (vcpu->pending) {
	case PENDING_NONE:
		return -ENOENT;
	case PENDING_MMIO_READ:
		memcpy(vcpu->run->mmio.data, value, vcpu->run->mmio.len & 0xf);
		break;
	case PENDING_MMIO_WRITE:
		break;
	case PENDING_FORWARD:
		memcpy(vcpu->run->hypercall.args, value, 4 * sizeof(value[0]));
		break;
	case PENDING_HYPERCALL:
		memcpy(vcpu->regs.x, value, 4 * sizeof(value[0]));
		vcpu->pending = PENDING_NONE;
		return 0;
	}
	vcpu->answered = true;
	return 0;
}

int kvmcore_answer(struct kvmcore_vm *vm, int index, const uint64_t value[4])
{
	struct vcpu *vcpu;
	int ret = -EBADF;

	pthread_mutex_lock(&vm->lock);
	vcpu = vm_vcpu(vm, index);
	if (vcpu)
		ret = answer(vcpu, value);
	if (!ret)
		vm_changed(vm);
	pthread_mutex_unlock(&vm->lock);
	return ret;
}
