// SPDX-License-Identifier: Apache-2.0
/*
 * The SMCCC filter from VM to VM: random ranges, each broken rule, each obstacle.
 */
#include "hooked.h"
#include "scene.h"
#include "walk.h"

#include <errno.h>
#include <sdeistate/sdeistate.h>
#include <stdlib.h>

#define RANGES 40u

static struct sdeistate *take(struct model *m)
{
	struct sdeistate *state = NULL;

	CHECK(sdeistate_capture(&m->port, NULL, &state, NULL) == 0,
	      "a VM with a filter is captured");
	return state;
}

/* A destination whose VMM answers whatever is forwarded. */
static struct model answering(void)
{
	static const struct kvmcore_call_range all = { 0, UINT32_MAX };
	const struct kvmcore_array answers = { .count = 1, .ptr = (uintptr_t)&all };
	struct model m = scene_fresh(KVMCORE_PROFILE_SPEC, 2);

	CHECK(model_attr(&m, -1, KVM_SET_DEVICE_ATTR, KVMCORE_GROUP_FILTER, KVMCORE_FILTER_ANSWERS,
			 &answers) == 0,
	      "a VMM names what it answers");
	return m;
}

/* @n random ranges in random order; what overlaps is refused by the VM and left out. */
static unsigned int fill(struct model *m, uint64_t seed, unsigned int n)
{
	struct walk walk = walk_begin(seed, KVMCORE_PROFILE_SPEC, 1);
	unsigned int set = 0;

	for (unsigned int i = 0; i < n; i++) {
		uint32_t base = (uint32_t)walk_number(&walk, UINT64_C(1) << 32);
		uint32_t nr = 1 + (uint32_t)walk_number(&walk, 1u << (i % 24));

		set += model_filter(m, base, nr, (uint8_t)walk_number(&walk, 3)) == 0;
	}
	return set;
}

/* What the VM's filter says of all 2^32 ids: segments that end one id before the next begins. */
struct segment {
	uint64_t first, end; /* ids */
	uint8_t action;
};

static unsigned int list_segments(struct model *m, struct segment *segment, unsigned int max)
{
	static struct kvm_smccc_filter range[RANGES];
	struct kvmcore_array array = { .capacity = RANGES, .ptr = (uintptr_t)range };
	uint64_t next = 0;
	unsigned int n = 0;

	CHECK(model_attr(m, -1, KVM_GET_DEVICE_ATTR, KVMCORE_GROUP_FILTER, KVMCORE_FILTER_RANGES,
			 &array) == 0,
	      "the ranges can be read");
	for (unsigned int i = 0; i <= array.count && n + 2 <= max; i++) {
		const uint64_t base = i < array.count ? range[i].base : UINT64_C(1) << 32;

		if (base > next)
			segment[n++] = (struct segment){ next, base, KVM_SMCCC_FILTER_HANDLE };
		if (i == array.count)
			break;
		next = base + range[i].nr_functions;
		segment[n++] = (struct segment){ base, next, range[i].action };
	}
	return n;
}

/* The guest's own view of one id: does the call leave, and what does it return? */
static uint64_t outcome(struct model *m, uint64_t id, bool *left)
{
	const uint64_t x0 = model_call(m, 0, id, 0, 0, 0);

	*left = m->reply.exit == KVMCORE_EXIT_HYPERCALL;
	return x0;
}

/* PSCI and SDEI do things, TRNG is random: there the segments alone speak. */
static bool is_quiet(uint64_t id)
{
	return !((id & 0xbfffffffu) >= 0x84000000u && (id & 0xbfffffffu) < 0x84010000u) &&
	       !((id & 0xbfffffffu) >= 0x86000000u && (id & 0xbfffffffu) < 0x86010000u);
}

static void check_edge(struct model *a, struct model *b, uint64_t id)
{
	bool left_a, left_b;

	if (id >> 32 || !is_quiet(id))
		return;
	CHECK(outcome(a, id, &left_a) == outcome(b, id, &left_b) && left_a == left_b,
	      "a call at the edge of a range ends alike");
}

/* Sums of segments, not a loop over ids: both filters give each of the 2^32 ids the same fate. */
static void check_all_look_ups(struct model *a, struct model *b)
{
	struct segment of_a[2 * RANGES + 2], of_b[2 * RANGES + 2];
	const unsigned int n_a = list_segments(a, of_a, ARRAY_SIZE(of_a));
	const unsigned int n_b = list_segments(b, of_b, ARRAY_SIZE(of_b));
	uint64_t same = 0;

	for (unsigned int i = 0, j = 0; i < n_a && j < n_b;) {
		const uint64_t first =
			of_a[i].first > of_b[j].first ? of_a[i].first : of_b[j].first;
		const uint64_t end = of_a[i].end < of_b[j].end ? of_a[i].end : of_b[j].end;

		if (end > first && of_a[i].action == of_b[j].action)
			same += end - first;
		i += of_a[i].end == end;
		j += of_b[j].end == end;
	}
	CHECK(same == UINT64_C(1) << 32, "every id of 2^32 has the same fate");
	for (unsigned int i = 0; i < n_a; i++) {
		check_edge(a, b, of_a[i].first);
		check_edge(a, b, of_a[i].end - 1);
	}
}

static void test_random_filters_cross(void)
{
	for (uint64_t seed = 1; seed <= 30; seed++) {
		struct model from = scene_vm(KVMCORE_PROFILE_SPEC, 2);
		struct model to = answering();
		struct sdeistate_buffer bytes = { .len = 0 }, again = { .len = 0 };
		struct sdeistate *state, *received = NULL;
		uint8_t digest[SDEISTATE_DIGEST_SIZE];
		unsigned int n = fill(&from, seed, RANGES);

		kvmcore_pause(from.vm);
		state = take(&from);
		REQUIRE(state && n > RANGES / 4, "there is a filter");
		CHECK(state->n_filter == n, "every range that was set is there");
		CHECK(sdeistate_encode(state, &bytes, NULL) == 0, "encoded");
		CHECK(sdeistate_decode(bytes.data, bytes.len, &received, NULL) == 0, "decoded");
		REQUIRE(received, "decoded");
		CHECK(sdeistate_encode(received, &again, NULL) == 0 && bytes.len == again.len &&
			      !memcmp(bytes.data, again.data, bytes.len),
		      "the same bytes");
		CHECK(sdeistate_replay(received, &to.port, NULL) == 0, "replayed");
		CHECK(sdeistate_prove(received, &to.port, digest, NULL) == 0, "and proved");
		kvmcore_resume(to.vm);
		kvmcore_resume(from.vm);
		check_all_look_ups(&from, &to);
		for (unsigned int i = 0; i < n; i++) {
			const struct kvm_smccc_filter *range = &state->filter[i];

			if (range->action == KVM_SMCCC_FILTER_DENY)
				CHECK(model_call(&to, 0, range->base + range->nr_functions - 1, 0,
						 0, 0) == UINT64_MAX,
				      "a denied call is denied at the destination");
		}
		CHECK(model_filter(&to, state->filter[0].base, 1, 0) < 0, "and is decided");
		sdeistate_buffer_free(&bytes);
		sdeistate_buffer_free(&again);
		sdeistate_free(state);
		sdeistate_free(received);
		model_free(&from);
		model_free(&to);
	}
}

#define MUTATE(name, statement)               \
	static void name(struct sdeistate *s) \
	{                                     \
		statement;                    \
	}

MUTATE(no_calls, s->filter[1].nr_functions = 0)
MUTATE(wraps, s->filter[1].nr_functions = 0x80000000u)
MUTATE(odd_action, s->filter[1].action = 3)
MUTATE(padding, s->filter[1].pad[14] = 1)
MUTATE(reserved, s->filter[0].base = 0x8000ffffu)
MUTATE(twice, s->filter[1].base = s->filter[0].base)
MUTATE(overlap, s->filter[0].nr_functions = 0x40000000u - 0x50u)

static struct model two_ranges(void)
{
	struct model m = scene_vm(KVMCORE_PROFILE_SPEC, 2);

	CHECK(model_filter(&m, 0xc4000020u, 32, KVM_SMCCC_FILTER_FWD_TO_USER) == 0 &&
		      model_filter(&m, 0x84000050u, 4, KVM_SMCCC_FILTER_DENY) == 0,
	      "ranges can be set");
	kvmcore_pause(m.vm);
	return m;
}

static void test_each_broken_rule_is_named(void)
{
	static const struct {
		void (*mutate)(struct sdeistate *state);
		const char *object, *field;
	} row[] = {
		{ no_calls, "SMCCC filter range 0xc4000020", "nr_functions" },
		{ wraps, "SMCCC filter range 0xc4000020", "nr_functions" },
		{ odd_action, "SMCCC filter range 0xc4000020", "action" },
		{ padding, "SMCCC filter range 0xc4000020", "pad" },
		{ reserved, "SMCCC filter range 0x8000ffff", "base" },
		{ twice, "SMCCC filter range 0x84000050", "base" },
		{ overlap, "SMCCC filter range 0x84000050", "base" },
	};
	struct model m = two_ranges();

	for (unsigned int i = 0; i < ARRAY_SIZE(row); i++) {
		struct sdeistate_error err = { .code = 0 };
		struct sdeistate *state = take(&m);

		REQUIRE(state && state->n_filter == 2, "captured");
		row[i].mutate(state);
		CHECK(sdeistate_validate(state, &err) == -EINVAL &&
			      !strcmp(err.object, row[i].object) &&
			      !strcmp(err.field, row[i].field),
		      row[i].field);
		sdeistate_free(state);
	}
	model_free(&m);
}

static void other_set(struct hooked *hooked, int vcpu, unsigned long cmd, void *arg)
{
	struct kvm_device_attr *attr = arg;

	(void)hooked;
	(void)vcpu;
	if (cmd == KVM_GET_DEVICE_ATTR && attr->group == KVMCORE_GROUP_FILTER &&
	    attr->attr == KVMCORE_FILTER_INFO)
		((struct kvmcore_filter_info *)(uintptr_t)attr->addr)->reserved_set = 1;
}

static void check_obstacle(const struct sdeistate *state, const struct kvm_port *port,
			   enum sdeistate_reason reason, const char *field)
{
	struct sdeistate_obstacles obstacles = { .n = 0 };
	bool found = false;

	CHECK(sdeistate_check(state, port, &obstacles, NULL) == -EOPNOTSUPP,
	      "it stands in the way");
	for (unsigned int i = 0; i < obstacles.n; i++)
		found |= obstacles.list[i].reason == reason &&
			 !strcmp(obstacles.list[i].object, "SMCCC filter") &&
			 !strcmp(obstacles.list[i].field, field);
	CHECK(found, field);
	sdeistate_obstacles_free(&obstacles);
}

static void test_each_obstacle(void)
{
	struct model from = two_ranges(), none = scene_fresh(KVMCORE_PROFILE_SPEC, 2);
	struct model to = scene_fresh(KVMCORE_PROFILE_SPEC, 2);
	struct sdeistate *state = take(&from), *without = take(&none);
	struct hooked hooked;

	REQUIRE(state && without, "captured");
	hooked_begin(&hooked, to.vm);
	hooked.tamper = other_set;
	check_obstacle(state, &hooked.port, SDEISTATE_INCOMPATIBLE, "reserved_set");
	check_obstacle(state, &from.port, SDEISTATE_VM_NOT_FRESH, "ranges");
	check_obstacle(without, &from.port, SDEISTATE_VM_NOT_FRESH, "ranges");
	kvmcore_resume(to.vm);
	kvmcore_run(to.vm, 0, false, &to.reply);
	kvmcore_pause(to.vm);
	check_obstacle(state, &to.port, SDEISTATE_VM_NOT_FRESH, "has_run");
	sdeistate_free(state);
	sdeistate_free(without);
	model_free(&from);
	model_free(&none);
	model_free(&to);
}

static int hear(void *user, const struct sdeistate_change *change)
{
	snprintf(user, 64, "%s", change->path);
	return 1;
}

static void test_differences(void)
{
	struct model m = two_ranges();
	struct sdeistate *a = take(&m), *b = take(&m);
	char path[64] = "";

	REQUIRE(a && b, "captured");
	CHECK(sdeistate_diff(a, b, hear, path) == 0, "the same");
	b->filter[0].action = KVM_SMCCC_FILTER_HANDLE;
	CHECK(sdeistate_diff(a, b, hear, path) == 1 && !strcmp(path, "filter[0x84000050].action"),
	      "an action");
	b->n_filter = 0;
	CHECK(sdeistate_diff(a, b, hear, path) == 1 && !strcmp(path, "filter[0x84000050]"),
	      "a range that is gone");
	sdeistate_free(a);
	sdeistate_free(b);
	model_free(&m);
}

/* @n single calls, as a VMM with a list of its own would set them, straight in a state. */
static void fill_singles(struct sdeistate *state, unsigned int n)
{
	free(state->filter);
	state->filter = calloc(n, sizeof(*state->filter));
	REQUIRE(state->filter, "memory");
	state->n_filter = n;
	for (unsigned int i = 0; i < n; i++)
		state->filter[i] = (struct kvm_smccc_filter){ .base = 0xf0000000u + 2 * i,
							      .nr_functions = 1,
							      .action = KVM_SMCCC_FILTER_DENY };
}

static void test_as_many_as_there_may_be(void)
{
	for (int over = -1; over <= 1; over++) {
		const unsigned int n = SDEISTATE_MAX_FILTER + (unsigned int)over;
		struct model from = scene_fresh(KVMCORE_PROFILE_SPEC, 2);
		struct model to = scene_fresh(KVMCORE_PROFILE_SPEC, 2);
		struct sdeistate *state = take(&from), *received = NULL;
		struct sdeistate_buffer bytes = { .len = 0 };
		struct sdeistate_error err = { .code = 0 };
		uint8_t digest[SDEISTATE_DIGEST_SIZE];

		REQUIRE(state, "captured");
		fill_singles(state, n);
		CHECK(sdeistate_validate(state, &err) == (over > 0 ? -EINVAL : 0),
		      "the limit itself is allowed, one more is not");
		CHECK(sdeistate_encode(state, &bytes, NULL) == 0 && bytes.len < (4u << 20),
		      "in less than 4 MiB");
		CHECK(sdeistate_decode(bytes.data, bytes.len, &received, &err) ==
			      (over > 0 ? -E2BIG : 0),
		      "a reader says the same");
		if (received) {
			CHECK(sdeistate_replay(received, &to.port, NULL) == 0, "replayed");
			CHECK(sdeistate_prove(received, &to.port, digest, NULL) == 0, "proved");
			CHECK(model_filter(&to, 0xf0000001u + 2 * n, 1, 1) == 0, "and one more");
			received = sdeistate_free(received);
			CHECK((sdeistate_capture(&to.port, NULL, &received, &err) == -E2BIG) ==
				      (over == 0),
			      "which is too much for a capture at the limit");
		}
		sdeistate_buffer_free(&bytes);
		sdeistate_free(state);
		sdeistate_free(received);
		model_free(&from);
		model_free(&to);
	}
}

int main(void)
{
	return RUN_TESTS(test_random_filters_cross, test_each_broken_rule_is_named,
			 test_each_obstacle, test_differences, test_as_many_as_there_may_be);
}
