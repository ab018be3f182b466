/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guard.h - which addresses without memory a guest lets its host emulate
 *
 * Four ABIs exist; which one a VM has is data (docs/abi.md, "MMIO guard"). Invariant: no guarded
 * granule touches a memory slot. The caller holds vm->lock.
 */
#ifndef KVMCORE_GUARD_H
#define KVMCORE_GUARD_H

#include "spans.h"

#include <kvmcore/kvmcore.h>

struct call;

/* Embedded in struct kvmcore_vm, which owns it. */
struct guard {
	bool enrolled;
	struct spans guarded, shared; /* granules */
};

void guard_init(struct kvmcore_vm *vm);
void guard_exit(struct kvmcore_vm *vm);

/** guard_reset() - SYSTEM_OFF or SYSTEM_RESET: nothing survives a reboot of the guest */
void guard_reset(struct kvmcore_vm *vm);

/** guard_call() - vendor hypervisor functions 2..11; the VM's variant decides what a number means */
void guard_call(struct call *call);

/** guard_features() - the vendor FEATURES word @bitmap as @call's caller may see it: with bits 2..11 */
uint64_t guard_features(const struct call *call, uint64_t bitmap);

/** guard_answers() - does this VM's variant have vendor function @number (2..11)? */
bool guard_answers(const struct kvmcore_vm *vm, uint32_t number);

/** guard_excludes_nisv() - has the guest made KVM_CAP_ARM_NISV_TO_USER impossible? */
bool guard_excludes_nisv(const struct kvmcore_vm *vm);

/** guard_refuses() - must an access to memory that is not there end in an abort for the guest? */
bool guard_refuses(const struct kvmcore_vm *vm, uint64_t ipa, uint32_t len, bool no_syndrome);

/** guard_blocks_slot() - would a memory slot cover a guarded granule? */
bool guard_blocks_slot(const struct kvmcore_vm *vm, uint64_t ipa, uint64_t size);

/** guard_may_be() - is there a state of this VM's variant that holds (@enrolled) or does not? */
bool guard_may_be(const struct kvmcore_vm *vm, bool enrolled);

/* Group KVMCORE_GROUP_GUARD on the VM; @addr is the caller's pointer. */
int guard_attr_set(struct kvmcore_vm *vm, uint64_t attr, uint64_t addr);
int guard_attr_get(struct kvmcore_vm *vm, uint64_t attr, uint64_t addr);
int guard_attr_has(struct kvmcore_vm *vm, uint64_t attr);

#endif
