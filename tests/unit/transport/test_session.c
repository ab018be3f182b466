// SPDX-License-Identifier: Apache-2.0
#include "support/check.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <transport/session.h>
#include <unistd.h>

#define SHORT_MS 300

/* Two hosts without VMMs: what each side was asked, and whether its VM may run. */
struct host {
	bool may_run, given_away, recorded, aborted_durably;
	uint8_t key; /* fills the key id */
	enum transport_session_state outcome;
	int outcomes;
	int fault_step; /* -1: none */
	int fault_code;
	bool cut;    /* the fault also cuts the connection */
	bool forges; /* signs wrongly */
	bool lies;   /* about the digest */
	bool loses;  /* the VMM's answer to commit or relinquish */
	struct transport_stream *stream;
	struct transport_proof proof;
	enum transport_outcome answer;
	struct transport_progress progress;
	struct transport_error error;
	int ret;
};

struct world {
	struct host source, destination;
	struct transport_offer offer;
	bool resolves;
	enum transport_outcome outcome;
};

/* A signature is the key, the type's length and a sum: enough to be wrong. */
static uint32_t sum_up(const char *type, const void *message, size_t len)
{
	const uint8_t *bytes = message;
	uint32_t sum = (uint32_t)strlen(type);

	for (size_t i = 0; i < len; i++)
		sum = sum * 31 + bytes[i];
	return sum;
}

static int fake_sign(void *ctx, const char *type, const void *message, size_t len,
		     struct transport_buffer *signature, struct transport_error *err)
{
	const struct host *host = ctx;
	uint32_t sum = sum_up(type, message, len) + host->forges;

	(void)err;
	return transport_buffer_append(signature, &host->key, 1) +
	       transport_buffer_append(signature, &sum, sizeof(sum));
}

static int fake_verify(void *ctx, const uint8_t *key_id, const char *type, const void *message,
		       size_t len, const void *signature, size_t signature_len,
		       struct transport_error *err)
{
	const uint32_t sum = sum_up(type, message, len);

	(void)ctx;
	if (key_id[0] > 2)
		return transport_error_fill(err, -EACCES, "peer-untrusted", "key", "", "|");
	if (signature_len != 5 || ((const uint8_t *)signature)[0] != key_id[0] ||
	    memcmp((const uint8_t *)signature + 1, &sum, sizeof(sum)) != 0)
		return transport_error_fill(err, -EKEYREJECTED, "bad-signature", "key", "", "|");
	return 0;
}

static int put_fault(void *ctx, enum transport_step step, struct transport_error *err)
{
	struct host *host = ctx;

	if (host->fault_step != (int)step)
		return 0;
	if (host->cut)
		transport_stream_cut(host->stream);
	return transport_error_fill(err, host->fault_code, "internal", "fault",
				    transport_step_name(step), "|put here");
}

static int source_record(void *ctx, const struct transport_peer *peer, struct transport_error *err)
{
	(void)err;
	((struct host *)ctx)->recorded = peer->key_id[0] == 2;
	return 0;
}

static int source_pause(void *ctx, struct transport_error *err)
{
	(void)err;
	((struct host *)ctx)->may_run = false;
	return 0;
}

static int source_capture(void *ctx, const struct transport_peer *peer,
			  struct transport_buffer *blob, uint8_t *digest,
			  struct transport_error *err)
{
	static uint8_t bytes[300000];

	(void)ctx;
	(void)err;
	memset(digest, 7, TRANSPORT_DIGEST_SIZE);
	memcpy(bytes, peer->nonce, TRANSPORT_NONCE_SIZE);
	return transport_buffer_append(blob, bytes, sizeof(bytes));
}

static int source_relinquish(void *ctx, bool *refused, struct transport_error *err)
{
	struct host *host = ctx;

	host->given_away = true;
	*refused = false;
	return host->loses ? transport_error_fill(err, -ETIMEDOUT, "timeout", "VMM", "", "|") : 0;
}

static int source_resume(void *ctx, struct transport_error *err)
{
	struct host *host = ctx;

	if (host->given_away)
		return transport_error_fill(err, -EPERM, "refused", "VM", "", "|");
	host->may_run = true;
	return 0;
}

static int source_reclaim(void *ctx, const struct transport_proof *proof,
			  struct transport_error *err)
{
	struct host *host = ctx;

	if (proof->len == 0)
		return transport_error_fill(err, -EPERM, "refused", "VM", "proof", "|");
	host->given_away = false;
	host->may_run = true;
	return 0;
}

static int take_outcome(struct host *host, enum transport_session_state state)
{
	host->outcome = state;
	host->outcomes++;
	return 0;
}

static int source_outcome(void *ctx, enum transport_session_state state,
			  const struct transport_proof *proof, struct transport_error *err)
{
	struct host *host = ctx;

	(void)err;
	host->proof = *proof;
	return take_outcome(host, state);
}

static const struct transport_source_ops source_ops = {
	.record = source_record,
	.pause = source_pause,
	.capture = source_capture,
	.relinquish = source_relinquish,
	.resume = source_resume,
	.reclaim = source_reclaim,
	.outcome = source_outcome,
	.fault = put_fault,
};

static int destination_record(void *ctx, const struct transport_offer *offer,
			      const struct transport_peer *peer,
			      struct transport_progress *progress, struct transport_error *err)
{
	struct host *host = ctx;

	(void)progress;
	(void)err;
	host->recorded = offer->vm.n_vcpus == 4 && offer->vm.generation == 9 &&
			 peer->key_id[0] == 1 && !strcmp(offer->vm.profile, "spec");
	return 0;
}

static int destination_stage(void *ctx, const struct transport_buffer *blob, const uint8_t *nonce,
			     uint8_t *digest, struct transport_error *err)
{
	const struct host *host = ctx;

	if (memcmp(blob->data, nonce, TRANSPORT_NONCE_SIZE) != 0)
		return transport_error_fill(err, -EBADMSG, "bad-digest", "blob", "nonce", "|");
	memset(digest, host->lies ? 8 : 7, TRANSPORT_DIGEST_SIZE);
	return 0;
}

static int destination_commit(void *ctx, bool *refused, struct transport_error *err)
{
	struct host *host = ctx;

	host->may_run = true;
	*refused = false;
	return host->loses ? transport_error_fill(err, -ETIMEDOUT, "timeout", "VMM", "", "|") : 0;
}

static int destination_withdraw(void *ctx, struct transport_error *err)
{
	(void)err;
	((struct host *)ctx)->aborted_durably = true;
	return 0;
}

static int destination_outcome(void *ctx, enum transport_session_state state,
			       struct transport_error *err)
{
	(void)err;
	return take_outcome(ctx, state);
}

static int destination_resolve(void *ctx, const struct transport_id *session,
			       const struct transport_peer *peer, enum transport_outcome *outcome,
			       struct transport_error *err)
{
	(void)peer;
	(void)err;
	*outcome =
		session->bytes[0] == 5 ? ((struct host *)ctx)->answer : TRANSPORT_OUTCOME_UNKNOWN;
	return 0;
}

static const struct transport_destination_ops destination_ops = {
	.record = destination_record,
	.stage = destination_stage,
	.commit = destination_commit,
	.withdraw = destination_withdraw,
	.outcome = destination_outcome,
	.resolve = destination_resolve,
	.fault = put_fault,
};

static const struct transport_deadlines deadlines = { SHORT_MS, SHORT_MS, SHORT_MS, SHORT_MS };

static struct transport_signer signer_of(struct host *host)
{
	struct transport_signer signer = { .ctx = host, .sign = fake_sign, .verify = fake_verify };

	memset(signer.key_id, host->key, sizeof(signer.key_id));
	return signer;
}

static void *run_destination(void *arg)
{
	struct world *world = arg;
	struct host *host = &world->destination;
	const struct transport_signer signer = signer_of(host);
	struct transport_visit visit;

	host->ret = transport_session_receive(host->stream, &signer, &deadlines, &destination_ops,
					      host, &host->progress, &visit, &host->error);
	transport_stream_close(host->stream);
	return NULL;
}

static void run_source(struct world *world)
{
	struct host *host = &world->source;
	const struct transport_signer signer = signer_of(host);
	struct transport_session_times times;

	if (world->resolves)
		host->ret =
			transport_session_resolve(host->stream, &world->offer, &signer, &deadlines,
						  &world->outcome, &host->proof, &host->error);
	else
		host->ret = transport_session_send(host->stream, &world->offer, &signer, &deadlines,
						   &source_ops, host, &host->progress, &times,
						   &host->error);
	transport_stream_close(host->stream);
}

static struct world new_world(void)
{
	return (struct world){
		.source = { .may_run = true, .key = 1, .fault_step = -1 },
		.destination = { .key = 2,
				 .fault_step = -1,
				 .progress.role = TRANSPORT_DESTINATION },
		.offer = { .session = { { 5 } },
			   .snapshot = { { 6 } },
			   .vm = { .uuid = { { 7 } },
				   .type = "arm64",
				   .profile = "spec",
				   .kernel = "6.12",
				   .n_vcpus = 4,
				   .generation = 9 } },
	};
}

/* Both sides to their end, over a pair of sockets. */
static void play(struct world *world)
{
	const struct transport_stream_options plain = { .insecure_no_tls = true };
	char uri[2][32];
	pthread_t thread;
	int pair[2];

	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "a pair of sockets");
	snprintf(uri[0], sizeof(uri[0]), "fd:%d", pair[0]);
	snprintf(uri[1], sizeof(uri[1]), "fd:%d", pair[1]);
	REQUIRE(transport_stream_connect(uri[0], &plain, &world->source.stream, NULL) == 0 &&
			transport_stream_connect(uri[1], &plain, &world->destination.stream,
						 NULL) == 0,
		"two streams");
	pthread_create(&thread, NULL, run_destination, world);
	run_source(world);
	pthread_join(thread, NULL);
}

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

static void test_no_fault_makes_two_or_none(void)
{
	for (int step = 0; step < TRANSPORT_NR_STEPS; step++) {
		for (int cut = 0; cut < 2; cut++) {
			struct world world = new_world();
			struct host *host = step < TRANSPORT_STEP_RECV_HELLO ? &world.source
									     : &world.destination;
			char promise[80];

			host->fault_step = step;
			host->fault_code = -EIO;
			host->cut = cut;
			play(&world);
			snprintf(promise, sizeof(promise), "after %s at %s one VM runs, or doubt",
				 cut ? "a cut" : "an error",
				 transport_step_name((enum transport_step)step));
			CHECK(is_safe(&world), promise);
			if (step < TRANSPORT_STEP_SEND_RELINQUISH)
				CHECK(world.source.may_run, "before relinquish it is the source's");
			if (world.destination.recorded && !world.destination.may_run)
				CHECK(world.destination.aborted_durably,
				      "what does not run was given up durably");
		}
	}
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
	return RUN_TESTS(test_a_vm_is_handed_over, test_no_fault_makes_two_or_none,
			 test_a_live_peer_ends_the_doubt_at_once, test_a_lost_answer_is_doubt,
			 test_lies_are_found, test_resolve_brings_a_signed_answer);
}
