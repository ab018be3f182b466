// SPDX-License-Identifier: Apache-2.0
#include "owner.h"
#include "support/check.h"

#include <string.h>

static int mine, other;
static const struct owner_asker me = { { { 1 } }, &mine };
static const struct owner_asker me_again = { { { 1 } }, &other };
static const struct owner_asker rival = { { { 2 } }, &other };
static const struct owner_asker person = { { { 0 } }, &other };

/* Do it if it is allowed; what was the answer? */
static enum owner_answer attempt(struct owner *owner, enum owner_event event,
				 const struct owner_asker *who)
{
	const enum owner_answer answer = owner_may(owner, event, who);

	if (answer == OWNER_GO)
		owner_did(owner, event, who, false);
	return answer;
}

/* An owner brought to a state by the shortest way. */
static struct owner bring_to(enum transport_vm_state state)
{
	static const enum owner_event way[TRANSPORT_VM_NR_STATES][4] = {
		[TRANSPORT_VM_RUNNING] = { OWNER_NR_EVENTS },
		[TRANSPORT_VM_PAUSED] = { OWNER_PAUSE, OWNER_NR_EVENTS },
		[TRANSPORT_VM_RELINQUISHED] = { OWNER_PAUSE, OWNER_RELINQUISH, OWNER_NR_EVENTS },
		[TRANSPORT_VM_RESERVED] = { OWNER_RESERVE, OWNER_NR_EVENTS },
		[TRANSPORT_VM_STAGED] = { OWNER_RESERVE, OWNER_STAGE, OWNER_NR_EVENTS },
		[TRANSPORT_VM_PREPARED] = { OWNER_RESERVE, OWNER_STAGE, OWNER_PREPARED,
					    OWNER_NR_EVENTS },
		[TRANSPORT_VM_ENDED] = { OWNER_RESERVE, OWNER_ABORT, OWNER_NR_EVENTS },
	};
	struct owner owner = { .held = false };

	for (const enum owner_event *e = way[state]; *e != OWNER_NR_EVENTS; e++)
		attempt(&owner, *e, &me);
	return owner;
}

static void test_every_cell_of_the_matrix(void)
{
	/* . refused, = nothing to do, ! busy, else the first letter of the state after it. */
	static const char *const want[TRANSPORT_VM_NR_STATES] = {
		/* pause capture resume relinquish reclaim reserve stage prepared commit abort
		   end load token rehearse drop; P paused, L relinquished, R running, V reserved, S staged,
		   p prepared, E ended, C capture goes */
		[TRANSPORT_VM_RUNNING] = "P....V........=",
		[TRANSPORT_VM_PAUSED] = "=CRL..........R",
		[TRANSPORT_VM_RELINQUISHED] = "...=P.....E...=",
		[TRANSPORT_VM_RESERVED] = ".....=S..E.V.V=",
		[TRANSPORT_VM_STAGED] = ".......p.E..S.=",
		[TRANSPORT_VM_PREPARED] = ".......=RE..p.=",
		[TRANSPORT_VM_ENDED] = ".....V...==...=",
	};
	static const char letter[] = { 'R', 'P', 'L', 'V', 'S', 'p', 'E' };
	char promise[96];

	for (unsigned int s = 0; s < TRANSPORT_VM_NR_STATES; s++) {
		const char *cell = want[s];

		for (unsigned int e = 0; e < OWNER_NR_EVENTS; e++) {
			struct owner owner = bring_to((enum transport_vm_state)s);
			enum owner_answer answer = attempt(&owner, (enum owner_event)e, &me);
			char is = answer == OWNER_REFUSED   ? '.'
				  : answer == OWNER_NOTHING ? '='
				  : answer == OWNER_BUSY    ? '!'
				  : e == OWNER_CAPTURE      ? 'C'
							    : letter[owner.state];

			snprintf(promise, sizeof(promise), "state %s, event %u: %c",
				 transport_vm_state_name((enum transport_vm_state)s), e, *cell);
			CHECK(is == *cell, promise);
			cell++;
		}
	}
}

static void test_only_one_session_has_a_vm(void)
{
	static const enum transport_vm_state owned[] = {
		TRANSPORT_VM_PAUSED, TRANSPORT_VM_RELINQUISHED, TRANSPORT_VM_RESERVED,
		TRANSPORT_VM_STAGED, TRANSPORT_VM_PREPARED,
	};

	for (size_t i = 0; i < ARRAY_SIZE(owned); i++) {
		struct owner owner = bring_to(owned[i]);

		CHECK(owner_may(&owner, OWNER_PAUSE, &rival) == OWNER_BUSY, "no second pause");
		CHECK(owner_may(&owner, OWNER_RESERVE, &rival) == OWNER_BUSY, "no second session");
		for (unsigned int e = 0; e < OWNER_NR_EVENTS; e++)
			CHECK(owner_may(&owner, (enum owner_event)e, &rival) != OWNER_GO,
			      "a rival changes nothing");
	}
}

static void test_a_pause_belongs_to_its_connection(void)
{
	struct owner owner = bring_to(TRANSPORT_VM_PAUSED);

	CHECK(owner_may(&owner, OWNER_RELINQUISH, &me_again) == OWNER_BUSY,
	      "the same id on another connection is not the owner");
	CHECK(attempt(&owner, OWNER_DROP, &me_again) == OWNER_NOTHING,
	      "another connection may go without effect");
	CHECK(attempt(&owner, OWNER_DROP, &me) == OWNER_GO && owner.state == TRANSPORT_VM_RUNNING,
	      "the owner's going lets the VM run");
}

static void test_what_is_relinquished_outlives_connections(void)
{
	struct owner owner = bring_to(TRANSPORT_VM_RELINQUISHED);

	CHECK(attempt(&owner, OWNER_DROP, &me) == OWNER_NOTHING &&
		      owner.state == TRANSPORT_VM_RELINQUISHED,
	      "a dropped connection changes nothing");
	CHECK(attempt(&owner, OWNER_RESUME, &me) == OWNER_REFUSED, "resume is refused");
	CHECK(attempt(&owner, OWNER_RECLAIM, &me_again) == OWNER_GO,
	      "any connection of the session may reclaim");
	CHECK(attempt(&owner, OWNER_RESUME, &me) == OWNER_BUSY, "and has the pause then");
	CHECK(attempt(&owner, OWNER_RESUME, &me_again) == OWNER_GO &&
		      owner.state == TRANSPORT_VM_RUNNING,
	      "and lets it run");
}

static void test_an_operators_pause_outlives_sessions(void)
{
	struct owner owner = { .held = false };

	CHECK(attempt(&owner, OWNER_PAUSE, &person) == OWNER_GO, "an operator may pause");
	CHECK(attempt(&owner, OWNER_DROP, &person) == OWNER_NOTHING &&
		      owner.state == TRANSPORT_VM_PAUSED,
	      "and go away");
	CHECK(attempt(&owner, OWNER_PAUSE, &me) == OWNER_GO, "a session may take it");
	CHECK(attempt(&owner, OWNER_RESUME, &person) == OWNER_BUSY,
	      "and the operator waits for it");
	CHECK(attempt(&owner, OWNER_DROP, &me) == OWNER_GO && owner.state == TRANSPORT_VM_PAUSED,
	      "after the session the VM is paused as before");
	CHECK(attempt(&owner, OWNER_RESUME, &person) == OWNER_GO &&
		      owner.state == TRANSPORT_VM_RUNNING,
	      "until the operator resumes");
}

static void test_a_commit_may_be_asked_again(void)
{
	struct owner owner = bring_to(TRANSPORT_VM_PREPARED);

	CHECK(attempt(&owner, OWNER_COMMIT, &me) == OWNER_GO, "a prepared VM may be committed");
	CHECK(attempt(&owner, OWNER_COMMIT, &me) == OWNER_NOTHING, "and again, without effect");
	CHECK(transport_id_equal(&owner.committed, &me.session) &&
		      transport_id_is_zero(&owner.session),
	      "the session is over and remembered");
	CHECK(attempt(&owner, OWNER_ABORT, &me) == OWNER_REFUSED, "what runs cannot be aborted");
	CHECK(attempt(&owner, OWNER_PAUSE, &rival) == OWNER_GO, "and may be moved on");

	owner = bring_to(TRANSPORT_VM_PREPARED);
	owner_did(&owner, OWNER_COMMIT, &me, true);
	CHECK(owner.state == TRANSPORT_VM_PAUSED && owner.held, "or stays paused if asked to");
}

static void test_a_vm_that_cannot_resume_stays_paused(void)
{
	struct owner owner = bring_to(TRANSPORT_VM_PAUSED);

	owner_keep(&owner);
	CHECK(!owner_status(&owner).may_run && owner.held, "it may not run");
	CHECK(attempt(&owner, OWNER_RESUME, &person) == OWNER_GO, "an operator may try again");
}

int main(void)
{
	return RUN_TESTS(test_every_cell_of_the_matrix, test_only_one_session_has_a_vm,
			 test_a_pause_belongs_to_its_connection,
			 test_what_is_relinquished_outlives_connections,
			 test_an_operators_pause_outlives_sessions,
			 test_a_commit_may_be_asked_again,
			 test_a_vm_that_cannot_resume_stays_paused);
}
