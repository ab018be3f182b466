/* SPDX-License-Identifier: Apache-2.0 */
/*
 * port.h - how libsdeistate reaches one VM, whoever runs it
 *
 * A model VM (kvmcore_port()), a VMM on /dev/kvm or a test double fills this in. Everything in it is
 * borrowed and stays valid as long as the VM does. What a VMM lacks is NULL; a capture or replay
 * that needs a NULL member fails with -EOPNOTSUPP and names it.
 */
#ifndef KVMCORE_PORT_H
#define KVMCORE_PORT_H

#include <stddef.h>
#include <stdint.h>

struct kvm_run;

struct kvm_port_vcpu {
	uint32_t vcpu_id; /* the argument of KVM_CREATE_VCPU */
	uint64_t mpidr;   /* affinity fields as in MPIDR_EL1, other bits 0 */
};

struct kvm_port {
	void *vm;

	/*
	 * One ioctl on the VM (@vcpu -1) or on the vCPU with creation index @vcpu. @arg is what the third
	 * argument of ioctl(2) would be. Return: the ioctl's own result (>= 0) or -errno.
	 */
	int (*ioctl)(void *vm, int vcpu, unsigned long cmd, void *arg);

	/* Odd while any vCPU runs; changes with every change of state a capture reads. */
	uint64_t (*epoch)(void *vm);

	/*
	 * KVM_RUN on one vCPU, to drain a pending exit: an MMIO access whose answer is in the page is
	 * completed by the next run only. A VMM that pauses with one it has not answered yet has to say so
	 * by KVMCORE_VM_EXITS; without that group every exit counts as answered. Return: 0 or -errno (-EINTR: immediate exit). */
	int (*run)(void *vm, int vcpu, int immediate_exit);

	/* The vCPU's shared page, as mmap(2) of its file descriptor gives it. */
	const struct kvm_run *(*exit)(void *vm, int vcpu);

	/* Guest memory by intermediate physical address. Return: 0, or -EFAULT where no slot is. */
	int (*mem_read)(void *vm, uint64_t ipa, void *buf, size_t len);
	int (*mem_write)(void *vm, uint64_t ipa, const void *buf, size_t len);

	/* In creation order. Read both again after KVM_CREATE_VCPU, which a replay may issue. */
	const struct kvm_port_vcpu *vcpus;
	unsigned int n_vcpus;
};

#endif
