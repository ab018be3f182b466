// SPDX-License-Identifier: Apache-2.0
/*
 * What was said to a filter that cannot be asked (arch/arm64/kvm/hypercalls.c: the attribute has no
 * GET). Group 0x5346 answers from this list as libkvmcore does from its own (docs/abi.md).
 */
#include "router/router.h"
#include "util.h"

#include <errno.h>

#define MAX_ANSWERS 4096u

int router_give(uint64_t addr, const void *entry, unsigned int n, size_t size)
{
	struct kvmcore_array *array = (struct kvmcore_array *)(uintptr_t)addr;

	if (!array)
		return -EFAULT;
	if (array->pad)
		return -EINVAL;
	array->count = n;
	if (array->capacity == 0 && array->ptr == 0)
		return 0;
	if (array->capacity < n)
		return -ENOSPC;
	if (n)
		memcpy((void *)(uintptr_t)array->ptr, entry, n * size);
	return 0;
}

/* Room for @more ranges. Return: 0; -ENOMEM, also beyond what a state can hold */
static int make_room(struct recorder *recorder, unsigned int more)
{
	const unsigned int need = recorder->n + more;
	unsigned int room = recorder->room ? recorder->room : 16;
	struct kvm_smccc_filter *range;

	if (more > SDEISTATE_MAX_FILTER || need > SDEISTATE_MAX_FILTER)
		return -ENOMEM;
	while (room < need)
		room *= 2;
	if (room == recorder->room)
		return 0;
	range = realloc(recorder->range, room * sizeof(*range));
	if (!range)
		return -ENOMEM;
	recorder->range = range;
	recorder->room = room;
	return 0;
}

int recorder_keep(struct recorder *recorder, const struct kvm_smccc_filter *range, unsigned int n)
{
	int ret = make_room(recorder, n);

	if (ret)
		return ret;
	if (n)
		memcpy(&recorder->range[recorder->n], range, n * sizeof(*range));
	recorder->n += n;
	return 0;
}

static bool meets(const struct kvm_smccc_filter *range, uint32_t first, uint32_t last)
{
	return range->base <= last && range->base + (range->nr_functions - 1) >= first;
}

/* What the kernel keeps for itself on every host; a larger set may refuse more. */
static bool is_reserved(const struct sdeistate_router *router, uint32_t first, uint32_t last)
{
	return router->reserved_set || (first <= 0x8000ffffu && last >= 0x80000000u) ||
	       (first <= 0xc000ffffu && last >= 0xc0000000u);
}

/* -EEXIST: is there anything known that the range meets? */
static bool is_explained(const struct sdeistate_router *router,
			 const struct kvm_smccc_filter *range)
{
	const uint32_t last = range->base + range->nr_functions - 1;

	if (range->nr_functions == 0 || is_reserved(router, range->base, last))
		return true;
	for (unsigned int i = 0; i < router->recorder.n; i++)
		if (meets(&router->recorder.range[i], range->base, last))
			return true;
	return false;
}

int recorder_set(struct sdeistate_router *router, struct kvm_device_attr *attr)
{
	const struct kvm_smccc_filter *range = (const void *)(uintptr_t)attr->addr;
	struct recorder *recorder = &router->recorder;
	struct kvm_smccc_filter kept;
	int ret = make_room(recorder, 1); /* before: what was done must not be forgotten */

	if (ret)
		return ret;
	ret = router->kernel->ioctl(router->kernel->vm, -1, KVM_SET_DEVICE_ATTR, attr);
	if (ret == -EBUSY)
		router->has_run = true;
	if (ret == -EEXIST && !is_explained(router, range))
		recorder->incomplete = true;
	if (ret < 0)
		return ret;
	kept = *range;
	recorder->range[recorder->n++] = kept;
	return ret;
}

static int compare_base(const void *a, const void *b)
{
	const struct kvm_smccc_filter *x = a, *y = b;

	return (x->base > y->base) - (x->base < y->base);
}

static int give_ranges(struct recorder *recorder, uint64_t addr)
{
	if (recorder->n)
		qsort(recorder->range, recorder->n, sizeof(*recorder->range), compare_base);
	return router_give(addr, recorder->range, recorder->n, sizeof(*recorder->range));
}

static int give_info(const struct sdeistate_router *router, uint64_t addr)
{
	const struct kvmcore_filter_info info = {
		.n_ranges = router->recorder.n,
		.reserved_set = router->reserved_set,
		.has_run = router->has_run,
	};

	if (!addr)
		return -EFAULT;
	memcpy((void *)(uintptr_t)addr, &info, sizeof(info));
	return 0;
}

static int take_answers(struct recorder *recorder, uint64_t addr)
{
	const struct kvmcore_array *array = (const struct kvmcore_array *)(uintptr_t)addr;
	const struct kvmcore_call_range *range;
	struct kvmcore_call_range *copy;

	if (!array)
		return -EFAULT;
	if (array->pad)
		return -EINVAL;
	if (array->count > MAX_ANSWERS)
		return -E2BIG;
	range = (const struct kvmcore_call_range *)(uintptr_t)array->ptr;
	for (uint64_t i = 0; i < array->count; i++)
		if (range[i].last < range[i].first ||
		    (i > 0 && range[i - 1].last >= range[i].first))
			return -EINVAL;
	copy = malloc((array->count + 1) * sizeof(*copy));
	if (!copy)
		return -ENOMEM;
	if (array->count)
		memcpy(copy, range, array->count * sizeof(*copy));
	free(recorder->answer);
	recorder->answer = copy;
	recorder->n_answers = (unsigned int)array->count;
	return 0;
}

int recorder_attr(struct sdeistate_router *router, unsigned long cmd, struct kvm_device_attr *attr)
{
	struct recorder *recorder = &router->recorder;

	if (attr->attr > KVMCORE_FILTER_ANSWERS)
		return -ENXIO;
	if (cmd == KVM_HAS_DEVICE_ATTR)
		return 0;
	if (cmd == KVM_SET_DEVICE_ATTR)
		return attr->attr == KVMCORE_FILTER_ANSWERS ? take_answers(recorder, attr->addr)
							    : -ENXIO;
	if (attr->attr == KVMCORE_FILTER_ANSWERS)
		return router_give(attr->addr, recorder->answer, recorder->n_answers,
				   sizeof(*recorder->answer));
	if (recorder->incomplete)
		return -ESTALE;
	return attr->attr == KVMCORE_FILTER_INFO ? give_info(router, attr->addr)
						 : give_ranges(recorder, attr->addr);
}

void recorder_free(struct recorder *recorder)
{
	free(recorder->range);
	free(recorder->answer);
}
