// SPDX-License-Identifier: Apache-2.0
#include "eventlog.h"

#include "common/cleanup.h"
#include "common/number.h"
#include "payload.h"

#include <errno.h>
#include <string.h>

#define EV_NO_ACTION      0x3u
#define EV_EVENT_TAG      0x6u
#define EV_POST_CODE2     0x13u
#define EV_FIRMWARE_BLOB2 0x8000000au
#define TAG_REALM_CREATE  1u
#define TAG_INIT_RIPAS    2u
#define TAG_REC_CREATE    3u
#define MAX_ALGORITHMS    8u
#define MAX_EVENT         (1u << 20)
#define SPEC_ID_SIGNATURE "Spec ID Event03"

/* TPM_ALG_ID of what a realm may use. */
static const struct {
	uint16_t id;
	enum kvmcore_hash hash;
} algorithms[] = { { 0x000b, KVMCORE_HASH_SHA256 },
		   { 0x000c, KVMCORE_HASH_SHA384 },
		   { 0x000d, KVMCORE_HASH_SHA512 } };

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
	} digest[MAX_ALGORITHMS];
	struct cursor data;
};

struct log {
	struct cursor c;
	const char *path;
	struct failure *failure;
	uint32_t n_sizes;
	struct {
		uint16_t id, size;
	} size[MAX_ALGORITHMS];
};

static uint64_t take(struct cursor *c, size_t size)
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

static const uint8_t *take_bytes(struct cursor *c, size_t size)
{
	const uint8_t *at = c->data + c->at;

	if (c->cut || c->len - c->at < size) {
		c->cut = true;
		return NULL;
	}
	c->at += size;
	return at;
}

static int broken(const struct log *log, const char *expected, const char *actual)
{
	char field[48];

	snprintf(field, sizeof(field), "offset %zu", log->c.at);
	return failure_set(log->failure, SDEISTATE_DAMAGED, -EBADMSG, log->path, field, expected,
			   actual);
}

bool eventlog_is(const uint8_t *data, size_t len)
{
	return len >= 48 && data[4] == EV_NO_ACTION &&
	       !memcmp(data + 32, SPEC_ID_SIGNATURE, sizeof(SPEC_ID_SIGNATURE));
}

/* The first event is in the old form, and says how long digests are. */
static int read_spec_id(struct log *log)
{
	struct cursor *c = &log->c, inner;
	uint32_t size;

	take_bytes(c, 28);
	size = (uint32_t)take(c, 4);
	inner = (struct cursor){ .len = size };
	inner.data = take_bytes(c, size);
	if (c->cut || !eventlog_is(log->c.data, log->c.len))
		return broken(log, "a Spec ID Event03", "something else");
	take_bytes(&inner, 24);
	log->n_sizes = (uint32_t)take(&inner, 4);
	if (inner.cut || !log->n_sizes || log->n_sizes > MAX_ALGORITHMS)
		return broken(log, "1 to 8 hash algorithms", "another number");
	for (uint32_t i = 0; i < log->n_sizes; i++) {
		log->size[i].id = (uint16_t)take(&inner, 2);
		log->size[i].size = (uint16_t)take(&inner, 2);
	}
	return inner.cut ? broken(log, "the sizes of all digests", "less") : 0;
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

	*e = (struct event){ .pcr = (uint32_t)take(c, 4), .type = (uint32_t)take(c, 4) };
	e->n_digests = (uint32_t)take(c, 4);
	if (e->n_digests > MAX_ALGORITHMS)
		return broken(log, "at most 8 digests", "more");
	for (uint32_t i = 0; i < e->n_digests; i++) {
		e->digest[i].id = (uint16_t)take(c, 2);
		e->digest[i].len = digest_size(log, e->digest[i].id);
		if (!e->digest[i].len)
			return broken(log, "a known hash algorithm", "another");
		e->digest[i].bytes = take_bytes(c, e->digest[i].len);
	}
	size = (uint32_t)take(c, 4);
	if (size > MAX_EVENT)
		return broken(log, "at most 1 MiB in an event", "more");
	e->data.len = size;
	e->data.data = take_bytes(c, size);
	return c->cut ? broken(log, "a whole event", "the end of the log") : 0;
}

/* The log lies in a larger region: zeros to its end are no events. */
static bool at_end(const struct cursor *c)
{
	for (size_t i = c->at; i < c->len; i++)
		if (c->data[i])
			return false;
	return true;
}

typedef int visit_event(void *user, struct log *log, struct event *e);

static int for_each(struct log *log, visit_event *visit, void *user)
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

/* A description, base and size; the description is the vendor's. */
struct blob_event {
	char name[32];
	uint64_t base, size;
};

static bool read_blob(struct event *e, struct blob_event *b)
{
	struct cursor c = e->data;
	size_t len = (size_t)take(&c, 1);
	const uint8_t *text = take_bytes(&c, len);

	if (c.cut)
		return false;
	memset(b->name, 0, sizeof(b->name));
	for (size_t i = 0; i < len && i < sizeof(b->name) - 1 && text[i]; i++)
		b->name[i] = text[i] >= ' ' && text[i] < 0x7f ? (char)text[i] : '?';
	b->base = take(&c, 8);
	b->size = take(&c, 8);
	return !c.cut;
}

static bool is_blob(const struct event *e)
{
	return e->type == EV_POST_CODE2 || e->type == EV_FIRMWARE_BLOB2;
}

/* --- Steps ---------------------------------------------------------------------------------------- */

struct builder {
	struct steps *steps;
	const struct option_list *images;
	enum kvmcore_hash hash; /* of the realm, once it is created */
	bool created;
};

static int add(struct builder *b, const struct log *log, const struct step *step)
{
	return steps_add(b->steps, step) ? failure_set(log->failure, SDEISTATE_OVER_LIMIT, -ENOMEM,
						       log->path, "steps", NULL, NULL)
					 : 0;
}

static int add_create(struct builder *b, struct log *log, struct cursor *c)
{
	struct step step = { .kind = STEP_CREATE };
	struct kvmcore_realm_params *p = &step.params;

	p->flags = take(c, 8);
	p->s2sz = (uint32_t)take(c, 1);
	p->sve_vl = (uint32_t)take(c, 1);
	p->num_bps = (uint32_t)take(c, 1);
	p->num_wps = (uint32_t)take(c, 1);
	p->pmu_num_ctrs = (uint32_t)take(c, 1);
	p->hash = (enum kvmcore_hash)take(c, 1);
	p->level_start = LEVEL_START_LINUX;
	if (c->cut || !kvmcore_hash_size(p->hash))
		return broken(log, "14 bytes of realm parameters", "something else");
	b->hash = p->hash;
	b->created = true;
	return add(b, log, &step);
}

static int add_ripas(struct builder *b, struct log *log, struct cursor *c)
{
	struct step step = { .kind = STEP_RIPAS };
	uint64_t base = take(c, 8), size = take(c, 8);

	if (c->cut || base + size < base)
		return broken(log, "base and size of RAM", "something else");
	step.mem.ipa = base;
	step.mem.top = base + size;
	return add(b, log, &step);
}

static int add_rec(struct builder *b, struct log *log, struct cursor *c)
{
	struct step step = { .kind = STEP_REC };

	step.rec.flags = take(c, 8);
	step.rec.pc = take(c, 8);
	for (unsigned int i = 0; i < KVMCORE_REC_GPRS; i++)
		step.rec.gprs[i] = take(c, 8);
	if (c->cut)
		return broken(log, "80 bytes of REC parameters", "less");
	return add(b, log, &step);
}

static int add_tagged(struct builder *b, struct log *log, struct event *e)
{
	struct cursor c = e->data, inner = { 0 };
	uint32_t tag = (uint32_t)take(&c, 4);

	inner.len = (size_t)take(&c, 4);
	inner.data = take_bytes(&c, inner.len);
	if (c.cut)
		return broken(log, "a whole tagged event", "less");
	switch (tag) {
	case TAG_REALM_CREATE:
		return add_create(b, log, &inner);
	case TAG_INIT_RIPAS:
		return add_ripas(b, log, &inner);
	case TAG_REC_CREATE:
		return add_rec(b, log, &inner);
	default:
		return broken(log, "tag 1, 2 or 3 in register 0", "another");
	}
}

static bool has_digest(const struct event *e, const struct blob *blob)
{
	for (uint32_t i = 0; i < e->n_digests; i++)
		for (size_t k = 0; k < ARRAY_SIZE(algorithms); k++) {
			struct kvmcore_digest d;

			if (algorithms[k].id == e->digest[i].id &&
			    !kvmcore_digest(algorithms[k].hash, blob->bytes, blob->size, &d) &&
			    !memcmp(d.bytes, e->digest[i].bytes, e->digest[i].len))
				return true;
		}
	return false;
}

static int find_image(struct builder *b, struct log *log, const struct event *e,
		      const struct blob_event *event, struct blob **found)
{
	char wanted[129] = "";

	for (size_t i = 0; i < b->images->n; i++) {
		struct blob *blob = NULL;
		int ret = payload_open(b->images->item[i], event->name, &blob, log->failure);

		if (ret)
			return ret;
		if (blob->size == event->size && has_digest(e, blob)) {
			*found = blob;
			return 0;
		}
		blob_free(blob);
	}
	if (e->n_digests && e->digest[0].len <= 64)
		hex_text(e->digest[0].bytes, e->digest[0].len, wanted);
	return failure_set(log->failure, SDEISTATE_NOTHING_TO_VERIFY, -ENOENT, event->name,
			   "digest", wanted, "no --image has it");
}

/* "LOG" itself is loaded but not measured: each granule counts with its address alone. */
static int add_unmeasured(struct builder *b, struct log *log, const struct blob_event *event)
{
	int ret = 0;

	if (event->size > UINT64_C(1) << 30)
		return broken(log, "a log of at most 1 GiB", "more");
	for (uint64_t at = 0; !ret && at < event->size; at += KVMCORE_GRANULE_SIZE) {
		struct step step = { .kind = STEP_DATA };

		step.mem.ipa = event->base + at;
		ret = add(b, log, &step);
	}
	return ret;
}

static int add_blob(struct builder *b, struct log *log, struct event *e)
{
	struct step step = { .kind = STEP_IMAGE };
	struct blob_event event;
	struct blob *blob = NULL;
	int ret;

	if (!read_blob(e, &event))
		return broken(log, "description, base and size of a blob", "less");
	if (!strcmp(event.name, "LOG"))
		return add_unmeasured(b, log, &event);
	ret = find_image(b, log, e, &event, &blob);
	if (ret)
		return ret;
	if (steps_take_blob(b->steps, blob))
		return failure_set(log->failure, SDEISTATE_NO_MEMORY, -ENOMEM, NULL, NULL, NULL,
				   NULL);
	step.mem.ipa = event.base;
	step.mem.flags = KVMCORE_DATA_MEASURE;
	step.mem.blob = blob;
	return add(b, log, &step);
}

/* PCR 1 and 7, 2 to 6, 8 to 15, 16 and above: registers 1 to 4 (UEFI 2.10 §38.4.1 for TDX). */
static unsigned int rem_of(uint32_t pcr)
{
	if (pcr == 1 || pcr == 7)
		return 1;
	if (pcr < 8)
		return 2;
	return pcr < 16 ? 3 : 4;
}

/* With the digest in the realm's own algorithm if the log has it, else with the first. */
static int add_extend(struct builder *b, struct log *log, const struct event *e)
{
	struct step step = { .kind = STEP_EXTEND };
	uint32_t best = 0;

	if (!e->n_digests)
		return broken(log, "a digest", "none");
	for (uint32_t i = 0; i < e->n_digests; i++)
		for (size_t k = 0; k < ARRAY_SIZE(algorithms); k++)
			if (algorithms[k].id == e->digest[i].id && algorithms[k].hash == b->hash)
				best = i;
	if (e->digest[best].len > 64)
		return broken(log, "a digest of at most 64 bytes", "more");
	step.extend.index = rem_of(e->pcr);
	step.extend.size = (unsigned int)e->digest[best].len;
	memcpy(step.extend.value, e->digest[best].bytes, e->digest[best].len);
	return add(b, log, &step);
}

static int visit_step(void *user, struct log *log, struct event *e)
{
	struct builder *b = user;

	if (e->type == EV_NO_ACTION)
		return 0;
	if (e->pcr != 0)
		return add_extend(b, log, e);
	if (e->type == EV_EVENT_TAG)
		return add_tagged(b, log, e);
	return is_blob(e) ? add_blob(b, log, e)
			  : broken(log, "a realm's event in register 0", "another type");
}

int eventlog_steps(const char *path, const uint8_t *data, size_t len,
		   const struct option_list *images, struct steps *steps, struct failure *failure)
{
	struct log log = { .c = { .data = data, .len = len }, .path = path, .failure = failure };
	struct builder b = { .steps = steps, .images = images };
	int ret = for_each(&log, visit_step, &b);

	if (!ret && !b.created)
		return failure_set(failure, SDEISTATE_INCONSISTENT, -EBADMSG, path, "REALM_CREATE",
				   "an event that creates the realm", "none");
	return ret;
}

/* --- For people ------------------------------------------------------------------------------------ */

static int visit_json(void *user, struct log *log, struct event *e)
{
	json_t *event = json_pack("{s:i, s:o}", "pcr", (int)e->pcr, "type", number_json(e->type));
	json_t *digests = json_object();
	struct blob_event blob;
	char id[16];

	for (uint32_t i = 0; i < e->n_digests; i++) {
		const char *name = NULL;

		for (size_t k = 0; k < ARRAY_SIZE(algorithms); k++)
			if (algorithms[k].id == e->digest[i].id)
				name = kvmcore_hash_name(algorithms[k].hash);
		snprintf(id, sizeof(id), "0x%x", e->digest[i].id);
		json_object_set_new(digests, name ? name : id,
				    hex_json(e->digest[i].bytes, e->digest[i].len));
	}
	json_object_set_new(event, "digests", digests);
	if (is_blob(e) && read_blob(e, &blob)) {
		json_object_set_new(event, "name", json_string(blob.name));
		json_object_set_new(event, "base", number_json(blob.base));
		json_object_set_new(event, "size", number_json(blob.size));
	} else if (e->data.len <= 256) {
		json_object_set_new(event, "data", hex_json(e->data.data, e->data.len));
	}
	return json_array_append_new(user, event) ? failure_set(log->failure, SDEISTATE_NO_MEMORY,
								-ENOMEM, NULL, NULL, NULL, NULL)
						  : 0;
}

int eventlog_json(const char *path, const uint8_t *data, size_t len, json_t **json,
		  struct failure *failure)
{
	struct log log = { .c = { .data = data, .len = len }, .path = path, .failure = failure };
	OWNED_JSON json_t *events = json_array();
	int ret = events ? for_each(&log, visit_json, events) : -ENOMEM;

	if (!ret)
		*json = json_incref(events);
	return ret;
}
