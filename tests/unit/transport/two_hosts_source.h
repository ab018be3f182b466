/* SPDX-License-Identifier: Apache-2.0 */
/*
 * two_hosts_source.h - the source's callbacks; a part of two_hosts.h
 */
#ifndef TRANSPORT_TEST_TWO_HOSTS_SOURCE_H
#define TRANSPORT_TEST_TWO_HOSTS_SOURCE_H

static int source_record(void *ctx, const struct transport_peer *peer, struct transport_error *err)
{
	(void)err;
	((struct host *)ctx)->recorded = peer->key_id[0] == 2;
	return 0;
}

static const uint8_t base[] = "the running VM";

/* What a base of number @n leads to. */
static void digest_of(int n, uint8_t *digest)
{
	memset(digest, 0x40 + n, TRANSPORT_DIGEST_SIZE);
}

static int source_base(void *ctx, const struct transport_peer *peer, const uint8_t *since,
		       struct transport_buffer *blob, struct transport_sealed *sealed,
		       struct transport_error *err)
{
	static const uint8_t much[3 * BUSY];
	struct host *host = ctx;
	uint8_t before[TRANSPORT_DIGEST_SIZE];

	(void)peer;
	(void)err;
	digest_of(host->bases, before);
	CHECK(!since || !memcmp(since, before, sizeof(before)),
	      "what changed is told from the last one");
	sealed->delta = since && !host->no_delta;
	digest_of(host->bases + 1, sealed->digest);
	CHECK(host->recorded && host->may_run,
	      "a base is of a VM that runs, and goes after the record");
	host->bases++;
	/* A busy VM has changed less each time, until it has not. */
	if (host->busy)
		return transport_buffer_append(blob, much,
					       host->bases < host->busy
						       ? sizeof(much) >> host->bases
						       : sizeof(much) >> host->busy);
	return transport_buffer_append(blob, base, sizeof(base));
}

static int source_pause(void *ctx, const uint8_t *since, struct transport_error *err)
{
	struct host *host = ctx;

	(void)since;
	(void)err;
	host->may_run = false;
	host->pauses++;
	return 0;
}

#define SOME_STATE 300000u

static uint8_t state_byte(size_t at)
{
	return (uint8_t)(at ^ at >> 12 ^ at >> 20);
}

/* A large one is a mapping, as a sealed file is. */
static int make_state(size_t size, const uint8_t *nonce, struct transport_buffer *blob)
{
	uint8_t *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int ret = 0;

	if (map == MAP_FAILED)
		return -ENOMEM;
	for (size_t i = TRANSPORT_NONCE_SIZE; i < size; i++)
		map[i] = state_byte(i);
	memcpy(map, nonce, TRANSPORT_NONCE_SIZE);
	if (size > blob->max) {
		transport_buffer_adopt(blob, map, size);
	} else {
		ret = transport_buffer_append(blob, map, size);
		munmap(map, size);
	}
	return ret;
}

static int source_capture(void *ctx, const struct transport_peer *peer, const uint8_t *since,
			  struct transport_buffer *blob, struct transport_sealed *sealed,
			  struct transport_error *err)
{
	struct host *host = ctx;
	uint8_t last[TRANSPORT_DIGEST_SIZE];

	(void)err;
	digest_of(host->bases, last);
	CHECK(!since || !memcmp(since, last, sizeof(last)), "the end is told from the last base");
	host->since = sealed->delta = since && !host->state_size;
	memset(sealed->digest, 7, TRANSPORT_DIGEST_SIZE);
	return make_state(host->state_size ? host->state_size : SOME_STATE, peer->nonce, blob);
}

static int source_challenge(void *ctx, bool *wanted, uint8_t *challenge,
			    struct transport_error *err)
{
	const struct host *host = ctx;

	(void)err;
	*wanted = host->asks;
	memset(challenge, 0x33, TRANSPORT_CHALLENGE_SIZE);
	return 0;
}

/* Of the fake monitor: the challenge, twice. */
static int source_token(void *ctx, const struct transport_buffer *token,
			const struct transport_error *why, struct transport_error *err)
{
	struct host *host = ctx;

	snprintf(host->told, sizeof(host->told), "%s", why->reason);
	if (token->len == 0)
		return host->refuses_none
			       ? transport_error_fill(err, -EPERM, "policy", "token", "", "|")
			       : 0;
	host->tokens++;
	CHECK(!host->given_away && !host->may_run, "a token comes while the VM stands still here");
	return token->len == 2u * TRANSPORT_CHALLENGE_SIZE && token->data[0] == 0x33 &&
			       token->data[token->len - 1] == 0x33
		       ? 0
		       : transport_error_fill(err, -EKEYREJECTED, "bad-signature", "token", "",
					      "|");
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
	host->ran_on = transport_session_state(&host->progress) == TRANSPORT_SESSION_CAPTURED;
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
	.base = source_base,
	.pause = source_pause,
	.capture = source_capture,
	.challenge = source_challenge,
	.token = source_token,
	.relinquish = source_relinquish,
	.resume = source_resume,
	.reclaim = source_reclaim,
	.outcome = source_outcome,
	.fault = put_fault,
};

#endif
