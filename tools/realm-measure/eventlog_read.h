/* SPDX-License-Identifier: Apache-2.0 */
/*
 * eventlog_read.h - the events of a TCG2 log one by one (TCG PC Client Platform Firmware Profile §10)
 */
#ifndef REALM_MEASURE_EVENTLOG_READ_H
#define REALM_MEASURE_EVENTLOG_READ_H

#include "eventlog.h"

#define EVENTLOG_MAX_ALGORITHMS 8u

/* Types of events. */
enum eventlog_type {
	EVENTLOG_NO_ACTION = 0x3,
	EVENTLOG_TAG = 0x6,
	EVENTLOG_POST_CODE2 = 0x13,
	EVENTLOG_FIRMWARE_BLOB2 = (int)0x8000000a,
};

/* Tags of register 0. */
enum eventlog_tag { TAG_REALM_CREATE = 1, TAG_INIT_RIPAS = 2, TAG_REC_CREATE = 3 };

struct cursor {
	const uint8_t *data;
	size_t len, at;
	bool cut; /* something was asked for that is not there */
};

struct event {
	uint32_t pcr, type, n_digests;
	struct {
		uint16_t id;
		const uint8_t *bytes;
		size_t len;
	} digest[EVENTLOG_MAX_ALGORITHMS];
	struct cursor data;
};

struct log {
	struct cursor c;
	const char *path;
	struct failure *failure;
	uint32_t n_sizes;
	struct {
		uint16_t id, size;
	} size[EVENTLOG_MAX_ALGORITHMS];
};

/* A description, base and size; the description is the vendor's. */
struct blob_event {
	char name[32];
	uint64_t base, size;
};

/* Sees one event; non-zero ends the reading. */
typedef int visit_event(void *user, struct log *log, struct event *e);

/** eventlog_each() - give every event to @visit. Return: 0; what @visit returned; -EBADMSG */
int eventlog_each(struct log *log, visit_event *visit, void *user);

/** eventlog_broken() - a failure at the place where the log is read. Return: -EBADMSG */
int eventlog_broken(const struct log *log, const char *expected, const char *actual);

/** eventlog_take() - a little-endian number of @size bytes; 0 with @c->cut if it is not there */
uint64_t eventlog_take(struct cursor *c, size_t size);

/** eventlog_bytes() - the next @size bytes, borrowed; NULL with @c->cut */
const uint8_t *eventlog_bytes(struct cursor *c, size_t size);

/** eventlog_blob() - what a blob's event says. Return: whether it is whole */
bool eventlog_blob(const struct event *e, struct blob_event *b);

/** eventlog_is_blob() - whether it is one that loads an image */
bool eventlog_is_blob(const struct event *e);

/** eventlog_hash() - the algorithm with this TPM_ALG_ID. Return: whether a realm may use it */
bool eventlog_hash(uint16_t id, enum kvmcore_hash *hash);

/** eventlog_rem() - which register an event extends: 0 the RIM, 1 to 4 a REM */
unsigned int eventlog_rem(uint32_t pcr);

#endif
