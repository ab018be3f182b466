// SPDX-License-Identifier: Apache-2.0
#include "verbs.h"

#include <errno.h>
#include <unistd.h>

#include "memfd.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#define U32(tag, name)                                               \
	{                                                            \
		(tag), TRANSPORT_WIRE_U32, 0, 0, true, false, (name) \
	}
#define U32_IF(tag, name)                                             \
	{                                                             \
		(tag), TRANSPORT_WIRE_U32, 0, 0, false, false, (name) \
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
#define LARGE(tag, name)                                                            \
	{ (tag), TRANSPORT_WIRE_BYTES, 0, VERB_INLINE_MAX, false, false, (name) },  \
	{                                                                           \
		(tag) + 1, TRANSPORT_WIRE_U64, 0, 0, false, false, name " in memfd" \
	}

static const struct transport_rule session[] = { ID(TAG_SESSION, "session") };
static const struct transport_rule hello[] = { U32(TAG_VERSION_MIN, "version min"),
					       U32(TAG_VERSION_MAX, "version max") };
static const struct transport_rule hello_reply[] = { U32(TAG_VERSION, "version") };
static const struct transport_rule info_reply[] = {
	ID(TAG_UUID, "uuid"),
	TEXT(TAG_TYPE, 15, "type"),
	TEXT(TAG_PROFILE, 15, "profile"),
	TEXT(TAG_KERNEL, 31, "kernel"),
	U32(TAG_VCPUS, "vcpus"),
	U64(TAG_GENERATION, "generation"),
	U32(TAG_MODEL, "model"),
};
static const struct transport_rule status_reply[] = {
	U32(TAG_STATE, "state"),
	U32(TAG_HELD, "held"),
	ID(TAG_SESSION, "session"),
	ID(TAG_COMMITTED, "committed"),
	{ TAG_INSTANCE, TRANSPORT_WIRE_ID, 0, 0, false, false, "instance" },
};
static const struct transport_rule capture[] = {
	ID(TAG_SESSION, "session"),
	U32(TAG_KIND, "kind"),
	LARGE(TAG_BASE, "base"),
	{ TAG_SINCE, TRANSPORT_WIRE_BYTES, TRANSPORT_DIGEST_SIZE, TRANSPORT_DIGEST_SIZE, false,
	  false, "since" },
};
static const struct transport_rule records[] = { LARGE(TAG_RECORDS, "records") };
static const struct transport_rule reclaim[] = {
	ID(TAG_SESSION, "session"),
	BYTES(TAG_PROOF, 1, TRANSPORT_CONTROL_MAX_PROOF, "proof"),
};
static const struct transport_rule check_reply[] = {
	{ TAG_ISSUE, TRANSPORT_WIRE_BYTES, 0, 1024, false, true, "issue" },
};
static const struct transport_rule rehearse[] = {
	ID(TAG_SESSION, "session"),
	LARGE(TAG_RECORDS, "records"),
};
static const struct transport_rule rehearse_reply[] = {
	{ TAG_ISSUE, TRANSPORT_WIRE_BYTES, 0, 1024, false, true, "issue" },
	{ TAG_KEPT, TRANSPORT_WIRE_BYTES, TRANSPORT_DIGEST_SIZE, TRANSPORT_DIGEST_SIZE, false,
	  false, "kept" },
	{ TAG_TOOK, TRANSPORT_WIRE_U64, 0, 0, false, false, "took" },
};
static const struct transport_rule stage[] = {
	ID(TAG_SESSION, "session"),
	U64(TAG_GENERATION, "generation"),
	LARGE(TAG_RECORDS, "records"),
	LARGE(TAG_BASE, "base"),
};
static const struct transport_rule stage_reply[] = {
	BYTES(TAG_DIGEST, TRANSPORT_DIGEST_SIZE, TRANSPORT_DIGEST_SIZE, "digest"),
};
static const struct transport_rule prepared_reply[] = { U32(TAG_LOADED, "loaded") };
static const struct transport_rule commit[] = {
	ID(TAG_SESSION, "session"),
	U32_IF(TAG_STAY_PAUSED, "stay paused"),
};
static const struct transport_rule read_rules[] = {
	ID(TAG_SESSION, "session"),
	U32(TAG_PART, "part"),
	U64(TAG_OFFSET, "offset"),
	U64(TAG_LENGTH, "length"),
};
static const struct transport_rule bytes[] = { LARGE(TAG_BYTES, "bytes") };
static const struct transport_rule load[] = {
	ID(TAG_SESSION, "session"),
	U32(TAG_PART, "part"),
	U64(TAG_OFFSET, "offset"),
	LARGE(TAG_BYTES, "bytes"),
};
static const struct transport_rule token[] = {
	ID(TAG_SESSION, "session"),
	BYTES(TAG_CHALLENGE, TRANSPORT_CHALLENGE_SIZE, TRANSPORT_CHALLENGE_SIZE, "challenge"),
};
static const struct transport_rule token_reply[] = {
	BYTES(TAG_TOKEN, 1, TRANSPORT_CONTROL_MAX_TOKEN, "token"),
};
static const struct transport_rule json[] = { LARGE(TAG_JSON, "json") };
static const struct transport_rule error_object[] = {
	TEXT(TAG_REASON, 31, "reason"),  TEXT(TAG_OBJECT, 95, "object"),
	TEXT(TAG_FIELD, 63, "field"),    TEXT(TAG_EXPECTED, 159, "expected"),
	TEXT(TAG_ACTUAL, 159, "actual"), U32(TAG_CODE, "code"),
};

#define VERB(symbol, request, n_request, reply, n_reply, object)             \
	{                                                                    \
		TRANSPORT_VERB_##symbol, request, reply, n_request, n_reply, \
			"control message " object                            \
	}
#define BOTH(symbol, request, reply, object) \
	VERB(symbol, request, COUNT(request), reply, COUNT(reply), object)
#define ASKS(symbol, request, object) VERB(symbol, request, COUNT(request), NULL, 0, object)
#define TELLS(symbol, reply, object)  VERB(symbol, NULL, 0, reply, COUNT(reply), object)

static const struct verb_rules verb[] = {
	BOTH(HELLO, hello, hello_reply, "HELLO"),
	TELLS(INFO, info_reply, "INFO"),
	TELLS(STATUS, status_reply, "STATUS"),
	ASKS(PAUSE, session, "PAUSE"),
	BOTH(CAPTURE, capture, records, "CAPTURE"),
	ASKS(RESUME, session, "RESUME"),
	ASKS(RELINQUISH, session, "RELINQUISH"),
	ASKS(RECLAIM, reclaim, "RECLAIM"),
	BOTH(CHECK, records, check_reply, "CHECK"),
	ASKS(RESERVE, session, "RESERVE"),
	BOTH(STAGE, stage, stage_reply, "STAGE"),
	BOTH(PREPARED, session, prepared_reply, "PREPARED"),
	ASKS(COMMIT, commit, "COMMIT"),
	ASKS(ABORT, session, "ABORT"),
	ASKS(END, session, "END"),
	BOTH(READ, read_rules, bytes, "READ"),
	ASKS(LOAD, load, "LOAD"),
	BOTH(TOKEN, token, token_reply, "TOKEN"),
	BOTH(REHEARSE, rehearse, rehearse_reply, "REHEARSE"),
	BOTH(MODEL, json, json, "MODEL"),
};

const struct verb_rules *verb_find(uint16_t type)
{
	for (size_t i = 0; i < COUNT(verb); i++)
		if (verb[i].type == type)
			return &verb[i];
	return NULL;
}

const char *transport_verb_name(uint16_t type)
{
	static const struct {
		uint16_t type;
		const char *name;
	} known[] = {
#define X(symbol, number, name) { (number), (name) },
		TRANSPORT_CONTROL_VERBS(X)
#undef X
	};

	for (size_t i = 0; i < COUNT(known); i++)
		if (known[i].type == type)
			return known[i].name;
	return NULL;
}

const char *transport_vm_state_name(enum transport_vm_state state)
{
	static const char *const name[] = {
#define X(symbol, name) name,
		TRANSPORT_VM_STATES(X)
#undef X
	};

	return (unsigned int)state < TRANSPORT_VM_NR_STATES ? name[state] : NULL;
}

int verb_put_error(struct transport_buffer *body, const struct transport_error *error)
{
	const struct {
		uint16_t tag;
		const char *text;
	} part[] = {
		{ TAG_REASON, error->reason }, { TAG_OBJECT, error->object },
		{ TAG_FIELD, error->field },   { TAG_EXPECTED, error->expected },
		{ TAG_ACTUAL, error->actual },
	};
	int ret = transport_wire_put_u32(body, TAG_CODE, (uint32_t)-error->code);

	for (size_t i = 0; !ret && i < COUNT(part); i++)
		ret = transport_wire_put_text(body, part[i].tag, part[i].text);
	return ret;
}

int verb_get_error(const uint8_t *body, size_t len, struct transport_error *error,
		   struct transport_error *err)
{
	struct transport_fields fields;
	uint32_t code;
	int ret = transport_wire_parse(body, len, error_object, COUNT(error_object), "error object",
				       &fields, err);

	if (ret)
		return ret;
	code = transport_fields_u32(&fields, TAG_CODE, 0);
	*error = (struct transport_error){ .code = code && code < 4096 ? -(int)code : -EIO };
	transport_fields_text(&fields, TAG_REASON, error->reason, sizeof(error->reason));
	transport_fields_text(&fields, TAG_OBJECT, error->object, sizeof(error->object));
	transport_fields_text(&fields, TAG_FIELD, error->field, sizeof(error->field));
	transport_fields_text(&fields, TAG_EXPECTED, error->expected, sizeof(error->expected));
	transport_fields_text(&fields, TAG_ACTUAL, error->actual, sizeof(error->actual));
	return 0;
}

int verb_put_large(struct transport_buffer *body, uint16_t tag, const void *data, size_t len,
		   struct verb_fds *fds)
{
	int ret, fd;

	if (len <= VERB_INLINE_MAX)
		return transport_wire_put(body, tag, data, len);
	if (len > TRANSPORT_CONTROL_MAX_STATE || fds->n_fds == COUNT(fds->fd))
		return -E2BIG;
	ret = memfd_make(data, len, &fd);
	if (ret)
		return ret;
	ret = transport_wire_put_u64(body, (uint16_t)(tag + 1), len);
	if (ret)
		close(fd);
	else
		fds->fd[fds->n_fds++] = fd;
	return ret;
}

static int map_large(uint64_t len, struct verb_fds *fds, const char *object,
		     struct verb_large *large, struct transport_error *err)
{
	const uint8_t *data;
	int ret;

	if (len > TRANSPORT_CONTROL_MAX_STATE)
		return transport_error_fill(err, -E2BIG, "over-limit", object, "memfd",
					    "at most %u bytes|%llu bytes",
					    TRANSPORT_CONTROL_MAX_STATE, (unsigned long long)len);
	if (fds->used == fds->n_fds)
		return transport_error_fill(err, -EBADMSG, "protocol", object, "memfd",
					    "a descriptor|none");
	ret = memfd_map(fds->fd[fds->used++], (size_t)len, &data);
	if (ret == -EPERM)
		return transport_error_fill(err, -EBADMSG, "protocol", object, "memfd",
					    "a memory file sealed against change|another file");
	if (ret)
		return transport_error_fill(err, -EBADMSG, "protocol", object, "memfd",
					    "a memory file of %llu bytes|another size",
					    (unsigned long long)len);
	*large = (struct verb_large){ { data, (size_t)len }, true };
	return 0;
}

int verb_get_large(const struct transport_fields *fields, uint16_t tag, struct verb_fds *fds,
		   const char *object, struct verb_large *large, struct transport_error *err)
{
	const uint16_t memfd_tag = (uint16_t)(tag + 1);
	const struct transport_field *inside = transport_fields_find(fields, tag);

	if (transport_fields_find(fields, memfd_tag)) {
		if (inside)
			return transport_error_fill(err, -EBADMSG, "protocol", object, "memfd",
						    "one form of the bytes|two");
		return map_large(transport_fields_u64(fields, memfd_tag, 0), fds, object, large,
				 err);
	}
	*large = (struct verb_large){ { inside ? inside->data : NULL, inside ? inside->len : 0 },
				      false };
	return 0;
}

void verb_large_release(struct verb_large *large)
{
	if (large->mapped)
		memfd_unmap(large->state.data, large->state.len);
	large->mapped = false;
}
