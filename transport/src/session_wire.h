/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session_wire.h - the messages of a session, read from and written to a stream (docs/protocol.md)
 */
#ifndef TRANSPORT_SESSION_WIRE_H
#define TRANSPORT_SESSION_WIRE_H

#include <transport/session.h>

/* X(symbol, number, name) */
#define SESSION_MESSAGES(X)                           \
	X(HELLO, 1, "session message HELLO")          \
	X(PREFLIGHT, 2, "session message PREFLIGHT")  \
	X(BASE, 3, "session message BASE")            \
	X(STOP, 4, "session message STOP")            \
	X(DELTA, 5, "session message DELTA")          \
	X(BLOB, 6, "session message BLOB")            \
	X(PREPARED, 7, "session message PREPARED")    \
	X(COMMIT, 8, "session message COMMIT")        \
	X(DONE, 9, "session message DONE")            \
	X(ABORT, 10, "session message ABORT")         \
	X(ABORTED, 11, "session message ABORTED")     \
	X(RESOLVE, 12, "session message RESOLVE")     \
	X(OUTCOME, 13, "session message OUTCOME")     \
	X(HEARTBEAT, 14, "session message HEARTBEAT") \
	X(READY, 15, "session message READY")         \
	X(CHALLENGE, 17, "session message CHALLENGE") \
	X(TOKEN, 18, "session message TOKEN")         \
	X(BULK, 19, "session message BULK")           \
	X(WELCOME, 16, "session message WELCOME")

enum session_message {
#define X(symbol, number, name) MESSAGE_##symbol = (number),
	SESSION_MESSAGES(X)
#undef X
};

enum session_tag {
	S_TAG_VERSION_MIN = 1,
	S_TAG_VERSION_MAX = 2,
	S_TAG_VERSION = 3,
	S_TAG_LIMIT = 4,
	S_TAG_FEATURES = 5,
	S_TAG_NONCE = 6,
	S_TAG_SESSION = 7,
	S_TAG_VM = 8,
	S_TAG_KEY = 9,
	S_TAG_SIGNATURE = 10,
	S_TAG_SNAPSHOT = 11,
	S_TAG_GENERATION = 12,
	S_TAG_TYPE = 13,
	S_TAG_PROFILE = 14,
	S_TAG_KERNEL = 15,
	S_TAG_VCPUS = 16,
	S_TAG_BLOB = 17,
	S_TAG_DIGEST = 18,
	S_TAG_OUTCOME = 19,
	S_TAG_HELD = 21,
	S_TAG_CHALLENGE = 22,
	S_TAG_TOKEN = 23,
	S_TAG_ERROR = 20,    /* an error object of docs/control.md */
	S_TAG_OBSTACLE = 24, /* likewise, as often as it takes */
	S_TAG_KEPT = 25,     /* digest of the base that is kept */
	S_TAG_TOOK = 26,     /* what STAGE will do to it, done once, in us */
	S_TAG_SPENT = 27,    /* all that was done to it, in us */
	S_TAG_DRY_RUN = 28,
};

#define SESSION_SMALL_BODY 16384u     /* bytes of any message but BASE, DELTA, BULK and BLOB */
#define SESSION_PIECE      (1u << 20) /* bytes of a sealed state in one BULK */

/* A message that came in. */
struct session_in {
	enum session_message type;
	struct transport_buffer body;
	struct transport_fields fields; /* borrowed from body */
};

/** session_in_release() - wipe and free; for owned locals too */
void session_in_release(struct session_in *in);

/** session_message_name() - "session message HELLO" etc.; never NULL */
const char *session_message_name(uint16_t type);

/**
 * session_write() - send one message
 * @number: its place in this direction, counted from 1; grows by one
 */
int session_write(struct transport_stream *stream, enum session_message type, uint64_t *number,
		  const struct transport_buffer *body, int timeout_ms, struct transport_error *err);

/**
 * session_read() - wait for the next message, HEARTBEAT included
 * @number: counted like session_write()'s
 * @max_blob: bytes a BASE, DELTA or BLOB may have
 *
 * Bodies grow with what arrives, not with what is announced. Return: 0 and @in owned by the caller;
 * -EBADMSG "protocol"; -E2BIG "over-limit"; errors of the stream.
 */
int session_read(struct transport_stream *stream, uint64_t *number, size_t max_blob, int timeout_ms,
		 struct session_in *in, struct transport_error *err);

#endif
