// SPDX-License-Identifier: Apache-2.0
#include "ledger_db.h"
#include "support/check.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#define WRITERS 16
#define EACH    8

/* One thread: begins sessions, and one that the first writer has begun, too. */
struct writer {
	pthread_t thread;
	struct ledger *ledger;
	const struct transport_id *taken;
	unsigned int wrote, refused, settled, read;
};

static struct ledger_session make_session(void)
{
	struct ledger_session session = { .role = TRANSPORT_DESTINATION,
					  .state = TRANSPORT_SESSION_RECORDED };

	transport_id_random(&session.offer.session);
	transport_id_random(&session.offer.snapshot);
	transport_id_random(&session.offer.vm.uuid);
	return session;
}

static void *write_many(void *arg)
{
	struct writer *writer = arg;

	for (int i = 0; i < EACH; i++) {
		struct ledger_session session = make_session(), again = make_session(), found;
		struct failure failure;

		again.offer.session = *writer->taken;
		writer->wrote += ledger_begin(writer->ledger, &session, NULL, NULL, &failure) == 0;
		writer->refused +=
			ledger_begin(writer->ledger, &again, NULL, NULL, &failure) == -EEXIST &&
			failure.reason == SDEISTATE_ALREADY_USED;
		session.state = TRANSPORT_SESSION_COMMITTED;
		writer->settled += ledger_settle(writer->ledger, &session, &failure) == 0;
		writer->read += ledger_find(writer->ledger, &session.offer.session, &found,
					    &failure) == 0 &&
				found.state == TRANSPORT_SESSION_COMMITTED;
	}
	return NULL;
}

static int count(void *ctx, const struct ledger_session *session)
{
	(void)session;
	++*(unsigned int *)ctx;
	return 0;
}

static void test_all_that_wait_are_written_and_each_fails_alone(void)
{
	char directory[] = "/tmp/ledger-XXXXXX", command[64];
	struct ledger_session first = make_session();
	struct writer writer[WRITERS] = { { .wrote = 0 } };
	struct ledger *ledger = NULL;
	struct failure failure;
	unsigned int n = 0;

	REQUIRE(mkdtemp(directory) != NULL, "a folder");
	REQUIRE(ledger_open(directory, &ledger, &failure) == 0, "a ledger");
	CHECK(ledger_begin(ledger, &first, NULL, NULL, &failure) == 0, "the first session");
	for (int i = 0; i < WRITERS; i++) {
		writer[i].ledger = ledger;
		writer[i].taken = &first.offer.session;
		REQUIRE(pthread_create(&writer[i].thread, NULL, write_many, &writer[i]) == 0,
			"a thread");
	}
	for (int i = 0; i < WRITERS; i++) {
		pthread_join(writer[i].thread, NULL);
		CHECK(writer[i].wrote == EACH, "every session of every thread is written");
		CHECK(writer[i].refused == EACH, "a used id is refused to who brought it");
		CHECK(writer[i].settled == EACH,
		      "and the others in its transaction are not undone");
		CHECK(writer[i].read == EACH, "what was written is read");
	}
	ledger_close(ledger);
	REQUIRE(ledger_open_existing(directory, &ledger, &failure) == 0, "the ledger, again");
	CHECK(ledger_each(ledger, count, &n, &failure) == 0 && n == 1 + WRITERS * EACH,
	      "it holds each of them once, and nothing of what was refused");
	ledger_close(ledger);
	snprintf(command, sizeof(command), "rm -r '%s'", directory);
	CHECK(system(command) == 0, "the folder goes");
}

/* One writer in a batch. */
struct one {
	pthread_t thread;
	struct ledger *ledger;
	struct ledger_session session;
	struct failure failure;
	int ret;
};

static void *write_one(void *arg)
{
	struct one *one = arg;

	one->ret = ledger_begin(one->ledger, &one->session, NULL, NULL, &one->failure);
	return NULL;
}

#define BATCH 3

/* They stand in line before the first of them may write: one transaction. */
static bool write_together(struct ledger *ledger, struct one one[BATCH])
{
	ledger_enter(ledger);
	for (int i = 0; i < BATCH; i++) {
		one[i].ledger = ledger;
		one[i].session = make_session();
		one[i].session.offer.vm.generation = 100 + (uint64_t)i;
		if (pthread_create(&one[i].thread, NULL, write_one, &one[i]))
			return false;
		for (bool stands = false; !stands;) {
			unsigned int n = 0;

			pthread_mutex_lock(&ledger->lock);
			for (struct ledger_turn *at = ledger->line; at; at = at->next)
				n++;
			stands = n == (unsigned int)i + 1;
			pthread_mutex_unlock(&ledger->lock);
		}
	}
	ledger_leave(ledger);
	for (int i = 0; i < BATCH; i++)
		pthread_join(one[i].thread, NULL);
	return true;
}

/* As a full disk does: RAISE(ROLLBACK) ends the whole transaction in the middle of it. */
static void test_a_transaction_that_is_gone_is_nobodys(void)
{
	char directory[] = "/tmp/ledger-XXXXXX", command[64];
	struct one one[BATCH] = { { .ret = 1 } };
	struct ledger *ledger = NULL;
	struct failure failure;
	unsigned int n = 0;

	REQUIRE(mkdtemp(directory) != NULL, "a folder");
	REQUIRE(ledger_open(directory, &ledger, &failure) == 0, "a ledger");
	REQUIRE(ledger_run(ledger,
			   "CREATE TRIGGER full BEFORE INSERT ON sessions WHEN NEW.generation=101"
			   " BEGIN SELECT RAISE(ROLLBACK, 'full'); END",
			   &failure) == 0,
		"a disk that is full for the second");
	REQUIRE(write_together(ledger, one), "three that write together");
	for (int i = 0; i < BATCH; i++)
		CHECK(one[i].ret < 0, "none of them is told that it is written");
	CHECK(ledger_each(ledger, count, &n, &failure) == 0 && n == 0, "and none is");
	CHECK(ledger_run(ledger, "DROP TRIGGER full", &failure) == 0, "the disk has room again");
	REQUIRE(write_together(ledger, one), "three others");
	for (int i = 0; i < BATCH; i++)
		CHECK(one[i].ret == 0, "are written");
	CHECK(ledger_each(ledger, count, &n, &failure) == 0 && n == BATCH, "all");
	ledger_close(ledger);
	snprintf(command, sizeof(command), "rm -r '%s'", directory);
	CHECK(system(command) == 0, "the folder goes");
}

static unsigned int count_statements(const struct ledger *ledger)
{
	unsigned int n = 0;

	for (sqlite3_stmt *at = NULL; (at = sqlite3_next_stmt(ledger->db, at));)
		n++;
	return n;
}

/* More texts than any command has, and the same ones again. */
static void test_statements_do_not_pile_up(void)
{
	char directory[] = "/tmp/ledger-XXXXXX", text[32];
	struct ledger *ledger = NULL;
	struct failure failure;
	unsigned int first = 0;

	REQUIRE(mkdtemp(directory) != NULL, "a folder");
	REQUIRE(ledger_open(directory, &ledger, &failure) == 0, "a ledger");
	for (int i = 0; i < 300; i++) {
		OWNED_STATEMENT sqlite3_stmt *statement = NULL;

		snprintf(text, sizeof(text), "SELECT %d", i % 100);
		REQUIRE(ledger_prepare(ledger, text, &statement, &failure) == 0, "a statement");
		if (i == 99)
			first = count_statements(ledger);
	}
	CHECK(count_statements(ledger) == first, "who wants the same gets what is there");
	ledger_close(ledger);
	snprintf(text, sizeof(text), "rm -r '%s'", directory);
	CHECK(system(text) == 0, "the folder goes");
}

int main(void)
{
	return RUN_TESTS(test_all_that_wait_are_written_and_each_fails_alone,
			 test_a_transaction_that_is_gone_is_nobodys,
			 test_statements_do_not_pile_up);
}
