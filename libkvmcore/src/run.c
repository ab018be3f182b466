// SPDX-License-Identifier: Apache-2.0
#include "exits.h"
#include "reply.h"
#include "vm.h"

#include <errno.h>

/* A PE that is off would sleep in KVM_RUN until somebody switches it on; a model has nothing to
 * wait for. */
static int stay_off(struct vcpu *vcpu, struct kvmcore_reply *reply)
{
	vcpu->run->exit_reason = KVM_EXIT_INTR;
	reply->exit = KVMCORE_EXIT_INTR;
	return -EINTR;
}

/* kvm_vcpu_suspend(): the VMM is told of the wake-up and decides with KVM_SET_MP_STATE. */
static int wake(struct vcpu *vcpu, struct kvmcore_reply *reply)
{
	exits_fill_event(vcpu, KVM_SYSTEM_EVENT_WAKEUP, 0);
	reply->exit = KVMCORE_EXIT_SYSTEM_EVENT;
	reply->event_type = KVM_SYSTEM_EVENT_WAKEUP;
	return 0;
}

static void enter(struct vcpu *vcpu, struct kvmcore_reply *reply)
{
	struct kvmcore_regs regs;

	vcpu->run->exit_reason = KVM_EXIT_UNKNOWN;
	vcpu_regs_load(vcpu, &regs);
	if (vcpu->host_call.active) {
		realm_enter(vcpu, &regs, reply);
		vcpu_regs_store(vcpu, &regs);
	}
	reply->delivered = sdei_deliver(vcpu, &regs, reply);
	if (reply->delivered)
		vcpu_regs_store(vcpu, &regs);
}

/* Order: kvm_arch_vcpu_ioctl_run(). The page keeps its exit reason when nothing but a drain
 * happened. */
static int run(struct vcpu *vcpu, bool immediate_exit, struct kvmcore_reply *reply)
{
	struct kvmcore_vm *vm = vcpu->vm;

	if (!vcpu->initialised)
		return -ENOEXEC;
	if (vm->realm && realm_may_run(vcpu))
		return -EPERM;
	if (!immediate_exit && !vm->running)
		return -EBUSY;
	reply_start(reply);
	vm_changed(vm);
	vm_runs(vm);
	if (immediate_exit) {
		exits_drain(vcpu);
		reply->exit = KVMCORE_EXIT_INTR;
		return -EINTR;
	}
	exits_finish(vcpu);
	if (vcpu->power == POWER_OFF)
		return stay_off(vcpu, reply);
	if (vcpu->power == POWER_SUSPENDED)
		return wake(vcpu, reply);
	enter(vcpu, reply);
	return 0;
}

int kvmcore_run(struct kvmcore_vm *vm, int index, bool immediate_exit, struct kvmcore_reply *reply)
{
	struct vcpu *vcpu;
	int ret = -EBADF;

	pthread_mutex_lock(&vm->lock);
	vcpu = vm_vcpu(vm, index);
	if (vcpu)
		ret = run(vcpu, immediate_exit || vcpu->run->immediate_exit, reply);
	pthread_mutex_unlock(&vm->lock);
	return ret;
}
