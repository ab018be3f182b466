// SPDX-License-Identifier: Apache-2.0
/*
 * A random state of each profile, told in each other one: what comes out is consistent, a VM of that
 * profile takes it, and gives it back unchanged.
 */
#include "support/check.h"
#include "walk.h"

#include <errno.h>
#include <inttypes.h>
#include <sdeistate/sdeistate.h>
#include <stdlib.h>
#include <time.h>

#define WALKS 30u

static uint64_t first_seed;

static void say(const char *what, uint64_t seed, const struct sdeistate_error *err)
{
	fprintf(stderr, "seed %" PRIu64 ": %s: %s: %s %s: expected %s, found %s\n", seed, what,
		sdeistate_reason_name(err->reason), err->object, err->field, err->expected,
		err->actual);
}

#define SUCCEEDS(call, promise) \
	(CHECK((call) == 0, promise) ? true : (say(promise, seed, &err), false))

static void count_loss(void *user, const char *object, const char *field, const char *text)
{
	(void)object;
	(void)field;
	(void)text;
	++*(unsigned int *)user;
}

static void replay(const struct sdeistate *state, const struct walk *walk, uint64_t seed)
{
	struct walk there = *walk;
	struct sdeistate_error err = { 0 };
	uint8_t digest[SDEISTATE_DIGEST_SIZE];
	struct kvmcore_vm *vm;
	struct kvm_port port;

	there.profile = (enum kvmcore_profile)state->vm.profile;
	vm = walk_vm(&there, NULL);
	REQUIRE(vm, "a VM can be made");
	kvmcore_port(vm, &port);
	if (SUCCEEDS(sdeistate_replay(state, &port, &err), "a converted state can be replayed"))
		SUCCEEDS(sdeistate_prove(state, &port, digest, &err), "and proved");
	kvmcore_vm_destroy(vm);
}

static void convert(const struct sdeistate *state, const struct walk *walk,
		    enum kvmcore_profile profile, uint64_t seed)
{
	struct sdeistate_error err = { 0 };
	struct sdeistate *strict = NULL, *lossy = NULL;
	unsigned int told = 0, told_again = 0;
	int ret = sdeistate_convert(state, profile, 0, count_loss, &told, &strict, &err);

	CHECK(ret == (told ? -EOPNOTSUPP : 0), "refused exactly if something is lost");
	CHECK(!told || err.reason == SDEISTATE_LOSSY, "and called lossy then");
	if (SUCCEEDS(sdeistate_convert(state, profile, SDEISTATE_CONVERT_LOSSY, count_loss,
				       &told_again, &lossy, &err),
		     "a state can be told in another profile")) {
		CHECK(told == told_again, "the same losses are told either way");
		CHECK(lossy->vm.profile == profile, "the profile is the new one");
		replay(lossy, walk, seed);
	}
	sdeistate_free(strict);
	sdeistate_free(lossy);
}

static void walk_and_convert(uint64_t seed, enum kvmcore_profile profile)
{
	static const unsigned int sizes[] = { 1, 3, 8, 66 };
	struct walk walk = walk_begin(seed, profile, sizes[seed % ARRAY_SIZE(sizes)]);
	struct kvmcore_vm *vm = walk_vm(&walk, NULL);
	struct sdeistate_error err = { 0 };
	struct sdeistate *state = NULL;
	struct kvm_port port;

	REQUIRE(vm, "a VM can be made");
	CHECK(walk_start(&walk, vm) == 0, "events can be exposed");
	walk_steps(&walk, vm, 40 + (unsigned int)walk_number(&walk, 300), NULL);
	walk_interrupt(&walk, vm);
	kvmcore_port(vm, &port);
	if (SUCCEEDS(sdeistate_capture(&port, NULL, &state, &err), "a VM can be captured") &&
	    sdeistate_validate(state, NULL) == 0)
		for (unsigned int to = 0; to < KVMCORE_NR_PROFILES; to++)
			convert(state, &walk, (enum kvmcore_profile)to, seed);
	sdeistate_free(state);
	kvmcore_vm_destroy(vm);
}

static void test_spec_is_told_in_other_profiles(void)
{
	for (uint64_t i = 0; i < WALKS; i++)
		walk_and_convert(first_seed + i, KVMCORE_PROFILE_SPEC);
}

static void test_v5_is_told_in_other_profiles(void)
{
	for (uint64_t i = 0; i < WALKS; i++)
		walk_and_convert(first_seed + i, KVMCORE_PROFILE_KVM_V5);
}

static void test_v7_is_told_in_other_profiles(void)
{
	for (uint64_t i = 0; i < WALKS; i++)
		walk_and_convert(first_seed + i, KVMCORE_PROFILE_KVM_V7);
}

int main(void)
{
	const char *given = getenv("SDEI_SEED");

	first_seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
	printf("seed %" PRIu64 " (SDEI_SEED repeats it)\n", first_seed);
	return RUN_TESTS(test_spec_is_told_in_other_profiles, test_v5_is_told_in_other_profiles,
			 test_v7_is_told_in_other_profiles);
}
