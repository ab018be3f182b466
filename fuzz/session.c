// SPDX-License-Identifier: Apache-2.0
/*
 * A session's two doors: what the other mover sends, to a destination (even first byte) or a source. Every
 * signature is believed, so that what lies behind them is reached.
 */
#include "session_wire.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define WAIT_MS 20

static int sign(void *ctx, const char *type, const void *message, size_t len,
		struct transport_buffer *signature, struct transport_error *err)
{
	(void)ctx;
	(void)type;
	(void)message;
	(void)len;
	(void)err;
	return transport_buffer_append(signature, "s", 1);
}

static int verify(void *ctx, const uint8_t *key_id, const char *type, const void *message,
		  size_t len, const void *signature, size_t signature_len,
		  struct transport_error *err)
{
	(void)ctx;
	(void)key_id;
	(void)type;
	(void)message;
	(void)len;
	(void)signature;
	(void)signature_len;
	(void)err;
	return 0;
}

static int src_record(void *ctx, const struct transport_peer *peer, struct transport_error *err)
{
	(void)ctx;
	(void)peer;
	(void)err;
	return 0;
}

static int say_yes(void *ctx, struct transport_error *err)
{
	(void)ctx;
	(void)err;
	return 0;
}

static int stop(void *ctx, const uint8_t *since, struct transport_error *err)
{
	(void)ctx;
	(void)since;
	(void)err;
	return 0;
}

static int capture(void *ctx, const struct transport_peer *peer, const uint8_t *since,
		   struct transport_buffer *blob, struct transport_sealed *sealed,
		   struct transport_error *err)
{
	(void)ctx;
	(void)err;
	memset(sealed->digest, 0, TRANSPORT_DIGEST_SIZE);
	sealed->delta = since != NULL;
	return transport_buffer_append(blob, peer->nonce, sizeof(peer->nonce));
}

static int relinquish(void *ctx, bool *refused, struct transport_error *err)
{
	(void)ctx;
	(void)refused;
	(void)err;
	return 0;
}

static int reclaim(void *ctx, const struct transport_proof *proof, struct transport_error *err)
{
	(void)ctx;
	(void)proof;
	(void)err;
	return 0;
}

static int src_outcome(void *ctx, enum transport_session_state state,
		       const struct transport_proof *proof, struct transport_error *err)
{
	(void)ctx;
	(void)state;
	(void)proof;
	(void)err;
	return 0;
}

static const struct transport_source_ops source_ops = {
	.record = src_record,
	.base = capture,
	.pause = stop,
	.capture = capture,
	.relinquish = relinquish,
	.resume = say_yes,
	.reclaim = reclaim,
	.outcome = src_outcome,
};

static int dst_record(void *ctx, const struct transport_offer *offer,
		      const struct transport_peer *peer, struct transport_progress *progress,
		      struct transport_error *err)
{
	(void)ctx;
	(void)offer;
	(void)peer;
	(void)progress;
	(void)err;
	return 0;
}

static int try_out(void *ctx, const struct transport_buffer *blob, const uint8_t *nonce,
		   struct transport_rehearsal *done, struct transport_error *err)
{
	(void)ctx;
	(void)nonce;
	(void)err;
	if (done)
		done->kept = blob->data[0] % 2;
	return 0;
}

static int stage(void *ctx, const struct transport_buffer *blob, const uint8_t *nonce,
		 const uint8_t *since, uint8_t *digest, struct transport_error *err)
{
	(void)since;
	(void)ctx;
	(void)nonce;
	(void)err;
	memset(digest, blob->data[blob->len - 1], TRANSPORT_DIGEST_SIZE);
	return 0;
}

static int commit(void *ctx, bool *refused, struct transport_error *err)
{
	(void)ctx;
	(void)refused;
	(void)err;
	return 0;
}

static int dst_outcome(void *ctx, enum transport_session_state state, struct transport_error *err)
{
	(void)ctx;
	(void)state;
	(void)err;
	return 0;
}

static int resolve(void *ctx, const struct transport_id *session, const struct transport_peer *peer,
		   enum transport_outcome *outcome, struct transport_error *err)
{
	(void)ctx;
	(void)session;
	(void)peer;
	(void)outcome;
	(void)err;
	return 0;
}

static const struct transport_destination_ops destination_ops = {
	.max_state = 32u << 20,
	.record = dst_record,
	.base = try_out,
	.stage = stage,
	.commit = commit,
	.withdraw = say_yes,
	.outcome = dst_outcome,
	.resolve = resolve,
};

static void play(struct transport_stream *stream, uint8_t kind)
{
	static const struct transport_signer signer = { .sign = sign, .verify = verify };
	static const struct transport_deadlines wait = { WAIT_MS, WAIT_MS, WAIT_MS,
							 WAIT_MS, 0,       false };
	static const struct transport_offer offer = { .session = { { 1 } },
						      .vm = { .type = "arm64" } };
	struct transport_progress progress = { .role = kind % 2 ? TRANSPORT_SOURCE
								: TRANSPORT_DESTINATION };
	struct transport_session_times times;
	enum transport_outcome outcome;
	struct transport_proof proof;
	struct transport_visit visit;

	if (kind % 2 == 0)
		transport_session_receive(stream, &signer, &wait, &destination_ops, NULL, &progress,
					  &visit, NULL);
	else if (kind % 4 == 1)
		transport_session_send(stream, &offer, &signer, &wait, &source_ops, NULL, &progress,
				       &times, NULL);
	else
		transport_session_resolve(stream, &offer, &signer, &wait, &outcome, &proof, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct transport_stream_options plain = { .insecure_no_tls = true };
	struct transport_stream *stream = NULL;
	char uri[32];
	int pair[2];

	if (size == 0 || size > 65536 || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		return 0;
	snprintf(uri, sizeof(uri), "fd:%d", pair[0]);
	if (transport_stream_connect(uri, &plain, &stream, NULL)) {
		close(pair[0]);
	} else {
		if (send(pair[1], data + 1, size - 1, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) {
			shutdown(pair[1], SHUT_WR);
			play(stream, data[0]);
		}
		transport_stream_close(stream);
	}
	close(pair[1]);
	return 0;
}
