// SPDX-License-Identifier: Apache-2.0
/*
 * The VMM's side: group 0x4D47 reads the guard and writes it into a VM that has not run. The order of checks stands in
 * docs/abi.md, "MMIO guard".
 */
#include "array.h"
#include "guard.h"
#include "user.h"
#include "vm.h"

#include <errno.h>
#include <stdlib.h>

static uint64_t granule(const struct kvmcore_vm *vm)
{
	return vm->config.host.page_size;
}

static int get_info(struct kvmcore_vm *vm, uint64_t addr)
{
	const struct kvmcore_guard_state state = {
		.abi = vm->config.guard,
		.flags = vm->guard.enrolled,
		.granule = granule(vm),
		.count = vm->guard.guarded.n,
	};

	return user_write(addr, &state, sizeof(state));
}

static int get_spans(struct kvmcore_vm *vm, const struct spans *set, uint64_t addr)
{
	_Static_assert(sizeof(struct span) == sizeof(struct kvmcore_guard_range),
		       "copied in place");
	struct span *run = calloc(set->n + 1u, sizeof(*run));
	int ret;

	if (!run)
		return -ENOMEM;
	spans_list(set, run);
	for (uint32_t i = 0; i < set->n; i++) {
		run[i].first *= granule(vm);
		run[i].count *= granule(vm);
	}
	ret = array_give(addr, run, set->n, sizeof(*run));
	free(run);
	return ret;
}

static int check_range(const struct kvmcore_vm *vm, const struct kvmcore_guard_range *range,
		       uint64_t *next)
{
	const uint64_t end = range->base + range->size;

	if (!range->size || (range->base | range->size) & (granule(vm) - 1) || end < range->base ||
	    range->base < *next)
		return -EINVAL;
	*next = end;
	return (end - 1) >> vm->config.ipa_bits ? -ERANGE : 0;
}

/* @range: sorted, disjoint, whole granules. @set is written on success only. */
static int make_set(const struct kvmcore_vm *vm, const struct kvmcore_guard_range *range,
		    uint64_t n, struct spans *set)
{
	struct spans fresh = { 0 };
	uint64_t next = 0;
	int ret = 0;

	for (uint64_t i = 0; !ret && i < n; i++) {
		ret = check_range(vm, &range[i], &next);
		if (!ret)
			ret = spans_add_run(&fresh, range[i].base / granule(vm),
					    range[i].size / granule(vm));
	}
	if (ret)
		spans_clear(&fresh);
	else
		*set = fresh;
	return ret;
}

/* The @count ranges at @ptr in the caller's memory, as a set. */
static int read_set(const struct kvmcore_vm *vm, uint64_t ptr, uint64_t count, struct spans *set)
{
	struct kvmcore_guard_range *range;
	int ret;

	if (count > SPANS_MAX)
		return -ENOMEM;
	range = calloc(count + 1, sizeof(*range));
	if (!range)
		return -ENOMEM;
	ret = user_read(range, ptr, count * sizeof(*range));
	if (!ret)
		ret = make_set(vm, range, count, set);
	free(range);
	return ret;
}

static bool covers_memory(const struct kvmcore_vm *vm, const struct spans *set)
{
	for (unsigned int i = 0; i < vm->memslots.n; i++) {
		const struct memslot *slot = &vm->memslots.slot[i];
		const uint64_t first = slot->ipa / granule(vm);

		if (spans_meets(set, first, (slot->ipa + slot->size - 1) / granule(vm) - first + 1))
			return true;
	}
	return false;
}

static int set_state(struct kvmcore_vm *vm, uint64_t addr)
{
	struct kvmcore_guard_state state;
	struct spans set = { 0 };
	int ret;

	if (user_read(&state, addr, sizeof(state)))
		return -EFAULT;
	if (state.abi != vm->config.guard || state.flags > 1 || state.granule != granule(vm) ||
	    !guard_may_be(vm, state.flags))
		return -EINVAL;
	ret = read_set(vm, state.ptr, state.count, &set);
	if (ret)
		return ret;
	if (vm->has_run_once)
		ret = -EBUSY;
	else if (covers_memory(vm, &set))
		ret = -EEXIST;
	else if (state.flags && vm->nisv_to_user && vm->config.guard == KVMCORE_GUARD_S)
		ret = -EPERM;
	if (ret) {
		spans_clear(&set);
		return ret;
	}
	spans_clear(&vm->guard.guarded);
	vm->guard.guarded = set;
	vm->guard.enrolled = state.flags;
	return 0;
}

static int set_shared(struct kvmcore_vm *vm, uint64_t addr)
{
	struct kvmcore_array array;
	struct spans set = { 0 };
	int ret;

	if (user_read(&array, addr, sizeof(array)))
		return -EFAULT;
	if (array.pad)
		return -EINVAL;
	ret = read_set(vm, array.ptr, array.count, &set);
	if (ret)
		return ret;
	if (vm->has_run_once) {
		spans_clear(&set);
		return -EBUSY;
	}
	spans_clear(&vm->guard.shared);
	vm->guard.shared = set;
	return 0;
}

int guard_attr_set(struct kvmcore_vm *vm, uint64_t attr, uint64_t addr)
{
	switch (attr) {
	case KVMCORE_GUARD_STATE:
		return set_state(vm, addr);
	case KVMCORE_GUARD_SHARED:
		return set_shared(vm, addr);
	default:
		return -ENXIO;
	}
}

int guard_attr_get(struct kvmcore_vm *vm, uint64_t attr, uint64_t addr)
{
	switch (attr) {
	case KVMCORE_GUARD_INFO:
		return get_info(vm, addr);
	case KVMCORE_GUARD_RANGES:
		return get_spans(vm, &vm->guard.guarded, addr);
	case KVMCORE_GUARD_SHARED:
		return get_spans(vm, &vm->guard.shared, addr);
	default:
		return -ENXIO;
	}
}

int guard_attr_has(struct kvmcore_vm *vm, uint64_t attr)
{
	(void)vm;
	return attr <= KVMCORE_GUARD_SHARED ? 0 : -ENXIO;
}
