// SPDX-License-Identifier: Apache-2.0
#include "delta/base.h"
#include "delta/decode_delta.h"
#include "delta/set.h"
#include "error_set.h"
#include "plan/plan.h"
#include "record.h"
#include "util.h"
#include "wire/encode.h"

#include <errno.h>

static uint32_t number_of(const struct sdeistate_record *record)
{
	return record->type & ~SDEISTATE_RECORD_OPTIONAL;
}

static int copy_record(const struct sdeistate_record *record, struct sdeistate_buffer *stream,
		       struct sdeistate_index *index, struct sdeistate_error *err)
{
	uint8_t *body;
	int ret = encode_append(stream, record->type, record->len, &body, err);

	if (ret)
		return ret;
	if (record->len)
		memcpy(body, record->body, record->len);
	if (index->n_records == SDEISTATE_MAX_RECORDS)
		return error_set(err, SDEISTATE_OVER_LIMIT, -E2BIG, "delta", "records",
				 "at most %u|more", SDEISTATE_MAX_RECORDS);
	index->record[index->n_records] = *record;
	index->record[index->n_records++].body = NULL;
	return 0;
}

/* Two lists of records as one: @whole in place of @old, without what is gone. */
static int merge_records(const struct delta_message *message, const struct sdeistate_index *old,
			 struct sdeistate_buffer *stream, struct sdeistate_index *index,
			 struct sdeistate_error *err)
{
	const struct sdeistate_record *a = old->record, *end_a = a + old->n_records;
	const struct sdeistate_record *b = message->whole.record,
				      *end_b = b + message->whole.n_records;
	int ret = 0;

	while ((a < end_a || b < end_b) && !ret) {
		const bool from_b = b < end_b && (a == end_a || number_of(b) <= number_of(a));

		if (from_b && a < end_a && number_of(a) == number_of(b))
			a++;
		if (from_b)
			ret = copy_record(b++, stream, index, err);
		else if (delta_is_gone(message, a->type))
			a++;
		else
			ret = copy_record(a++, stream, index, err);
	}
	return ret;
}

/* Records that come whole or go: the state is decoded again. That is what such a change costs. */
static int replace_records(struct sdeistate_base *base, const struct delta_message *message,
			   struct sdeistate_error *err)
{
	CLEANUP(sdeistate_buffer_free) struct sdeistate_buffer old = { .len = 0 };
	CLEANUP(sdeistate_buffer_free) struct sdeistate_buffer stream = { .len = 0 };
	struct sdeistate_index index = { .n_records = 0 }, of_old;
	struct sdeistate *state = NULL;
	int ret = sdeistate_encode(base->state, &old, err);

	if (!ret)
		ret = sdeistate_index_stream(old.data, old.len, &of_old, err);
	if (!ret)
		ret = merge_records(message, &of_old, &stream, &index, err);
	if (!ret)
		ret = sdeistate_decode(stream.data, stream.len, &state, err);
	if (ret)
		return ret;
	sdeistate_free(base->state);
	base->state = state;
	base->index = index;
	return 0;
}

/* What the state's records are now; only those that were touched are encoded and hashed. */
static int index_result(struct sdeistate_base *base, uint64_t touched, struct sdeistate_error *err)
{
	struct sdeistate_index index = { .n_records = 0 };
	int ret = encode_check(base->state, err);

	for (unsigned int i = 0; i < base->index.n_records && !ret; i++) {
		const struct sdeistate_record *record = &base->index.record[i];
		const struct part *part = plan_find(record->type);

		base->body.len = 0;
		if (!part || !(touched >> record->type & 1))
			index.record[index.n_records++] = *record;
		else if (plan_has(part, base->state))
			ret = base_add_record(&index, record->type, base->state, &base->body, err);
	}
	if (!ret)
		ret = record_index_digest(&index, err);
	if (!ret)
		base->index = index;
	return ret;
}

/* A field of a record the base does not have has nothing to stand in. */
static int check_touched(const struct sdeistate_base *base, uint64_t touched,
			 struct sdeistate_error *err)
{
	for (uint32_t number = 1; touched >> number; number++)
		if (touched >> number & 1 && !record_find(&base->index, number))
			return error_set(err, SDEISTATE_DAMAGED, -EBADMSG, "record delta", "list",
					 "of a record of the base|of %s",
					 sdeistate_record_name(number));
	return 0;
}

static int apply_message(struct sdeistate_base *base, const struct delta_message *message,
			 struct sdeistate_error *err)
{
	uint64_t touched = 0;
	int ret = 0;

	if (message->n_gone || message->whole.n_records)
		ret = replace_records(base, message, err);
	if (!ret)
		ret = set_changes(message, base->state, &touched, err);
	if (!ret)
		ret = check_touched(base, touched, err);
	if (!ret)
		ret = index_result(base, touched, err);
	if (ret)
		return ret;
	if (memcmp(base->index.digest, message->ends.result, SDEISTATE_DIGEST_SIZE))
		return error_set(err, SDEISTATE_BAD_DIGEST, -EBADMSG, "base with delta", "digest",
				 "the result's that the delta names|another");
	return 0;
}

int sdeistate_delta_apply(struct sdeistate_base *base, const uint8_t *delta, size_t len,
			  struct sdeistate_error *err)
{
	CLEANUP(delta_message_free) struct delta_message message = { .n_gone = 0 };
	int ret = base_is_usable(base, err);

	if (!ret)
		ret = delta_message_read(delta, len, base->index.digest, &message, err);
	if (ret)
		return ret;
	ret = apply_message(base, &message, err);
	if (ret)
		base->state = sdeistate_free(base->state);
	return ret;
}
