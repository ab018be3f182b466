// SPDX-License-Identifier: Apache-2.0
#include "exits.h"
#include "reply.h"
#include "vm.h"

#include <errno.h>
#include <string.h>

#define HYPERCALL_ARGS 6u

/* Numbers from newer headers than the oldest we build with. */
#define EXIT_ARM_NISV 28u

_Static_assert(offsetof(struct kvm_run, hypercall.nr) == 32, "kvm_run.hypercall.nr");
_Static_assert(offsetof(struct kvm_run, hypercall.args) == 40, "kvm_run.hypercall.args");
_Static_assert(offsetof(struct kvm_run, hypercall.ret) == 88, "kvm_run.hypercall.ret");
_Static_assert(offsetof(struct kvm_run, hypercall.longmode) == 96, "kvm_run.hypercall.flags");
_Static_assert(sizeof(struct kvm_run) <= RUN_SIZE, "kvm_run fits its page");

/* kvm_run's hypercall.flags: the same eight bytes were longmode and padding in older headers. */
static void set_hypercall_flags(struct kvm_run *run, uint64_t flags)
{
	memcpy((char *)run + 96, &flags, sizeof(flags));
}

/*
 * Since 6.4 args and ret are zero and the registers tell the rest. The dialect of 2019 passed
 * x0..x5 as arguments and took x0..x3 back from there.
 */
static void fill_hypercall(struct vcpu *vcpu, const struct kvmcore_reply *reply)
{
	struct kvm_run *run = vcpu->run;

	memset(&run->hypercall, 0, sizeof(run->hypercall));
	run->exit_reason = KVM_EXIT_HYPERCALL;
	run->hypercall.nr = reply->nr;
	set_hypercall_flags(run, reply->flags);
	if (vcpu->vm->dialects & KVMCORE_DIALECT_FORWARD_HYPERCALL) {
		for (unsigned int i = 0; i < HYPERCALL_ARGS; i++)
			run->hypercall.args[i] = vcpu->regs.x[i];
	}
	vcpu->pending = vcpu->vm->dialects & KVMCORE_DIALECT_FORWARD_HYPERCALL ? PENDING_FORWARD
									       : PENDING_HYPERCALL;
	vcpu->answered = false;
}

void exits_fill_event(struct vcpu *vcpu, uint32_t type, uint64_t data)
{
	struct kvm_run *run = vcpu->run;

	memset(&run->system_event, 0, sizeof(run->system_event));
	run->exit_reason = KVM_EXIT_SYSTEM_EVENT;
	run->system_event.type = type;
	run->system_event.ndata = 1;
	run->system_event.data[0] = data;
}

void exits_fill_call(struct vcpu *vcpu, const struct kvmcore_reply *reply)
{
	if (reply->exit == KVMCORE_EXIT_HYPERCALL)
		fill_hypercall(vcpu, reply);
	else if (reply->exit == KVMCORE_EXIT_SYSTEM_EVENT)
		exits_fill_event(vcpu, reply->event_type, reply->event_data);
}

void exits_fill_mmio(struct vcpu *vcpu, const struct kvmcore_mmio *access)
{
	struct kvm_run *run = vcpu->run;

	memset(&run->mmio, 0, sizeof(run->mmio));
	run->exit_reason = KVM_EXIT_MMIO;
	run->mmio.phys_addr = access->ipa;
	run->mmio.len = access->len;
	run->mmio.is_write = access->write;
	if (access->write)
		memcpy(run->mmio.data, access->value, access->len);
	vcpu->pending = access->write ? PENDING_MMIO_WRITE : PENDING_MMIO_READ;
	vcpu->refused = PENDING_NONE;
	vcpu->pending_reg = access->reg;
	vcpu->answered = false;
}

void exits_fill_nisv(struct vcpu *vcpu, uint64_t esr_iss, uint64_t ipa)
{
	struct kvm_run *run = vcpu->run;

	run->exit_reason = EXIT_ARM_NISV;
	run->arm_nisv.esr_iss = esr_iss;
	run->arm_nisv.fault_ipa = ipa;
}

/* kvm_handle_mmio_return(): the data goes to the transfer register, then PC moves on. */
static void finish_read(struct vcpu *vcpu)
{
	uint64_t value = 0;

	memcpy(&value, vcpu->run->mmio.data, vcpu->run->mmio.len & 0xf);
	if (vcpu->pending_reg < ARRAY_SIZE(vcpu->regs.x))
		vcpu->regs.x[vcpu->pending_reg] = value;
}

/*
 * kvm_handle_mmio_return(), up to some kernel behind 6.12: the run that takes the abort leaves the access as it was, and
 * the next one completes it, if the page still says that there is one.
 */
static void finish_refused(struct vcpu *vcpu)
{
	if (vcpu->refused == PENDING_NONE)
		return;
	if (!vcpu->abort_taken) {
		vcpu->abort_taken = true;
		return;
	}
	if (vcpu->run->exit_reason == KVM_EXIT_MMIO)
		vcpu->pending = vcpu->refused;
	vcpu->refused = PENDING_NONE;
}

void exits_refuse(struct vcpu *vcpu)
{
	const bool mmio = vcpu->pending == PENDING_MMIO_READ || vcpu->pending == PENDING_MMIO_WRITE;

	if (!mmio || !vcpu->vm->kernel->abort_keeps_access)
		return;
	vcpu->refused = vcpu->pending;
	vcpu->abort_taken = false;
}

void exits_finish(struct vcpu *vcpu)
{
	finish_refused(vcpu);
	switch (vcpu->pending) {
	case PENDING_NONE:
		return;
	case PENDING_HYPERCALL:
		break;
	case PENDING_MMIO_READ:
		finish_read(vcpu);
		vcpu->regs.pc += 4;
		break;
	case PENDING_MMIO_WRITE:
		vcpu->regs.pc += 4;
		break;
	case PENDING_FORWARD:
		memcpy(vcpu->regs.x, vcpu->run->hypercall.args, 4 * sizeof(vcpu->regs.x[0]));
		break;
	}
	vcpu->pending = PENDING_NONE;
}

void exits_drain(struct vcpu *vcpu)
{
	if (vcpu->pending != PENDING_HYPERCALL)
		exits_finish(vcpu);
}

int exits_act(struct vcpu *vcpu, struct kvmcore_reply *reply)
{
	if (!vcpu->initialised)
		return -ENOEXEC;
	if (vcpu->power != POWER_ON || (vcpu->vm->realm && realm_may_run(vcpu)))
		return -EPERM;
	reply_start(reply);
	exits_finish(vcpu);
	realm_settle(vcpu);
	vm_runs(vcpu->vm);
	return 0;
}

void exits_answered_by_x0(struct vcpu *vcpu)
{
	if (vcpu->pending == PENDING_HYPERCALL)
		vcpu->pending = PENDING_NONE;
}
