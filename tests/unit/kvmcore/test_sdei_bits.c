// SPDX-License-Identifier: Apache-2.0
#include "sdei/bits.h"
#include "support/check.h"

static void test_next_and_count(void)
{
	__u64 set[8] = { 0 };

	CHECK(bit_next(set, 8, 0) == 512, "an empty set has no next member");
	bit_add(set, 0);
	bit_add(set, 63);
	bit_add(set, 64);
	bit_add(set, 511);
	CHECK(bit_count(set, 8) == 4, "four members");
	CHECK(bit_next(set, 8, 0) == 0 && bit_next(set, 8, 1) == 63,
	      "the next one is at or behind FROM");
	CHECK(bit_next(set, 8, 64) == 64 && bit_next(set, 8, 65) == 511, "also across words");
	CHECK(bit_next(set, 8, 512) == 512, "behind the end there is none");
	bit_drop(set, 511);
	CHECK(!bit_has(set, 511) && bit_has(set, 64), "one leaves, the others stay");
	bit_put(set, 64, false);
	bit_put(set, 65, true);
	CHECK(!bit_has(set, 64) && bit_has(set, 65), "put says which");
}

static void test_all_below(void)
{
	__u64 set[8] = { 0 };

	CHECK(bit_all_below(set, 8, 0), "an empty set is below everything");
	bit_add(set, 4);
	CHECK(bit_all_below(set, 8, 5) && !bit_all_below(set, 8, 4),
	      "the bound itself is not below");
	bit_add(set, 511);
	CHECK(!bit_all_below(set, 8, 511) && bit_all_below(set, 8, 512),
	      "the last place counts too");
}

int main(void)
{
	return RUN_TESTS(test_next_and_count, test_all_below);
}
