/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memslot.h - the guest's memory: which addresses are backed by which memory of the VMM
 *
 * Documentation/virt/kvm/api.rst, KVM_SET_USER_MEMORY_REGION. Sorted by guest address; slots do not
 * overlap.
 */
#ifndef KVMCORE_MEMSLOT_H
#define KVMCORE_MEMSLOT_H

#include <kvmcore/uapi.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MEMSLOT_MAX 32767u /* what KVM_CAP_NR_MEMSLOTS answers on arm64 */

struct kvmcore_vm;

struct memslot {
	uint64_t ipa, size, user;
	uint32_t id, flags;
};

/* Embedded in struct kvmcore_vm, which owns it. */
struct memslots {
	struct memslot *slot; /* sorted by ipa */
	unsigned int n, room;
};

/** memslot_set() - KVM_SET_USER_MEMORY_REGION: add, move, change or (size 0) remove. Errors:
 * docs/abi.md */
int memslot_set(struct kvmcore_vm *vm, const struct kvm_userspace_memory_region *region);

/** memslot_find() - the slot that holds @ipa, or NULL */
const struct memslot *memslot_find(const struct memslots *slots, uint64_t ipa);

/**
 * memslot_answers() - how many bytes of [@ipa, @ipa + @len) a guest can access before it meets one that it cannot
 *
 * A store into a read-only slot is an access to no memory (Documentation/virt/kvm/api.rst §4.35).
 */
uint64_t memslot_answers(const struct memslots *slots, uint64_t ipa, uint64_t len, bool write);

/** memslot_intersects() - does any slot hold a byte of [@ipa, @ipa + @size)? */
bool memslot_intersects(const struct memslots *slots, uint64_t ipa, uint64_t size);

/* Copies that may span slots. Return: 0; -EFAULT where there is no slot, or its memory is not
 * there. */
int memslot_read(const struct memslots *slots, uint64_t ipa, void *buf, size_t len);
int memslot_write(const struct memslots *slots, uint64_t ipa, const void *buf, size_t len);

void memslot_exit(struct memslots *slots);

#endif
