// SPDX-License-Identifier: Apache-2.0
/*
 * Group 0x4D47: reading a guard and writing it into a VM that has not run (docs/abi-guard.md).
 */
#include "support/model.h"

#include <errno.h>
#include <stdlib.h>

#define UART 0x9000000ULL
#define RAM  0x40000000ULL
#define PAGE 4096u
#define TOP  (1ULL << 40)
#define BAD  8u /* an address that is never mapped */

enum { S, A1, A2, U }; /* enum kvmcore_guard_abi, short */

static const struct kvmcore_config series = { .guard = KVMCORE_GUARD_S };

static int set(struct model *m, uint64_t attr, const void *value)
{
	return model_attr(m, -1, KVM_SET_DEVICE_ATTR, KVMCORE_GROUP_GUARD, attr, value);
}

static int get(struct model *m, uint64_t attr, void *value)
{
	return model_attr(m, -1, KVM_GET_DEVICE_ATTR, KVMCORE_GROUP_GUARD, attr, value);
}

/* Does the VM guard (or share) exactly these ranges? */
static bool holds(struct model *m, uint64_t attr, const struct kvmcore_guard_range *want, size_t n)
{
	struct kvmcore_guard_range got[8] = { 0 };
	struct kvmcore_array array = { .capacity = 8, .ptr = (uintptr_t)got };

	return get(m, attr, &array) == 0 && array.count == n &&
	       !memcmp(got, want, n * sizeof(*want));
}

struct set_row {
	const char *promise;
	uint32_t abi, flags;
	uint64_t granule, count;
	struct kvmcore_guard_range range[3];
	int want;
};

/* What is wrong first decides: each row may break later checks too. */
static const struct set_row refused[] = {
	{ "another variant", A1, 0, PAGE, 1, { { 1, 1 } }, -EINVAL },
	{ "an unknown flag", S, 2, PAGE, 1, { { 1, 1 } }, -EINVAL },
	{ "another granule", S, 1, 16384, 1, { { 1, 1 } }, -EINVAL },
	{ "more ranges than a guard has", S, 1, PAGE, 262145, { { 1, 1 } }, -ENOMEM },
	{ "an unaligned base", S, 1, PAGE, 1, { { UART + 8, PAGE } }, -EINVAL },
	{ "an unaligned size", S, 1, PAGE, 1, { { UART, PAGE + 8 } }, -EINVAL },
	{ "an empty range", S, 1, PAGE, 1, { { UART, 0 } }, -EINVAL },
	{ "a range that wraps", S, 1, PAGE, 1, { { ~0xfffULL, 2 * PAGE } }, -EINVAL },
	{ "ranges out of order",
	  S,
	  1,
	  PAGE,
	  2,
	  { { UART + PAGE, PAGE }, { UART, PAGE } },
	  -EINVAL },
	{ "ranges that overlap",
	  S,
	  1,
	  PAGE,
	  2,
	  { { UART, 2 * PAGE }, { UART + PAGE, PAGE } },
	  -EINVAL },
	{ "the same range twice", S, 1, PAGE, 2, { { UART, PAGE }, { UART, PAGE } }, -EINVAL },
	{ "beyond the guest's addresses", S, 1, PAGE, 1, { { TOP, PAGE } }, -ERANGE },
	{ "across their end", S, 1, PAGE, 1, { { TOP - PAGE, 2 * PAGE } }, -ERANGE },
	{ "over memory", S, 1, PAGE, 1, { { RAM - PAGE, 2 * PAGE } }, -EEXIST },
	{ "over memory, behind others", S, 1, PAGE, 2, { { UART, PAGE }, { RAM, PAGE } }, -EEXIST },
};

static int set_row(struct model *m, const struct set_row *row)
{
	struct kvmcore_guard_state state = { row->abi, row->flags, row->granule, row->count,
					     (uintptr_t)row->range };

	return set(m, KVMCORE_GUARD_STATE, &state);
}

static void test_set_refuses_in_order_and_changes_nothing(void)
{
	static const struct set_row good = { "",   S, 0,
					     PAGE, 2, { { UART, PAGE }, { UART + 4 * PAGE, PAGE } },
					     0 };
	struct kvmcore_guard_state state = { S, 0, PAGE, 1, BAD };
	struct model m = model_new(&series, 1);
	void *ram = aligned_alloc(PAGE, PAGE);

	CHECK(model_memory(&m, 0, RAM, PAGE, ram) == 0, "memory");
	CHECK(set_row(&m, &good) == 0, "a guard");
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		CHECK(set_row(&m, &refused[i]) == refused[i].want, refused[i].promise);
		CHECK(holds(&m, KVMCORE_GUARD_RANGES, good.range, 2), "and all stays");
	}
	CHECK(set(&m, KVMCORE_GUARD_STATE, NULL) == -EFAULT, "no state at all");
	CHECK(set(&m, KVMCORE_GUARD_STATE, &state) == -EFAULT, "no ranges at all");
	state.granule = 1;
	CHECK(set(&m, KVMCORE_GUARD_STATE, &state) == -EINVAL, "the granule is checked before");
	CHECK(set_row(&m, &good) == 0 && holds(&m, KVMCORE_GUARD_RANGES, good.range, 2),
	      "the same again is the same");
	model_free(&m);
	free(ram);
}

static void test_after_a_run_only_bad_states_have_another_error(void)
{
	static const struct set_row row[] = {
		{ "good", S, 1, PAGE, 1, { { UART, PAGE } }, -EBUSY },
		{ "empty", S, 0, PAGE, 0, { { 0 } }, -EBUSY },
		{ "over memory", S, 1, PAGE, 1, { { RAM, PAGE } }, -EBUSY },
		{ "out of reach", S, 1, PAGE, 1, { { TOP, PAGE } }, -ERANGE },
		{ "malformed", S, 1, PAGE, 1, { { 1, PAGE } }, -EINVAL },
	};
	struct kvmcore_array none = { 0 };
	struct model m = model_new(&series, 1);
	void *ram = aligned_alloc(PAGE, PAGE);

	model_memory(&m, 0, RAM, PAGE, ram);
	kvmcore_run(m.vm, 0, false, &m.reply);
	for (size_t i = 0; i < ARRAY_SIZE(row); i++)
		CHECK(set_row(&m, &row[i]) == row[i].want, row[i].promise);
	CHECK(set(&m, KVMCORE_GUARD_SHARED, &none) == -EBUSY, "shared pages neither");
	model_free(&m);
	free(ram);
}

static void test_nisv_comes_last(void)
{
	static const struct set_row enrolled = { "", S, 1, PAGE, 1, { { UART, PAGE } }, 0 },
				    idle = { "", S, 0, PAGE, 0, { { 0 } }, 0 },
				    a1 = { "", A1, 1, PAGE, 1, { { UART, PAGE } }, 0 };
	struct model m = model_new(&series, 1);

	model_enable(&m, KVM_CAP_ARM_NISV_TO_USER, 0);
	CHECK(set_row(&m, &enrolled) == -EPERM, "no ENROLL with NISV");
	CHECK(set_row(&m, &idle) == 0, "a guest that did not enroll is no matter");
	model_free(&m);
	m = model_new(&(struct kvmcore_config){ .guard = KVMCORE_GUARD_A1 }, 1);
	model_enable(&m, KVM_CAP_ARM_NISV_TO_USER, 0);
	CHECK(set_row(&m, &a1) == 0, "A1 knows no such rule");
	model_free(&m);
}

static void test_ranges_that_touch_become_one(void)
{
	static const struct set_row touching = {
		"", U, 1, PAGE, 3, { { 0, PAGE }, { PAGE, PAGE }, { TOP - PAGE, PAGE } }, 0
	};
	static const struct kvmcore_guard_range want[] = { { 0, 2 * PAGE }, { TOP - PAGE, PAGE } };
	struct kvmcore_guard_state info = { .ptr = 1 };
	struct model m = model_new(&(struct kvmcore_config){ .guard = KVMCORE_GUARD_U }, 1);

	CHECK(set_row(&m, &touching) == 0, "touching is not overlapping");
	CHECK(holds(&m, KVMCORE_GUARD_RANGES, want, 2), "and is read back as one");
	CHECK(get(&m, KVMCORE_GUARD_INFO, &info) == 0 && info.abi == U && info.flags == 1 &&
		      info.granule == PAGE && info.count == 2 && info.ptr == 0,
	      "INFO counts them");
	model_free(&m);
}

static void test_get_refuses_in_order(void)
{
	struct kvmcore_guard_range got = { 5, 5 };
	struct kvmcore_array array = { .capacity = 1, .ptr = (uintptr_t)&got, .pad = 1 };
	struct model m = model_new(&(struct kvmcore_config){ .guard = KVMCORE_GUARD_U }, 1);

	model_call(&m, 0, 0xc6000007, UART, 0, 0);
	model_call(&m, 0, 0xc6000007, UART + 2 * PAGE, 0, 0);
	CHECK(get(&m, KVMCORE_GUARD_INFO, NULL) == -EFAULT, "INFO to nowhere");
	CHECK(get(&m, KVMCORE_GUARD_RANGES, NULL) == -EFAULT, "RANGES to nowhere");
	CHECK(get(&m, KVMCORE_GUARD_RANGES, &array) == -EINVAL && array.count == 0, "padding");
	array.pad = 0;
	CHECK(get(&m, KVMCORE_GUARD_RANGES, &array) == -ENOSPC && array.count == 2 && got.base == 5,
	      "too small: the count and nothing else");
	array = (struct kvmcore_array){ 0 };
	CHECK(get(&m, KVMCORE_GUARD_RANGES, &array) == 0 && array.count == 2, "the count alone");
	array = (struct kvmcore_array){ .capacity = 2, .ptr = BAD };
	CHECK(get(&m, KVMCORE_GUARD_RANGES, &array) == -EFAULT, "ranges to nowhere");
	CHECK(get(&m, KVMCORE_GUARD_STATE, &array) == -ENXIO, "STATE is for writing");
	CHECK(set(&m, KVMCORE_GUARD_INFO, &array) == -ENXIO, "INFO is for reading");
	CHECK(set(&m, KVMCORE_GUARD_RANGES, &array) == -ENXIO, "RANGES too");
	CHECK(get(&m, 4, &array) == -ENXIO && set(&m, 4, &array) == -ENXIO, "there is no 4");
	for (uint64_t attr = 0; attr < 6; attr++)
		CHECK(model_attr(&m, -1, KVM_HAS_DEVICE_ATTR, KVMCORE_GROUP_GUARD, attr, NULL) ==
			      (attr < 4 ? 0 : -ENXIO),
		      "HAS knows 0 to 3");
	model_free(&m);
}

static void test_shared_pages_are_written_and_read(void)
{
	struct kvmcore_guard_range range[] = { { RAM, PAGE }, { RAM + 2 * PAGE, PAGE } };
	struct kvmcore_array array = { .count = 2, .ptr = (uintptr_t)range, .pad = 1 };
	struct model m = model_new(&(struct kvmcore_config){ .guard = KVMCORE_GUARD_U }, 1);

	CHECK(set(&m, KVMCORE_GUARD_SHARED, NULL) == -EFAULT, "from nowhere");
	CHECK(set(&m, KVMCORE_GUARD_SHARED, &array) == -EINVAL, "padding");
	array.pad = 0;
	CHECK(set(&m, KVMCORE_GUARD_SHARED, &array) == 0 &&
		      holds(&m, KVMCORE_GUARD_SHARED, range, 2),
	      "what is written is read");
	range[1].base = RAM;
	CHECK(set(&m, KVMCORE_GUARD_SHARED, &array) == -EINVAL, "overlapping");
	array.ptr = BAD;
	CHECK(set(&m, KVMCORE_GUARD_SHARED, &array) == -EFAULT, "ranges from nowhere");
	range[1].base = RAM + 2 * PAGE;
	CHECK(holds(&m, KVMCORE_GUARD_SHARED, range, 2), "failures change nothing");
	CHECK(model_call(&m, 0, 0xc6000004, RAM, 0, 0) == 0, "the guest takes one back");
	CHECK(holds(&m, KVMCORE_GUARD_SHARED, range + 1, 1), "which leaves the other");
	model_free(&m);
}

static void test_a_written_guard_works(void)
{
	static const struct set_row row = { "", S, 1, PAGE, 1, { { UART, 2 * PAGE } }, 0 };
	const struct kvmcore_mmio inside = { .ipa = UART + PAGE, .len = 4 },
				  outside = { .ipa = UART - 4, .len = 4 };
	struct kvmcore_mmio_result result;
	struct model m = model_new(&series, 1);

	CHECK(set_row(&m, &row) == 0, "an enrolled guest");
	CHECK(kvmcore_vcpu_mmio(m.vm, 0, &inside, &result, &m.reply) == 0 && !result.aborted,
	      "reaches what it guarded");
	CHECK(kvmcore_vcpu_mmio(m.vm, 0, &outside, &result, &m.reply) == 0 && result.aborted,
	      "and nothing else");
	CHECK(model_call(&m, 0, 0xc6000005, UART, 0, 0) == 0, "UNMAP of half");
	CHECK(model_enable(&m, KVM_CAP_ARM_NISV_TO_USER, 0) == -EINVAL, "NISV is out of question");
	model_free(&m);
}

/* A state no guest of the variant can be in: U has no way not to hold, and off none to hold. */
static void test_states_a_variant_does_not_have(void)
{
	const struct {
		const char *promise;
		enum kvmcore_guard_abi abi;
		uint32_t flags;
		int want;
	} row[] = {
		{ "U that does not hold", KVMCORE_GUARD_U, 0, -EINVAL },
		{ "U that holds", KVMCORE_GUARD_U, 1, 0 },
		{ "off that holds", KVMCORE_GUARD_OFF, 1, -EINVAL },
		{ "off that does not", KVMCORE_GUARD_OFF, 0, 0 },
		{ "A2 before ENROLL", KVMCORE_GUARD_A2, 0, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		const struct kvmcore_guard_state state = { row[i].abi, row[i].flags, PAGE, 0, 0 };
		struct model m = model_new(&(struct kvmcore_config){ .guard = row[i].abi }, 1);

		CHECK(set(&m, KVMCORE_GUARD_STATE, &state) == row[i].want, row[i].promise);
		model_free(&m);
	}
}

int main(void)
{
	return RUN_TESTS(test_set_refuses_in_order_and_changes_nothing,
			 test_after_a_run_only_bad_states_have_another_error, test_nisv_comes_last,
			 test_ranges_that_touch_become_one, test_get_refuses_in_order,
			 test_shared_pages_are_written_and_read, test_a_written_guard_works,
			 test_states_a_variant_does_not_have);
}
