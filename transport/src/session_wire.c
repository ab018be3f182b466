// SPDX-License-Identifier: Apache-2.0
#include "session_wire.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "memfd.h"
#include "stream.h"

#define COUNT(a)    (sizeof(a) / sizeof((a)[0]))
#define CHUNK       65536u
#define FLAG_PASSED 1u
/* Slower is as bad as silence, in bytes a millisecond; send --limit-rate takes nothing below it. */
#define SLOWEST_BYTES_MS 64u

#define U32(tag, name)                                               \
	{                                                            \
		(tag), TRANSPORT_WIRE_U32, 0, 0, true, false, (name) \
	}
#define U64(tag, name)                                               \
	{                                                            \
		(tag), TRANSPORT_WIRE_U64, 0, 0, true, false, (name) \
	}
#define ID(tag, name)                                               \
	{                                                           \
		(tag), TRANSPORT_WIRE_ID, 0, 0, true, false, (name) \
	}
#define TEXT(tag, max, name)                                              \
	{                                                                 \
		(tag), TRANSPORT_WIRE_TEXT, 0, (max), true, false, (name) \
	}
#define BYTES(tag, lo, hi, name)                                             \
	{                                                                    \
		(tag), TRANSPORT_WIRE_BYTES, (lo), (hi), true, false, (name) \
	}
#define SIGNATURE BYTES(S_TAG_SIGNATURE, 1, TRANSPORT_MAX_SIGNATURE, "signature")

static const struct transport_rule hello[] = {
	U32(S_TAG_VERSION_MIN, "version min"),
	U32(S_TAG_VERSION_MAX, "version max"),
	U64(S_TAG_LIMIT, "limit"),
	U64(S_TAG_FEATURES, "features"),
	BYTES(S_TAG_NONCE, TRANSPORT_NONCE_SIZE, TRANSPORT_NONCE_SIZE, "nonce"),
	ID(S_TAG_SESSION, "session"),
	ID(S_TAG_VM, "vm"),
	BYTES(S_TAG_KEY, TRANSPORT_KEY_ID_SIZE, TRANSPORT_KEY_ID_SIZE, "key id"),
};
static const struct transport_rule welcome[] = {
	U32(S_TAG_VERSION, "version"),
	U64(S_TAG_LIMIT, "limit"),
	U64(S_TAG_FEATURES, "features"),
	BYTES(S_TAG_NONCE, TRANSPORT_NONCE_SIZE, TRANSPORT_NONCE_SIZE, "nonce"),
	BYTES(S_TAG_KEY, TRANSPORT_KEY_ID_SIZE, TRANSPORT_KEY_ID_SIZE, "key id"),
	SIGNATURE,
};
static const struct transport_rule preflight[] = {
	SIGNATURE,
	ID(S_TAG_SNAPSHOT, "snapshot"),
	U64(S_TAG_GENERATION, "generation"),
	TEXT(S_TAG_TYPE, 15, "type"),
	TEXT(S_TAG_PROFILE, 15, "profile"),
	TEXT(S_TAG_KERNEL, 31, "kernel"),
	U32(S_TAG_VCPUS, "vcpus"),
	U32(S_TAG_HELD, "held"),
	{ S_TAG_DRY_RUN, TRANSPORT_WIRE_U32, 0, 0, false, false, "dry run" },
};
static const struct transport_rule ready[] = {
	{ S_TAG_KEPT, TRANSPORT_WIRE_BYTES, TRANSPORT_DIGEST_SIZE, TRANSPORT_DIGEST_SIZE, false,
	  false, "kept" },
	{ S_TAG_TOOK, TRANSPORT_WIRE_U64, 0, 0, false, false, "took" },
	{ S_TAG_SPENT, TRANSPORT_WIRE_U64, 0, 0, false, false, "spent" },
};
static const struct transport_rule blob[] = {
	BYTES(S_TAG_BLOB, 1, TRANSPORT_SESSION_MAX_BLOB, "blob"),
};
static const struct transport_rule bulk[] = {
	BYTES(S_TAG_BLOB, 1, SESSION_PIECE, "blob"),
};
static const struct transport_rule prepared[] = {
	BYTES(S_TAG_DIGEST, TRANSPORT_DIGEST_SIZE, TRANSPORT_DIGEST_SIZE, "digest"),
};
static const struct transport_rule commit[] = {
	{ S_TAG_SIGNATURE, TRANSPORT_WIRE_BYTES, 1, TRANSPORT_MAX_SIGNATURE, false, false,
	  "signature" },
};
static const struct transport_rule challenge[] = {
	BYTES(S_TAG_CHALLENGE, TRANSPORT_CHALLENGE_SIZE, TRANSPORT_CHALLENGE_SIZE, "challenge"),
};
static const struct transport_rule token[] = {
	{ S_TAG_TOKEN, TRANSPORT_WIRE_BYTES, 1, TRANSPORT_MAX_TOKEN, false, false, "token" },
	{ S_TAG_ERROR, TRANSPORT_WIRE_BYTES, 0, 1024, false, false, "error" },
};
static const struct transport_rule only_signature[] = { SIGNATURE };
static const struct transport_rule abort_rules[] = {
	{ S_TAG_ERROR, TRANSPORT_WIRE_BYTES, 0, 1024, false, false, "error" },
	{ S_TAG_OBSTACLE, TRANSPORT_WIRE_BYTES, 0, 1024, false, true, "obstacle" },
};
static const struct transport_rule aborted[] = {
	SIGNATURE,
	{ S_TAG_ERROR, TRANSPORT_WIRE_BYTES, 0, 1024, false, false, "error" },
	{ S_TAG_OBSTACLE, TRANSPORT_WIRE_BYTES, 0, 1024, false, true, "obstacle" },
};
static const struct transport_rule done[] = {
	SIGNATURE,
	{ S_TAG_HELD, TRANSPORT_WIRE_U32, 0, 0, false, false, "held" },
};
static const struct transport_rule outcome[] = { U32(S_TAG_OUTCOME, "outcome"), SIGNATURE };

#define ROW(symbol, rules)                            \
	{                                             \
		MESSAGE_##symbol, rules, COUNT(rules) \
	}

static const struct {
	uint16_t type;
	const struct transport_rule *rule;
	size_t n_rules;
} messages[] = {
	ROW(HELLO, hello),
	ROW(WELCOME, welcome),
	ROW(PREFLIGHT, preflight),
	ROW(READY, ready),
	ROW(BASE, blob),
	{ MESSAGE_STOP, NULL, 0 },
	ROW(DELTA, blob),
	ROW(BLOB, blob),
	ROW(PREPARED, prepared),
	ROW(CHALLENGE, challenge),
	ROW(TOKEN, token),
	ROW(COMMIT, commit),
	ROW(DONE, done),
	ROW(ABORT, abort_rules),
	ROW(ABORTED, aborted),
	ROW(RESOLVE, only_signature),
	ROW(BULK, bulk),
	ROW(OUTCOME, outcome),
	{ MESSAGE_HEARTBEAT, NULL, 0 },
};

const char *session_message_name(uint16_t type)
{
	switch (type) {
#define X(symbol, number, name) \
	case number:            \
		return name;
		SESSION_MESSAGES(X)
#undef X
	default:
		return "session message";
	}
}

void session_in_release(struct session_in *in)
{
	transport_buffer_free(&in->body);
}

/* docs/protocol.md, 6: a large body may take longer, as long as it does not stand still. */
static int slack_ms(size_t len)
{
	return (int)(len / SLOWEST_BYTES_MS);
}

static int write_all(struct transport_stream *stream, const struct transport_buffer *whole,
		     int timeout_ms, struct transport_error *err)
{
	size_t at = 0;
	int ret = 0;

	while (!ret && at < whole->len) {
		const size_t part = whole->len - at < CHUNK ? whole->len - at : CHUNK;

		ret = transport_stream_write(stream, whole->data + at, part,
					     timeout_ms + slack_ms(part), err);
		at += part;
	}
	return ret;
}

/* docs/protocol.md, 1.6: the body is a memory file, which nobody can change any more. */
static int write_passed(struct transport_stream *stream, struct transport_header header,
			const struct transport_buffer *body, int timeout_ms,
			struct transport_error *err)
{
	uint8_t head[TRANSPORT_WIRE_HEADER_SIZE];
	int fd, ret = memfd_make(body->data, body->len, &fd);

	if (ret)
		return transport_error_fill(err, ret, "io", session_message_name(header.type),
					    "memory file", "|%s", strerror(-ret));
	header.flags = FLAG_PASSED;
	transport_wire_put_header(&header, head);
	ret = stream_pass(stream, head, sizeof(head), fd, timeout_ms, err);
	close(fd);
	return ret ? ret : stream_count(stream, STREAM_WRITE, body->len);
}

static int read_passed(struct transport_stream *stream, size_t len, struct transport_buffer *body,
		       struct transport_error *err)
{
	const uint8_t *map = NULL;
	const int fd = stream_take_passed(stream);
	int ret = fd < 0 ? -EBADMSG : memfd_map(fd, len, &map);

	if (fd >= 0)
		close(fd);
	if (ret)
		return transport_error_fill(err, -EBADMSG, "protocol", "session message",
					    "memory file", "one of the body's size, sealed|%s",
					    fd < 0 ? "none" : strerror(-ret));
	transport_buffer_adopt(body, (void *)(uintptr_t)map, len);
	return stream_count(stream, STREAM_READ, len);
}

int session_write(struct transport_stream *stream, enum session_message type, uint64_t *number,
		  const struct transport_buffer *body, int timeout_ms, struct transport_error *err)
{
	const struct transport_header header = { (uint32_t)body->len, (uint16_t)type, 0,
						 ++*number };
	struct transport_buffer whole = { .max = body->len + TRANSPORT_WIRE_HEADER_SIZE };
	uint8_t head[TRANSPORT_WIRE_HEADER_SIZE];
	int ret;

	if (stream->passes && body->len > CHUNK)
		return write_passed(stream, header, body, timeout_ms, err);
	transport_wire_put_header(&header, head);
	/* One write, so that a small message is one packet. */
	ret = transport_buffer_append(&whole, head, sizeof(head));
	if (!ret)
		ret = transport_buffer_append(&whole, body->data, body->len);
	if (ret)
		ret = transport_error_fill(err, ret, "no-memory", session_message_name(header.type),
					   "", "|");
	else
		ret = write_all(stream, &whole, timeout_ms, err);
	transport_buffer_free(&whole);
	return ret;
}

static int check_header(const struct transport_header *header, uint64_t number, size_t max_blob,
			bool passes, struct transport_error *err)
{
	const char *name = session_message_name(header->type);
	const bool large = header->type == MESSAGE_BASE || header->type == MESSAGE_DELTA ||
			   header->type == MESSAGE_BLOB;
	const size_t max = large ? max_blob + TRANSPORT_WIRE_FIELD_SIZE
			   : header->type == MESSAGE_BULK
				   ? SESSION_PIECE + TRANSPORT_WIRE_FIELD_SIZE
				   : SESSION_SMALL_BODY;

	if (header->length > max)
		return transport_error_fill(err, -E2BIG, "over-limit", name, "length",
					    "at most %zu bytes|%u bytes", max, header->length);
	if (header->flags & ~(passes && header->length > CHUNK ? FLAG_PASSED : 0))
		return transport_error_fill(err, -EBADMSG, "protocol", name, "flags", "0|0x%x",
					    header->flags);
	if (header->id != number)
		return transport_error_fill(err, -EBADMSG, "protocol", name, "number", "%llu|%llu",
					    (unsigned long long)number,
					    (unsigned long long)header->id);
	return 0;
}

static int read_body(struct transport_stream *stream, size_t len, int timeout_ms, int64_t deadline,
		     struct transport_buffer *body, struct transport_error *err)
{
	const int64_t end = deadline + slack_ms(len);
	uint8_t chunk[CHUNK];
	int ret = 0;

	while (!ret && len) {
		const size_t part = len < sizeof(chunk) ? len : sizeof(chunk);
		const int left = clock_left_ms(end), still = timeout_ms + slack_ms(part);

		ret = transport_stream_read(stream, chunk, part, left < still ? left : still, err);
		if (!ret && transport_buffer_append(body, chunk, part))
			ret = transport_error_fill(err, -ENOMEM, "no-memory", "session message",
						   "body", "|");
		len -= part;
	}
	return ret == -ENODATA ? -ECONNRESET : ret;
}

static int parse(struct session_in *in, struct transport_error *err)
{
	const char *name = session_message_name((uint16_t)in->type);

	for (size_t i = 0; i < COUNT(messages); i++)
		if (messages[i].type == in->type)
			return transport_wire_parse(in->body.data, in->body.len, messages[i].rule,
						    messages[i].n_rules, name, &in->fields, err);
	return transport_error_fill(err, -EBADMSG, "protocol", name, "type",
				    "a message of version 1|%d", (int)in->type);
}

static int read_one(struct transport_stream *stream, uint64_t *number, size_t max_blob,
		    int timeout_ms, int64_t deadline, struct session_in *in,
		    struct transport_error *err)
{
	uint8_t head[TRANSPORT_WIRE_HEADER_SIZE];
	struct transport_header header;
	int ret = transport_stream_read(stream, head, sizeof(head), clock_left_ms(deadline), err);

	if (ret)
		return ret;
	transport_wire_get_header(head, &header);
	ret = check_header(&header, ++*number, max_blob, stream->passes, err);
	if (ret)
		return ret;
	in->type = (enum session_message)header.type;
	in->body = (struct transport_buffer){ .max = header.length };
	if (header.flags)
		ret = read_passed(stream, header.length, &in->body, err);
	else
		ret = read_body(stream, header.length, timeout_ms, deadline, &in->body, err);
	if (!ret)
		ret = parse(in, err);
	if (ret)
		session_in_release(in);
	return ret;
}

int session_read(struct transport_stream *stream, uint64_t *number, size_t max_blob, int timeout_ms,
		 struct session_in *in, struct transport_error *err)
{
	return read_one(stream, number, max_blob, timeout_ms, clock_now_ms() + timeout_ms, in, err);
}
