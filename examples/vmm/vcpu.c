// SPDX-License-Identifier: Apache-2.0
/*
 * The run loop. Its order is what makes a pause at any moment safe: a vCPU that left the guest passes the
 * gate before its exit is answered, and goes from the answer to the next KVM_RUN without passing it.
 */
#include "vmm.h"

#include <errno.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>

static int run(struct vcpu *vcpu)
{
	return vcpu->vmm->port.run(vcpu->vmm->port.vm, (int)vcpu->index, 0);
}

/*
 * An MMIO access is completed by the next KVM_RUN: PC moves on by 4, the loaded value gets into its
 * register (Documentation/virt/kvm/api.rst, "KVM_EXIT_MMIO"). A context that is injected before would
 * be moved on instead.
 */
static int drain(struct vcpu *vcpu)
{
	int ret;

	if (!vcpu->undrained)
		return 0;
	vcpu->undrained = false;
	ret = vcpu->vmm->port.run(vcpu->vmm->port.vm, (int)vcpu->index, 1);
	return ret == -EINTR ? 0 : ret < 0 ? ret : -EIO;
}

/* Nobody is there, or nobody may. The access is refused, so it must not be completed: an abort takes its place. */
static int abort_access(struct vcpu *vcpu)
{
	struct kvmcore_arm64_vcpu_events events = { .ext_dabt_pending = 1 };

	/* Up to 6.12 a second run would complete it all the same, if this still said MMIO. */
	vcpu->run->exit_reason = KVM_EXIT_UNKNOWN;
	return ioctl(vcpu->fd, KVMCORE_SET_VCPU_EVENTS, &events) < 0 ? -errno : 0;
}

static int answer_mmio(struct vcpu *vcpu)
{
	struct kvm_run *page = vcpu->run;
	int ret = 0;

	if (!guard_allows(vcpu->vmm, page->mmio.phys_addr, page->mmio.len) ||
	    !bus_access(vcpu->vmm, page->mmio.phys_addr, page->mmio.data, page->mmio.len,
			page->mmio.is_write))
		ret = abort_access(vcpu);
	vcpu->undrained = true;
	return ret;
}

/* What its syndrome does not describe no device is accessed by (Documentation/virt/kvm/api.rst, KVM_EXIT_ARM_NISV). */
static int answer_odd_access(struct vcpu *vcpu)
{
	vcpu->undrained = true;
	return abort_access(vcpu);
}

/* Standby may end at any time (DEN0022 §5.4.1); so nobody has to remember it across a pause. */
int vcpu_end_standby(struct vcpu *vcpu)
{
	if (!vcpu->standby)
		return 0;
	vcpu->standby = false;
	return kvm_mp_state(vcpu, KVM_MP_STATE_RUNNABLE);
}

/* An interrupt has come for a PE that sleeps (Documentation/virt/kvm/api.rst, KVM_SYSTEM_EVENT_WAKEUP). */
static int wake(struct vcpu *vcpu)
{
	vcpu->asleep = false;
	atomic_store(&vcpu->due, true);
	return kvm_mp_state(vcpu, KVM_MP_STATE_RUNNABLE);
}

static int answer(struct vcpu *vcpu)
{
	const struct kvm_run *page = vcpu->run;
	struct vmm *vmm = vcpu->vmm;
	struct kvmcore_exit_state state;

	vcpu->open = false;
	/* What the router says holds also for an exit that was made on another host. */
	if (sdeistate_router_exit(vmm->router, (int)vcpu->index, &state) == 0) {
		if (state.reason == KVM_EXIT_MMIO && page->exit_reason != KVM_EXIT_MMIO)
			return 0; /* made there: the instruction is still to be executed */
		vcpu->open = state.reason == KVM_EXIT_MMIO && !page->mmio.is_write &&
			     !bus_is_ready(vcpu, page->mmio.phys_addr);
		if (vcpu->open)
			return 0;
		sdeistate_router_answered(vmm->router, (int)vcpu->index);
		return state.reason == KVM_EXIT_MMIO
			       ? answer_mmio(vcpu)
			       : firmware_call(vcpu, (uint32_t)state.nr,
					       state.flags & KVM_HYPERCALL_EXIT_SMC);
	}
	if (page->exit_reason == KVM_EXIT_SYSTEM_EVENT &&
	    page->system_event.type == KVM_SYSTEM_EVENT_WAKEUP)
		return wake(vcpu);
	if (page->exit_reason == KVM_EXIT_ARM_NISV)
		return answer_odd_access(vcpu);
	vmm_say("vcpu %u left the guest for reason %u", vcpu->index, page->exit_reason);
	return -EINVAL;
}

/* From the gate to the guest and back. Return: 0; -errno ends the VM */
static int turn(struct vcpu *vcpu)
{
	int ret = vcpu->open ? answer(vcpu) : 0;

	if (ret || vcpu->open || !vcpu->powered)
		return ret;
	if (!vcpu->asleep && atomic_exchange(&vcpu->due, false)) {
		ret = drain(vcpu);
		if (!ret)
			ret = firmware_enter(vcpu);
		if (ret)
			return ret;
	}
	ret = run(vcpu);
	vcpu->undrained = false;
	vcpu->open = ret >= 0;
	if (ret < 0 && ret != -EINTR)
		return ret;
	return vcpu_end_standby(vcpu);
}

void *vcpu_main(void *opaque)
{
	struct vcpu *vcpu = opaque;
	int ret = gate_pass(vcpu);

	while (ret > 0) {
		ret = turn(vcpu);
		__atomic_store_n(&vcpu->run->immediate_exit, 0, __ATOMIC_SEQ_CST);
		ret = ret < 0 ? ret : gate_pass(vcpu);
	}
	if (ret < 0) {
		vmm_say("vcpu %u: %s", vcpu->index, strerror(-ret));
		gate_end(vcpu->vmm, 1);
	}
	gate_leave(vcpu);
	return NULL;
}
