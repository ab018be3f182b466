// SPDX-License-Identifier: Apache-2.0
#include "ledger.h"
#include "support/check.h"

#include <errno.h>
#include <string.h>

struct home {
	char folder[32];
	struct ledger *ledger;
};

static bool home_open(struct home *home)
{
	struct failure failure;

	snprintf(home->folder, sizeof(home->folder), "/tmp/sdei-test-XXXXXX");
	return mkdtemp(home->folder) && ledger_open(home->folder, &home->ledger, &failure) == 0;
}

static void home_close(struct home *home)
{
	static const char *const files[] = { "ledger.db", "ledger.db-wal", "ledger.db-shm" };
	char path[64];

	ledger_close(home->ledger);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		snprintf(path, sizeof(path), "%s/%s", home->folder, files[i]);
		unlink(path);
	}
	rmdir(home->folder);
}

/* Close it as a crash would not, and open it again. */
static void come_again(struct home *home)
{
	struct failure failure;

	home->ledger = ledger_close(home->ledger);
	CHECK(ledger_open(home->folder, &home->ledger, &failure) == 0, "a ledger opens again");
}

static struct ledger_session session_of(enum transport_role role, uint8_t number,
					uint64_t generation)
{
	struct ledger_session session = {
		.role = role,
		.state = TRANSPORT_SESSION_RECORDED,
		.offer = { .session = { { number } },
			   .snapshot = { { number, 1 } },
			   .vm = { .uuid = { { 0xaa } }, .generation = generation } },
		.control = "/run/vm.sock",
		.peer = "tcp:host:1",
		.key = "/etc/a.key",
		.peer_crt = "/etc/b.crt",
		.insecure = true,
	};

	memset(session.peer_key, 0x5a, sizeof(session.peer_key));
	return session;
}

static int begin(struct home *home, enum transport_role role, uint8_t number, uint64_t generation)
{
	const struct ledger_session session = session_of(role, number, generation);
	struct failure failure;

	return ledger_begin(home->ledger, &session, NULL, NULL, &failure);
}

static int settle(struct home *home, enum transport_role role, uint8_t number, uint64_t generation,
		  enum transport_session_state state)
{
	struct ledger_session session = session_of(role, number, generation);
	struct failure failure;

	session.state = state;
	return ledger_settle(home->ledger, &session, &failure);
}

static void test_a_session_is_remembered_whole(void)
{
	const struct ledger_session want = session_of(TRANSPORT_SOURCE, 7, 3);
	struct ledger_session got, changed = want;
	struct failure failure;
	struct home home;

	REQUIRE(home_open(&home), "a ledger opens");
	CHECK(ledger_begin(home.ledger, &want, NULL, NULL, &failure) == 0, "a session begins");
	come_again(&home);
	REQUIRE(ledger_find(home.ledger, &want.offer.session, &got, &failure) == 0, "it is found");
	CHECK(got.role == want.role && got.state == want.state && got.insecure &&
		      !strcmp(got.control, want.control) && !strcmp(got.peer, want.peer) &&
		      !strcmp(got.key, want.key) && !strcmp(got.peer_crt, want.peer_crt) &&
		      !memcmp(got.peer_key, want.peer_key, sizeof(got.peer_key)) &&
		      got.offer.vm.generation == 3 &&
		      transport_id_equal(&got.offer.snapshot, &want.offer.snapshot) &&
		      transport_id_equal(&got.offer.vm.uuid, &want.offer.vm.uuid),
	      "with all it was begun with");
	CHECK(got.began > 0 && got.proof.len == 0 && !got.overridden, "and nothing else");
	changed.state = TRANSPORT_SESSION_ABORTED;
	changed.overridden = true;
	snprintf(changed.note, sizeof(changed.note), "it's \"so\"; DROP TABLE sessions");
	changed.proof.len = 5;
	memcpy(changed.proof.bytes, "proof", 5);
	CHECK(ledger_settle(home.ledger, &changed, &failure) == 0, "it ends");
	come_again(&home);
	CHECK(ledger_find(home.ledger, &want.offer.session, &got, &failure) == 0 &&
		      got.state == TRANSPORT_SESSION_ABORTED && got.overridden &&
		      !strcmp(got.note, changed.note) && got.proof.len == 5,
	      "and how is remembered");
	CHECK(ledger_begin(home.ledger, &want, NULL, NULL, &failure) == -EEXIST,
	      "an id is for one session");
	changed.offer.session.bytes[0] = 99;
	CHECK(ledger_settle(home.ledger, &changed, &failure) == -ENOENT, "another is not there");
	home_close(&home);
}

/* Use snapshot @number of VM @vm, taken at @generation. */
static int use(struct home *home, uint8_t number, uint8_t vm, uint64_t generation,
	       const struct ledger_word *word, uint64_t *next, struct failure *failure)
{
	const struct ledger_use use = {
		.snapshot = { { number } }, .vm = { { vm } }, .generation = generation, .word = word
	};
	uint64_t asked = 0;
	int may = ledger_check(home->ledger, &use, &asked, failure);
	int ret = ledger_consume(home->ledger, &use, next, failure);

	CHECK(may == ret && (ret || asked == *next), "who asks first hears what will be said");
	return ret;
}

static void test_a_snapshot_is_used_once(void)
{
	struct failure failure;
	struct home home;
	uint64_t next = 0;

	REQUIRE(home_open(&home), "a ledger opens");
	CHECK(use(&home, 1, 0xaa, 4, NULL, &next, &failure) == 0 && next == 5, "the first time");
	come_again(&home);
	CHECK(use(&home, 1, 0xaa, 4, NULL, &next, &failure) == -EEXIST &&
		      failure.reason == SDEISTATE_ALREADY_USED,
	      "and never again");
	CHECK(use(&home, 2, 0xaa, 4, NULL, &next, &failure) == -ESTALE &&
		      failure.reason == SDEISTATE_ROLLBACK,
	      "nor another of the same generation");
	CHECK(use(&home, 2, 0xaa, 5, NULL, &next, &failure) == 0,
	      "a refused one was not used; the next generation may come");
	CHECK(use(&home, 3, 0xbb, 0, NULL, &next, &failure) == 0,
	      "other VMs have generations of their own");
	CHECK(use(&home, 4, 0xaa, UINT64_MAX, NULL, &next, &failure) == -E2BIG,
	      "an absurd generation is refused");
	home_close(&home);
}

static void test_a_rule_is_set_aside_by_name(void)
{
	const struct ledger_word used = { "already-used", "a rehearsal" };
	const struct ledger_word rollback = { "rollback", "the new disk is broken" };
	struct failure failure;
	struct home home;
	uint64_t next = 0;

	REQUIRE(home_open(&home), "a ledger opens");
	CHECK(use(&home, 1, 0xaa, 4, NULL, &next, &failure) == 0, "a snapshot is used");
	CHECK(use(&home, 1, 0xaa, 4, &rollback, &next, &failure) == -EEXIST,
	      "another rule's word does not help");
	CHECK(use(&home, 1, 0xaa, 4, &used, &next, &failure) == 0 && next == 5, "its own does");
	CHECK(use(&home, 2, 0xaa, 2, &used, &next, &failure) == -ESTALE, "and not the other's");
	CHECK(use(&home, 2, 0xaa, 2, &rollback, &next, &failure) == 0 && next == 5,
	      "an older one makes the VM no older: what lies between stays refused");
	CHECK(use(&home, 3, 0xaa, 4, NULL, &next, &failure) == -ESTALE, "without a word");
	CHECK(use(&home, 3, 0xaa, 5, &rollback, &next, &failure) == 0 && next == 6,
	      "a word that was not needed changes nothing");
	home_close(&home);
}

static void test_an_aborted_session_gives_the_generation_back(void)
{
	struct home home;

	REQUIRE(home_open(&home), "a ledger opens");
	CHECK(begin(&home, TRANSPORT_DESTINATION, 1, 0) == 0, "a session begins");
	CHECK(begin(&home, TRANSPORT_DESTINATION, 2, 0) == -ESTALE,
	      "while it is open no other may bring this generation");
	CHECK(settle(&home, TRANSPORT_DESTINATION, 1, 0, TRANSPORT_SESSION_ABORTED) == 0,
	      "it aborts");
	CHECK(begin(&home, TRANSPORT_DESTINATION, 2, 0) == 0, "then the next attempt may");
	CHECK(settle(&home, TRANSPORT_DESTINATION, 2, 0, TRANSPORT_SESSION_COMMITTED) == 0,
	      "it commits");
	CHECK(begin(&home, TRANSPORT_DESTINATION, 3, 0) == -ESTALE, "then none may any more");
	CHECK(settle(&home, TRANSPORT_DESTINATION, 1, 0, TRANSPORT_SESSION_ABORTED) == 0 &&
		      begin(&home, TRANSPORT_DESTINATION, 3, 1) == 0,
	      "the next generation may");
	home_close(&home);
}

static void test_what_left_does_not_come_back_older(void)
{
	struct failure failure;
	struct home home;
	uint64_t next;

	REQUIRE(home_open(&home), "a ledger opens");
	CHECK(begin(&home, TRANSPORT_SOURCE, 1, 6) == 0 &&
		      settle(&home, TRANSPORT_SOURCE, 1, 6, TRANSPORT_SESSION_COMMITTED) == 0,
	      "a VM leaves");
	CHECK(use(&home, 9, 0xaa, 6, NULL, &next, &failure) == -ESTALE,
	      "a snapshot from before is refused here");
	CHECK(use(&home, 9, 0xaa, 7, NULL, &next, &failure) == 0, "one from there is not");
	home_close(&home);
}

static int count(void *ctx, const struct ledger_session *session)
{
	(void)session;
	++*(int *)ctx;
	return 0;
}

static void test_two_programs_share_one(void)
{
	struct ledger *other = NULL;
	struct failure failure;
	struct home home;
	int n = 0;

	REQUIRE(home_open(&home), "a ledger opens");
	CHECK(ledger_open(home.folder, &other, &failure) == 0, "twice");
	CHECK(begin(&home, TRANSPORT_SOURCE, 1, 0) == 0 &&
		      begin(&home, TRANSPORT_SOURCE, 2, 0) == 0,
	      "what one writes");
	CHECK(ledger_each(other, count, &n, &failure) == 0 && n == 2, "the other reads");
	ledger_close(other);
	home_close(&home);
}

static void test_a_damaged_ledger_is_said_to_be(void)
{
	struct ledger *ledger = NULL;
	struct failure failure;
	struct home home;
	char path[64];
	FILE *file;

	REQUIRE(home_open(&home), "a ledger opens");
	home.ledger = ledger_close(home.ledger);
	snprintf(path, sizeof(path), "%s/ledger.db", home.folder);
	file = fopen(path, "w");
	for (int i = 0; i < 4096; i++)
		fputc('x', file);
	fclose(file);
	CHECK(ledger_open(home.folder, &ledger, &failure) == -EBADMSG &&
		      failure.reason == SDEISTATE_DAMAGED,
	      "garbage is no ledger, and is not overwritten");
	home_close(&home);
}

int main(void)
{
	return RUN_TESTS(test_a_session_is_remembered_whole, test_a_snapshot_is_used_once,
			 test_a_rule_is_set_aside_by_name,
			 test_an_aborted_session_gives_the_generation_back,
			 test_what_left_does_not_come_back_older, test_two_programs_share_one,
			 test_a_damaged_ledger_is_said_to_be);
}
