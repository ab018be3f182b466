/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hooked.h - a model VM's port with a hand in between
 */
#ifndef TESTS_ROUNDTRIP_HOOKED_H
#define TESTS_ROUNDTRIP_HOOKED_H

#include <errno.h>
#include <kvmcore/kvmcore.h>
#include <stdbool.h>

struct hooked {
	struct kvm_port port; /* what the code under test gets */
	struct kvm_port inner;
	unsigned int n_ioctls; /* so far */
	unsigned int fail_at;  /* this one fails, counted from 1; 0: none */
	int fail_code;
	bool no_groups;  /* a bare kernel of the series: ENXIO to every device attribute */
	bool one_by_one; /* a VMM that tells and takes vCPUs by the series' commands only */
	unsigned int epoch_jumps_at; /* from this ioctl on the epoch reads two higher; 0: never */
	/* After each ioctl that went well; may change what it gave. NULL: nothing */
	void (*tamper)(struct hooked *hooked, int vcpu, unsigned long cmd, void *arg);
	unsigned int tampered; /* for the tamper function's own use */
};

static inline bool is_of_all_vcpus(unsigned long cmd, const void *arg)
{
	const struct kvm_device_attr *attr = arg;

	if (cmd != KVM_GET_DEVICE_ATTR && cmd != KVM_SET_DEVICE_ATTR)
		return false;
	return attr->group == KVMCORE_GROUP_VM
		       ? attr->attr == KVMCORE_VM_REGS || attr->attr == KVMCORE_VM_VCPUS
	       : attr->group == KVMCORE_GROUP_SDEI
		       ? attr->attr == KVMCORE_SDEI_QUEUES || attr->attr == KVMCORE_SDEI_VCPUS
		       : false;
}

static inline int hooked_ioctl(void *vm, int vcpu, unsigned long cmd, void *arg)
{
	struct hooked *hooked = vm;
	int ret;

	if (++hooked->n_ioctls == hooked->fail_at)
		return hooked->fail_code;
	if (hooked->no_groups && (cmd == KVM_GET_DEVICE_ATTR || cmd == KVM_SET_DEVICE_ATTR))
		return -ENXIO;
	if (hooked->one_by_one && is_of_all_vcpus(cmd, arg))
		return -ENXIO;
	ret = hooked->inner.ioctl(hooked->inner.vm, vcpu, cmd, arg);
	if (ret >= 0 && hooked->tamper)
		hooked->tamper(hooked, vcpu, cmd, arg);
	return ret;
}

static inline uint64_t hooked_epoch(void *vm)
{
	struct hooked *hooked = vm;
	bool jumped = hooked->epoch_jumps_at && hooked->n_ioctls >= hooked->epoch_jumps_at;

	return hooked->inner.epoch(hooked->inner.vm) + (jumped ? 2 : 0);
}

static inline int hooked_mem_read(void *vm, uint64_t ipa, void *buf, size_t len)
{
	struct hooked *hooked = vm;

	return hooked->inner.mem_read(hooked->inner.vm, ipa, buf, len);
}

static inline int hooked_mem_write(void *vm, uint64_t ipa, const void *buf, size_t len)
{
	struct hooked *hooked = vm;

	return hooked->inner.mem_write(hooked->inner.vm, ipa, buf, len);
}

/* @hooked must stay where it is while its port is used. */
static inline void hooked_begin(struct hooked *hooked, struct kvmcore_vm *vm)
{
	*hooked = (struct hooked){ .n_ioctls = 0 };
	kvmcore_port(vm, &hooked->inner);
	hooked->port = (struct kvm_port){
		.vm = hooked,
		.ioctl = hooked_ioctl,
		.epoch = hooked_epoch,
		.mem_read = hooked_mem_read,
		.mem_write = hooked_mem_write,
		.vcpus = hooked->inner.vcpus,
		.n_vcpus = hooked->inner.n_vcpus,
	};
}

#endif
