// SPDX-License-Identifier: Apache-2.0
/*
 * Who has to write waits for the disk. Writers that come meanwhile stand in line, and the first of them
 * carries out all that wait in one transaction: one flush of the disk for all (docs/ledger.md, "Rules", 7).
 */
#include "ledger_db.h"

#include <assert.h>
#include <errno.h>

/* All under ledger->lock. */
static void stand_in_line(struct ledger *ledger, struct ledger_turn *turn)
{
	struct ledger_turn **at = &ledger->line;

	while (*at)
		at = &(*at)->next;
	*at = turn;
	if (!ledger->busy) {
		ledger->busy = true;
		turn->lead = true;
	}
	while (!turn->over && !turn->lead)
		pthread_cond_wait(&turn->wake, &ledger->lock);
}

static void hand_on(struct ledger *ledger)
{
	ledger->busy = ledger->line != NULL;
	if (!ledger->line)
		return;
	ledger->line->lead = true;
	pthread_cond_signal(&ledger->line->wake);
}

/* The leader and all writers behind it, up to who wants to be alone. */
static struct ledger_turn *take_batch(struct ledger *ledger)
{
	struct ledger_turn *first = ledger->line, *last = first;

	assert(first); /* the leader stands in it */
	while (first->write && last->next && last->next->write)
		last = last->next;
	ledger->line = last->next;
	last->next = NULL;
	return first;
}

/* What one of them may not write is undone without the others. */
static int write_one(struct ledger *ledger, struct ledger_turn *turn)
{
	int ret = ledger_run(ledger, "SAVEPOINT turn", turn->failure);

	if (ret)
		return ret;
	ret = turn->write(ledger, turn->arg, turn->failure);
	if (ret)
		sqlite3_exec(ledger->db, "ROLLBACK TO turn", NULL, NULL, NULL);
	sqlite3_exec(ledger->db, "RELEASE turn", NULL, NULL, NULL);
	return ret;
}

/*
 * A full disk, and some other failures, roll back the whole transaction and not only what met them (SQLite,
 * "Result and Error Codes", SQLITE_FULL). Then the others are gone, too, and who follows would begin another one.
 */
static int check_begun(const struct ledger *ledger, const struct ledger_turn *turn,
		       struct failure *failure)
{
	if (!sqlite3_get_autocommit(ledger->db))
		return 0;
	if (turn->ret) {
		*failure = *turn->failure;
		return turn->ret;
	}
	return failure_set(failure, SDEISTATE_IO, -EIO, ledger->path, "ledger", "one transaction",
			   "it was rolled back");
}

static void write_batch(struct ledger *ledger, struct ledger_turn *first)
{
	const bool alone = !first->next;
	struct failure failure;
	int ret = ledger_run(ledger, "BEGIN IMMEDIATE", &failure);

	for (struct ledger_turn *turn = first; turn && !ret; turn = turn->next) {
		turn->ret = alone ? turn->write(ledger, turn->arg, turn->failure)
				  : write_one(ledger, turn);
		if (!alone)
			ret = check_begun(ledger, turn, &failure);
	}
	/* Alone, what failed is rolled back whole. */
	if (!ret && alone && first->ret) {
		sqlite3_exec(ledger->db, "ROLLBACK", NULL, NULL, NULL);
		return;
	}
	ret = ledger_end(ledger, ret, &failure);
	for (struct ledger_turn *turn = first; turn && ret; turn = turn->next) {
		/* Its own reason is the better one. */
		if (!turn->ret)
			*turn->failure = failure;
		turn->ret = turn->ret ? turn->ret : ret;
	}
}

int ledger_write(struct ledger *ledger, ledger_write_fn write, void *arg, struct failure *failure)
{
	struct ledger_turn turn = {
		.write = write, .arg = arg, .failure = failure, .wake = PTHREAD_COND_INITIALIZER
	};
	struct ledger_turn *batch;

	pthread_mutex_lock(&ledger->lock);
	stand_in_line(ledger, &turn);
	if (turn.lead) {
		batch = take_batch(ledger);
		pthread_mutex_unlock(&ledger->lock);
		write_batch(ledger, batch);
		pthread_mutex_lock(&ledger->lock);
		for (; batch; batch = batch->next) {
			batch->over = true;
			pthread_cond_signal(&batch->wake);
		}
		hand_on(ledger);
	}
	pthread_mutex_unlock(&ledger->lock);
	pthread_cond_destroy(&turn.wake);
	return turn.ret;
}

void ledger_enter(struct ledger *ledger)
{
	struct ledger_turn turn = { .wake = PTHREAD_COND_INITIALIZER };

	pthread_mutex_lock(&ledger->lock);
	stand_in_line(ledger, &turn);
	take_batch(ledger);
	pthread_mutex_unlock(&ledger->lock);
	pthread_cond_destroy(&turn.wake);
}

void ledger_leave(struct ledger *ledger)
{
	pthread_mutex_lock(&ledger->lock);
	hand_on(ledger);
	pthread_mutex_unlock(&ledger->lock);
}
