// SPDX-License-Identifier: Apache-2.0
/*
 * Every allocation of a VM's life fails once: each step says so, and the VM goes on as if it had not
 * been asked. The sanitizers look for what is lost on the way.
 */
#include "support/failing_heap.h"
#include "support/model.h"

#include <errno.h>
#include <stdlib.h>

/* Each step is tried until it works; one failed allocation may cost it one -ENOMEM. */
static int persist(struct model *m, int (*step)(struct model *m, uint32_t i), uint32_t i)
{
	int ret = step(m, i);

	if (ret == -ENOMEM && heap.failed) {
		heap.failed = false;
		ret = step(m, i);
	}
	return ret;
}

static int make_vcpu(struct model *m, uint32_t i)
{
	int ret = kvmcore_vcpu_create(m->vm, i, i);

	return ret < 0 ? ret : 0;
}

static int add_range(struct model *m, uint32_t i)
{
	return model_filter(m, 0xc1000000u + (i * 7919 % 1200) * 2, 1, KVM_SMCCC_FILTER_DENY);
}

static int add_slot(struct model *m, uint32_t i)
{
	return model_memory(m, i, 0x40000000u + i * 0x10000u, 0x1000, (void *)0x10000);
}

static int read_ranges(struct model *m, uint32_t i)
{
	static struct kvm_smccc_filter range[1200];
	struct kvmcore_array array = { .capacity = 1200, .ptr = (uintptr_t)range };

	(void)i;
	return model_attr(m, -1, KVM_GET_DEVICE_ATTR, KVMCORE_GROUP_FILTER, KVMCORE_FILTER_RANGES,
			  &array);
}

static bool live(void)
{
	static const struct kvmcore_config plain;
	struct model m = { 0 };
	int ret = kvmcore_vm_create(&plain, &m.vm, NULL);
	bool good = true;

	if (ret == -ENOMEM && heap.failed) {
		heap.failed = false;
		ret = kvmcore_vm_create(&plain, &m.vm, NULL);
	}
	good = ret == 0;
	for (uint32_t i = 0; good && i < 5; i++)
		good = persist(&m, make_vcpu, i) == 0;
	for (uint32_t i = 0; good && i < 1200; i++)
		good = persist(&m, add_range, i) == 0;
	for (uint32_t i = 0; good && i < 20; i++)
		good = persist(&m, add_slot, i) == 0;
	good = good && persist(&m, read_ranges, 0) == 0 && kvmcore_vcpu_count(m.vm) == 5;
	kvmcore_vm_destroy(m.vm);
	return good;
}

static void test_each_failure_is_survived(void)
{
	unsigned int n = 0;

	do {
		heap.failed = false;
		heap.until_failure = ++n;
		REQUIRE(live(), "the failed step says ENOMEM and can be tried again");
	} while (heap.until_failure == 0);
	CHECK(n > 20, "there were allocations to fail");
	heap.until_failure = 0;
}

int main(void)
{
	return RUN_TESTS(test_each_failure_is_survived);
}
