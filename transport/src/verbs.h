/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verbs.h - what each control message may hold; shared by both ends (docs/control.md, "Messages")
 */
#ifndef TRANSPORT_VERBS_H
#define TRANSPORT_VERBS_H

#include <transport/control.h>

/* Header flags. */
#define VERB_REPLY 1u
#define VERB_ERROR 2u /* the body is an error object */

/* A field whose bytes may also come in a memory file: then the next tag holds their length. */
#define VERB_INLINE_MAX (64u << 10)

enum verb_tag {
	TAG_VERSION_MIN = 1,
	TAG_VERSION_MAX = 2,
	TAG_VERSION = 3,
	TAG_UUID = 4,
	TAG_TYPE = 5,
	TAG_PROFILE = 6,
	TAG_KERNEL = 7,
	TAG_VCPUS = 8,
	TAG_GENERATION = 9,
	TAG_MODEL = 10,
	TAG_STATE = 11,
	TAG_HELD = 12,
	TAG_SESSION = 13,
	TAG_COMMITTED = 14,
	TAG_KIND = 15,
	TAG_RECORDS = 16, /* and 17 */
	TAG_BASE = 18,    /* and 19 */
	TAG_DIGEST = 20,
	TAG_PROOF = 21,
	TAG_STAY_PAUSED = 22,
	TAG_LOADED = 23,
	TAG_ISSUE = 24,
	TAG_JSON = 26, /* and 27 */
	TAG_REASON = 32,
	TAG_OBJECT = 33,
	TAG_FIELD = 34,
	TAG_EXPECTED = 35,
	TAG_ACTUAL = 36,
	TAG_CODE = 37,
	TAG_PART = 38,
	TAG_OFFSET = 39,
	TAG_LENGTH = 40,
	TAG_BYTES = 41, /* and 42 */
	TAG_CHALLENGE = 43,
	TAG_TOKEN = 44,
	TAG_SINCE = TRANSPORT_WIRE_OPTIONAL | 45,
	TAG_KEPT = 46,
	TAG_TOOK = 47,
	TAG_INSTANCE = TRANSPORT_WIRE_OPTIONAL | 48,
};

struct verb_rules {
	uint16_t type;
	const struct transport_rule *request, *reply;
	unsigned int n_request, n_reply;
	const char *object; /* how errors name it */
};

/** verb_find() - the rules of a message type; NULL for an unknown one */
const struct verb_rules *verb_find(uint16_t type);

/** verb_put_error() - append an error object; errors as transport_wire_put() */
int verb_put_error(struct transport_buffer *body, const struct transport_error *error);

/** verb_get_error() - read an error object; the code becomes negative and is never 0. -EBADMSG */
int verb_get_error(const uint8_t *body, size_t len, struct transport_error *error,
		   struct transport_error *err);

/* The descriptors that travel with one message, in the order of their fields. */
struct verb_fds {
	int fd[2];
	unsigned int n_fds, used;
};

/**
 * verb_put_large() - append bytes inline, or by a new memory file if they are many
 *
 * Return: 0, @fds may own one descriptor more; -E2BIG; -ENOMEM; -errno of memfd_create.
 */
int verb_put_large(struct transport_buffer *body, uint16_t tag, const void *data, size_t len,
		   struct verb_fds *fds);

/* Bytes that came inline or in a memory file. */
struct verb_large {
	struct transport_state state;
	bool mapped;
};

/**
 * verb_get_large() - find a field written by verb_put_large(); an absent one is empty
 *
 * @large borrows from @fields or owns a mapping: verb_large_release().
 * Return: 0; -EBADMSG "protocol" if both forms are there, a descriptor is missing, unsealed or of another
 * size; -E2BIG "over-limit".
 */
int verb_get_large(const struct transport_fields *fields, uint16_t tag, struct verb_fds *fds,
		   const char *object, struct verb_large *large, struct transport_error *err);

/** verb_large_release() - give a mapping back */
void verb_large_release(struct verb_large *large);

#endif
