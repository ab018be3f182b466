// SPDX-License-Identifier: Apache-2.0
/*
 * Sets of runs, held against a plain array of bits.
 */
#include "guard/spans.h"
#include "support/check.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WIDTH 512u
#define STEPS 20000u

static uint64_t random_state;

/* splitmix64, so that a seed is a whole run */
static uint64_t pick(uint64_t below)
{
	uint64_t z = random_state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return (z ^ z >> 31) % below;
}

static unsigned int list_bits(const bool *bit, struct span *span)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < WIDTH; i++) {
		if (!bit[i])
			continue;
		if (i && bit[i - 1])
			span[n - 1].count++;
		else
			span[n++] = (struct span){ i, 1 };
	}
	return n;
}

static bool any_bit(const bool *bit, uint64_t first, uint64_t count)
{
	for (uint64_t i = first; i < first + count; i++)
		if (bit[i])
			return true;
	return false;
}

static bool add_number(struct spans *set, bool *bit)
{
	const uint64_t number = pick(WIDTH);

	bit[number] = true;
	return spans_add(set, number) == 0;
}

static bool remove_number(struct spans *set, bool *bit)
{
	const uint64_t number = pick(WIDTH);
	const int want = bit[number] ? 0 : -ENOENT;

	bit[number] = false;
	return spans_remove(set, number) == want;
}

static bool add_run(struct spans *set, bool *bit)
{
	const uint64_t first = pick(WIDTH - 16), count = pick(16);
	const int want = !count || any_bit(bit, first, count) ? -EEXIST : 0;

	if (!want)
		memset(bit + first, true, count);
	return spans_add_run(set, first, count) == want;
}

static bool ask(struct spans *set, bool *bit)
{
	const uint64_t first = pick(WIDTH - 32), count = pick(32);

	return spans_has(set, first) == bit[first] &&
	       spans_meets(set, first, count) == any_bit(bit, first, count);
}

static bool is_same(const struct spans *set, const bool *bit)
{
	struct span want[WIDTH], got[WIDTH];
	const unsigned int n = list_bits(bit, want);

	if (set->n != n)
		return false;
	spans_list(set, got);
	return !memcmp(got, want, n * sizeof(*want));
}

static void test_random_changes_match_bits(void)
{
	static bool (*const step[])(struct spans * set, bool *bit) = { add_number, remove_number,
								       add_run, ask };
	const char *given = getenv("SPANS_SEED");
	const uint64_t seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
	struct spans set = { 0 };
	bool bit[WIDTH] = { false };
	bool answers = true, lists = true;

	printf("SPANS_SEED=%" PRIu64 "\n", seed);
	random_state = seed;
	for (unsigned int i = 0; i < STEPS && answers && lists; i++) {
		answers = step[pick(ARRAY_SIZE(step))](&set, bit);
		lists = is_same(&set, bit);
	}
	CHECK(answers, "each step answers as the bits do");
	CHECK(lists, "the runs are the bits: sorted, disjoint, never touching");
	spans_clear(&set);
	CHECK(set.n == 0 && !set.root && !spans_meets(&set, 0, WIDTH), "cleared is empty");
}

static void test_pages_one_after_another_are_one_run(void)
{
	struct spans set = { 0 };
	struct span span = { 0 };
	bool added = true;

	for (uint64_t i = 0; i < SPANS_MAX; i++)
		added = added && spans_add(&set, 0x8000 + i) == 0 && set.n == 1;
	CHECK(added, "262,144 upwards, never more than one run");
	spans_list(&set, &span);
	CHECK(span.first == 0x8000 && span.count == SPANS_MAX, "which holds them all");
	for (uint64_t i = 1; i <= 0x8000; i++)
		added = added && spans_add(&set, 0x8000 - i) == 0 && set.n == 1;
	CHECK(added && spans_has(&set, 0), "and downwards to 0");
	spans_clear(&set);
}

static void test_the_number_of_runs_is_limited(void)
{
	struct spans set = { 0 };
	bool added = true;

	for (uint64_t i = 0; i < SPANS_MAX; i++)
		added = added && spans_add(&set, i * 2) == 0;
	CHECK(added && set.n == SPANS_MAX, "as many runs as promised");
	CHECK(spans_add(&set, SPANS_MAX * 2u) == -ENOMEM, "not one more");
	CHECK(!spans_has(&set, SPANS_MAX * 2u) && set.n == SPANS_MAX, "and nothing changed");
	CHECK(spans_add(&set, 1) == 0 && set.n == SPANS_MAX - 1, "a gap can be closed");
	CHECK(spans_add(&set, SPANS_MAX * 2u) == 0, "which makes room for one");
	CHECK(spans_remove(&set, 1) == -ENOMEM, "a split needs room too");
	CHECK(spans_has(&set, 0) && spans_has(&set, 1) && spans_has(&set, 2) && set.n == SPANS_MAX,
	      "and leaves the run whole without it");
	CHECK(spans_remove(&set, SPANS_MAX * 2u) == 0 && spans_remove(&set, 1) == 0,
	      "with room it works");
	spans_clear(&set);
}

static void test_the_ends_of_the_numbers(void)
{
	struct spans set = { 0 };
	struct span span[2];

	CHECK(spans_add_run(&set, UINT64_MAX - 1, 1) == 0 && spans_add(&set, 0) == 0, "both ends");
	CHECK(set.n == 2, "do not touch");
	CHECK(spans_meets(&set, 0, UINT64_MAX), "all numbers meet them");
	CHECK(!spans_meets(&set, 1, UINT64_MAX - 2), "those between do not");
	CHECK(!spans_meets(&set, 0, 0), "no numbers meet nothing");
	spans_list(&set, span);
	CHECK(span[0].first == 0 && span[1].first == UINT64_MAX - 1, "listed in order");
	spans_clear(&set);
}

int main(void)
{
	return RUN_TESTS(test_random_changes_match_bits, test_pages_one_after_another_are_one_run,
			 test_the_number_of_runs_is_limited, test_the_ends_of_the_numbers);
}
