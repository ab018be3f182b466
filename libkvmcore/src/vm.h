/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vm.h - what a VM and a vCPU consist of, for the modules of libkvmcore
 *
 * Every public entry takes vm->lock; nothing below knows about it. A module owns its member here
 * and is reached through the hooks its own header declares.
 */
#ifndef KVMCORE_VM_H
#define KVMCORE_VM_H

#include "sdei/sdei.h"

#include <kvmcore/kvmcore.h>
#include <pthread.h>

enum power_state { POWER_OFF, POWER_ON, POWER_SUSPENDED };

struct vcpu {
	struct kvmcore_vm *vm;
	uint32_t index;		/* creation order */
	uint32_t vcpu_id;
	uint64_t mpidr;
	enum power_state power;
	bool initialised;	/* KVM_ARM_VCPU_INIT was done */
	uint32_t features;	/* its feature bits */
	struct kvmcore_vcpu_regs regs;
	struct sdei_vcpu sdei;
	struct kvm_run *run;	/* KVM_GET_VCPU_MMAP_SIZE bytes */
};

struct kvmcore_vm {
	pthread_mutex_t lock;
	uint64_t epoch;
	bool running, has_run_once;
	struct kvmcore_config config;
	struct vcpu **vcpu;
	struct kvm_port_vcpu *port_vcpu;
	unsigned int n_vcpus;
	struct sdei sdei;
};

/* One guest call in progress. A handler writes results through the call_return helpers. */
struct call {
	struct kvmcore_vm *vm;
	struct vcpu *vcpu;
	const struct kvmcore_trap *trap;
	struct kvmcore_regs *regs;
	struct kvmcore_reply *reply;
};

#endif
