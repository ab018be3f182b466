/* SPDX-License-Identifier: Apache-2.0 */
/*
 * two_hosts.h - both sides of a session over a pair of sockets, with hosts that only remember what they were asked
 */
#ifndef TRANSPORT_TEST_TWO_HOSTS_H
#define TRANSPORT_TEST_TWO_HOSTS_H

#include "support/check.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <transport/session.h>
#include <unistd.h>

#define SHORT_MS 300
#define BUSY     65536u /* bytes that change while one looks */

/* Two hosts without VMMs: what each side was asked, and whether its VM may run. */
struct host {
	bool may_run, given_away, recorded, aborted_durably;
	uint8_t key; /* fills the key id */
	enum transport_session_state outcome;
	int outcomes;
	int fault_step; /* -1: none */
	int fault_code;
	bool hit;          /* it came there */
	bool cut;          /* the fault also cuts the connection */
	bool forges;       /* signs wrongly */
	bool lies;         /* about the digest */
	bool loses;        /* the VMM's answer to commit or relinquish */
	bool no_base;      /* has no way to try one */
	bool refuses_base; /* finds what it would stumble over */
	bool asks;         /* source: for a token */
	bool no_token;     /* destination: has none to give */
	bool no_answer;    /* destination: an older one, which does not know the question */
	bool refuses_none; /* source: goes on with a token alone */
	size_t state_size; /* source: of the sealed state; 0: some */
	uint64_t takes;    /* destination: max_state */
	size_t staged;     /* destination: bytes of a state that came as it was sent */
	struct transport_issues *obstacles; /* found here, or told to us */
	int tokens;                         /* appraised */
	char told[32];                      /* why there was none */
	int pauses;
	int bases;     /* sent or tried */
	int busy;      /* source: in how many bases it settles; 0: it is quiet */
	bool no_delta; /* source: changes too much for one; destination: keeps no base */
	bool since;    /* the state came as what changed since a base */
	int slow_us;   /* destination: the rehearsal took so long */
	int stages_ms; /* destination: stage() takes so long */
	bool says_so;  /* ... and tells the source meanwhile that it lives */
	int max_blackout_ms;
	bool ignore_blackout;
	bool only_tries; /* destination: recv --dry-run */
	bool ran_on;     /* source: of a dry run */
	/* What the VM moves together with: test_session_wait.c. */
	int (*wait)(void *ctx, enum transport_wait what, int ms, bool *over,
		    struct transport_error *err);
	int (*alive)(void *ctx, struct transport_error *err);
	int waits, waited[2], wait_ms; /* source: how often, so far, and how long each */
	int beats, tires;              /* destination: heard, and when it gives up; 0: never */
	struct transport_stream *stream;
	struct transport_proof proof;
	bool cannot_write; /* destination: that the session was aborted */
	enum transport_outcome answer;
	struct transport_progress progress;
	struct transport_error error;
	int ret;
};

struct world {
	struct host source, destination;
	struct transport_offer offer;
	bool resolves;
	int deadline_ms; /* 0: the library's own, which nobody is to reach however busy the machine is */
	int work_ms; /* the same of what may take long; 0: deadline_ms */
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
	host->hit = true;
	if (host->cut)
		transport_stream_cut(host->stream);
	return transport_error_fill(err, host->fault_code, "internal", "fault",
				    transport_step_name(step), "|put here");
}

#include "two_hosts_source.h"

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

static int destination_base(void *ctx, const struct transport_buffer *blob, const uint8_t *nonce,
			    struct transport_rehearsal *done, struct transport_error *err)
{
	struct host *host = ctx;

	(void)nonce;
	CHECK(blob->len > sizeof(base) || !memcmp(blob->data, base, sizeof(base)),
	      "a base comes as it was sent");
	if (done) {
		host->bases++;
		done->kept = !host->no_delta;
		done->took_us = (uint64_t)host->slow_us;
		digest_of(host->bases, done->base);
	}
	return host->refuses_base
		       ? transport_error_fill(err, -EOPNOTSUPP, "incompatible", "VM", "", "|")
		       : 0;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int destination_stage(void *ctx, const struct transport_buffer *blob, const uint8_t *nonce,
			     const uint8_t *since, uint8_t *digest, struct transport_error *err)
{
	struct host *host = ctx;
	uint8_t last[TRANSPORT_DIGEST_SIZE];

	digest_of(host->bases, last);
	CHECK(!since || !memcmp(since, last, sizeof(last)), "a delta is of the last base");
	host->since = since != NULL;
	for (const int64_t end = now_ms() + host->stages_ms; now_ms() < end; usleep(10000))
		if (host->says_so)
			transport_session_beat(&host->progress);
	host->staged = TRANSPORT_NONCE_SIZE;
	while (host->staged < blob->len && blob->data[host->staged] == state_byte(host->staged))
		host->staged++;
	if (memcmp(blob->data, nonce, TRANSPORT_NONCE_SIZE) != 0)
		return transport_error_fill(err, -EBADMSG, "bad-digest", "blob", "nonce", "|");
	memset(digest, host->lies ? 8 : 7, TRANSPORT_DIGEST_SIZE);
	return 0;
}

static int destination_token(void *ctx, const uint8_t *challenge, struct transport_buffer *token,
			     struct transport_error *err)
{
	const struct host *host = ctx;

	if (host->no_token)
		return transport_error_fill(err, -EOPNOTSUPP, "port-lacks", "VMM", "token", "|");
	return transport_buffer_append(token, challenge, TRANSPORT_CHALLENGE_SIZE) +
	       transport_buffer_append(token, challenge, TRANSPORT_CHALLENGE_SIZE);
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
	struct host *host = ctx;

	host->aborted_durably = !host->cannot_write;
	return host->cannot_write ? transport_error_fill(err, -EIO, "io", "ledger", "", "|") : 0;
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

static const struct transport_issues *destination_obstacles(void *ctx)
{
	return ((struct host *)ctx)->obstacles;
}

static const struct transport_destination_ops destination_ops = {
	.obstacles = destination_obstacles,
	.record = destination_record,
	.base = destination_base,
	.stage = destination_stage,
	.token = destination_token,
	.commit = destination_commit,
	.withdraw = destination_withdraw,
	.outcome = destination_outcome,
	.resolve = destination_resolve,
	.fault = put_fault,
};

static struct transport_deadlines deadlines_of(const struct world *world)
{
	const int ms = world->work_ms ? world->work_ms : world->deadline_ms;

	return (struct transport_deadlines){ .message_ms = world->deadline_ms,
					     .prepared_ms = ms,
					     .commit_ms = ms,
					     .done_ms = ms,
					     .max_blackout_ms = world->source.max_blackout_ms,
					     .ignore_blackout = world->source.ignore_blackout };
}

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
	const struct transport_deadlines wait = deadlines_of(world);
	struct transport_destination_ops ops = destination_ops;
	struct transport_visit visit;

	if (host->no_base)
		ops.base = NULL;
	if (host->no_answer)
		ops.token = NULL;
	ops.alive = host->alive;
	ops.max_state = host->takes;
	ops.dry_run = host->only_tries;
	host->ret = transport_session_receive(host->stream, &signer, &wait, &ops, host,
					      &host->progress, &visit, &host->error);
	transport_stream_close(host->stream);
	return NULL;
}

static void run_source(struct world *world)
{
	struct host *host = &world->source;
	const struct transport_signer signer = signer_of(host);
	const struct transport_deadlines wait = deadlines_of(world);
	struct transport_source_ops ops = source_ops;
	struct transport_session_times times;

	host->progress.obstacles = host->obstacles;
	if (host->no_base)
		ops.base = NULL;
	ops.wait = host->wait;
	if (world->resolves)
		host->ret = transport_session_resolve(host->stream, &world->offer, &signer, &wait,
						      &world->outcome, &host->proof, &host->error);
	else
		host->ret =
			transport_session_send(host->stream, &world->offer, &signer, &wait, &ops,
					       host, &host->progress, &times, &host->error);
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

/*
 * Where a deadline is to be kept, and a thread may be away for longer: played until it is, ten times at most.
 * Return: how the last one went
 */
static inline struct world play_until(const struct world *from,
				      bool (*kept)(const struct world *world))
{
	struct world world;

	for (int i = 0; i < 10; i++) {
		world = *from;
		play(&world);
		if (kept(&world))
			break;
	}
	return world;
}

#endif
