// SPDX-License-Identifier: Apache-2.0
#include "delta/base.h"
#include "delta/compare.h"
#include "delta/encode_delta.h"
#include "delta/lists.h"
#include "error_set.h"
#include "plan/plan.h"
#include "record.h"
#include "util.h"
#include "wire/encode.h"

#include <errno.h>

/* What a run takes beside its values, on average; a value takes 8 bytes. */
#define RUN_COST 10u

/* One computation: what the base has, what the state has, what is told of it so far. */
struct computing {
	struct sdeistate_base *base;
	const struct sdeistate *state;
	struct sdeistate_index result;
	bool alike; /* same vCPUs and profile: lists can be compared */
	struct sdeistate_error *err;
};

static bool is_alike(const struct sdeistate *a, const struct sdeistate *b)
{
	return a->n_vcpus == b->n_vcpus && a->vm.profile == b->vm.profile;
}

static bool is_same(const struct sdeistate_record *a, const struct sdeistate_record *b)
{
	return a && a->len == b->len && !memcmp(a->digest, b->digest, sizeof(a->digest));
}

static size_t cost_since(const struct changes *changes, struct changes_mark mark)
{
	return RUN_COST * (changes->n - mark.n) + 8 * (changes->n_values - mark.n_values);
}

static void take_back(struct changes *changes, struct changes_mark mark)
{
	changes->n = mark.n;
	changes->n_values = mark.n_values;
}

/* Both have the record. Return: 0: its fields are told; 1: they cannot be; -ENOMEM */
static int compare(struct computing *computing, uint32_t number)
{
	const int ret = computing->alike && delta_has_lists(number)
				? compare_record(&computing->base->changes, number,
						 computing->base->state, computing->state)
				: -EDOM;

	if (ret == -EDOM || ret == -E2BIG)
		return 1;
	return ret ? error_no_memory(computing->err, "delta") : 0;
}

static void keep_record(struct computing *computing, const struct sdeistate_record *record)
{
	computing->result.record[computing->result.n_records++] = *record;
}

/* A part of the state: as it was, by its fields, or whole. */
static int compute_part(struct computing *computing, uint32_t number)
{
	struct sdeistate_base *base = computing->base;
	const struct sdeistate_record *before = record_find(&base->index, number);
	const struct changes_mark mark = { base->changes.n, base->changes.n_values };
	const size_t len = base->body.len;
	bool told = false, same;
	int ret = 0;

	if (before) {
		ret = compare(computing, number);
		told = ret == 0;
		if (told && base->changes.n == mark.n) {
			keep_record(computing, before);
			return 0;
		}
	}
	if (ret >= 0)
		ret = base_add_record(&computing->result, number, computing->state, &base->body,
				      computing->err);
	if (ret)
		return ret;
	same = is_same(before, &computing->result.record[computing->result.n_records - 1]);
	told = told && !same && cost_since(&base->changes, mark) < base->body.len - len;
	if (told || same)
		base->body.len = len;
	if (!told)
		take_back(&base->changes, mark);
	return 0;
}

/* A record nobody here knows: as it was, or whole. */
static int compute_unknown(struct computing *computing, const struct sdeistate_unknown *unknown)
{
	const struct sdeistate_record *before = record_find(&computing->base->index, unknown->type);
	struct sdeistate_record record = { .type = unknown->type, .len = unknown->len };
	uint8_t *body;
	int ret = record_digest(unknown->body, unknown->len, record.digest, computing->err);

	if (!ret && !is_same(before, &record)) {
		ret = encode_append(&computing->base->body, unknown->type, unknown->len, &body,
				    computing->err);
		if (!ret)
			memcpy(body, unknown->body, unknown->len);
	}
	if (!ret)
		keep_record(computing, &record);
	return ret;
}

static uint32_t number_of(const struct sdeistate_unknown *unknown)
{
	return unknown->type & ~SDEISTATE_RECORD_OPTIONAL;
}

/* All records in ascending order, as sdeistate_encode() writes them. */
static int compute_records(struct computing *computing)
{
	const struct sdeistate *state = computing->state;
	unsigned int next = 0;
	int ret = 0;

	for (uint32_t number = 1; !ret && number <= SDEISTATE_RECORD_DELTA; number++) {
		const struct part *part = plan_find(number);

		if (part && plan_has(part, state))
			ret = compute_part(computing, number);
		else if (next < state->n_unknown && number_of(&state->unknown[next]) == number)
			ret = compute_unknown(computing, &state->unknown[next++]);
	}
	for (; !ret && next < state->n_unknown; next++)
		ret = compute_unknown(computing, &state->unknown[next]);
	return ret ? ret : record_index_digest(&computing->result, computing->err);
}

static size_t list_gone(const struct computing *computing, uint32_t *gone)
{
	const struct sdeistate_index *before = &computing->base->index;
	size_t n = 0;

	for (unsigned int i = 0; i < before->n_records; i++)
		if (!record_find(&computing->result, before->record[i].type))
			gone[n++] = before->record[i].type;
	return n;
}

int sdeistate_delta_compute(struct sdeistate_base *base, const struct sdeistate *state,
			    struct sdeistate_buffer *delta, struct sdeistate_error *err)
{
	struct computing computing = { .base = base, .state = state, .err = err };
	uint32_t gone[SDEISTATE_MAX_RECORDS];
	struct delta_parts parts = { .base = base->index.digest,
				     .gone = gone,
				     .whole = &base->body,
				     .changes = &base->changes };
	int ret = base_is_usable(base, err);

	if (!ret)
		ret = encode_check(state, err);
	if (ret)
		return ret;
	computing.alike = is_alike(base->state, state);
	base->changes.n = base->changes.n_values = base->body.len = 0;
	ret = compute_records(&computing);
	if (ret)
		return ret;
	parts.result = computing.result.digest;
	parts.n_gone = list_gone(&computing, gone);
	return encode_delta(&parts, delta, err);
}
