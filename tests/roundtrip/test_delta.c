// SPDX-License-Identifier: Apache-2.0
/*
 * A delta made of two states, applied to the first, is the second: for random states of every profile, near and
 * far from each other, and for a change in each byte a state has.
 */
#include "support/check.h"
#include "walk.h"

#include <inttypes.h>
#include <sdeistate/sdeistate.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WALKS 40u

static uint64_t first_seed;

static void say(const char *what, uint64_t seed, const struct sdeistate_error *err)
{
	fprintf(stderr, "seed %" PRIu64 ": %s: %s: %s %s: expected %s, found %s\n", seed, what,
		sdeistate_reason_name(err->reason), err->object, err->field, err->expected,
		err->actual);
}

#define SUCCEEDS(call, promise) \
	(CHECK((call) == 0, promise) ? true : (say(promise, seed, &err), false))

/* A state of a VM, as bytes and as structs. */
struct taken {
	struct sdeistate *state;
	struct sdeistate_buffer stream;
};

static void encode(struct taken *taken, uint64_t seed)
{
	struct sdeistate_error err = { 0 };

	sdeistate_buffer_free(&taken->stream);
	SUCCEEDS(sdeistate_encode(taken->state, &taken->stream, &err), "a state can be encoded");
}

static struct taken take(struct kvmcore_vm *vm, enum sdeistate_kind kind, unsigned int flags,
			 uint64_t seed)
{
	const struct sdeistate_capture_options options = { .kind = kind, .flags = flags };
	struct sdeistate_error err = { 0 };
	struct taken taken = { .state = NULL };
	struct kvm_port port;

	kvmcore_port(vm, &port);
	if (SUCCEEDS(sdeistate_capture(&port, &options, &taken.state, &err), "a VM is captured"))
		encode(&taken, seed);
	return taken;
}

static void release(struct taken *taken)
{
	taken->state = sdeistate_free(taken->state);
	sdeistate_buffer_free(&taken->stream);
}

static bool is_state(const struct sdeistate *state, const struct taken *expected)
{
	struct sdeistate_buffer again = { .len = 0 };
	bool same = state && sdeistate_encode(state, &again, NULL) == 0 &&
		    again.len == expected->stream.len &&
		    !memcmp(again.data, expected->stream.data, again.len);

	sdeistate_buffer_free(&again);
	return same;
}

static int count_change(void *user, const struct sdeistate_change *change)
{
	(void)change;
	++*(unsigned int *)user;
	return 0;
}

/* Both ends of it: what it says it is for, and what it makes. Return: bytes of the delta */
static size_t check_delta(const struct taken *a, const struct taken *b, uint64_t seed)
{
	struct sdeistate_base *source = NULL, *destination = NULL;
	struct sdeistate_buffer delta = { .len = 0 };
	struct sdeistate_delta_ends ends;
	struct sdeistate_error err = { 0 };
	uint8_t digest[SDEISTATE_DIGEST_SIZE];
	unsigned int n_changes = 0;
	size_t len;

	if (!SUCCEEDS(sdeistate_base_new(a->stream.data, a->stream.len, &source, &err), "a base") ||
	    !SUCCEEDS(sdeistate_base_new(a->stream.data, a->stream.len, &destination, &err),
		      "its copy") ||
	    !SUCCEEDS(sdeistate_delta_compute(source, b->state, &delta, &err),
		      "a delta is computed") ||
	    !SUCCEEDS(sdeistate_delta_peek(delta.data, delta.len, &ends, &err), "it has ends"))
		goto out;
	CHECK(!memcmp(ends.base, sdeistate_base_digest(destination), sizeof(ends.base)),
	      "it names its base");
	CHECK(sdeistate_digest(b->state, digest, NULL) == 0 &&
		      !memcmp(ends.result, digest, sizeof(digest)),
	      "the result's digest is that of the whole state, though only changed records were "
	      "hashed");
	if (SUCCEEDS(sdeistate_delta_apply(destination, delta.data, delta.len, &err),
		     "it is applied")) {
		CHECK(is_state(sdeistate_base_state(destination), b),
		      "base and delta give the state that was captured");
		sdeistate_diff(sdeistate_base_state(destination), b->state, count_change,
			       &n_changes);
		CHECK(n_changes == 0, "field for field");
		CHECK(!memcmp(sdeistate_base_digest(destination), digest, sizeof(digest)),
		      "and it is the next base");
	}
	CHECK(is_state(sdeistate_base_state(source), a), "computing changed nothing in the base");
out:
	len = delta.len;
	sdeistate_buffer_free(&delta);
	sdeistate_base_free(source);
	sdeistate_base_free(destination);
	return len;
}

static void walk_on(uint64_t seed, enum kvmcore_profile profile, struct taken states[3])
{
	struct walk walk = walk_begin(seed, profile, 1 + (unsigned int)(seed % 9));
	const unsigned int flags = seed % 3 ? 0 : SDEISTATE_CAPTURE_REGS;
	struct kvmcore_vm *vm = walk_vm(&walk, NULL);

	CHECK(walk_start(&walk, vm) == 0, "a walk begins");
	walk_steps(&walk, vm, (unsigned int)(seed % 60), NULL);
	states[0] = take(vm, SDEISTATE_BASE, flags, seed);
	walk_steps(&walk, vm, 1 + (unsigned int)(seed % 5), NULL);
	walk_interrupt(&walk, vm);
	states[1] = take(vm, SDEISTATE_FINAL, flags, seed);
	walk_steps(&walk, vm, 200, NULL);
	states[2] =
		take(vm, SDEISTATE_FINAL, flags ^ (seed % 2 ? SDEISTATE_CAPTURE_REGS : 0u), seed);
	kvmcore_vm_destroy(vm);
}

static void test_random_pairs(void)
{
	struct taken last = { .state = NULL };

	for (uint64_t i = 0; i < WALKS; i++) {
		const uint64_t seed = first_seed + i;
		struct taken states[3];

		walk_on(seed, (enum kvmcore_profile)(i % KVMCORE_NR_PROFILES), states);
		check_delta(&states[0], &states[1], seed);
		check_delta(&states[1], &states[2], seed);
		check_delta(&states[2], &states[0], seed);
		check_delta(&states[1], &states[1], seed);
		if (last.state)
			check_delta(&last, &states[1], seed); /* another VM altogether */
		release(&last);
		release(&states[0]);
		release(&states[1]);
		last = states[2];
	}
	release(&last);
}

/* What no walk makes: the filter, the guard, memory, a record of others. */
static void add_rare(struct sdeistate *state, uint64_t seed)
{
	static const uint8_t body[5] = { 1, 2, 3, 4, 5 };

	state->filter = calloc(3, sizeof(*state->filter));
	state->guarded = calloc(2, sizeof(*state->guarded));
	state->shared = calloc(2, sizeof(*state->shared));
	state->regions = calloc(2, sizeof(*state->regions));
	state->unknown = realloc(state->unknown, sizeof(*state->unknown));
	for (unsigned int i = 0; i < 3; i++)
		state->filter[i] = (struct kvm_smccc_filter){ .base = 0xc2000000 + 16 * i,
							      .nr_functions = 4,
							      .action = 1 };
	state->n_filter = 3;
	state->guard.enrolled = true;
	state->guard.granule = 4096;
	state->guarded[0] = (struct kvmcore_guard_range){ 0x9000000, 0x1000 };
	state->guarded[1] = (struct kvmcore_guard_range){ 0x9002000, 0x1000 };
	state->shared[0] = (struct kvmcore_guard_range){ 0x80000000, 0x1000 };
	state->n_guarded = 2;
	state->n_shared = 1;
	for (unsigned int i = 0; i < 2; i++) {
		state->regions[i] = (struct sdeistate_region){ .ipa = 0x80000000u + 0x10000u * i,
							       .size = 1001 };
		state->regions[i].data = calloc(1, 1001);
		for (unsigned int j = 0; j < 1001; j++)
			state->regions[i].data[j] = (uint8_t)(seed * (j + 1));
	}
	state->n_regions = 2;
	state->unknown[0].type = 40 | SDEISTATE_RECORD_OPTIONAL;
	state->unknown[0].len = sizeof(body);
	state->unknown[0].body = malloc(sizeof(body));
	memcpy(state->unknown[0].body, body, sizeof(body));
	state->n_unknown = 1;
}

static struct taken copy(const struct taken *from, uint64_t seed)
{
	struct sdeistate_error err = { 0 };
	struct taken to = { .state = NULL };

	SUCCEEDS(sdeistate_decode(from->stream.data, from->stream.len, &to.state, &err), "a copy");
	return to;
}

/* One edit of a state with everything in it. */
static void edit(struct sdeistate *state, unsigned int n)
{
	switch (n) {
	case 0:
		state->filter[1].action = 2;
		state->filter_reserved_set = 1;
		break;
	case 1:
		state->n_filter = 1;
		break;
	case 2:
		state->filter[2].base += 2;
		break;
	case 3:
		state->guarded[1].base = 0x9001000;
		state->guarded[0].size = 0x800;
		break;
	case 4:
		state->shared[1] = (struct kvmcore_guard_range){ 0x80002000, 0x1000 };
		state->n_shared = 2;
		break;
	case 5:
		state->n_shared = state->n_guarded = 0;
		break;
	case 6:
		state->n_shared = state->n_guarded = state->n_filter = 0;
		memset(&state->guard, 0, sizeof(state->guard));
		break;
	case 7:
		state->regions[1].data[1000] ^= 1;
		state->regions[0].data[500] ^= 1;
		break;
	case 8:
		memset(state->regions[0].data, 7, 1001);
		break;
	case 9:
		state->regions[1].size = 999;
		break;
	case 10:
		state->unknown[0].body[4] = 9;
		break;
	case 11:
		free(state->unknown[0].body);
		state->n_unknown = 0;
		break;
	case 12:
		state->unknown[0].len = 0;
		break;
	case 13:
		state->regs[0].value[3] ^= 1;
		state->regs[state->n_vcpus - 1].value[SDEISTATE_N_REGS - 1] ^= 1;
		break;
	default:
		break;
	}
}

#define N_EDITS 14u

static void test_everything_else_in_a_state(void)
{
	for (unsigned int n = 0; n < N_EDITS; n++) {
		const uint64_t seed = first_seed;
		struct walk walk = walk_begin(seed, KVMCORE_PROFILE_SPEC, 3);
		struct kvmcore_vm *vm = walk_vm(&walk, NULL);
		struct taken bare = take(vm, SDEISTATE_FINAL, SDEISTATE_CAPTURE_REGS, seed), full,
			     other;

		full = copy(&bare, seed);
		add_rare(full.state, seed);
		encode(&full, seed);
		other = copy(&full, seed);
		edit(other.state, n);
		encode(&other, seed);
		CHECK(!is_state(full.state, &other), "an edit changes the state");
		check_delta(&full, &other, n);
		check_delta(&other, &full, n);
		check_delta(&bare, &other, n);
		check_delta(&other, &bare, n);
		release(&bare);
		release(&full);
		release(&other);
		kvmcore_vm_destroy(vm);
	}
}

/*
 * Each byte of each array, changed one at a time: whatever the encoding tells of it a delta tells too. What the encoding
 * cannot tell (padding, slots nobody uses) is refused by it or makes no difference.
 */
static unsigned int flip_each(const struct taken *base, size_t array, size_t bytes, uint64_t seed)
{
	struct sdeistate_base *source = NULL;
	unsigned int n = 0;

	if (sdeistate_base_new(base->stream.data, base->stream.len, &source, NULL))
		return 0;
	for (size_t at = 0; at < bytes; at++) {
		struct taken other = copy(base, seed);
		char *byte = *(char **)((char *)other.state + array) + at;

		*byte ^= 1;
		if (sdeistate_encode(other.state, &other.stream, NULL) == 0 &&
		    !is_state(base->state, &other)) {
			struct sdeistate *again = NULL;

			n++;
			/* Flipped numbers may leave the order that decoding and lists ask for. */
			if (sdeistate_decode(other.stream.data, other.stream.len, &again, NULL) ==
			    0)
				check_delta(base, &other, at);
			sdeistate_free(again);
		}
		release(&other);
	}
	sdeistate_base_free(source);
	return n;
}

#define EACH(member, n) offsetof(struct sdeistate, member), (n) * sizeof(*s->member)

static void test_every_byte_of_a_state(void)
{
	const uint64_t seed = 7;
	struct taken states[3];
	const struct sdeistate *s;
	unsigned int n = 0;

	walk_on(seed, KVMCORE_PROFILE_SPEC, states);
	s = states[1].state;
	n += flip_each(&states[1], EACH(vcpu, s->n_vcpus), seed);
	n += flip_each(&states[1], EACH(exposed, s->n_exposed), seed);
	n += flip_each(&states[1], EACH(registered, 1), seed);
	n += flip_each(&states[1], EACH(bindings, s->n_bindings), seed);
	n += flip_each(&states[1], EACH(handlers, s->n_handlers), seed);
	n += flip_each(&states[1], EACH(vcpu_events, s->n_vcpu_events), seed);
	n += flip_each(&states[1], EACH(pending, s->n_pending), seed);
	n += flip_each(&states[1], EACH(vcpu_state, 2), seed);
	CHECK(n > 200, "many bytes of it mean something");
	for (unsigned int i = 0; i < 3; i++)
		release(&states[i]);
	walk_on(seed, KVMCORE_PROFILE_KVM_V7, states);
	s = states[1].state;
	CHECK(flip_each(&states[1], EACH(v7, 1), seed) > 100, "and of profile kvm-v7");
	for (unsigned int i = 0; i < 3; i++)
		release(&states[i]);
}

/* The vm's own facts are no array. */
static void test_every_fact_of_the_vm(void)
{
	const uint64_t seed = 3;
	struct taken states[3];

	walk_on(seed, KVMCORE_PROFILE_SPEC, states);
	for (unsigned int n = 0; n < 9; n++) {
		struct taken other = copy(&states[1], seed);
		struct sdeistate_vm *vm = &other.state->vm;

		vm->uuid[3] ^= n == 0;
		vm->generation += n == 1;
		vm->kernel[2] ^= n == 2;
		vm->ipa_bits += n == 3;
		vm->sdei_version += n == 4;
		vm->private_slots = (uint16_t)(vm->private_slots + (n == 5));
		vm->shared_slots = (uint16_t)(vm->shared_slots + (n == 6));
		vm->n_events += n == 7;
		if (n == 8) {
			other.state->kind = SDEISTATE_BASE;
			other.state->torn = true;
		}
		encode(&other, seed);
		CHECK(!is_state(states[1].state, &other), "a fact is part of the state");
		CHECK(check_delta(&states[1], &other, n) < 150, "and one fact is little to say");
		release(&other);
	}
	for (unsigned int i = 0; i < 3; i++)
		release(&states[i]);
}

static void test_a_chain(void)
{
	struct sdeistate_base *source = NULL, *destination = NULL;
	struct walk walk = walk_begin(first_seed, KVMCORE_PROFILE_SPEC, 4);
	struct kvmcore_vm *vm = walk_vm(&walk, NULL);
	struct taken state;

	CHECK(walk_start(&walk, vm) == 0, "a walk begins");
	state = take(vm, SDEISTATE_BASE, 0, first_seed);
	CHECK(!sdeistate_base_new(state.stream.data, state.stream.len, &source, NULL) &&
		      !sdeistate_base_new(state.stream.data, state.stream.len, &destination, NULL),
	      "both sides hold the base");
	for (unsigned int i = 0; i < 20; i++) {
		struct sdeistate_buffer delta = { .len = 0 };

		release(&state);
		walk_steps(&walk, vm, 5, NULL);
		state = take(vm, i == 19 ? SDEISTATE_FINAL : SDEISTATE_BASE, 0, first_seed);
		CHECK(sdeistate_delta_compute(source, state.state, &delta, NULL) == 0 &&
			      sdeistate_delta_apply(source, delta.data, delta.len, NULL) == 0 &&
			      sdeistate_delta_apply(destination, delta.data, delta.len, NULL) == 0,
		      "each delta makes the base of the next, on both sides");
		sdeistate_buffer_free(&delta);
	}
	CHECK(is_state(sdeistate_base_state(destination), &state) &&
		      sdeistate_base_state(destination)->kind == SDEISTATE_FINAL,
	      "and the last one the state of the stopped VM");
	sdeistate_base_free(source);
	sdeistate_base_free(destination);
	release(&state);
	kvmcore_vm_destroy(vm);
}

int main(void)
{
	const char *given = getenv("SDEI_SEED");

	first_seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
	printf("seed %" PRIu64 " (SDEI_SEED repeats it)\n", first_seed);
	return RUN_TESTS(test_random_pairs, test_everything_else_in_a_state,
			 test_every_byte_of_a_state, test_every_fact_of_the_vm, test_a_chain);
}
