// SPDX-License-Identifier: Apache-2.0
#include "manifest.h"

#include "error_set.h"
#include "layout.h"
#include "util.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

static const struct {
	enum sdeistate_file_kind kind;
	const char *name;
	uint32_t since; /* revision */
	bool restores;  /* has records */
} kinds[] = {
	{ SDEISTATE_KIND_BASE, "base", 1, true },
	{ SDEISTATE_KIND_FINAL, "final", 1, true },
	{ SDEISTATE_KIND_DELTA, "delta", 2, true },
	{ SDEISTATE_KIND_EMPTY, "empty", 1, false },
	{ SDEISTATE_KIND_INVALID, "invalid", 1, false },
};

static const char *const frame_names[] = {
	[SDEISTATE_FRAME_RECORDS] = "records",
	[SDEISTATE_FRAME_REALM_CONTENTS] = "realm-contents",
	[SDEISTATE_FRAME_GRANULE_HASHES] = "granule-hashes",
	[SDEISTATE_FRAME_REALM_REFERENCE] = "realm-reference",
};

const char *sdeistate_kind_name(enum sdeistate_file_kind kind)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (kinds[i].kind == kind)
			return kinds[i].name;
	return NULL;
}

const char *sdeistate_frame_name(uint32_t type)
{
	uint32_t number = type & ~SDEISTATE_RECORD_OPTIONAL;

	return number < ARRAY_SIZE(frame_names) ? frame_names[number] : NULL;
}

static int wrong(struct sdeistate_error *err, const char *field, const char *rule)
{
	return error_set(err, SDEISTATE_INCONSISTENT, -EBADMSG, "manifest", field, "%s|not so",
			 rule);
}

static int over(struct sdeistate_error *err, const char *object, const char *field, uint64_t max,
		uint64_t found)
{
	return error_set(err, SDEISTATE_OVER_LIMIT, -E2BIG, object, field,
			 "at most %" PRIu64 "|%" PRIu64, max, found);
}

static int check_kind(const struct sdeistate_manifest *m, struct sdeistate_error *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (kinds[i].kind != m->kind)
			continue;
		if (m->revision < kinds[i].since)
			return wrong(err, "kind", "one of its revision");
		if (!kinds[i].restores && (m->frame[0].plain_size || m->n_frames > 1))
			return wrong(err, "frame", "no payload, because there is no state");
		return 0;
	}
	return wrong(err, "kind", "one of its revision");
}

/* Names are shown on terminals and compared: a small alphabet keeps both honest. */
static int check_name(const char *name, const char *field, struct sdeistate_error *err)
{
	for (; *name; name++)
		if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789.-_", *name))
			return wrong(err, field,
				     "lower-case letters, digits, dot, dash, underscore");
	return 0;
}

static int check_destination(const struct sdeistate_manifest *m, struct sdeistate_error *err)
{
	if (m->any_destination == (m->n_audience > 0))
		return wrong(err, "audience", "either key ids or any destination");
	for (unsigned int i = 1; i < m->n_audience; i++)
		if (memcmp(m->audience[i - 1], m->audience[i], SDEISTATE_KEY_ID_SIZE) >= 0)
			return wrong(err, "audience", "ascending key ids");
	if (m->expires && m->expires <= m->created)
		return wrong(err, "expires", "later than created");
	return 0;
}

static int check_chunks(const struct sdeistate_frame *frame, const char *object, bool encrypted,
			struct sdeistate_error *err)
{
	uint64_t table = frame->chunks > 1 ? (uint64_t)frame->chunks * LAYOUT_TABLE_ENTRY : 0;
	uint64_t chunk = encrypted ? SDEISTATE_MAX_ENVELOPE : SDEISTATE_MAX_CHUNK;

	if (frame->chunks > SDEISTATE_MAX_CHUNKS)
		return over(err, object, "chunks", SDEISTATE_MAX_CHUNKS, frame->chunks);
	if (!frame->chunks)
		return wrong(err, "frame.chunks", "at least 1");
	if (frame->stored_size < table + frame->chunks)
		return wrong(err, "frame.stored_size", "room for its chunks");
	if (frame->stored_size > table + frame->chunks * chunk)
		return over(err, object, "stored_size", table + frame->chunks * chunk,
			    frame->stored_size);
	return 0;
}

static int check_frame(const struct sdeistate_frame *frame, unsigned int i, bool encrypted,
		       struct sdeistate_error *err)
{
	uint64_t max = i ? SDEISTATE_MAX_FRAME : SDEISTATE_MAX_STREAM;
	const char *object = OBJECT("payload frame %u", i);

	if ((frame->type == SDEISTATE_FRAME_RECORDS) != (i == 0))
		return wrong(err, "frame.type", "records for frame 0 and only for it");
	if (!(frame->type & SDEISTATE_RECORD_OPTIONAL) && !sdeistate_frame_name(frame->type))
		return error_set(err, SDEISTATE_UNKNOWN_RECORD, -EOPNOTSUPP, object, "type",
				 "a known one, because it is mandatory|%u", frame->type);
	if (frame->plain_size > max)
		return over(err, object, "plain_size", max, frame->plain_size);
	if (frame->window_log > SDEISTATE_MAX_WINDOW_LOG)
		return over(err, object, "window_log", SDEISTATE_MAX_WINDOW_LOG, frame->window_log);
	if (frame->window_log < SDEISTATE_MIN_WINDOW_LOG)
		return wrong(err, "frame.window_log", "at least 10");
	return check_chunks(frame, object, encrypted, err);
}

static int check_frames(const struct sdeistate_manifest *m, uint64_t payload_size,
			struct sdeistate_error *err)
{
	uint64_t stored = 0;

	if (!m->n_frames)
		return wrong(err, "frame", "at least one");
	for (unsigned int i = 0; i < m->n_frames; i++) {
		int ret = check_frame(&m->frame[i], i, m->encrypted, err);

		if (ret)
			return ret;
		stored += m->frame[i].stored_size;
	}
	if (stored != payload_size)
		return wrong(err, "frame.stored_size", "together the prefix's payload_size");
	return 0;
}

int manifest_check(const struct sdeistate_manifest *m, uint64_t payload_size,
		   struct sdeistate_error *err)
{
	int ret = check_frames(m, payload_size, err);

	ret = ret ? ret : check_kind(m, err);
	ret = ret ? ret : check_destination(m, err);
	ret = ret ? ret : check_name(m->profile, "profile", err);
	ret = ret ? ret : check_name(m->kernel_profile, "kernel_profile", err);
	if (ret)
		return ret;
	if (m->has_base != (m->kind == SDEISTATE_KIND_DELTA))
		return wrong(err, "base_digest", "there for a delta and only for one");
	if (m->encrypted && m->revision < 2)
		return wrong(err, "encryption", "absent in revision 1");
	return 0;
}
