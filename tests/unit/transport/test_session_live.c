// SPDX-License-Identifier: Apache-2.0
/* A base and what changed since, a blackout with a limit, a dry run, a silent peer: docs/protocol.md, 3.11 to 3.13 and 6. */
#include "two_hosts.h"

static void test_a_base_goes_until_little_changes(void)
{
	struct world world = new_world();

	world.source.busy = 4;
	play(&world);
	CHECK(world.source.bases == 5 && world.destination.bases == 5 && world.destination.since,
	      "as long as each is smaller than the last by a quarter, there is another");

	world = new_world();
	world.source.busy = 30;
	play(&world);
	CHECK(world.source.bases == 6 && world.destination.may_run, "but not for ever");

	world = new_world();
	world.source.no_delta = true;
	play(&world);
	CHECK(world.source.bases == 2 && world.destination.may_run && !world.destination.since,
	      "a VM that changes as much as it has goes whole");

	world = new_world();
	world.destination.no_delta = true;
	play(&world);
	CHECK(world.source.bases == 1 && world.destination.may_run && !world.destination.since,
	      "so does one whose base nobody keeps");
}

static bool is_kept(const struct world *world)
{
	return world->source.may_run && !world->source.given_away && !world->destination.may_run &&
	       world->destination.aborted_durably;
}

static void test_a_blackout_that_would_be_too_long_is_none(void)
{
	struct world world = new_world();

	world.source.max_blackout_ms = 50;
	world.destination.slow_us = 51000;
	play(&world);
	CHECK(world.source.ret == -ETIME && !strcmp(world.source.error.reason, "over-limit") &&
		      !strcmp(world.source.error.field, "estimate"),
	      "the estimate is told");
	CHECK(is_kept(&world) && world.source.pauses == 0, "and the VM never stops");

	world = new_world();
	world.source.max_blackout_ms = 50;
	world.destination.slow_us = 51000;
	world.source.ignore_blackout = true;
	play(&world);
	CHECK(world.destination.may_run, "unless that does not matter");
}

/* Without a base there is no estimate that a busy machine could make too long. */
static void test_a_blackout_that_gets_too_long_ends(void)
{
	struct world world = new_world();

	world.source.no_base = true;
	world.source.max_blackout_ms = 60;
	world.destination.stages_ms = 1000;
	play(&world);
	CHECK(world.source.ret == -ETIME && !strcmp(world.source.error.reason, "over-limit") &&
		      !strcmp(world.source.error.field, "time"),
	      "it is noticed while it lasts");
	CHECK(is_kept(&world) && world.source.pauses == 1, "and the VM runs on here");

	world = new_world();
	world.source.max_blackout_ms = 60;
	world.source.ignore_blackout = true;
	world.destination.stages_ms = 1000;
	play(&world);
	CHECK(world.destination.may_run, "unless that does not matter");
}

static void test_a_dry_run_gives_nothing_away(void)
{
	struct world world = new_world();

	world.offer.dry_run = true;
	play(&world);
	CHECK(world.source.ret == 0 && world.source.pauses == 1 && world.source.ran_on,
	      "the VM stops to be captured, and runs on before the answer");
	CHECK(is_kept(&world) && world.destination.since, "all was tried up to PREPARED");
	CHECK(world.source.outcome == TRANSPORT_SESSION_ABORTED &&
		      world.destination.outcome == TRANSPORT_SESSION_ABORTED,
	      "and given up on both sides");

	world = new_world();
	world.offer.dry_run = true;
	world.destination.lies = true;
	play(&world);
	CHECK(world.source.ret == -ESTALE && is_kept(&world), "what would fail fails");

	world = new_world();
	world.offer.dry_run = true;
	world.destination.refuses_base = true;
	play(&world);
	CHECK(world.source.ret == -EOPNOTSUPP && world.source.pauses == 0,
	      "what stands in the way is told");
}

static void test_who_only_tries_takes_nothing(void)
{
	struct world world = new_world();

	world.destination.only_tries = true;
	play(&world);
	CHECK(world.source.ret == -EPERM && !strcmp(world.source.error.reason, "refused") &&
		      strstr(world.source.error.actual, "nothing stands in the way"),
	      "that nothing stands in the way is an answer");
	CHECK(is_kept(&world) && world.source.pauses == 0 && world.destination.bases == 1,
	      "which comes before the VM stops");

	world = new_world();
	world.destination.only_tries = world.offer.dry_run = true;
	play(&world);
	CHECK(world.source.ret == 0 && is_kept(&world), "two who only try get to PREPARED");

	world = new_world();
	world.destination.only_tries = true;
	world.source.no_base = true;
	play(&world);
	CHECK(world.source.ret == -EPERM && world.source.may_run && !world.destination.recorded &&
		      world.source.pauses == 0,
	      "a source that has nothing to try is sent away at once");
}

static bool has_arrived(const struct world *world)
{
	return world->source.ret == 0 && world->destination.may_run;
}

static bool was_given_up_for_silence(const struct world *world)
{
	return world->source.ret == -ETIMEDOUT && !strcmp(world->source.error.field, "silence") &&
	       is_kept(world);
}

/* The destination works on something for longer than it may be silent. */
static void test_silence_and_patience(void)
{
	struct world from = new_world(), world;

	from.deadline_ms = 4 * SHORT_MS;
	from.work_ms = 20 * SHORT_MS;
	from.destination.stages_ms = 8 * SHORT_MS;
	from.destination.says_so = true;
	world = play_until(&from, has_arrived);
	CHECK(has_arrived(&world), "who says that it is at it is waited for");
	from.destination.says_so = false;
	world = play_until(&from, was_given_up_for_silence);
	CHECK(was_given_up_for_silence(&world),
	      "who says nothing is not, though there would be time");
}

int main(void)
{
	return RUN_TESTS(test_a_base_goes_until_little_changes,
			 test_a_blackout_that_would_be_too_long_is_none,
			 test_a_blackout_that_gets_too_long_ends, test_a_dry_run_gives_nothing_away,
			 test_who_only_tries_takes_nothing, test_silence_and_patience);
}
