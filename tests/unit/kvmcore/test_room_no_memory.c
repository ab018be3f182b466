// SPDX-License-Identifier: Apache-2.0
/*
 * The guard and an s390 VM without memory: every allocation of a life fails once; each step says so, changes nothing, and
 * works when it is asked again.
 */
#include "s390_rig.h"
#include "support/failing_heap.h"

#include <stdlib.h>

#define S_ENROLL 0xc6000003u
#define S_MAP    0xc6000004u
#define S_UNMAP  0xc6000005u
#define DEVICES  0x9000000ULL
#define PAGE     4096u
#define PAGES    1024u

typedef int step_fn(struct model *m, uint32_t i);

/* One failed allocation may cost a step one -ENOMEM; then it works. */
static bool persist(struct model *m, step_fn *step, uint32_t i, int want)
{
	int ret = step(m, i);

	if (ret == -ENOMEM && heap.failed) {
		heap.failed = false;
		ret = step(m, i);
	}
	return ret == want;
}

/* --- the guard: a call that finds no memory is refused like any other -------------------------------- */

static int guard_call(struct model *m, uint32_t id, uint64_t ipa)
{
	return model_call(m, 0, id, ipa, 0, 0) == 0 ? 0 : heap.failed ? -ENOMEM : -EPERM;
}

/* Every other page, so that each is a run of its own. */
static int map(struct model *m, uint32_t i)
{
	return guard_call(m, S_MAP, DEVICES + 2ULL * i * PAGE);
}

static int map_between(struct model *m, uint32_t i)
{
	return guard_call(m, S_MAP, DEVICES + (2ULL * i + 1) * PAGE);
}

/* Out of the middle: what is behind it needs a run. */
static int unmap(struct model *m, uint32_t i)
{
	return guard_call(m, S_UNMAP, DEVICES + (4ULL * i + 1) * PAGE);
}

static struct kvmcore_guard_range room[64];

static int read_ranges(struct model *m, uint32_t i)
{
	struct kvmcore_array array = { .capacity = 64, .ptr = (uintptr_t)room };
	const int ret = model_attr(m, -1, KVM_GET_DEVICE_ATTR, KVMCORE_GROUP_GUARD,
				   KVMCORE_GUARD_RANGES, &array);

	return ret ? ret : (int)(array.count - i);
}

static int set_state(struct model *m, uint32_t i)
{
	const struct kvmcore_guard_state state = {
		.flags = 1, .granule = PAGE, .count = i, .ptr = (uintptr_t)room
	};

	return model_attr(m, -1, KVM_SET_DEVICE_ATTR, KVMCORE_GROUP_GUARD, KVMCORE_GUARD_STATE,
			  &state);
}

static int set_shared(struct model *m, uint32_t i)
{
	const struct kvmcore_array array = { .count = i, .ptr = (uintptr_t)room };

	return model_attr(m, -1, KVM_SET_DEVICE_ATTR, KVMCORE_GROUP_GUARD, KVMCORE_GUARD_SHARED,
			  &array);
}

static bool make(struct model *m, const struct kvmcore_config *config)
{
	int ret = kvmcore_vm_create(config, &m->vm, NULL);

	if (ret == -ENOMEM && heap.failed) {
		heap.failed = false;
		ret = kvmcore_vm_create(config, &m->vm, NULL);
	}
	return ret == 0;
}

static int make_vcpu(struct model *m, uint32_t i)
{
	const int ret = kvmcore_vcpu_create(m->vm, i, i);

	return ret < 0 ? ret : 0;
}

static bool guarded_life(void)
{
	static const struct kvmcore_config series = { .guard = KVMCORE_GUARD_S };
	struct model m = { 0 }, other = { 0 };
	bool good = make(&m, &series) && make(&other, &series) && persist(&m, make_vcpu, 0, 0);

	if (good)
		kvmcore_resume(m.vm);
	good = good && model_call(&m, 0, S_ENROLL, 0, 0, 0) == 0;
	for (uint32_t i = 0; good && i < 20; i++)
		good = persist(&m, map, i, 0);
	for (uint32_t i = 0; good && i < 19; i++)
		good = persist(&m, map_between, i, 0); /* one run of 39 pages */
	for (uint32_t i = 0; good && i < 9; i++)
		good = persist(&m, unmap, i, 0); /* ten runs */
	good = good && persist(&m, read_ranges, 10, 0);
	good = good && persist(&other, set_state, 10, 0) && persist(&other, set_shared, 10, 0);
	good = good && persist(&other, read_ranges, 10, 0) && persist(&other, set_state, 3, 0);
	good = good && persist(&other, read_ranges, 3, 0);
	kvmcore_vm_destroy(m.vm);
	kvmcore_vm_destroy(other.vm);
	return good;
}

/* --- s390 --------------------------------------------------------------------------------------------- */

static _Alignas(PAGE) uint8_t memory[PAGES * PAGE];
static uint8_t bytes[PAGES];

static int add_memory(struct model *m, uint32_t i)
{
	struct kvm_userspace_memory_region r = { i, KVM_MEM_LOG_DIRTY_PAGES, 0, sizeof(memory),
						 (uintptr_t)memory };

	return kvmcore_ioctl(m->vm, -1, KVM_SET_USER_MEMORY_REGION, &r);
}

static int start(struct model *m, uint32_t i)
{
	(void)i;
	return s390_set(m, KVM_S390_VM_MIGRATION, KVM_S390_VM_MIGRATION_START, NULL);
}

static int keys(struct model *m, uint32_t set)
{
	struct kvm_s390_skeys k = { .count = PAGES, .skeydata_addr = (uintptr_t)bytes };

	return kvmcore_ioctl(m->vm, -1, set ? KVM_S390_SET_SKEYS : KVM_S390_GET_SKEYS, &k);
}

static int cmma(struct model *m, uint32_t set)
{
	struct kvm_s390_cmma_log log = { .count = PAGES, .values = (uintptr_t)bytes };
	int ret;

	if (set)
		log.mask = ~0ULL;
	ret = kvmcore_ioctl(m->vm, -1, set ? KVM_S390_SET_CMMA_BITS : KVM_S390_GET_CMMA_BITS, &log);
	return ret || set ? ret : (int)(PAGES - log.count);
}

static bool s390_life(void)
{
	static const struct kvmcore_config config = { .type = KVMCORE_VM_S390 };
	struct model m = { 0 };
	bool good = make(&m, &config);

	good = good && s390_set(&m, KVM_S390_VM_MEM_CTRL, KVM_S390_VM_MEM_ENABLE_CMMA, NULL) == 0;
	good = good && persist(&m, make_vcpu, 0, 0) && persist(&m, add_memory, 0, 0);
	good = good && persist(&m, keys, 1, 0) && persist(&m, keys, 0, 0);
	good = good && persist(&m, cmma, 1, 0) && persist(&m, start, 0, 0);
	good = good && persist(&m, cmma, 0, 0);
	kvmcore_vm_destroy(m.vm);
	return good;
}

static void sweep(bool (*life)(void), unsigned int least)
{
	unsigned int n = 0;

	do {
		heap.failed = false;
		heap.until_failure = ++n;
		if (!CHECK(life(), "the failed step says so and can be tried again"))
			break;
	} while (heap.until_failure == 0);
	CHECK(n > least, "there were allocations to fail");
	heap.until_failure = 0;
}

static void test_a_guard_without_memory(void)
{
	sweep(guarded_life, 60);
}

static void test_an_s390_vm_without_memory(void)
{
	sweep(s390_life, 10);
}

int main(void)
{
	return RUN_TESTS(test_a_guard_without_memory, test_an_s390_vm_without_memory);
}
