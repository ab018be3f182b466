// SPDX-License-Identifier: Apache-2.0
#include "eventlog_read.h"

#include "common/cleanup.h"

#include <errno.h>
#include <string.h>

#define MAX_EVENT         (1u << 20)
#define SPEC_ID_SIGNATURE "Spec ID Event03"

/* TPM_ALG_ID of what a realm may use. */
static const struct {
	uint16_t id;
	enum kvmcore_hash hash;
} algorithms[] = { { 0x000b, KVMCORE_HASH_SHA256 },
		   { 0x000c, KVMCORE_HASH_SHA384 },
		   { 0x000d, KVMCORE_HASH_SHA512 } };

bool eventlog_hash(uint16_t id, enum kvmcore_hash *hash)
{
	for (size_t i = 0; i < ARRAY_SIZE(algorithms); i++)
		if (algorithms[i].id == id) {
			*hash = algorithms[i].hash;
			return true;
		}
	return false;
}

uint64_t eventlog_take(struct cursor *c, size_t size)
{
	uint64_t value = 0;

	if (c->cut || c->len - c->at < size) {
		c->cut = true;
		return 0;
	}
	for (size_t i = 0; i < size; i++)
		value |= (uint64_t)c->data[c->at + i] << 8 * i;
	c->at += size;
	return value;
}

const uint8_t *eventlog_bytes(struct cursor *c, size_t size)
{
	const uint8_t *at = c->data + c->at;

	if (c->cut || c->len - c->at < size) {
		c->cut = true;
		return NULL;
	}
	c->at += size;
	return at;
}

int eventlog_broken(const struct log *log, const char *expected, const char *actual)
{
	char field[48];

	snprintf(field, sizeof(field), "offset %zu", log->c.at);
	return failure_set(log->failure, SDEISTATE_DAMAGED, -EBADMSG, log->path, field, expected,
			   actual);
}

bool eventlog_is(const uint8_t *data, size_t len)
{
	return len >= 48 && data[4] == EVENTLOG_NO_ACTION &&
	       !memcmp(data + 32, SPEC_ID_SIGNATURE, sizeof(SPEC_ID_SIGNATURE));
}

/* The first event is in the old form, and says how long digests are. */
static int read_spec_id(struct log *log)
{
	struct cursor *c = &log->c, inner;
	uint32_t size;

	eventlog_bytes(c, 28);
	size = (uint32_t)eventlog_take(c, 4);
	inner = (struct cursor){ .len = size };
	inner.data = eventlog_bytes(c, size);
	if (c->cut || !eventlog_is(log->c.data, log->c.len))
		return eventlog_broken(log, "a Spec ID Event03", "something else");
	eventlog_bytes(&inner, 24);
	log->n_sizes = (uint32_t)eventlog_take(&inner, 4);
	if (inner.cut || !log->n_sizes || log->n_sizes > EVENTLOG_MAX_ALGORITHMS)
		return eventlog_broken(log, "1 to 8 hash algorithms", "another number");
	for (uint32_t i = 0; i < log->n_sizes; i++) {
		log->size[i].id = (uint16_t)eventlog_take(&inner, 2);
		log->size[i].size = (uint16_t)eventlog_take(&inner, 2);
	}
	return inner.cut ? eventlog_broken(log, "the sizes of all digests", "less") : 0;
}

static size_t digest_size(const struct log *log, uint16_t id)
{
	for (uint32_t i = 0; i < log->n_sizes; i++)
		if (log->size[i].id == id)
			return log->size[i].size;
	for (size_t i = 0; i < ARRAY_SIZE(algorithms); i++)
		if (algorithms[i].id == id)
			return kvmcore_hash_size(algorithms[i].hash);
	return 0;
}

static int read_event(struct log *log, struct event *e)
{
	struct cursor *c = &log->c;
	uint32_t size;

	*e = (struct event){ .pcr = (uint32_t)eventlog_take(c, 4),
			     .type = (uint32_t)eventlog_take(c, 4) };
	e->n_digests = (uint32_t)eventlog_take(c, 4);
	if (e->n_digests > EVENTLOG_MAX_ALGORITHMS)
		return eventlog_broken(log, "at most 8 digests", "more");
	for (uint32_t i = 0; i < e->n_digests; i++) {
		e->digest[i].id = (uint16_t)eventlog_take(c, 2);
		e->digest[i].len = digest_size(log, e->digest[i].id);
		if (!e->digest[i].len)
			return eventlog_broken(log, "a known hash algorithm", "another");
		e->digest[i].bytes = eventlog_bytes(c, e->digest[i].len);
	}
	size = (uint32_t)eventlog_take(c, 4);
	if (size > MAX_EVENT)
		return eventlog_broken(log, "at most 1 MiB in an event", "more");
	e->data.len = size;
	e->data.data = eventlog_bytes(c, size);
	return c->cut ? eventlog_broken(log, "a whole event", "the end of the log") : 0;
}

/* The log lies in a larger region: zeros to its end are no events. */
static bool at_end(const struct cursor *c)
{
	for (size_t i = c->at; i < c->len; i++)
		if (c->data[i])
			return false;
	return true;
}

int eventlog_each(struct log *log, visit_event *visit, void *user)
{
	int ret = read_spec_id(log);

	for (unsigned int n = 0; !ret && !at_end(&log->c); n++) {
		struct event e;

		if (n == EVENTLOG_MAX_EVENTS)
			return failure_set(log->failure, SDEISTATE_OVER_LIMIT, -EBADMSG, log->path,
					   "events", "at most 65536", "more");
		ret = read_event(log, &e);
		if (!ret)
			ret = visit(user, log, &e);
	}
	return ret;
}

bool eventlog_blob(const struct event *e, struct blob_event *b)
{
	struct cursor c = e->data;
	size_t len = (size_t)eventlog_take(&c, 1);
	const uint8_t *text = eventlog_bytes(&c, len);

	if (c.cut)
		return false;
	memset(b->name, 0, sizeof(b->name));
	for (size_t i = 0; i < len && i < sizeof(b->name) - 1 && text[i]; i++)
		b->name[i] = text[i] >= ' ' && text[i] < 0x7f ? (char)text[i] : '?';
	b->base = eventlog_take(&c, 8);
	b->size = eventlog_take(&c, 8);
	return !c.cut;
}

bool eventlog_is_blob(const struct event *e)
{
	return e->type == EVENTLOG_POST_CODE2 || e->type == (uint32_t)EVENTLOG_FIRMWARE_BLOB2;
}

/* PCR 1 and 7, 2 to 6, 8 to 15, 16 and above: registers 1 to 4 (UEFI 2.10 §38.4.1 for TDX). */
unsigned int eventlog_rem(uint32_t pcr)
{
	if (!pcr)
		return 0;
	if (pcr == 1 || pcr == 7)
		return 1;
	if (pcr < 8)
		return 2;
	return pcr < 16 ? 3 : 4;
}
