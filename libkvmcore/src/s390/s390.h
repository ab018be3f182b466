/* SPDX-License-Identifier: Apache-2.0 */
/*
 * s390.h - the VM attributes of an s390 VM (VM type s390)
 *
 * Only the attribute interface is modelled: what a VMM reads before it moves a VM and writes afterwards.
 * Where the kernel's document and its code differ, struct s390 says which one is followed
 * (docs/abi.md, "s390"). The caller holds vm->lock.
 */
#ifndef KVMCORE_S390_H
#define KVMCORE_S390_H

#include <kvmcore/kvmcore.h>
#include <kvmcore/uapi_s390.h>

#define S390_FACILITY_WORDS 256u
#define S390_MAX_VCPUS      248u /* KVM_S390_ESCA_CPU_SLOTS */

/* Facility numbers that decide a check. */
#define S390_FACILITY_TOPOLOGY       11u
#define S390_FACILITY_MSA3           76u
#define S390_FACILITY_VECTOR         129u
#define S390_FACILITY_MULTIPLE_EPOCH 139u

#define S390_AES_KEY_SIZE            32u
#define S390_DEA_KEY_SIZE            24u

struct vcpu;

struct s390_host {
	uint64_t cpuid;
	uint16_t lowest_ibc, unblocked_ibc;
	uint64_t facilities[S390_FACILITY_WORDS];
	uint64_t feat[16];
	struct kvm_s390_vm_cpu_subfunc subfunc;
	uint64_t mem_limit;
	uint64_t uv_feat; /* what an ultravisor lets guests have */
	bool cmma, ap, huge_1m, ucontrol;
};

struct s390 {
	struct s390_host host;
	bool strict_document;
	bool protected_guest;
	/* CPU model the guest sees */
	uint64_t cpuid;
	uint16_t ibc;
	uint64_t facilities[S390_FACILITY_WORDS];
	uint64_t feat[16];
	struct kvm_s390_vm_cpu_subfunc subfunc;
	bool subfunc_written;
	uint64_t uv_feat;
	/* time of day: guest clock = host clock + epoch; frozen while the VM is paused */
	__int128 epoch;
	bool frozen;
	__int128 frozen_at;
	/* memory */
	bool use_cmma, pfmfi;
	uint64_t mem_limit; /* what was asked for; the host's maximum before */
	struct s390_pages *pages;
	bool migration;
	/* crypto */
	bool aes_kw, dea_kw, apie;
	uint8_t aes_key[S390_AES_KEY_SIZE], dea_key[S390_DEA_KEY_SIZE];
	bool topology_changed;
};

int s390_init(struct kvmcore_vm *vm); /* -ENOMEM */
void s390_exit(struct kvmcore_vm *vm);

/* The VMM's idea of stopped time (as QEMU's TOD device): the guest's clock stands while paused. */
void s390_pause(struct kvmcore_vm *vm);
void s390_resume(struct kvmcore_vm *vm);

/* KVM_SET/GET/HAS_DEVICE_ATTR on the VM; -ENXIO for an unknown group. */
int s390_attr_set(struct kvmcore_vm *vm, const struct kvm_device_attr *attr);
int s390_attr_get(struct kvmcore_vm *vm, const struct kvm_device_attr *attr);
int s390_attr_has(struct kvmcore_vm *vm, const struct kvm_device_attr *attr);

/* Group KVMCORE_GROUP_S390. */
int s390_state_get(struct kvmcore_vm *vm, uint64_t attr, uint64_t addr);
int s390_state_has(struct kvmcore_vm *vm, uint64_t attr);

/** s390_cap() - KVM_CHECK_EXTENSION on the VM; 0 for what it does not have */
int s390_cap(const struct kvmcore_vm *vm, uint64_t cap);

/** s390_enable_cap() - KVM_ENABLE_CAP on the VM. -EFAULT; -EINVAL: nothing that can be enabled is modelled */
int s390_enable_cap(struct kvmcore_vm *vm, struct vcpu *vcpu, void *arg);

/* A vCPU: no register is modelled (-EINVAL as for an id the kernel does not know), its power is. */
int s390_one_reg(struct kvmcore_vm *vm, struct vcpu *vcpu, void *arg);
int s390_get_mp_state(struct kvmcore_vm *vm, struct vcpu *vcpu, void *arg);
int s390_set_mp_state(struct kvmcore_vm *vm, struct vcpu *vcpu, void *arg);

/** s390_vcpu_created() - the guest is told that its topology is another now */
void s390_vcpu_created(struct kvmcore_vm *vm);

/* KVM_S390_GET/SET_SKEYS and KVM_S390_GET/SET_CMMA_BITS; @arg is the caller's pointer. */
int s390_get_skeys(struct kvmcore_vm *vm, void *arg);
int s390_set_skeys(struct kvmcore_vm *vm, void *arg);
int s390_get_cmma_bits(struct kvmcore_vm *vm, void *arg);
int s390_set_cmma_bits(struct kvmcore_vm *vm, void *arg);

#endif
