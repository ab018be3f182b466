// SPDX-License-Identifier: Apache-2.0
/* A sealed delta, its base, and what they make together. */
#include "sealed.h"
#include "state_json.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define MAX_SHOWN 4096u /* changes that show tells one by one; the others by number */

struct sealed_records sealed_records(const struct sealed *sealed)
{
	const struct sdeistate_opened *opened = sealed->opened;

	if (sealed->result.data)
		return (struct sealed_records){ sealed->result.data, sealed->result.len,
						sealed->result_digest };
	return (struct sealed_records){ opened->stream.data, opened->stream.len,
					opened->index.digest };
}

int sealed_has_state(const struct sealed *sealed, const char *path, struct failure *failure)
{
	const struct sdeistate_manifest *manifest = &sealed->opened->manifest;
	char digest[2 * SDEISTATE_DIGEST_SIZE + 1], expected[128];

	if (sealed->state)
		return 0;
	if (manifest->kind != SDEISTATE_KIND_DELTA)
		return failure_set(failure, SDEISTATE_USAGE, -EINVAL, path, "kind",
				   "a snapshot with a state", sdeistate_kind_name(manifest->kind));
	hex_text(manifest->base_digest, SDEISTATE_DIGEST_SIZE, digest);
	snprintf(expected, sizeof(expected), "the snapshot with digest %s", digest);
	return failure_set(failure, SDEISTATE_WRONG_BASE, -EINVAL, path, "base", expected, "none");
}

/* The digests of both files are signed: nothing of the delta is decoded for another base. */
static int check_base(const struct sealed *delta, const char *path, const struct sealed *base,
		      struct failure *failure)
{
	const uint8_t *needs = delta->opened->manifest.base_digest;
	const struct sealed_records records = sealed_records(base);
	char expected[2 * SDEISTATE_DIGEST_SIZE + 1], actual[sizeof(expected)];

	int ret = sealed_has_state(base, "base", failure);

	if (ret)
		return ret;
	if (!memcmp(needs, records.digest, SDEISTATE_DIGEST_SIZE))
		return 0;
	hex_text(needs, SDEISTATE_DIGEST_SIZE, expected);
	hex_text(records.digest, SDEISTATE_DIGEST_SIZE, actual);
	return failure_set(failure, SDEISTATE_WRONG_BASE, -ESTALE, path, "base", expected, actual);
}

int sealed_apply(struct sealed *delta, const char *path, const struct sealed *base,
		 struct failure *failure)
{
	const struct sdeistate_buffer *stream = &delta->opened->stream;
	const struct sealed_records records = sealed_records(base);
	OWNED_BASE struct sdeistate_base *made = NULL;
	struct sdeistate_error error;
	int ret = check_base(delta, path, base, failure);

	if (ret)
		return ret;
	if (sdeistate_base_new(records.data, records.len, &made, &error) ||
	    sdeistate_delta_apply(made, stream->data, stream->len, &error) ||
	    sdeistate_encode(sdeistate_base_state(made), &delta->result, &error) ||
	    sdeistate_decode(delta->result.data, delta->result.len, &delta->state, &error) ||
	    sdeistate_validate(delta->state, &error))
		return failure_from(failure, &error);
	memcpy(delta->result_digest, sdeistate_base_digest(made), SDEISTATE_DIGEST_SIZE);
	return 0;
}

/* --- JSON ------------------------------------------------------------------------------------------- */

struct shown {
	json_t *list;
	unsigned int n;
};

static json_t *values_json(const struct sdeistate_delta_change *change)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < change->count; i++)
		json_array_append_new(list, number_json(change->value[i]));
	return list;
}

static int show_change(void *user, const struct sdeistate_delta_change *change)
{
	static const char *const what[] = { "gone", "whole", "goes", "comes", "set" };
	const char *name = sdeistate_record_name(change->record);
	struct shown *shown = user;
	json_t *json;

	if (shown->n++ >= MAX_SHOWN)
		return 0;
	json = json_pack("{s:i, s:o, s:s}", "number",
			 (int)(change->record & ~SDEISTATE_RECORD_OPTIONAL), "record",
			 name ? json_string(name) : json_null(), "what", what[change->what]);
	if (change->what == SDEISTATE_DELTA_WHOLE)
		json_object_set_new(json, "size", json_integer(change->count));
	if (change->path[0])
		json_object_set_new(json, "path", json_string(change->path));
	if (change->what == SDEISTATE_DELTA_SET) {
		json_object_set_new(json, "first", json_integer(change->first));
		json_object_set_new(json, "values", values_json(change));
	}
	return json_array_append_new(shown->list, json);
}

json_t *sealed_delta_json(const struct sealed *sealed)
{
	const struct sdeistate_manifest *manifest = &sealed->opened->manifest;
	const struct sdeistate_buffer *stream = &sealed->opened->stream;
	struct shown shown = { .list = json_array() };

	sdeistate_delta_list(stream->data, stream->len, show_change, &shown, NULL);
	return json_pack("{s:o, s:o, s:I, s:o}", "base",
			 hex_json(manifest->base_digest, SDEISTATE_DIGEST_SIZE), "result",
			 hex_json(manifest->result_digest, SDEISTATE_DIGEST_SIZE), "n_changes",
			 (json_int_t)shown.n, "changes", shown.list);
}
