// SPDX-License-Identifier: Apache-2.0
/*
 * Groups MEM_CTRL and MIGRATION. Order of checks as in arch/s390/kvm/kvm-s390.c.
 */
#include "s390_attr.h"
#include "s390_pages.h"
#include "user.h"
#include "vm.h"

#include <errno.h>

#define PAGE_SHIFT 12

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
			if (s390_page_soil(vm->s390->pages, gfn))
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
