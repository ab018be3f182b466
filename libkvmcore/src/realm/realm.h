/* SPDX-License-Identifier: Apache-2.0 */
/*
 * realm.h - a realm VM: the KVM ABI in front, a realm management monitor behind it
 *
 * Two dialects of the ABI are data: RFC v1 (27 Jan 2023) and v8..v11. What the monitor would refuse is decided by
 * the builder of kvmcore/measure.h, which is also what measures. The caller holds vm->lock.
 */
#ifndef KVMCORE_REALM_H
#define KVMCORE_REALM_H

#include "guard/spans.h"

#include <kvmcore/kvmcore.h>
#include <kvmcore/measure.h>

struct call;
struct vcpu;

enum realm_state { REALM_NONE, REALM_NEW, REALM_ACTIVE, REALM_DYING };

#define REALM_CHALLENGE_SIZE 64u

/* In a vCPU: an RSI_HOST_CALL whose answer the VMM owes. */
struct realm_host_call {
	bool active;
	uint64_t ipa;   /* of its structure */
	uint64_t x[18]; /* the realm's own registers */
};

/* An attestation token on its way to the guest. */
struct realm_token {
	uint8_t *bytes;
	size_t len, given;
};

struct realm {
	enum realm_state state;
	struct kvmcore_realm_params params;
	struct kvmcore_builder *builder;
	struct realm_log *log;     /* what was done, in order: realm_log.h */
	struct spans ram, emptied; /* pages whose RIPAS the realm itself has set */
	struct realm_token token;
	struct realm_keys *keys; /* made when the first token is asked for */
};

/** realm_init() - for a VM of type realm. Return: 0; -ENOMEM */
int realm_init(struct kvmcore_vm *vm);
void realm_exit(struct kvmcore_vm *vm);

/** realm_cap() - the capability number of the VM's dialect: 300 or 240 */
uint32_t realm_cap(const struct kvmcore_vm *vm);

/** realm_enable_cap() - KVM_ENABLE_CAP of that number; errors in docs/abi.md, "Realms" */
int realm_enable_cap(struct kvmcore_vm *vm, const struct kvm_enable_cap *cap);

/** realm_finalize() - KVM_ARM_VCPU_FINALIZE with the dialect's REC feature */
int realm_finalize(struct vcpu *vcpu);

/** realm_rec_feature() - its number: 7 or 9 */
unsigned int realm_rec_feature(const struct kvmcore_vm *vm);

/** realm_may_run() - 0, or -EPERM before the vCPU has a REC and the realm is active */
int realm_may_run(const struct vcpu *vcpu);

/** realm_check_reg() - may KVM_SET_ONE_REG write @id now? Return: 0; -EINVAL; -EPERM; -EBUSY */
int realm_check_reg(const struct vcpu *vcpu, uint64_t id);

/** realm_allows_cap() - does a realm VM of this dialect answer for capability @cap? */
bool realm_allows_cap(const struct kvmcore_vm *vm, uint32_t cap);

/** realm_check_slot() - -EINVAL for a slot a realm cannot have (read-only) */
int realm_check_slot(const struct kvmcore_vm *vm, const struct kvm_userspace_memory_region *region);

/**
 * realm_call() - a guest call inside a realm: the monitor answers, and the host sees only PSCI and what
 * RSI_HOST_CALL carries. SDEI, the MMIO guard and (for other calls) the filter do not act on a realm.
 */
void realm_call(struct call *call);

/** realm_enter() - before each entry: finish a host call that the VMM answered */
void realm_enter(struct vcpu *vcpu, struct kvmcore_regs *regs, struct kvmcore_reply *reply);

/** realm_settle() - the same for a model vCPU that goes on without being entered */
void realm_settle(struct vcpu *vcpu);

/**
 * realm_psci_complete() - KVM_ARM_VCPU_RMM_PSCI_COMPLETE, v8 to v11: the VMM's answer to a PSCI request of a REC
 *
 * Return: -EINVAL in RFC v1, for a target that is nobody or has no REC, and where no request waits; -EPERM
 * without a REC; -EFAULT.
 */
int realm_psci_complete(struct vcpu *vcpu, uint64_t addr);

/* Group KVMCORE_GROUP_REALM on the VM; @addr is the caller's pointer. */
int realm_attr_get(struct kvmcore_vm *vm, uint64_t attr, uint64_t addr);
int realm_attr_has(struct kvmcore_vm *vm, uint64_t attr);

#endif
