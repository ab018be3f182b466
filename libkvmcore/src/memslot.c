// SPDX-License-Identifier: Apache-2.0
#include "memslot.h"
#include "user.h"
#include "vm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LEGAL_FLAGS (KVM_MEM_LOG_DIRTY_PAGES | KVM_MEM_READONLY)

/* Index of the first slot that ends behind @ipa. */
static unsigned int first_behind(const struct memslots *slots, uint64_t ipa)
{
	unsigned int low = 0, high = slots->n;

	while (low < high) {
		const unsigned int mid = low + (high - low) / 2;

		if (slots->slot[mid].ipa + slots->slot[mid].size - 1 < ipa)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

const struct memslot *memslot_find(const struct memslots *slots, uint64_t ipa)
{
	const unsigned int i = first_behind(slots, ipa);

	return i < slots->n && slots->slot[i].ipa <= ipa ? &slots->slot[i] : NULL;
}

uint64_t memslot_answers(const struct memslots *slots, uint64_t ipa, uint64_t len, bool write)
{
	uint64_t done = 0;

	while (done < len) {
		const struct memslot *slot = memslot_find(slots, ipa + done);

		if (!slot || (write && slot->flags & KVM_MEM_READONLY))
			return done;
		done = slot->ipa + slot->size - ipa;
	}
	return len;
}

bool memslot_intersects(const struct memslots *slots, uint64_t ipa, uint64_t size)
{
	const unsigned int i = first_behind(slots, ipa);

	return size && i < slots->n && slots->slot[i].ipa <= ipa + size - 1;
}

static struct memslot *find_id(struct memslots *slots, uint32_t id)
{
	for (unsigned int i = 0; i < slots->n; i++)
		if (slots->slot[i].id == id)
			return &slots->slot[i];
	return NULL;
}

static void remove_slot(struct memslots *slots, const struct memslot *slot)
{
	const size_t at = (size_t)(slot - slots->slot);

	memmove(&slots->slot[at], &slots->slot[at + 1], (slots->n - at - 1) * sizeof(*slot));
	slots->n--;
}

static int insert_slot(struct memslots *slots, const struct memslot *slot)
{
	unsigned int at;

	if (slots->n == slots->room) {
		const unsigned int room = slots->room ? slots->room * 2 : 8;
		struct memslot *grown = realloc(slots->slot, room * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		slots->slot = grown;
		slots->room = room;
	}
	at = first_behind(slots, slot->ipa);
	memmove(&slots->slot[at + 1], &slots->slot[at], (slots->n - at) * sizeof(*slot));
	slots->slot[at] = *slot;
	slots->n++;
	return 0;
}

/* What __kvm_set_memory_region() demands of a region before it looks at the slots, in its order. */
static int check(const struct kvmcore_vm *vm, const struct kvm_userspace_memory_region *region)
{
	const uint64_t page = vm->config.host.page_size - 1;
	const uint64_t ipa = region->guest_phys_addr, size = region->memory_size;

	if (region->flags & ~LEGAL_FLAGS)
		return -EINVAL;
	if ((size | ipa | region->userspace_addr) & page)
		return -EINVAL;
	if (region->slot >= MEMSLOT_MAX || ipa + size < ipa)
		return -EINVAL;
	if (size > (1ULL << 31) * 4096)
		return -EINVAL;
	return 0;
}

/* A slot that exists may only move or change its dirty log, not size, memory or read-only. */
static int check_change(const struct memslot *old, const struct memslot *new)
{
	if (new->user != old->user || new->size != old->size ||
	    ((new->flags ^ old->flags) & KVM_MEM_READONLY))
		return -EINVAL;
	return 0;
}

/* Documentation/virt/kvm/api.rst §4.35; order of checks: virt/kvm/kvm_main.c, then arm64's own. */
int memslot_set(struct kvmcore_vm *vm, const struct kvm_userspace_memory_region *region)
{
	struct memslots *slots = &vm->memslots;
	struct memslot *old;
	const struct memslot new = { .ipa = region->guest_phys_addr,
				     .size = region->memory_size,
				     .user = region->userspace_addr,
				     .id = region->slot & 0xffff,
				     .flags = region->flags };
	struct memslot kept;
	int ret = check(vm, region);

	if (ret)
		return ret;
	old = find_id(slots, new.id);
	if (new.size == 0) {
		if (!old)
			return -EINVAL;
		remove_slot(slots, old);
		return 0;
	}
	if (old) {
		ret = check_change(old, &new);
		if (ret)
			return ret;
		kept = *old;
		remove_slot(slots, old);
	}
	if (memslot_intersects(slots, new.ipa, new.size) ||
	    guard_blocks_slot(vm, new.ipa, new.size))
		ret = -EEXIST;
	else if (new.ipa + new.size - 1 >= 1ULL << vm->config.ipa_bits)
		ret = -EFAULT;
	else
		ret = insert_slot(slots, &new);
	if (ret && old)
		insert_slot(slots, &kept); /* fits: its place was just given up */
	return ret;
}

typedef int move_fn(uint64_t user, void *buf, size_t len);

static int move_in(uint64_t user, void *buf, size_t len)
{
	return user_read(buf, user, len);
}

static int move_out(uint64_t user, void *buf, size_t len)
{
	return user_write(user, buf, len);
}

static int for_each_piece(const struct memslots *slots, uint64_t ipa, void *buf, size_t len,
			  move_fn *move)
{
	while (len) {
		const struct memslot *slot = memslot_find(slots, ipa);
		uint64_t piece;

		if (!slot)
			return -EFAULT;
		piece = slot->ipa + slot->size - ipa;
		if (piece > len)
			piece = len;
		if (move(slot->user + (ipa - slot->ipa), buf, piece))
			return -EFAULT;
		buf = (char *)buf + piece;
		ipa += piece;
		len -= piece;
	}
	return 0;
}

int memslot_read(const struct memslots *slots, uint64_t ipa, void *buf, size_t len)
{
	return for_each_piece(slots, ipa, buf, len, move_in);
}

int memslot_write(const struct memslots *slots, uint64_t ipa, const void *buf, size_t len)
{
	return for_each_piece(slots, ipa, (void *)(uintptr_t)buf, len, move_out);
}

void memslot_exit(struct memslots *slots)
{
	free(slots->slot);
	*slots = (struct memslots){ 0 };
}
