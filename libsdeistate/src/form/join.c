// SPDX-License-Identifier: Apache-2.0
#include "error_set.h"
#include "record.h"
#include "util.h"

#include <errno.h>
#include <sdeistate/form.h>

#define HEADER 16u /* bytes in front of a body; record.h */

static uint32_t number_of(uint32_t type)
{
	return type & ~SDEISTATE_RECORD_OPTIONAL;
}

/* Those given take the place of the encoded ones of their number. */
static unsigned int gather(const struct sdeistate_index *encoded,
			   const struct sdeistate_record *record, unsigned int n,
			   const struct sdeistate_record **out)
{
	unsigned int kept = 0;

	for (unsigned int i = 0; i < encoded->n_records; i++) {
		bool replaced = false;

		for (unsigned int k = 0; k < n; k++)
			replaced |= number_of(record[k].type) == number_of(encoded->record[i].type);
		if (!replaced)
			out[kept++] = &encoded->record[i];
	}
	for (unsigned int k = 0; k < n; k++)
		out[kept++] = &record[k];
	return kept;
}

static int by_number(const void *a, const void *b)
{
	const struct sdeistate_record *const *x = a, *const *y = b;
	const uint32_t left = number_of((*x)->type), right = number_of((*y)->type);

	return left < right ? -1 : left > right;
}

static int write_stream(const struct sdeistate_record **record, unsigned int n,
			struct sdeistate_buffer *stream, struct sdeistate_error *err)
{
	size_t len = 0, at = 0;
	uint8_t *out;

	for (unsigned int i = 0; i < n; i++)
		len += HEADER + record_padded(record[i]->len);
	if (len > SDEISTATE_MAX_STREAM)
		return error_set(err, SDEISTATE_OVER_LIMIT, -E2BIG, "form", "size",
				 "at most %u bytes|%zu", SDEISTATE_MAX_STREAM, len);
	out = calloc(1, len ? len : 1);
	if (!out)
		return error_no_memory(err, "form");
	for (unsigned int i = 0; i < n; i++) {
		record_put_header(out + at, record[i]->type, record[i]->len);
		if (record[i]->len)
			memcpy(out + at + HEADER, record[i]->body, record[i]->len);
		at += HEADER + record_padded(record[i]->len);
	}
	*stream = (struct sdeistate_buffer){ out, len };
	return 0;
}

static int check(const struct sdeistate_record *record, unsigned int n, struct sdeistate_error *err)
{
	for (unsigned int i = 0; i < n; i++)
		if (sdeistate_form_covers(number_of(record[i].type)) ||
		    record[i].len > SDEISTATE_MAX_STREAM)
			return error_set(err, SDEISTATE_USAGE, -EINVAL, "form",
					 OBJECT("record %u", number_of(record[i].type)),
					 "fields for it, not a body|");
	if (n > SDEISTATE_MAX_RECORDS)
		return error_set(err, SDEISTATE_OVER_LIMIT, -E2BIG, "form", "records",
				 "at most %u|%u", SDEISTATE_MAX_RECORDS, n);
	return 0;
}

int sdeistate_form_join(const struct sdeistate *state, const struct sdeistate_record *record,
			unsigned int n, struct sdeistate_buffer *stream,
			struct sdeistate_error *err)
{
	CLEANUP(sdeistate_buffer_free) struct sdeistate_buffer encoded = { NULL, 0 };
	CLEANUP(cleanup_free) struct sdeistate_index *index = calloc(1, sizeof(*index));
	CLEANUP(cleanup_free)
	const struct sdeistate_record **all = calloc(2 * SDEISTATE_MAX_RECORDS, sizeof(*all));
	unsigned int total;
	int ret;

	if (!index || !all)
		return error_no_memory(err, "form");
	ret = check(record, n, err);
	ret = ret ? ret : sdeistate_encode(state, &encoded, err);
	ret = ret ? ret : sdeistate_index_stream(encoded.data, encoded.len, index, err);
	if (ret)
		return ret;
	total = gather(index, record, n, all);
	qsort(all, total, sizeof(*all), by_number);
	return write_stream(all, total, stream, err);
}
