// SPDX-License-Identifier: Apache-2.0
/* A VM that moves together with something else: docs/protocol.md, 3.9. */
#include "two_hosts.h"

static int wait_for(void *ctx, enum transport_wait what, int ms, bool *over,
		    struct transport_error *err)
{
	struct host *host = ctx;

	CHECK(ms > 0 && host->may_run == (what == TRANSPORT_WAIT_STOP) && !host->given_away,
	      "it waits for the stop while the VM runs, for the arrival before it is given away");
	usleep((useconds_t)host->wait_ms * 1000);
	*over = ++host->waited[what] >= host->waits;
	(void)err;
	return 0;
}

static int fail_to_arrive(void *ctx, enum transport_wait what, int ms, bool *over,
			  struct transport_error *err)
{
	(void)ctx;
	(void)ms;
	*over = what == TRANSPORT_WAIT_STOP;
	return *over ? 0 : transport_error_fill(err, -EPIPE, "peer", "the other thing", "", "|");
}

static int is_alive(void *ctx, struct transport_error *err)
{
	struct host *host = ctx;

	return ++host->beats == host->tires
		       ? transport_error_fill(err, -EPIPE, "peer", "the other thing", "", "|")
		       : 0;
}

static struct world new_journey(int waits)
{
	struct world world = new_world();

	world.source.waits = waits;
	world.source.wait = wait_for;
	world.destination.alive = is_alive;
	return world;
}

static void test_both_waits_are_waited(void)
{
	struct world world = new_journey(3);

	play(&world);
	CHECK(world.destination.may_run && !world.source.may_run, "the VM goes over");
	CHECK(world.source.waited[TRANSPORT_WAIT_STOP] == 3 &&
		      world.source.waited[TRANSPORT_WAIT_ARRIVAL] == 3,
	      "after it was waited for both, until they were over");
	/* More where a side was quiet for long, and said by itself that it lives. */
	CHECK(world.destination.beats >= 5,
	      "and the peer was asked before the first and in between");
}

static bool has_arrived(const struct world *world)
{
	return world->source.ret == 0 && world->destination.may_run;
}

/* Both waits take longer than any deadline; what goes on between two questions does not. */
static void test_an_answer_prolongs_the_wait(void)
{
	struct world from = new_journey(4), world;

	from.deadline_ms = 3 * SHORT_MS;
	from.source.wait_ms = SHORT_MS;
	world = play_until(&from, has_arrived);
	CHECK(has_arrived(&world), "who is asked waits on as if it began to wait");
}

static void test_who_does_not_wait_along_is_not_waited_with(void)
{
	struct world world = new_journey(2);

	world.destination.alive = NULL;
	play(&world);
	CHECK(world.source.may_run && !world.destination.may_run &&
		      world.source.waited[TRANSPORT_WAIT_STOP] == 0 && world.source.pauses == 0,
	      "the VM never stops");
	CHECK(!strcmp(world.source.error.reason, "incompatible"), "and the source says why");
}

static void test_what_does_not_come_ends_the_session(void)
{
	struct world world = new_journey(2);

	world.source.wait = fail_to_arrive;
	play(&world);
	CHECK(world.source.may_run && !world.destination.may_run && !world.source.given_away &&
		      transport_session_state(&world.source.progress) == TRANSPORT_SESSION_ABORTED,
	      "the VM was not given away and runs on, whatever the peer says");
	CHECK(world.destination.aborted_durably, "the peer gives up");
}

static void test_a_destination_gives_up_when_it_is_asked(void)
{
	for (int at = 1; at <= 4; at++) {
		struct world world = new_journey(3);

		world.destination.tires = at;
		play(&world);
		CHECK(world.source.may_run && !world.destination.may_run &&
			      world.destination.aborted_durably &&
			      !strcmp(world.source.error.object, "the other thing") &&
			      (at > 1 || world.source.waited[TRANSPORT_WAIT_STOP] == 0),
		      "its reason is the source's");
	}
}

static void test_silence_is_noticed(void)
{
	const enum transport_step steps[] = { TRANSPORT_STEP_RECV_WAIT_BLOB,
					      TRANSPORT_STEP_RECV_WAIT_COMMIT };

	for (size_t i = 0; i < 2; i++) {
		struct world world = new_journey(50);

		world.destination.fault_step = (int)steps[i];
		world.destination.fault_code = -EIO;
		world.destination.cut = true;
		play(&world);
		CHECK(world.source.may_run && !world.destination.may_run &&
			      world.source.waited[i] < 50,
		      "a peer that is gone is noticed by the next question");
	}
}

int main(void)
{
	return RUN_TESTS(test_both_waits_are_waited, test_an_answer_prolongs_the_wait,
			 test_who_does_not_wait_along_is_not_waited_with,
			 test_what_does_not_come_ends_the_session,
			 test_a_destination_gives_up_when_it_is_asked, test_silence_is_noticed);
}
