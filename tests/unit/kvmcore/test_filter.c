// SPDX-License-Identifier: Apache-2.0
#include "filter.h"
#include "kernel.h"
#include "support/check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CPU_ON 0xc4000003u
#define HANDLE KVM_SMCCC_FILTER_HANDLE
#define DENY   KVM_SMCCC_FILTER_DENY
#define FWD    KVM_SMCCC_FILTER_FWD_TO_USER

static int add(struct filter *f, uint32_t base, uint32_t nr, uint8_t action)
{
	const struct kvm_smccc_filter range = { .base = base,
						.nr_functions = nr,
						.action = action };

	return filter_add(f, &range, kernel_find(NULL)->reserved[KVMCORE_VM_ARM64]);
}

static void test_filter_add_keeps_its_promises(void)
{
	static const struct {
		const char *promise;
		uint32_t base, nr;
		uint8_t action;
		int want;
	} row[] = {
		{ "takes a free call", CPU_ON, 1, DENY, 0 },
		{ "refuses a decided call", CPU_ON, 1, FWD, -EEXIST },
		{ "refuses the same again", CPU_ON, 1, DENY, -EEXIST },
		{ "refuses a range around it", CPU_ON - 1, 3, DENY, -EEXIST },
		{ "refuses a range that ends in it", CPU_ON - 1, 2, DENY, -EEXIST },
		{ "refuses a range that begins in it", CPU_ON, 2, DENY, -EEXIST },
		{ "leaves the next call free", CPU_ON + 1, 1, FWD, 0 },
		{ "leaves the call before free", CPU_ON - 1, 1, HANDLE, 0 },
		{ "guards SMC32 arch calls", 0x7fffffffu, 2, DENY, -EEXIST },
		{ "guards SMC64 arch calls", 0xc000ffffu, 1, DENY, -EEXIST },
		{ "guards them from what covers them", 0x70000000u, 0x20000000u, DENY, -EEXIST },
		{ "takes the first call", 0, 1, DENY, 0 },
		{ "takes the last call", 0xffffffffu, 1, FWD, 0 },
		{ "takes all below the reserved ones", 1, 0x7fffffffu, DENY, 0 },
	};
	struct filter f = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(row); i++)
		CHECK(add(&f, row[i].base, row[i].nr, row[i].action) == row[i].want,
		      row[i].promise);
	CHECK(f.n_ranges == 6, "a refused range leaves no trace");
	CHECK(filter_lookup(&f, CPU_ON) == DENY, "the first word stands");
	CHECK(filter_lookup(&f, CPU_ON - 1) == HANDLE && filter_lookup(&f, CPU_ON + 1) == FWD,
	      "neighbours keep their own");
	CHECK(filter_lookup(&f, CPU_ON + 2) == HANDLE, "what nobody decided is handled");
	CHECK(filter_lookup(&f, 0) == DENY && filter_lookup(&f, 0x7fffffffu) == DENY &&
		      filter_lookup(&f, 0xffffffffu) == FWD,
	      "both ends belong to a range");
	filter_exit(&f);
	CHECK(filter_lookup(&f, CPU_ON) == HANDLE, "afterwards there is no filter");
}

/* A reference that cannot be wrong: every id of a small space on its own. */
#define SPACE 4096u
#define BASE  0xc4000000u

static bool naive_add(uint8_t *fate, uint32_t base, uint32_t nr, uint8_t action)
{
	for (uint32_t i = base; i < base + nr; i++)
		if (fate[i] != 0xff)
			return false;
	memset(&fate[base], action, nr);
	return true;
}

static void check_same(const struct filter *f, const uint8_t *fate)
{
	unsigned int wrong = 0;

	for (uint32_t i = 0; i < SPACE; i++)
		wrong += filter_lookup(f, BASE + i) != (fate[i] == 0xff ? HANDLE : fate[i]);
	CHECK(wrong == 0, "every id has the fate the reference gives it");
}

static void test_random_sets_equal_a_naive_reference(void)
{
	const char *given = getenv("SDEI_SEED");
	const unsigned int seed =
		given ? (unsigned int)strtoul(given, NULL, 0) : (unsigned int)time(NULL);
	unsigned int n, disagreements;
	uint8_t fate[SPACE];

	printf("SDEI_SEED=%u\n", seed);
	srand(seed);
	for (unsigned int round = 0; round < 40; round++) {
		const uint32_t longest = 1 + (uint32_t)rand() % (round < 20 ? 4 : 64);
		struct filter f = { 0 };

		memset(fate, 0xff, sizeof(fate));
		disagreements = n = 0;
		for (unsigned int i = 0; i < 6000; i++) {
			const uint32_t nr = 1 + (uint32_t)rand() % longest;
			const uint32_t base = (uint32_t)rand() % (SPACE - nr + 1);
			const uint8_t action = (uint8_t)(rand() % 3);
			const bool taken = naive_add(fate, base, nr, action);

			n += taken;
			disagreements += add(&f, BASE + base, nr, action) != (taken ? 0 : -EEXIST);
		}
		CHECK(disagreements == 0, "a range is taken exactly if the reference takes it");
		CHECK(f.n_ranges == n, "each success is one range");
		check_same(&f, fate);
		filter_freeze(&f);
		CHECK(f.index.n == n, "laid out for looking up");
		check_same(&f, fate);
		filter_exit(&f);
	}
}

/* Both ends of each range, the ids beside them, and the ends of the space, frozen and not. */
static void check_both_ways(struct filter *f, uint32_t n)
{
	unsigned int wrong = 0;

	for (unsigned int way = 0; way < 2; way++) {
		for (uint32_t i = 0; i < n; i++) {
			const uint32_t first = BASE + 4 * i;

			wrong += filter_lookup(f, first - 1) != HANDLE;
			wrong += filter_lookup(f, first) != FWD ||
				 filter_lookup(f, first + 1) != FWD;
			wrong += filter_lookup(f, first + 2) != HANDLE;
		}
		wrong += filter_lookup(f, 0) != DENY || filter_lookup(f, UINT32_MAX) != DENY;
		wrong +=
			filter_lookup(f, 1) != HANDLE || filter_lookup(f, UINT32_MAX - 1) != HANDLE;
		filter_freeze(f);
	}
	CHECK(wrong == 0, "every id is found where it is");
}

static void test_frozen_look_ups_at_every_number_of_levels(void)
{
	static const uint32_t sizes[] = { 0,    1,    13,   14,    15,    16,    17,
					  239,  253,  254,  255,   256,   257,   4093,
					  4094, 4095, 4096, 65533, 65534, 65535, 131072 };

	for (size_t k = 0; k < ARRAY_SIZE(sizes); k++) {
		struct filter f = { 0 };

		for (uint32_t i = 0; i < sizes[k]; i++)
			add(&f, BASE + 4 * i, 2, FWD);
		add(&f, 0, 1, DENY);
		add(&f, UINT32_MAX, 1, DENY);
		check_both_ways(&f, sizes[k]);
		CHECK(add(&f, 100, 1, DENY) == 0 && filter_lookup(&f, 100) == DENY &&
			      filter_lookup(&f, 0) == DENY,
		      "a range that comes late is found all the same");
		filter_exit(&f);
	}
}

static void test_reading_back_is_exact(void)
{
	struct kvm_smccc_filter *range;
	struct filter f = { 0 };
	bool sorted = true;
	uint32_t n = 1000;

	for (uint32_t i = 0; i < n; i++) /* adjacent, equal actions, in a scattered order */
		add(&f, BASE + 2 * (i * 617 % n), 2, FWD);
	range = calloc(n, sizeof(*range));
	filter_read(&f, range, n);
	for (uint32_t i = 0; i < n; i++)
		sorted = sorted && range[i].base == BASE + 2 * i && range[i].nr_functions == 2 &&
			 range[i].action == FWD;
	CHECK(f.n_ranges == n && sorted, "ranges come back one by one, sorted, unmerged");
	free(range);
	filter_exit(&f);
}

static void test_many_ranges_fit(void)
{
	struct filter f = { 0 };
	int ret = 0;

	for (uint32_t i = 0; i < 131072 && !ret; i++)
		ret = add(&f, BASE + (i * 40503u & 131071) * 2, 1, DENY);
	CHECK(ret == 0 && f.n_ranges == 131072, "131,072 single ids are taken in any order");
	CHECK(filter_lookup(&f, BASE) == DENY && filter_lookup(&f, BASE + 1) == HANDLE &&
		      filter_lookup(&f, BASE + 2 * 131071) == DENY,
	      "and found again");
	filter_exit(&f);
}

static void test_the_number_of_ranges_is_bounded(void)
{
	struct filter f = { 0 };
	int ret = 0;

	for (uint32_t i = 0; i < FILTER_MAX_RANGES && !ret; i++)
		ret = add(&f, 2 * i, 1, DENY);
	CHECK(ret == 0, "the limit can be reached");
	CHECK(add(&f, 2 * FILTER_MAX_RANGES, 1, DENY) == -ENOMEM, "beyond it memory ends");
	CHECK(add(&f, 0, 1, DENY) == -EEXIST, "a decided call is still told apart");
	filter_exit(&f);
}

int main(void)
{
	return RUN_TESTS(test_filter_add_keeps_its_promises,
			 test_random_sets_equal_a_naive_reference,
			 test_frozen_look_ups_at_every_number_of_levels, test_reading_back_is_exact,
			 test_many_ranges_fit, test_the_number_of_ranges_is_bounded);
}
