// SPDX-License-Identifier: Apache-2.0
#include "calls.h"
#include "dispatch.h"
#include "exits.h"
#include "vm.h"

#include <errno.h>

/* The guest of @index is about to do something: is it there, and may it? With the lock held. */
static int find_running(const struct kvmcore_vm *vm, int index, struct vcpu **vcpu)
{
	*vcpu = vm_vcpu(vm, index);
	if (!*vcpu)
		return -EBADF;
	return vm->running ? 0 : -EBUSY;
}

/* The same for HVC and SMC, which s390 does not have. */
static int find_caller(const struct kvmcore_vm *vm, int index, struct vcpu **vcpu)
{
	return vm->s390 ? -EOPNOTSUPP : find_running(vm, index, vcpu);
}

int kvmcore_call(struct kvmcore_vm *vm, int index, const struct kvmcore_trap *trap,
		 struct kvmcore_regs *regs, struct kvmcore_reply *reply)
{
	struct call call = { .vm = vm, .trap = trap, .regs = regs, .reply = reply };
	int ret;

	pthread_mutex_lock(&vm->lock);
	ret = find_caller(vm, index, &call.vcpu);
	if (!ret && call.vcpu->host_call.active)
		ret = -EBUSY; /* @regs cannot be the answer and the next call at once */
	if (!ret) {
		reply_start(reply);
		vm_runs(vm);
		dispatch_call(&call);
		vm_changed(vm);
	}
	pthread_mutex_unlock(&vm->lock);
	return ret;
}

/* A PE that sleeps and is entered has been woken by its VMM. */
int kvmcore_enter(struct kvmcore_vm *vm, int index, struct kvmcore_regs *regs,
		  struct kvmcore_reply *reply)
{
	struct vcpu *vcpu;
	int ret;

	pthread_mutex_lock(&vm->lock);
	ret = find_running(vm, index, &vcpu);
	if (!ret) {
		reply_start(reply);
		vm_runs(vm);
		if (vcpu->power == POWER_SUSPENDED) {
			vcpu->power = POWER_ON;
			sdei_power_changed(vcpu);
		}
		realm_enter(vcpu, regs, reply);
		if (vcpu->power == POWER_ON)
			reply->delivered = sdei_deliver(vcpu, regs, reply);
		vm_changed(vm);
	}
	pthread_mutex_unlock(&vm->lock);
	return ret;
}

int kvmcore_inject(struct kvmcore_vm *vm, int index, uint64_t num, struct kvmcore_reply *reply)
{
	struct vcpu *vcpu;
	int ret = vm->s390 ? -EOPNOTSUPP : -EBADF;

	pthread_mutex_lock(&vm->lock);
	vcpu = vm->s390 ? NULL : vm_vcpu(vm, index);
	if (vcpu) {
		reply_start(reply);
		ret = sdei_inject(vcpu, num, reply);
		if (!ret)
			vm_changed(vm);
	}
	pthread_mutex_unlock(&vm->lock);
	return ret;
}

int kvmcore_raise(struct kvmcore_vm *vm, uint32_t intid, int vcpu, struct kvmcore_reply *reply)
{
	int ret;

	pthread_mutex_lock(&vm->lock);
	reply_start(reply);
	ret = vm->s390 ? -EOPNOTSUPP : sdei_raise(vm, intid, vcpu, reply);
	if (!ret)
		vm_changed(vm);
	pthread_mutex_unlock(&vm->lock);
	return ret;
}

/* The model vCPU executes HVC or SMC at its PC, which moves on behind it before anything else. */
static void call_from_model(struct vcpu *vcpu, const struct kvmcore_trap *trap,
			    struct kvmcore_reply *reply)
{
	struct kvmcore_regs regs;
	struct call call = { vcpu->vm, vcpu, trap, &regs, reply };

	vcpu->run->exit_reason = KVM_EXIT_UNKNOWN;
	vcpu->regs.pc += 4;
	vcpu_regs_load(vcpu, &regs);
	dispatch_call(&call);
	vcpu_regs_store(vcpu, &regs);
	exits_fill_call(vcpu, reply);
}

int kvmcore_vcpu_call(struct kvmcore_vm *vm, int index, const struct kvmcore_trap *trap,
		      struct kvmcore_reply *reply)
{
	struct vcpu *vcpu;
	int ret;

	pthread_mutex_lock(&vm->lock);
	ret = find_caller(vm, index, &vcpu);
	if (!ret)
		ret = exits_act(vcpu, reply);
	if (!ret) {
		call_from_model(vcpu, trap, reply);
		vm_changed(vm);
	}
	pthread_mutex_unlock(&vm->lock);
	return ret;
}
