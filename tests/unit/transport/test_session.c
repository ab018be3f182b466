// SPDX-License-Identifier: Apache-2.0
#include "two_hosts.h"

static void test_a_vm_is_handed_over(void)
{
	struct world world = new_world();

	play(&world);
	CHECK(world.source.ret == 0 && world.destination.ret == 0, "both sides succeed");
	CHECK(!world.source.may_run && world.destination.may_run, "the VM runs there, not here");
	CHECK(world.source.recorded && world.destination.recorded, "each side wrote it down");
	CHECK(world.source.outcome == TRANSPORT_SESSION_COMMITTED && world.source.outcomes == 1 &&
		      world.destination.outcome == TRANSPORT_SESSION_COMMITTED &&
		      world.destination.outcomes == 1,
	      "and its outcome, once");
}

/* Is at most one running, and is none running only where the source knows it is in doubt? */
static bool is_safe(const struct world *world)
{
	if (world->source.may_run && world->destination.may_run)
		return false;
	if (world->source.may_run || world->destination.may_run)
		return true;
	return transport_session_state(&world->source.progress) == TRANSPORT_SESSION_IN_DOUBT;
}

/* A realm moves, which takes every step there is. */
static void ask(struct world *world)
{
	world->source.asks = true;
	snprintf(world->offer.vm.type, sizeof(world->offer.vm.type), "realm");
}

static void test_a_realm_is_attested_before_it_goes(void)
{
	struct world world = new_world();

	ask(&world);
	play(&world);
	CHECK(world.destination.may_run && world.source.tokens == 1,
	      "one token, of what was asked");

	world = new_world();
	ask(&world);
	world.destination.no_token = true;
	play(&world);
	CHECK(world.destination.may_run && !strcmp(world.source.told, "port-lacks"),
	      "who has none says so, and the source decides");

	world = new_world();
	ask(&world);
	world.destination.no_answer = true;
	play(&world);
	CHECK(world.destination.may_run && !strcmp(world.source.told, "port-lacks"),
	      "an older destination is not even asked");

	world = new_world();
	ask(&world);
	world.destination.no_token = world.source.refuses_none = true;
	play(&world);
	CHECK(world.source.may_run && !world.destination.may_run && !world.source.given_away &&
		      world.destination.aborted_durably &&
		      !strcmp(world.source.error.reason, "policy"),
	      "a source that wants one keeps its VM");

	world = new_world();
	play(&world);
	CHECK(world.destination.may_run && !world.source.tokens && !world.source.told[0],
	      "nobody asks where no realm moves");
}

/* @n obstacles, all of them @length long, in the way of stage(). Return: how many the source hears of */
static unsigned int tell(unsigned int n, size_t length, struct transport_issues *heard)
{
	static struct transport_issues found;
	struct world world = new_world();

	found = (struct transport_issues){ .n_issues = n };
	for (unsigned int i = 0; i < n; i++) {
		struct transport_error *issue = &found.issue[i];

		issue->code = -EOPNOTSUPP;
		snprintf(issue->reason, sizeof(issue->reason), "incompatible");
		snprintf(issue->object, sizeof(issue->object), "thing %u", i);
		memset(issue->expected, 'x', length);
		memset(issue->actual, 'y', length);
	}
	*heard = (struct transport_issues){ .n_issues = 0 };
	world.destination.obstacles = &found;
	world.source.obstacles = heard;
	world.destination.fault_step = TRANSPORT_STEP_RECV_OPEN;
	world.destination.fault_code = -EOPNOTSUPP;
	play(&world);
	CHECK(world.source.may_run && !world.destination.may_run &&
		      !strcmp(world.source.error.object, "fault"),
	      "the VM stays, for the reason itself");
	return heard->n_issues;
}

static void test_all_obstacles_are_told(void)
{
	struct transport_issues heard;
	unsigned int n;

	CHECK(tell(3, 10, &heard) == 3 && !strcmp(heard.issue[2].object, "thing 2") &&
		      !strcmp(heard.issue[0].expected, "xxxxxxxxxx") &&
		      heard.issue[1].code == -EOPNOTSUPP,
	      "beside the first, all of them");
	CHECK(tell(0, 0, &heard) == 0, "or none");
	CHECK(tell(TRANSPORT_CONTROL_MAX_ISSUES, 20, &heard) == TRANSPORT_CONTROL_MAX_ISSUES,
	      "as many as CHECK can find");
	n = tell(TRANSPORT_CONTROL_MAX_ISSUES, 159, &heard);
	CHECK(n > 20 && n < TRANSPORT_CONTROL_MAX_ISSUES, "or as many as fit beside a signature");
}

static struct world large(size_t size, uint64_t takes)
{
	struct world world = new_world();

	ask(&world);
	world.source.state_size = size;
	world.destination.takes = takes;
	return world;
}

static void test_a_large_realm_goes_in_pieces(void)
{
	static const size_t size[] = { TRANSPORT_SESSION_MAX_BLOB, TRANSPORT_SESSION_MAX_BLOB + 1u,
				       26u << 20, (26u << 20) + 5u };

	for (size_t i = 0; i < ARRAY_SIZE(size); i++) {
		struct world world = large(size[i], 26u << 20 | 5);

		play(&world);
		CHECK(world.destination.may_run && world.destination.staged == size[i],
		      "all of it comes as it was sent");
	}
}

static void check_kept(const struct world *world, const char *promise)
{
	CHECK(world->source.may_run && !world->source.given_away && !world->destination.may_run &&
		      world->destination.aborted_durably && world->destination.staged == 0,
	      promise);
}

static void test_what_is_too_large_stays(void)
{
	struct world world = large(TRANSPORT_SESSION_MAX_BLOB + 1u, 0);

	play(&world);
	check_kept(&world, "a destination that takes no pieces is sent none");
	CHECK(world.source.ret == -E2BIG && strstr(world.source.error.expected, "25165824") &&
		      strstr(world.source.error.actual, "25165825"),
	      "and both sizes are told");

	world = large((26u << 20) + 1u, 26u << 20);
	play(&world);
	check_kept(&world, "nor one more than it takes");
	CHECK(world.source.ret == -E2BIG, "which the source says");

	world = large(26u << 20, 1u << 30);
	snprintf(world.offer.vm.type, sizeof(world.offer.vm.type), "arm64");
	play(&world);
	check_kept(&world, "nor are there pieces of another VM than a realm");
	CHECK(!strcmp(world.destination.error.reason, "protocol"), "which is a breach");
}

static void play_fault(int step, bool cut, bool realm)
{
	struct world world = new_world();
	struct host *host = step < TRANSPORT_STEP_RECV_HELLO ? &world.source : &world.destination;
	char promise[80];

	if (realm)
		ask(&world);
	host->fault_step = step;
	host->fault_code = -EIO;
	host->cut = cut;
	play(&world);
	snprintf(promise, sizeof(promise), "after %s at %s one VM runs, or doubt",
		 cut ? "a cut" : "an error", transport_step_name((enum transport_step)step));
	CHECK(is_safe(&world), promise);
	if (step < TRANSPORT_STEP_SEND_RELINQUISH && host->hit)
		CHECK(world.source.may_run, "before relinquish it is the source's");
	if (world.destination.recorded && !world.destination.may_run)
		CHECK(world.destination.aborted_durably, "what does not run was given up durably");
}

static void test_no_fault_makes_two_or_none(void)
{
	for (int step = 0; step < TRANSPORT_NR_STEPS; step++)
		for (unsigned int way = 0; way < 4; way++)
			play_fault(step, way & 1, way & 2);
}

static void test_a_live_peer_ends_the_doubt_at_once(void)
{
	struct world world = new_world();

	world.source.fault_step = TRANSPORT_STEP_SEND_COMMIT;
	world.source.fault_code = -EIO;
	play(&world);
	CHECK(world.source.outcome == TRANSPORT_SESSION_ABORTED && world.source.may_run,
	      "with the peer's signed ABORTED the VM comes back");
	CHECK(world.source.proof.len > 0, "and the proof is kept");
}

static void test_a_base_is_tried_out(void)
{
	struct world world = new_world();

	play(&world);
	CHECK(world.source.bases == 2 && world.destination.bases == 2 && world.source.since &&
		      world.destination.since,
	      "before the pause a base goes, and once what changed; from there the end is told");

	world = new_world();
	world.destination.no_base = true;
	play(&world);
	CHECK(world.source.ret == 0 && world.source.bases == 0,
	      "a destination that cannot try it is sent none");

	world = new_world();
	world.source.no_base = true;
	play(&world);
	CHECK(world.source.ret == 0 && world.destination.bases == 0,
	      "nor has a source to have one");

	world = new_world();
	world.destination.refuses_base = true;
	play(&world);
	CHECK(world.source.ret == -EOPNOTSUPP && world.source.may_run && world.source.pauses == 0,
	      "what the destination finds in its way it says before the VM stops");
	CHECK(world.destination.aborted_durably, "and gives up durably");
}

static void test_a_lost_answer_is_doubt(void)
{
	struct world world = new_world();

	world.destination.fault_step = TRANSPORT_STEP_RECV_DONE;
	world.destination.fault_code = -EIO;
	play(&world);
	CHECK(world.destination.may_run && world.source.ret == -EINPROGRESS &&
		      !strcmp(world.source.error.reason, "in-doubt"),
	      "without DONE the source is in doubt");

	world = new_world();
	world.destination.loses = true;
	play(&world);
	CHECK(world.destination.outcome == TRANSPORT_SESSION_PENDING,
	      "a VMM that does not answer commit leaves it pending");
	CHECK(!world.destination.aborted_durably, "and nobody claims that it was aborted");
	CHECK(world.source.outcome == TRANSPORT_SESSION_IN_DOUBT, "and the source in doubt");

	world = new_world();
	world.source.loses = true;
	play(&world);
	CHECK(world.source.outcome == TRANSPORT_SESSION_IN_DOUBT && !world.destination.may_run,
	      "a VMM that does not answer relinquish is doubt as well");
}

static void test_an_abort_that_is_not_on_disk_is_not_told(void)
{
	struct world world = new_world();

	world.source.fault_step = TRANSPORT_STEP_SEND_COMMIT;
	world.source.fault_code = -EIO;
	world.destination.cannot_write = true;
	play(&world);
	CHECK(world.destination.outcome == TRANSPORT_SESSION_PENDING,
	      "it is pending until it can be written");
	CHECK(world.source.outcome == TRANSPORT_SESSION_IN_DOUBT && world.source.proof.len == 0,
	      "and the source hears nothing and is in doubt");
}

static void test_lies_are_found(void)
{
	struct world world = new_world();

	world.destination.lies = true;
	play(&world);
	CHECK(world.source.ret == -ESTALE && !strcmp(world.source.error.reason, "differs") &&
		      world.source.may_run && !world.destination.may_run,
	      "another digest fails the migration");

	world = new_world();
	world.destination.forges = true;
	play(&world);
	CHECK(world.source.ret == -EKEYREJECTED && world.source.may_run && !world.source.recorded,
	      "a wrong WELCOME signature ends it before anything is written");

	world = new_world();
	world.source.forges = true;
	play(&world);
	CHECK(world.destination.ret == -EKEYREJECTED && !world.destination.recorded &&
		      world.source.may_run,
	      "so does a wrong PREFLIGHT signature");

	world = new_world();
	world.source.key = 3;
	play(&world);
	CHECK(world.destination.ret == -EACCES && !world.destination.recorded,
	      "an unknown key is not served");
}

static void test_resolve_brings_a_signed_answer(void)
{
	static const enum transport_outcome outcomes[] = {
		TRANSPORT_OUTCOME_UNKNOWN,
		TRANSPORT_OUTCOME_COMMITTED,
		TRANSPORT_OUTCOME_ABORTED,
	};
	struct host reader = { .key = 1 };
	const struct transport_signer signer = signer_of(&reader);

	for (size_t i = 0; i < ARRAY_SIZE(outcomes); i++) {
		struct world world = new_world();

		world.resolves = true;
		world.destination.answer = outcomes[i];
		play(&world);
		CHECK(world.source.ret == 0 && world.destination.ret == 0 &&
			      world.outcome == outcomes[i],
		      "the answer comes over");
		CHECK(!world.destination.recorded, "and no session begins");
		CHECK((transport_proof_check(&world.source.proof, &world.offer.session, &signer,
					     NULL) == 0) ==
			      (outcomes[i] == TRANSPORT_OUTCOME_ABORTED),
		      "only ABORTED is a proof of it");
		world.source.proof.bytes[world.source.proof.len - 1] ^= 1;
		CHECK(transport_proof_check(&world.source.proof, &world.offer.session, &signer,
					    NULL) != 0,
		      "and a changed one is none");
	}
}

int main(void)
{
	return RUN_TESTS(test_a_vm_is_handed_over, test_all_obstacles_are_told,
			 test_no_fault_makes_two_or_none, test_a_live_peer_ends_the_doubt_at_once,
			 test_a_base_is_tried_out, test_a_lost_answer_is_doubt,
			 test_an_abort_that_is_not_on_disk_is_not_told, test_lies_are_found,
			 test_resolve_brings_a_signed_answer,
			 test_a_realm_is_attested_before_it_goes, test_a_large_realm_goes_in_pieces,
			 test_what_is_too_large_stays);
}
