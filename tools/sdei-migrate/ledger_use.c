// SPDX-License-Identifier: Apache-2.0
/* Snapshots are used up, generations only grow; the operator may set a rule aside, on record. */
#include "ledger_db.h"

#include <errno.h>
#include <string.h>
#include <time.h>

static const char rule_used[] = "already-used";
static const char rule_rollback[] = "rollback";

/* The highest generation this host knows of a VM; 0 if it knows none. */
int ledger_generation(struct ledger *ledger, const struct transport_id *vm, uint64_t *generation,
		      struct failure *failure)
{
	OWNED_STATEMENT sqlite3_stmt *statement = NULL;
	int step, ret = ledger_prepare(ledger, "SELECT generation FROM generations WHERE vm=:vm",
				       &statement, failure);

	if (ret)
		return ret;
	ledger_bind_id(statement, ":vm", vm);
	step = sqlite3_step(statement);
	if (step != SQLITE_ROW && step != SQLITE_DONE)
		return ledger_fail(ledger, failure);
	*generation = step == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(statement, 0) : 0;
	return 0;
}

int ledger_raise(struct ledger *ledger, const struct transport_id *vm, uint64_t generation,
		 struct failure *failure)
{
	OWNED_STATEMENT sqlite3_stmt *statement = NULL;
	int ret = ledger_prepare(ledger,
				 "INSERT INTO generations(vm, generation) VALUES(:vm, :generation)"
				 " ON CONFLICT(vm) DO UPDATE SET generation=:generation",
				 &statement, failure);

	if (ret)
		return ret;
	ledger_bind_id(statement, ":vm", vm);
	ledger_bind_number(statement, ":generation", (int64_t)generation);
	return ledger_finish(ledger, statement, failure);
}

static bool is_set_aside(const struct ledger_word *word, const char *rule)
{
	return word && strcmp(word->rule, rule) == 0;
}

int ledger_override(struct ledger *ledger, const struct ledger_use *use, struct failure *failure)
{
	OWNED_STATEMENT sqlite3_stmt *statement = NULL;
	int ret = ledger_prepare(ledger,
				 "INSERT INTO overrides(snapshot, vm, rule, reason, at)"
				 " VALUES(:snapshot, :vm, :rule, :reason, :at)",
				 &statement, failure);

	if (ret)
		return ret;
	ledger_bind_id(statement, ":snapshot", &use->snapshot);
	ledger_bind_id(statement, ":vm", &use->vm);
	ledger_bind_text(statement, ":rule", use->word->rule);
	ledger_bind_text(statement, ":reason", use->word->reason);
	ledger_bind_number(statement, ":at", time(NULL));
	return ledger_finish(ledger, statement, failure);
}

static int is_consumed(struct ledger *ledger, const struct transport_id *snapshot, bool *consumed,
		       struct failure *failure)
{
	OWNED_STATEMENT sqlite3_stmt *statement = NULL;
	int step, ret = ledger_prepare(ledger, "SELECT 1 FROM consumed WHERE snapshot=:snapshot",
				       &statement, failure);

	if (ret)
		return ret;
	ledger_bind_id(statement, ":snapshot", snapshot);
	step = sqlite3_step(statement);
	if (step != SQLITE_ROW && step != SQLITE_DONE)
		return ledger_fail(ledger, failure);
	*consumed = step == SQLITE_ROW;
	return 0;
}

static int refuse_used(const struct ledger_use *use, struct failure *failure)
{
	char text[TRANSPORT_ID_TEXT_SIZE];

	transport_id_print(&use->snapshot, text);
	return failure_set(failure, SDEISTATE_ALREADY_USED, -EEXIST, "snapshot", "id",
			   "one that was never used here", text);
}

static int refuse_rollback(const struct ledger_use *use, uint64_t known, struct failure *failure)
{
	char expected[48], actual[32];

	snprintf(expected, sizeof(expected), "%llu or more", (unsigned long long)known);
	snprintf(actual, sizeof(actual), "%llu", (unsigned long long)use->generation);
	return failure_set(failure, SDEISTATE_ROLLBACK, -ESTALE, "VM", "generation", expected,
			   actual);
}

/* What stands against it, and how to go on if nothing does. */
struct verdict {
	bool consumed, rollback; /* and set aside */
	uint64_t former;         /* generation known so far */
	uint64_t next;           /* the VM's from now on: above all that were known */
};

static int judge(struct ledger *ledger, const struct ledger_use *use, struct verdict *verdict,
		 struct failure *failure)
{
	int ret = is_consumed(ledger, &use->snapshot, &verdict->consumed, failure);

	/* First the id: who restores twice is to hear that, not that a generation passed. */
	if (!ret && verdict->consumed && !is_set_aside(use->word, rule_used))
		ret = refuse_used(use, failure);
	if (!ret)
		ret = ledger_generation(ledger, &use->vm, &verdict->former, failure);
	if (ret)
		return ret;
	if (use->generation >= INT64_MAX)
		return failure_set(failure, SDEISTATE_OVER_LIMIT, -E2BIG, "VM", "generation",
				   "below 2^63 - 1", "more");
	verdict->rollback = use->generation < verdict->former;
	/* Using a snapshot again is a rollback of the VM it became; the one word says both. */
	if (verdict->rollback && !verdict->consumed && !is_set_aside(use->word, rule_rollback))
		return refuse_rollback(use, verdict->former, failure);
	verdict->next = verdict->rollback ? verdict->former : use->generation + 1;
	return 0;
}

int ledger_check(struct ledger *ledger, const struct ledger_use *use, uint64_t *next,
		 struct failure *failure)
{
	struct verdict verdict;
	int ret = judge(ledger, use, &verdict, failure);

	if (!ret)
		*next = verdict.next;
	return ret;
}

static int write_consumed(struct ledger *ledger, const struct ledger_use *use,
			  const struct transport_id *session, struct failure *failure)
{
	OWNED_STATEMENT sqlite3_stmt *statement = NULL;
	int ret = ledger_prepare(ledger,
				 "INSERT INTO consumed(snapshot, vm, generation, session, at)"
				 " VALUES(:snapshot, :vm, :generation, :session, :at)",
				 &statement, failure);

	if (ret)
		return ret;
	ledger_bind_id(statement, ":snapshot", &use->snapshot);
	ledger_bind_id(statement, ":vm", &use->vm);
	ledger_bind_number(statement, ":generation", (int64_t)use->generation);
	if (session)
		ledger_bind_id(statement, ":session", session);
	ledger_bind_number(statement, ":at", time(NULL));
	return ledger_finish(ledger, statement, failure);
}

int ledger_use_up(struct ledger *ledger, const struct ledger_use *use,
		  const struct transport_id *session, uint64_t *former, uint64_t *next,
		  struct failure *failure)
{
	struct verdict verdict;
	int ret = judge(ledger, use, &verdict, failure);

	if (!ret && (verdict.consumed || verdict.rollback))
		ret = ledger_override(ledger, use, failure);
	if (!ret && !verdict.consumed)
		ret = write_consumed(ledger, use, session, failure);
	if (!ret)
		ret = ledger_raise(ledger, &use->vm, verdict.next, failure);
	if (ret)
		return ret;
	*former = verdict.former;
	*next = verdict.next;
	return 0;
}

/* What ledger_consume() was given. */
struct consumption {
	const struct ledger_use *use;
	uint64_t former, next;
};

static int consume(struct ledger *ledger, void *arg, struct failure *failure)
{
	struct consumption *consumption = arg;

	return ledger_use_up(ledger, consumption->use, NULL, &consumption->former,
			     &consumption->next, failure);
}

int ledger_consume(struct ledger *ledger, const struct ledger_use *use, uint64_t *next,
		   struct failure *failure)
{
	struct consumption consumption = { .use = use };
	int ret = ledger_write(ledger, consume, &consumption, failure);

	if (!ret)
		*next = consumption.next;
	return ret;
}
