// SPDX-License-Identifier: Apache-2.0
/*
 * Groups MEM_CTRL and MIGRATION, storage keys and CMMA values. Order of checks as in arch/s390/kvm/kvm-s390.c.
 */
#include "s390_attr.h"
#include "s390_pages.h"
#include "user.h"
#include "vm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_SHIFT    12
#define MAX_PER_CALL  1048576u /* KVM_S390_SKEYS_MAX, and the cap of the CMMA calls */
#define MAX_CLEAN_RUN 16u      /* clean pages a CMMA answer carries along rather than ends at */
#define SKEYS_NONE    1        /* KVM_S390_GET_SKEYS_NONE */

static int has_cmma(struct kvmcore_vm *vm, uint64_t addr)
{
	(void)addr;
	return vm->s390->host.cmma ? 0 : -ENXIO;
}

static int enable_cmma(struct kvmcore_vm *vm, uint64_t addr)
{
	struct s390 *s = vm->s390;

	(void)addr;
	if (!s->host.cmma)
		return -ENXIO;
	if (vm->n_vcpus)
		return -EBUSY;
	if (s->host.huge_1m)
		return -EINVAL;
	s->use_cmma = true;
	s->pfmfi = false; /* the two exclude each other */
	return 0;
}

static int clear_cmma(struct kvmcore_vm *vm, uint64_t addr)
{
	(void)addr;
	if (!vm->s390->host.cmma)
		return -ENXIO;
	if (!vm->s390->use_cmma)
		return -EINVAL;
	s390_pages_clear_cmma(vm->s390->pages);
	return 0;
}

static int set_limit(struct kvmcore_vm *vm, uint64_t addr)
{
	struct s390 *s = vm->s390;
	uint64_t limit;

	if (s->host.ucontrol)
		return -EINVAL;
	if (user_read(&limit, addr, sizeof(limit)))
		return -EFAULT;
	if (s->host.mem_limit != KVM_S390_NO_MEM_LIMIT && limit > s->host.mem_limit)
		return -E2BIG;
	if (!limit)
		return -EINVAL;
	if (vm->n_vcpus)
		return -EBUSY;
	s->mem_limit = limit;
	return 0;
}

/* The kernel keeps answering its own maximum; the document says the limit that was set. */
static int get_limit(struct kvmcore_vm *vm, uint64_t addr)
{
	const struct s390 *s = vm->s390;
	const uint64_t limit = s->strict_document ? s->mem_limit : s->host.mem_limit;

	return user_write(addr, &limit, sizeof(limit));
}

static const struct s390_attr_row mem_rows[] = {
	{ KVM_S390_VM_MEM_ENABLE_CMMA, enable_cmma, NULL, has_cmma },
	{ KVM_S390_VM_MEM_CLR_CMMA, clear_cmma, NULL, has_cmma },
	{ KVM_S390_VM_MEM_LIMIT_SIZE, set_limit, get_limit, NULL },
};

const struct s390_attr_group s390_mem_ctrl = {
	.group = KVM_S390_VM_MEM_CTRL,
	.row = mem_rows,
	.n_rows = sizeof(mem_rows) / sizeof(mem_rows[0]),
};

static bool all_slots_logged(const struct kvmcore_vm *vm)
{
	for (unsigned int i = 0; i < vm->memslots.n; i++)
		if (!(vm->memslots.slot[i].flags & KVM_MEM_LOG_DIRTY_PAGES))
			return false;
	return true;
}

static int mark_all_dirty(struct kvmcore_vm *vm)
{
	for (unsigned int i = 0; i < vm->memslots.n; i++) {
		const struct memslot *slot = &vm->memslots.slot[i];
		const uint64_t first = slot->ipa >> PAGE_SHIFT, n = slot->size >> PAGE_SHIFT;

		for (uint64_t gfn = first; gfn < first + n; gfn++)
			if (s390_pages_dirty(vm->s390->pages, gfn, true))
				return -ENOMEM;
	}
	return 0;
}

/* Without CMMA the code starts with no look at the dirty logs; the document demands them always. */
static int start_migration(struct kvmcore_vm *vm, uint64_t addr)
{
	struct s390 *s = vm->s390;

	(void)addr;
	if (s->migration)
		return 0;
	if (!vm->memslots.n)
		return -EINVAL;
	if ((s->use_cmma || s->strict_document) && !all_slots_logged(vm))
		return -EINVAL;
	if (s->use_cmma && mark_all_dirty(vm))
		return -ENOMEM;
	s->migration = true;
	return 0;
}

static int stop_migration(struct kvmcore_vm *vm, uint64_t addr)
{
	(void)addr;
	vm->s390->migration = false;
	return 0;
}

static int get_migration(struct kvmcore_vm *vm, uint64_t addr)
{
	const uint64_t on = vm->s390->migration;

	return user_write(addr, &on, sizeof(on));
}

/* Any number in this group reports 0. */
static int has_migration(struct kvmcore_vm *vm, uint64_t attr)
{
	(void)vm;
	(void)attr;
	return 0;
}

static const struct s390_attr_row migration_rows[] = {
	{ KVM_S390_VM_MIGRATION_STOP, stop_migration, NULL, NULL },
	{ KVM_S390_VM_MIGRATION_START, start_migration, NULL, NULL },
	{ KVM_S390_VM_MIGRATION_STATUS, NULL, get_migration, NULL },
};

const struct s390_attr_group s390_migration = {
	.group = KVM_S390_VM_MIGRATION,
	.row = migration_rows,
	.n_rows = sizeof(migration_rows) / sizeof(migration_rows[0]),
	.has_any = has_migration,
};

static bool is_memory(const struct kvmcore_vm *vm, uint64_t gfn)
{
	return gfn <= UINT64_MAX >> PAGE_SHIFT &&
	       memslot_find(&vm->memslots, gfn << PAGE_SHIFT) != NULL;
}

int s390_get_skeys(struct kvmcore_vm *vm, void *arg)
{
	const struct s390_pages *pages = vm->s390->pages;
	struct kvm_s390_skeys in;

	if (user_read(&in, (uintptr_t)arg, sizeof(in)))
		return -EFAULT;
	if (in.flags)
		return -EINVAL;
	if (!pages->uses_keys)
		return SKEYS_NONE;
	if (in.count < 1 || in.count > MAX_PER_CALL)
		return -EINVAL;
	for (uint64_t i = 0; i < in.count; i++) {
		const uint8_t key = s390_page_peek(pages, in.start_gfn + i).key;

		if (!is_memory(vm, in.start_gfn + i) ||
		    user_write(in.skeydata_addr + i, &key, sizeof(key)))
			return -EFAULT;
	}
	return 0;
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

/* Copy out the values of pages from @gfn on, at most @max; @peek leaves the dirty marks alone. */
static int copy_cmma(struct kvmcore_vm *vm, uint64_t gfn, uint32_t max, bool peek, uint64_t to,
		     uint32_t *count)
{
	struct s390_pages *pages = vm->s390->pages;
	uint32_t n = 0, last = 0;

	while (n < max && is_memory(vm, gfn + n)) {
		const struct s390_page page = s390_page_peek(pages, gfn + n);

		if (!peek && !page.dirty && n - last >= MAX_CLEAN_RUN)
			break;
		if (user_write(to + n, &page.cmma, sizeof(page.cmma)))
			return -EFAULT;
		if (!peek && s390_pages_dirty(pages, gfn + n, false))
			return -ENOMEM;
		n++;
		if (peek || page.dirty)
			last = n;
	}
	*count = last;
	return 0;
}

static uint64_t find_dirty(const struct kvmcore_vm *vm, uint64_t from)
{
	for (unsigned int i = 0; i < vm->memslots.n; i++) {
		const struct memslot *slot = &vm->memslots.slot[i];
		const uint64_t first = slot->ipa >> PAGE_SHIFT, n = slot->size >> PAGE_SHIFT;

		for (uint64_t gfn = from > first ? from : first; gfn < first + n; gfn++)
			if (s390_page_peek(vm->s390->pages, gfn).dirty)
				return gfn;
	}
	return from ? find_dirty(vm, 0) : 0; /* begin again from the start */
}

int s390_get_cmma_bits(struct kvmcore_vm *vm, void *arg)
{
	struct s390 *s = vm->s390;
	struct kvm_s390_cmma_log log;
	uint32_t count = 0;
	bool peek;
	int ret;

	if (user_read(&log, (uintptr_t)arg, sizeof(log)))
		return -EFAULT;
	if (!s->use_cmma)
		return -ENXIO;
	if (log.flags & ~(__u32)KVM_S390_CMMA_PEEK)
		return -EINVAL;
	peek = log.flags & KVM_S390_CMMA_PEEK;
	if (!peek && !s->migration)
		return -EINVAL;
	if (!log.count || !s->pages->uses_cmm || (!peek && !s->pages->n_dirty)) {
		memset(&log, 0, sizeof(log));
		return user_write((uintptr_t)arg, &log, sizeof(log));
	}
	if (!peek)
		log.start_gfn = find_dirty(vm, log.start_gfn);
	ret = copy_cmma(vm, log.start_gfn, log.count < MAX_PER_CALL ? log.count : MAX_PER_CALL,
			peek, log.values, &count);
	if (ret)
		return ret;
	log.count = count;
	log.remaining = s->migration ? s->pages->n_dirty : 0;
	return user_write((uintptr_t)arg, &log, sizeof(log));
}

int s390_set_cmma_bits(struct kvmcore_vm *vm, void *arg)
{
	struct s390 *s = vm->s390;
	struct kvm_s390_cmma_log log;

	if (user_read(&log, (uintptr_t)arg, sizeof(log)))
		return -EFAULT;
	if (!s->use_cmma)
		return -ENXIO;
	if (log.flags || log.count > MAX_PER_CALL)
		return -EINVAL;
	for (uint64_t i = 0; i < log.count; i++) {
		struct s390_page *page;
		uint8_t value;

		if (user_read(&value, log.values + i, sizeof(value)) ||
		    !is_memory(vm, log.start_gfn + i))
			return -EFAULT;
		page = s390_page_get(s->pages, log.start_gfn + i);
		if (!page)
			return -ENOMEM;
		page->cmma = (uint8_t)((page->cmma & ~log.mask) | (value & log.mask));
		s->pages->uses_cmm = true;
	}
	return 0;
}
