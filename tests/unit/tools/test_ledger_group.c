// SPDX-License-Identifier: Apache-2.0
#include "ledger.h"
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

int main(void)
{
	return RUN_TESTS(test_all_that_wait_are_written_and_each_fails_alone);
}
