// SPDX-License-Identifier: Apache-2.0
/*
 * Storage keys and CMMA values of guest pages: KVM_S390_{GET,SET}_{SKEYS,CMMA_BITS}. Order of checks as in
 * arch/s390/kvm/kvm-s390.c; Documentation/virt/kvm/api.rst §4.107, §4.108.
 */
#include "s390_attr.h"
#include "s390_pages.h"
#include "user.h"
#include "vm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_SHIFT   12
#define MAX_PER_CALL 1048576u /* KVM_S390_SKEYS_MAX, and the cap of the CMMA calls */
#define MAX_DISTANCE 16u      /* dirty pages further apart than this end an answer */
#define SKEYS_NONE   1        /* KVM_S390_GET_SKEYS_NONE */
#define CMMA_BITS    0x43u    /* usage state and no-DAT: bits 24..31 of a PGSTE, as they travel */
#define CMMA_SHIFT   24       /* where they stand in a mask */

static bool is_memory(const struct kvmcore_vm *vm, uint64_t gfn)
{
	return gfn <= UINT64_MAX >> PAGE_SHIFT &&
	       memslot_find(&vm->memslots, gfn << PAGE_SHIFT) != NULL;
}

/* Nothing is copied out unless all of it is there. */
static int read_keys(const struct kvmcore_vm *vm, const struct kvm_s390_skeys *in, uint8_t *key)
{
	for (uint64_t i = 0; i < in->count; i++) {
		if (!is_memory(vm, in->start_gfn + i))
			return -EFAULT;
		key[i] = s390_page_peek(vm->s390->pages, in->start_gfn + i).key;
	}
	return user_write(in->skeydata_addr, key, in->count);
}

int s390_get_skeys(struct kvmcore_vm *vm, void *arg)
{
	struct kvm_s390_skeys in;
	uint8_t *key;
	int ret;

	if (user_read(&in, (uintptr_t)arg, sizeof(in)))
		return -EFAULT;
	if (in.flags)
		return -EINVAL;
	if (!vm->s390->pages->uses_keys)
		return SKEYS_NONE;
	if (in.count < 1 || in.count > MAX_PER_CALL)
		return -EINVAL;
	key = malloc(in.count);
	if (!key)
		return -ENOMEM;
	ret = read_keys(vm, &in, key);
	free(key);
	return ret;
}

static int set_keys(struct kvmcore_vm *vm, uint64_t gfn, const uint8_t *key, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		struct s390_page *page;

		if (!is_memory(vm, gfn + i))
			return -EFAULT;
		if (key[i] & 1) /* the lowest bit is not part of a key */
			return -EINVAL;
		page = s390_page_get(vm->s390->pages, gfn + i);
		if (!page)
			return -ENOMEM;
		page->key = key[i];
	}
	return 0;
}

/* All keys are read before the first is set; those before a bad one stay set. */
int s390_set_skeys(struct kvmcore_vm *vm, void *arg)
{
	struct kvm_s390_skeys in;
	uint8_t *key;
	int ret;

	if (user_read(&in, (uintptr_t)arg, sizeof(in)))
		return -EFAULT;
	if (in.flags || in.count < 1 || in.count > MAX_PER_CALL)
		return -EINVAL;
	key = malloc(in.count);
	if (!key)
		return -ENOMEM;
	ret = user_read(key, in.skeydata_addr, in.count);
	if (!ret) {
		vm->s390->pages->uses_keys = true;
		ret = set_keys(vm, in.start_gfn, key, in.count);
	}
	free(key);
	return ret;
}

/* Where the last slot ends. */
static uint64_t memory_end(const struct kvmcore_vm *vm)
{
	const struct memslot *last = &vm->memslots.slot[vm->memslots.n - 1];

	return (last->ipa + last->size) >> PAGE_SHIFT;
}

/*
 * kvm_s390_next_dirty_cmma(): the first dirty page from @gfn on, the end of memory if there is none. Behind the last
 * slot it begins again with the first.
 */
static uint64_t next_dirty(const struct kvmcore_vm *vm, uint64_t gfn)
{
	const struct memslots *slots = &vm->memslots;

	if (gfn >= memory_end(vm))
		gfn = 0;
	for (unsigned int i = 0; i < slots->n; i++) {
		const uint64_t first = slots->slot[i].ipa >> PAGE_SHIFT;
		const uint64_t end = first + (slots->slot[i].size >> PAGE_SHIFT);
		const uint64_t at =
			s390_pages_next_dirty(vm->s390->pages, gfn > first ? gfn : first, end);

		if (at < end)
			return at;
	}
	return memory_end(vm);
}

/* kvm_s390_peek_cmma(): only a first page without memory is an error. */
static int peek_cmma(const struct kvmcore_vm *vm, struct kvm_s390_cmma_log *log, uint8_t *value,
		     uint32_t room)
{
	uint32_t n = 0;

	while (n < room && is_memory(vm, log->start_gfn + n)) {
		value[n] = s390_page_peek(vm->s390->pages, log->start_gfn + n).cmma;
		n++;
	}
	log->count = n;
	return n ? 0 : -EFAULT;
}

/* kvm_s390_get_cmma(): from the next dirty page on, over short clean gaps, and never with clean pages at the end. */
static void take_cmma(struct kvmcore_vm *vm, struct kvm_s390_cmma_log *log, uint8_t *value,
		      uint32_t room)
{
	struct s390_pages *pages = vm->s390->pages;
	uint64_t gfn, next;
	uint32_t n = 0;

	log->count = 0;
	if (!vm->memslots.n)
		return;
	gfn = log->start_gfn = next_dirty(vm, log->start_gfn);
	next = next_dirty(vm, gfn + 1);
	for (; n < room && is_memory(vm, gfn); gfn++) {
		value[n++] = s390_page_peek(pages, gfn).cmma;
		s390_page_clean(pages, gfn);
		if (next > gfn + MAX_DISTANCE)
			break;
		if (gfn == next)
			next = next_dirty(vm, gfn + 1);
		if (next >= memory_end(vm) || next - log->start_gfn >= room)
			break;
	}
	log->count = n;
}

static int copy_cmma(struct kvmcore_vm *vm, struct kvm_s390_cmma_log *log, bool peek)
{
	const uint32_t room = log->count < MAX_PER_CALL ? log->count : MAX_PER_CALL;
	uint8_t *value = malloc(room);
	int ret = 0;

	if (!value)
		return -ENOMEM;
	if (peek)
		ret = peek_cmma(vm, log, value, room);
	else
		take_cmma(vm, log, value, room);
	log->remaining = vm->s390->migration ? vm->s390->pages->n_dirty : 0;
	if (!ret)
		ret = user_write(log->values, value, log->count);
	free(value);
	return ret;
}

int s390_get_cmma_bits(struct kvmcore_vm *vm, void *arg)
{
	const struct s390 *s = vm->s390;
	struct kvm_s390_cmma_log log;
	bool peek;
	int ret = 0;

	if (user_read(&log, (uintptr_t)arg, sizeof(log)))
		return -EFAULT;
	if (!s->use_cmma)
		return -ENXIO;
	if (log.flags & ~(__u32)KVM_S390_CMMA_PEEK)
		return -EINVAL;
	peek = log.flags & KVM_S390_CMMA_PEEK;
	if (!peek && !s->migration)
		return -EINVAL;
	if (!log.count || !s->pages->uses_cmm || (!peek && !s->pages->n_dirty))
		memset(&log, 0, sizeof(log));
	else
		ret = copy_cmma(vm, &log, peek);
	return ret ? ret : user_write((uintptr_t)arg, &log, sizeof(log));
}

static int set_cmma(struct kvmcore_vm *vm, const struct kvm_s390_cmma_log *log,
		    const uint8_t *value)
{
	const uint8_t mask = log->mask >> CMMA_SHIFT & CMMA_BITS;

	for (uint64_t i = 0; i < log->count; i++) {
		struct s390_page *page;

		if (!is_memory(vm, log->start_gfn + i))
			return -EFAULT;
		page = s390_page_get(vm->s390->pages, log->start_gfn + i);
		if (!page)
			return -ENOMEM;
		page->cmma = (uint8_t)((page->cmma & ~mask) | (value[i] & mask));
	}
	return 0;
}

/* All values are read before the first is set; those before a page without memory stay set. */
int s390_set_cmma_bits(struct kvmcore_vm *vm, void *arg)
{
	struct kvm_s390_cmma_log log;
	uint8_t *value;
	int ret;

	if (user_read(&log, (uintptr_t)arg, sizeof(log)))
		return -EFAULT;
	if (!vm->s390->use_cmma)
		return -ENXIO;
	if (log.flags || log.count > MAX_PER_CALL)
		return -EINVAL;
	if (!log.count)
		return 0;
	value = malloc(log.count);
	if (!value)
		return -ENOMEM;
	ret = user_read(value, log.values, log.count);
	if (!ret) {
		ret = set_cmma(vm, &log, value);
		vm->s390->pages->uses_cmm = true;
	}
	free(value);
	return ret;
}
