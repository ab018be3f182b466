// SPDX-License-Identifier: Apache-2.0
/*
 * capture -> encode -> decode -> check -> replay -> prove, for random states of every profile; and
 * then the guest goes on, on both sides the same.
 */
#include "hooked.h"
#include "support/check.h"
#include "walk.h"

#include <errno.h>
#include <inttypes.h>
#include <sdeistate/sdeistate.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WALKS 50u
#define AFTER 120u

static uint64_t first_seed;

/* What the states of profile spec held, all together: a walk that never gets there proves nothing. */
static struct reached {
	unsigned int registered, bindings, handlers, queued, pending, nested, masked, off;
} reached;

static void count_reached(const struct sdeistate *state)
{
	if (state->vm.profile != KVMCORE_PROFILE_SPEC)
		return;
	reached.registered += state->n_registered;
	reached.bindings += state->n_bindings;
	reached.handlers += state->n_handlers;
	reached.queued += state->n_vcpu_events;
	reached.pending += state->n_pending;
	for (unsigned int i = 0; i < state->n_vcpus; i++) {
		const struct kvm_sdei_vcpu_state *vcpu = &state->vcpu_state[i];

		reached.nested += vcpu->critical_num != KVM_SDEI_INVALID_EVENT &&
				  vcpu->normal_num != KVM_SDEI_INVALID_EVENT;
		reached.masked += vcpu->masked;
		reached.off += state->vcpu[i].mp_state == KVM_MP_STATE_STOPPED;
	}
}

static void say(const char *what, uint64_t seed, const struct sdeistate_error *err)
{
	fprintf(stderr, "seed %" PRIu64 ": %s: %s: %s %s: expected %s, found %s\n", seed, what,
		sdeistate_reason_name(err->reason), err->object, err->field, err->expected,
		err->actual);
}

#define SUCCEEDS(call, promise) \
	(CHECK((call) == 0, promise) ? true : (say(promise, seed, &err), false))

static const struct sdeistate_capture_options with_regs = { .flags = SDEISTATE_CAPTURE_REGS };

static bool is_same(const struct sdeistate_buffer *a, const struct sdeistate_buffer *b)
{
	return a->len == b->len && !memcmp(a->data, b->data, a->len);
}

/* The bytes of a state tell it wholly. */
static struct sdeistate *send(struct sdeistate *state, uint64_t seed)
{
	struct sdeistate_error err = { 0 };
	struct sdeistate_buffer bytes = { .len = 0 }, again = { .len = 0 };
	struct sdeistate *received = NULL;

	if (SUCCEEDS(sdeistate_encode(state, &bytes, &err), "a state can be encoded") &&
	    SUCCEEDS(sdeistate_decode(bytes.data, bytes.len, &received, &err),
		     "what was encoded can be decoded") &&
	    SUCCEEDS(sdeistate_encode(received, &again, &err), "and encoded again"))
		CHECK(is_same(&bytes, &again), "the same state has the same bytes");
	sdeistate_buffer_free(&bytes);
	sdeistate_buffer_free(&again);
	return received;
}

/* The series frees an instance under a handler (its patch 09/22); such a VM cannot be moved, by name. */
static bool is_freed_under_handler(const struct sdeistate *state)
{
	struct sdeistate_error err;

	if (state->vm.profile != KVMCORE_PROFILE_KVM_V5 || !state->n_handlers)
		return false;
	return CHECK(sdeistate_validate(state, &err) == -EINVAL &&
			     err.reason == SDEISTATE_INCONSISTENT &&
			     !strncmp(err.object, "handler of event", 16),
		     "a handler without an instance is refused by name");
}

/* Whether a VMM tells of its vCPUs at once or one by one makes no difference. */
static void capture_one_by_one(struct kvmcore_vm *vm, const uint8_t *digest, uint64_t seed)
{
	uint8_t other[SDEISTATE_DIGEST_SIZE];
	struct sdeistate_error err = { 0 };
	struct sdeistate *state = NULL;
	struct hooked hooked;

	hooked_begin(&hooked, vm);
	hooked.one_by_one = true;
	if (SUCCEEDS(sdeistate_capture(&hooked.port, &with_regs, &state, &err), "captured again") &&
	    SUCCEEDS(sdeistate_digest(state, other, &err), "with a digest"))
		CHECK(!memcmp(digest, other, sizeof(other)), "one by one it is the same state");
	sdeistate_free(state);
}

static void cross(struct walk *walk, struct kvmcore_vm *source, struct kvmcore_vm *destination,
		  const unsigned int *at, uint64_t seed)
{
	struct sdeistate_error err = { 0 };
	struct sdeistate *state = NULL, *received = NULL;
	uint8_t sent[SDEISTATE_DIGEST_SIZE], proved[SDEISTATE_DIGEST_SIZE];
	struct hooked to;
	struct kvm_port from;
	struct walk here, there;

	kvmcore_port(source, &from);
	hooked_begin(&to, destination);
	to.one_by_one = seed / 2 % 2;
	if (SUCCEEDS(sdeistate_capture(&from, &with_regs, &state, &err), "a VM can be captured") &&
	    !is_freed_under_handler(state) &&
	    SUCCEEDS(sdeistate_validate(state, &err), "what a VM holds is consistent") &&
	    SUCCEEDS(sdeistate_digest(state, sent, &err), "a state has a digest")) {
		count_reached(state);
		capture_one_by_one(source, sent, seed);
		received = send(state, seed);
	}
	if (received &&
	    SUCCEEDS(sdeistate_replay(received, &to.port, &err), "it can be replayed") &&
	    SUCCEEDS(sdeistate_prove(received, &to.port, proved, &err), "the replay is proved")) {
		CHECK(!memcmp(sent, proved, sizeof(sent)), "the destination has the same digest");
		here = there = *walk;
		/* v5 and v7 ask for delivery when their state is set, whether or not it was asked for. */
		CHECK(!walk->one_pe || walk->profile != KVMCORE_PROFILE_SPEC ||
			      walk_steps(&here, source, AFTER, NULL) ==
				      walk_steps(&there, destination, AFTER, at),
		      "the guest goes on as if nothing had been");
	}
	sdeistate_free(state);
	sdeistate_free(received);
}

static void walk_and_cross(uint64_t seed, enum kvmcore_profile profile, bool other_order)
{
	static const unsigned int sizes[] = { 1, 2, 4, 9, 70 };
	struct walk walk = walk_begin(seed, profile, sizes[seed % ARRAY_SIZE(sizes)]);
	unsigned int order[KVMCORE_MAX_VCPUS], at[KVMCORE_MAX_VCPUS];
	struct kvmcore_vm *source = walk_vm(&walk, NULL), *destination;

	walk.one_pe = seed % 2;
	for (unsigned int i = 0; i < walk.n_vcpus; i++)
		order[i] = walk.n_vcpus - 1 - i;
	for (unsigned int i = 0; i < walk.n_vcpus; i++)
		at[order[i]] = i;
	destination = walk_vm(&walk, other_order ? order : NULL);
	if (CHECK(source && destination, "VMs can be made") &&
	    CHECK(walk_start(&walk, source) == 0, "events can be exposed")) {
		walk_steps(&walk, source, 40 + (unsigned int)walk_number(&walk, 400), NULL);
		walk_interrupt(&walk, source);
		cross(&walk, source, destination, other_order ? at : NULL, seed);
	}
	kvmcore_vm_destroy(source);
	kvmcore_vm_destroy(destination);
}

static void test_spec_states_survive(void)
{
	for (uint64_t i = 0; i < WALKS; i++)
		walk_and_cross(first_seed + i, KVMCORE_PROFILE_SPEC, false);
}

static void test_v5_states_survive(void)
{
	for (uint64_t i = 0; i < WALKS; i++)
		walk_and_cross(first_seed + i, KVMCORE_PROFILE_KVM_V5, false);
}

static void test_v7_states_survive(void)
{
	for (uint64_t i = 0; i < WALKS; i++)
		walk_and_cross(first_seed + i, KVMCORE_PROFILE_KVM_V7, false);
}

static void test_walks_reach_what_is_hard_to_move(void)
{
	printf("(registered %u, bindings %u, handlers %u, queued %u, pending %u, nested %u, masked "
	       "%u, "
	       "off %u) ",
	       reached.registered, reached.bindings, reached.handlers, reached.queued,
	       reached.pending, reached.nested, reached.masked, reached.off);
	CHECK(reached.registered && reached.queued && reached.masked, "registered, queued, masked");
	CHECK(reached.nested, "a critical handler over a normal one");
	CHECK(reached.handlers, "handlers that run and are registered nowhere");
	CHECK(reached.pending, "triggers no PE has taken");
	CHECK(reached.bindings, "bound interrupts");
	CHECK(reached.off, "PEs that are off");
}

static void test_another_order_of_vcpus_is_mapped(void)
{
	for (uint64_t i = 0; i < WALKS; i++)
		walk_and_cross(first_seed + i, (enum kvmcore_profile)(i % KVMCORE_NR_PROFILES),
			       true);
}

int main(void)
{
	const char *given = getenv("SDEI_SEED");

	first_seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("seed %" PRIu64 " (SDEI_SEED repeats it)\n", first_seed);
	return RUN_TESTS(test_spec_states_survive, test_v5_states_survive, test_v7_states_survive,
			 test_another_order_of_vcpus_is_mapped,
			 test_walks_reach_what_is_hard_to_move);
}
