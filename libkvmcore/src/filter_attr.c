// SPDX-License-Identifier: Apache-2.0
#include "array.h"
#include "filter.h"
#include "user.h"
#include "vm.h"

#include <errno.h>
#include <stdlib.h>

#define NR_ACTIONS  3u
#define MAX_ANSWERS 4096u

static bool has_padding(const struct kvm_smccc_filter *filter)
{
	for (size_t i = 0; i < sizeof(filter->pad); i++)
		if (filter->pad[i])
			return true;
	return false;
}

/*
 * kvm_smccc_set_filter(): base 0 with no functions wraps to the whole space, which old kernels meet
 * with -EEXIST at the reserved ids and newer ones with -EINVAL.
 */
static int check_range(const struct kernel_profile *kernel, const struct kvm_smccc_filter *filter)
{
	const uint32_t last = filter->base + filter->nr_functions - 1;

	if (last < filter->base || filter->action >= NR_ACTIONS)
		return -EINVAL;
	if (filter->nr_functions == 0)
		return kernel->filter_zero_is_invalid ? -EINVAL : -EEXIST;
	return 0;
}

/* Order of the checks: docs/abi.md, "SMCCC filter"; a malformed range wins over a VM that has run.
 */
int filter_attr_set(struct kvmcore_vm *vm, uint64_t attr, uint64_t addr)
{
	struct kvm_smccc_filter filter;
	int ret;

	if (attr != KVM_ARM_VM_SMCCC_FILTER)
		return -ENXIO;
	if (user_read(&filter, addr, sizeof(filter)))
		return -EFAULT;
	if (has_padding(&filter))
		return -EINVAL;
	ret = check_range(vm->kernel, &filter);
	if (ret == -EINVAL)
		return ret;
	if (vm->has_run_once)
		return -EBUSY;
	return ret ? ret : filter_add(&vm->filter, &filter, vm->kernel->reserved[vm->config.type]);
}

int filter_attr_has(struct kvmcore_vm *vm, uint64_t attr)
{
	(void)vm;
	return attr == KVM_ARM_VM_SMCCC_FILTER ? 0 : -ENXIO;
}

int filter_state_has(struct kvmcore_vm *vm, uint64_t attr)
{
	(void)vm;
	return attr <= KVMCORE_FILTER_ANSWERS ? 0 : -ENXIO;
}

static int get_info(const struct kvmcore_vm *vm, uint64_t addr)
{
	const struct reserved_set *reserved = vm->kernel->reserved[vm->config.type];
	const struct kvmcore_filter_info info = {
		.n_ranges = vm->filter.n_ranges,
		.reserved_set = reserved ? reserved->number : 0,
		.has_run = vm->has_run_once,
	};

	return user_write(addr, &info, sizeof(info));
}

static int get_ranges(const struct kvmcore_vm *vm, uint64_t addr)
{
	const uint32_t n = vm->filter.n_ranges;
	struct kvm_smccc_filter *range = malloc((n ? n : 1) * sizeof(*range));
	int ret;

	if (!range)
		return -ENOMEM;
	filter_read(&vm->filter, range, n);
	ret = array_give(addr, range, n, sizeof(*range));
	free(range);
	return ret;
}

int filter_state_get(struct kvmcore_vm *vm, uint64_t attr, uint64_t addr)
{
	switch (attr) {
	case KVMCORE_FILTER_INFO:
		return get_info(vm, addr);
	case KVMCORE_FILTER_RANGES:
		return get_ranges(vm, addr);
	case KVMCORE_FILTER_ANSWERS:
		return array_give(addr, vm->answers, vm->n_answers, sizeof(*vm->answers));
	}
	return -ENXIO;
}

/* Which forwarded calls the VMM answers is for a destination check; no call is decided by it. */
int filter_state_set(struct kvmcore_vm *vm, uint64_t attr, uint64_t addr)
{
	struct kvmcore_call_range *range;
	void *entry = NULL;
	size_t n = 0;
	int ret;

	if (attr != KVMCORE_FILTER_ANSWERS)
		return -ENXIO;
	ret = array_take(addr, sizeof(*range), MAX_ANSWERS, &entry, &n);
	range = entry;
	for (size_t i = 0; i < n && !ret; i++)
		if (range[i].last < range[i].first ||
		    (i > 0 && range[i - 1].last >= range[i].first))
			ret = -EINVAL;
	if (ret) {
		free(entry);
		return ret;
	}
	free(vm->answers);
	vm->answers = entry;
	vm->n_answers = n;
	return 0;
}
