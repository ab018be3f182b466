// SPDX-License-Identifier: Apache-2.0
#include "delta/base.h"

#include "error_set.h"
#include "plan/plan.h"
#include "record.h"
#include "util.h"
#include "wire/encode.h"

#include <errno.h>

#define FIRST_RUNS 1024u /* what a small delta needs; more is got when it is needed */

static void cleanup_base(struct sdeistate_base **base)
{
	sdeistate_base_free(*base);
}

struct sdeistate_base *sdeistate_base_free(struct sdeistate_base *base)
{
	if (!base)
		return NULL;
	sdeistate_free(base->state);
	changes_free(&base->changes);
	sdeistate_buffer_free(&base->body);
	free(base);
	return NULL;
}

int sdeistate_base_new(const uint8_t *stream, size_t len, struct sdeistate_base **base,
		       struct sdeistate_error *err)
{
	CLEANUP(cleanup_base) struct sdeistate_base *made = calloc(1, sizeof(*made));
	int ret;

	if (!made || changes_reserve(&made->changes, FIRST_RUNS, FIRST_RUNS))
		return error_no_memory(err, "base");
	ret = sdeistate_decode(stream, len, &made->state, err);
	if (!ret)
		ret = sdeistate_index_stream(stream, len, &made->index, err);
	if (ret)
		return ret;
	for (unsigned int i = 0; i < made->index.n_records; i++)
		made->index.record[i].body = NULL;
	*base = TAKE(made);
	return 0;
}

const struct sdeistate *sdeistate_base_state(const struct sdeistate_base *base)
{
	return base->state;
}

const uint8_t *sdeistate_base_digest(const struct sdeistate_base *base)
{
	return base->index.digest;
}

int base_is_usable(const struct sdeistate_base *base, struct sdeistate_error *err)
{
	if (base->state)
		return 0;
	return error_set(err, SDEISTATE_USAGE, -EINVAL, "base", "state",
			 "one that no delta has failed on|lost half-way through a delta");
}

int base_add_record(struct sdeistate_index *index, uint32_t number, const struct sdeistate *state,
		    struct sdeistate_buffer *body, struct sdeistate_error *err)
{
	struct sdeistate_record *record = &index->record[index->n_records];
	const size_t at = body->len + SDEISTATE_RECORD_HEADER_SIZE;
	int ret = encode_part(plan_find(number), state, body, err);

	if (ret)
		return ret;
	record->type = number;
	record->body = NULL;
	record->len = (size_t)get_le64(body->data + at - 8);
	ret = record_digest(body->data + at, record->len, record->digest, err);
	if (!ret)
		index->n_records++;
	return ret;
}
