/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session_link.h - one end of a session's connection: greeting, signatures, messages in order
 */
#ifndef TRANSPORT_SESSION_LINK_H
#define TRANSPORT_SESSION_LINK_H

#include "session_wire.h"

struct session_link {
	struct transport_stream *stream;
	const struct transport_signer *signer;
	struct transport_deadlines wait;
	enum transport_role role;
	struct transport_offer offer;
	struct transport_peer peer;
	uint8_t nonce[TRANSPORT_NONCE_SIZE]; /* ours */
	uint8_t exporter[TRANSPORT_EXPORTER_SIZE];
	uint64_t *sent, *received; /* messages; the stream's, because another session may follow */
	bool broken;               /* nothing more can be said or heard here */
	bool over;                 /* the last message of this session has come or gone */
	int64_t last_sent;         /* clock.h */
	int silent_ms;             /* for how long the peer may say nothing at all */
	size_t max_blob;
	uint64_t limit;                     /* ours, to be told: bytes of a whole sealed state */
	uint64_t features;                  /* ours, to be told */
	uint64_t peers_features;            /* unknown ones, too */
	bool known;                         /* the destination: the source has proved who it is */
	bool peer_gave_up;                  /* and said why */
	bool peer_aborted;                  /* the peer said ABORTED, signed: proof holds it */
	struct transport_issues *obstacles; /* where the peer's go; NULL: not wanted */
	struct transport_proof proof;
	/* The destination: asked at each HEARTBEAT, which is answered then. NULL: they are passed over */
	int (*alive)(void *ctx, struct transport_error *err);
	void *alive_ctx;
};

/* What a signature of the session is about; the type string that goes with it. */
enum session_purpose {
	PURPOSE_WELCOME,
	PURPOSE_PREFLIGHT,
	PURPOSE_RESOLVE,
	PURPOSE_COMMIT,
};

/** session_link_init() - a fresh nonce, the defaults of the deadlines. Return: 0; -EIO */
int session_link_init(struct session_link *link, enum transport_role role,
		      struct transport_stream *stream, const struct transport_signer *signer,
		      const struct transport_deadlines *deadlines, struct transport_error *err);

/** session_link_is_warm() - may another session follow over this connection now? docs/protocol.md, 3.10 */
bool session_link_is_warm(const struct session_link *link);

/** session_link_greet() - the source: HELLO out, WELCOME in and verified */
int session_link_greet(struct session_link *link, struct transport_error *err);

/** session_link_welcome() - the destination: HELLO in, WELCOME out; the source is verified later */
int session_link_welcome(struct session_link *link, struct transport_error *err);

/** session_link_sign() - append our signature for a purpose */
int session_link_sign(struct session_link *link, enum session_purpose purpose,
		      struct transport_buffer *body, struct transport_error *err);

/** session_link_verify() - the peer's signature for a purpose, in @in */
int session_link_verify(struct session_link *link, enum session_purpose purpose,
			const struct session_in *in, struct transport_error *err);

/** session_link_send() - one message */
int session_link_send(struct session_link *link, enum session_message type,
		      const struct transport_buffer *body, struct transport_error *err);

/** session_link_both() - do both sides have this feature? */
bool session_link_both(const struct session_link *link, uint64_t feature);

/** session_link_beat() - a HEARTBEAT, if the peer expects one and nothing else has gone out lately */
void session_link_beat(struct session_link *link);

/** session_link_send_blob() - BASE, DELTA, BULK or BLOB. Return: as session_link_send(); -E2BIG "over-limit" */
int session_link_send_blob(struct session_link *link, enum session_message type,
			   const struct transport_buffer *blob, struct transport_error *err);

/** session_link_send_state() - a sealed state: BLOB, and BULK before it for what does not fit. Return: the same */
int session_link_send_state(struct session_link *link, const struct transport_buffer *blob,
			    struct transport_error *err);

/**
 * session_link_expect() - the next message must be of this type
 * @timeout_ms: for the message itself; heartbeats do not put it off
 *
 * Sends heartbeats and takes them. A peer that has the feature and is silent for silent_ms is given up
 * (-ETIMEDOUT "timeout", field "silence").
 * The peer's ABORT or ABORTED is its error object, as our error; a signed ABORTED is kept as proof.
 */
int session_link_expect(struct session_link *link, enum session_message type, int timeout_ms,
			struct session_in *in, struct transport_error *err);

/** session_link_expect_any() - the same for one of @n types; an error names the first */
int session_link_expect_any(struct session_link *link, const enum session_message *type, size_t n,
			    int timeout_ms, struct session_in *in, struct transport_error *err);

/** session_link_expect_either() - the same for one of two types; an error names @type */
int session_link_expect_either(struct session_link *link, enum session_message other,
			       enum session_message type, int timeout_ms, struct session_in *in,
			       struct transport_error *err);

/** session_link_put_error() - append an error object. Return: 0; -ENOMEM */
int session_link_put_error(struct transport_buffer *body, const struct transport_error *error);

/** session_link_read_error() - the error object of a message, or that there is none, as @err. Return: its code */
int session_link_read_error(const struct session_in *in, struct transport_error *err);

/**
 * session_link_abort() - tell the peer why we give up, signed if it is known, if it still listens
 * @all: what stood in the way, as much of it as a message holds; NULL: @why is all
 */
void session_link_abort(struct session_link *link, const struct transport_error *why,
			const struct transport_issues *all);

/** session_link_outcome() - append a signed outcome of this session */
int session_link_outcome(struct session_link *link, enum transport_outcome outcome,
			 struct transport_buffer *body, struct transport_error *err);

/** session_link_read_outcome() - verify the peer's signed outcome and keep it as @proof */
int session_link_read_outcome(struct session_link *link, enum transport_outcome outcome,
			      const struct session_in *in, struct transport_proof *proof,
			      struct transport_error *err);

#endif
