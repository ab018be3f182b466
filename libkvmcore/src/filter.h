/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filter.h - which SMCCC calls of one VM are answered, refused or forwarded
 *
 * Models KVM_ARM_VM_SMCCC_FILTER (arch/arm64/kvm/hypercalls.c since Linux 6.4); see docs/abi.md,
 * "SMCCC filter". Invariant: ranges are disjoint, sorted, never touch a reserved id, and each
 * stands for one successful SET, so that read-back gives back exactly what was said.
 */
#ifndef KVMCORE_FILTER_H
#define KVMCORE_FILTER_H

#include "filter_index.h"

#include <kvmcore/uapi.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FILTER_MAX_RANGES \
	(1u << 20) /* more give -ENOMEM; 12 to 24 bytes each, 9 more when frozen */

struct kvmcore_vm;
struct reserved_set;
struct filter_chunk;

/* Embedded in struct kvmcore_vm, which owns it. All zero means "no filter". */
struct filter {
	uint32_t *low;               /* first id of each chunk */
	struct filter_chunk **chunk; /* sorted; each holds at least one range */
	size_t n_chunks, room;
	uint32_t n_ranges;
	struct filter_index index; /* of a frozen filter */
};

/**
 * filter_add() - give @range->nr_functions calls, starting at @range->base, the fate @range->action
 * @reserved: what nobody may decide
 *
 * The caller has checked @range (not empty, not wrapping, known action).
 * Return: 0; -EEXIST if a call in it is reserved or already decided; -ENOMEM. On failure @f is
 * unchanged.
 */
int filter_add(struct filter *f, const struct kvm_smccc_filter *range,
	       const struct reserved_set *reserved);

/**
 * filter_freeze() - no range comes any more: lay them out for looking up
 *
 * Without memory for it look-ups go the longer way. A filter_add() afterwards undoes it.
 */
void filter_freeze(struct filter *f);

/** filter_lookup() - the fate of @id: KVM_SMCCC_FILTER_HANDLE when nothing was said. O(log n) */
uint8_t filter_lookup(const struct filter *f, uint32_t id);

/** filter_read() - copy the first @n ranges, sorted by base; @n is at most n_ranges */
void filter_read(const struct filter *f, struct kvm_smccc_filter *range, uint32_t n);

/** filter_exit() - free everything; @f is "no filter" again */
void filter_exit(struct filter *f);

/* Attribute group KVM_ARM_VM_SMCCC_CTRL, and this project's group to read it back. */
int filter_attr_set(struct kvmcore_vm *vm, uint64_t attr, uint64_t addr);
int filter_attr_has(struct kvmcore_vm *vm, uint64_t attr);
int filter_state_get(struct kvmcore_vm *vm, uint64_t attr, uint64_t addr);
int filter_state_set(struct kvmcore_vm *vm, uint64_t attr, uint64_t addr);
int filter_state_has(struct kvmcore_vm *vm, uint64_t attr);

#endif
