/* SPDX-License-Identifier: Apache-2.0 */
/*
 * router.h - a router's parts: who gets an ioctl (route.c), what was set (recorder.c), which vCPUs
 * wait (open.c)
 */
#ifndef SDEISTATE_ROUTER_INTERNAL_H
#define SDEISTATE_ROUTER_INTERNAL_H

#include <pthread.h>
#include <sdeistate/router.h>
#include <sdeistate/state.h>

/* Filter ranges, in the order of their SETs. */
struct recorder {
	struct kvm_smccc_filter *range;
	unsigned int n, room;
	bool incomplete;
	struct kvmcore_call_range *answer; /* KVMCORE_FILTER_ANSWERS */
	unsigned int n_answers;
};

struct sdeistate_router {
	const struct kvm_port *kernel; /* filled again by its owner when there are more vCPUs */
	struct kvm_port service;       /* ioctl NULL: there is none */
	uint32_t reserved_set;
	pthread_mutex_t lock; /* what stands below; never held while a guest runs */
	bool has_run;
	struct recorder recorder;
	struct kvmcore_exit_state open[KVM_SDEI_MAX_VCPUS]; /* reason 0: none */
};

/* --- recorder.c: KVM_ARM_VM_SMCCC_FILTER and group 0x5346, with the lock held --- */
int recorder_keep(struct recorder *recorder, const struct kvm_smccc_filter *range, unsigned int n);
/* A SET on its way to the kernel. Return: the kernel's answer; -ENOMEM beyond the limit */
int recorder_set(struct sdeistate_router *router, struct kvm_device_attr *attr);
int recorder_attr(struct sdeistate_router *router, unsigned long cmd, struct kvm_device_attr *attr);
void recorder_free(struct recorder *recorder);

/* --- open.c: KVMCORE_VM_EXITS, with the lock held --- */
/* vCPU @vcpu came out of the guest and its page says why. */
void open_note(struct sdeistate_router *router, int vcpu, const struct kvm_run *page);
/* It goes in again. */
void open_clear(struct sdeistate_router *router, int vcpu);
int open_attr(struct sdeistate_router *router, unsigned long cmd, struct kvm_device_attr *attr);

/* struct kvmcore_array as the core answers it. Return: 0; -EINVAL; -ENOSPC with the count */
int router_give(uint64_t addr, const void *entry, unsigned int n, size_t size);

#endif
