// SPDX-License-Identifier: Apache-2.0
#include "user.h"
#include "vm.h"

/* struct kvm_port's members on a model VM; @vm is a struct kvmcore_vm. */

static int port_ioctl(void *vm, int vcpu, unsigned long cmd, void *arg)
{
	const bool before = user_vouch(true);
	const int ret = kvmcore_ioctl(vm, vcpu, cmd, arg);

	user_vouch(before);
	return ret;
}

static uint64_t port_epoch(void *vm)
{
	return kvmcore_epoch(vm);
}

static int port_run(void *vm, int vcpu, int immediate_exit)
{
	struct kvmcore_reply reply;

	return kvmcore_run(vm, vcpu, immediate_exit, &reply);
}

static const struct kvm_run *port_exit(void *opaque, int index)
{
	struct kvmcore_vm *vm = opaque;
	const struct kvm_run *page = NULL;
	const struct vcpu *vcpu;

	pthread_mutex_lock(&vm->lock);
	vcpu = vm_vcpu(vm, index);
	if (vcpu)
		page = vcpu->run;
	pthread_mutex_unlock(&vm->lock);
	return page;
}

static int port_mem_read(void *opaque, uint64_t ipa, void *buf, size_t len)
{
	struct kvmcore_vm *vm = opaque;
	int ret;

	pthread_mutex_lock(&vm->lock);
	ret = memslot_read(&vm->memslots, ipa, buf, len);
	pthread_mutex_unlock(&vm->lock);
	return ret;
}

static int port_mem_write(void *opaque, uint64_t ipa, const void *buf, size_t len)
{
	struct kvmcore_vm *vm = opaque;
	int ret;

	pthread_mutex_lock(&vm->lock);
	ret = memslot_write(&vm->memslots, ipa, buf, len);
	pthread_mutex_unlock(&vm->lock);
	return ret;
}

void kvmcore_port(struct kvmcore_vm *vm, struct kvm_port *port)
{
	pthread_mutex_lock(&vm->lock);
	*port = (struct kvm_port){
		.vm = vm,
		.ioctl = port_ioctl,
		.epoch = port_epoch,
		.run = port_run,
		.exit = port_exit,
		.mem_read = port_mem_read,
		.mem_write = port_mem_write,
		.vcpus = vm->port_vcpu,
		.n_vcpus = vm->n_vcpus,
	};
	pthread_mutex_unlock(&vm->lock);
}
