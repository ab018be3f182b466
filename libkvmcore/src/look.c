// SPDX-License-Identifier: Apache-2.0
#include "exits.h"
#include "vm.h"

#include <errno.h>

int kvmcore_vcpu_regs_get(struct kvmcore_vm *vm, int index, struct kvmcore_vcpu_regs *regs)
{
	const struct vcpu *vcpu;
	int ret = -EBADF;

	pthread_mutex_lock(&vm->lock);
	vcpu = vm_vcpu(vm, index);
	if (vcpu) {
		*regs = vcpu->regs;
		ret = 0;
	}
	pthread_mutex_unlock(&vm->lock);
	return ret;
}

int kvmcore_vcpu_regs_set(struct kvmcore_vm *vm, int index, const struct kvmcore_vcpu_regs *regs)
{
	struct vcpu *vcpu;
	int ret = -EBADF;

	pthread_mutex_lock(&vm->lock);
	vcpu = vm_vcpu(vm, index);
	if (vcpu) {
		vcpu->regs = *regs;
		exits_answered_by_x0(vcpu);
		vm_changed(vm);
		ret = 0;
	}
	pthread_mutex_unlock(&vm->lock);
	return ret;
}

int kvmcore_vcpu_status(struct kvmcore_vm *vm, int index, struct kvmcore_vcpu_status *status)
{
	const struct vcpu *vcpu;
	int ret = -EBADF;

	pthread_mutex_lock(&vm->lock);
	vcpu = vm_vcpu(vm, index);
	if (vcpu) {
		*status = (struct kvmcore_vcpu_status){
			.vcpu_id = vcpu->vcpu_id,
			.mpidr = vcpu->mpidr,
			.powered = vcpu->power == POWER_ON,
		};
		sdei_status(vcpu, status);
		ret = 0;
	}
	pthread_mutex_unlock(&vm->lock);
	return ret;
}

bool kvmcore_may_deliver(struct kvmcore_vm *vm, int index)
{
	return kvmcore_enter_reads(vm, index, 0) != 0;
}

unsigned int kvmcore_vcpu_count(struct kvmcore_vm *vm)
{
	unsigned int n;

	pthread_mutex_lock(&vm->lock);
	n = vm->n_vcpus;
	pthread_mutex_unlock(&vm->lock);
	return n;
}

const char *kvmcore_profile_name(enum kvmcore_profile profile)
{
	static const char *const name[] = { "spec", "kvm-v5", "kvm-v7" };

	_Static_assert(ARRAY_SIZE(name) == KVMCORE_NR_PROFILES, "each profile has a name");
	return (unsigned int)profile < ARRAY_SIZE(name) ? name[profile] : NULL;
}
