// SPDX-License-Identifier: Apache-2.0
#include "delta/decode_delta.h"

#include "delta/lists.h"
#include "plan/parts.h"
#include "record.h"
#include "sdeistate.pb-c.h"
#include "wire/read.h"

#define OBJECT_NAME "record delta"
/* A body begins with both digests: field 1 and field 2 of 32 bytes, length-delimited. */
#define TAG_BASE   0x0au
#define TAG_RESULT 0x12u
#define TAG_SIZE   2u
#define DAMAGED(err, field, ...) \
	error_set(err, SDEISTATE_DAMAGED, -EBADMSG, OBJECT_NAME, field, __VA_ARGS__)
#define ENDS_SIZE (2 * (TAG_SIZE + SDEISTATE_DIGEST_SIZE))

void delta_message_free(struct delta_message *message)
{
	scratch_free(&message->limited);
	scratch_free(&message->scratch);
}

/* The one record of the stream, with its ends. */
static int find_record(const uint8_t *delta, size_t len, struct sdeistate_record *record,
		       struct sdeistate_delta_ends *ends, struct sdeistate_error *err)
{
	struct sdeistate_index index;
	const uint8_t *body;
	int ret = record_split(delta, len, &index, err);

	if (ret)
		return ret;
	if (index.n_records != 1 || index.record[0].type != SDEISTATE_RECORD_DELTA)
		return DAMAGED(err, "", "alone in its stream|%u records, the first of type %u",
			       index.n_records, index.n_records ? index.record[0].type : 0);
	body = index.record[0].body;
	if (index.record[0].len < ENDS_SIZE || body[0] != TAG_BASE ||
	    body[1] != SDEISTATE_DIGEST_SIZE || body[ENDS_SIZE / 2] != TAG_RESULT ||
	    body[ENDS_SIZE / 2 + 1] != SDEISTATE_DIGEST_SIZE)
		return DAMAGED(err, "base_digest", "two digests at the beginning|something else");
	memcpy(ends->base, body + TAG_SIZE, SDEISTATE_DIGEST_SIZE);
	memcpy(ends->result, body + ENDS_SIZE / 2 + TAG_SIZE, SDEISTATE_DIGEST_SIZE);
	*record = index.record[0];
	return 0;
}

int sdeistate_delta_peek(const uint8_t *delta, size_t len, struct sdeistate_delta_ends *ends,
			 struct sdeistate_error *err)
{
	struct sdeistate_record record;

	return find_record(delta, len, &record, ends, err);
}

static bool has_record(const struct delta_message *message, uint32_t record)
{
	return delta_is_gone(message, record) || record_find(&message->whole, record);
}

bool delta_is_gone(const struct delta_message *message, uint32_t type)
{
	for (size_t i = 0; i < message->n_gone; i++)
		if (message->gone[i] == type)
			return true;
	return false;
}

static int take_records(const Sdeistate__Delta *m, struct delta_message *message,
			struct sdeistate_error *err)
{
	int ret = sdeistate_index_stream(m->whole.data, m->whole.len, &message->whole, err);

	if (ret)
		return ret;
	if (m->n_gone > SDEISTATE_MAX_RECORDS)
		return error_set(err, SDEISTATE_OVER_LIMIT, -E2BIG, OBJECT_NAME, "gone",
				 "at most %u|%zu", SDEISTATE_MAX_RECORDS, m->n_gone);
	for (size_t i = 0; i < m->n_gone; i++) {
		if (i > 0 && m->gone[i - 1] >= m->gone[i])
			return DAMAGED(err, "gone", "ascending types|%u behind %u", m->gone[i],
				       m->gone[i - 1]);
		if (record_find(&message->whole, m->gone[i]))
			return DAMAGED(err, "gone", "no record that comes whole|%u", m->gone[i]);
	}
	message->gone = m->gone;
	message->n_gone = m->n_gone;
	return 0;
}

static int take_runs(const Sdeistate__Delta *m, struct delta_runs *runs,
		     struct sdeistate_error *err)
{
	uint64_t n_values = 0;

	if (m->n_list > SDEISTATE_MAX_DELTA_RUNS)
		return error_set(err, SDEISTATE_OVER_LIMIT, -E2BIG, OBJECT_NAME, "list",
				 "at most %u runs|%zu", SDEISTATE_MAX_DELTA_RUNS, m->n_list);
	if (m->n_key != m->n_list || m->n_field != m->n_list || m->n_first != m->n_list ||
	    m->n_count != m->n_list)
		return DAMAGED(err, "list", "columns of one length|%zu, %zu, %zu, %zu, %zu",
			       m->n_list, m->n_key, m->n_field, m->n_first, m->n_count);
	for (size_t i = 0; i < m->n_count; i++)
		n_values += m->count[i];
	if (n_values != m->n_value)
		return DAMAGED(err, "count", "%zu in all|%" PRIu64, m->n_value, n_values);
	*runs = (struct delta_runs){ .n = m->n_list,
				     .list = m->list,
				     .field = m->field,
				     .first = m->first,
				     .count = m->count,
				     .key = m->key,
				     .n_values = m->n_value,
				     .value = m->value };
	return 0;
}

/* Does run @i come after the one before it, without touching its elements? */
static bool is_in_order(const struct delta_runs *runs, size_t i)
{
	const size_t p = i - 1;

	if (runs->list[p] != runs->list[i])
		return runs->list[p] < runs->list[i];
	if (runs->key[p] != runs->key[i])
		return runs->key[p] < runs->key[i];
	if (runs->field[p] == CHANGE_GOES)
		return false; /* what goes has nothing else to say */
	if (runs->field[p] != runs->field[i])
		return runs->field[p] < runs->field[i];
	return runs->field[i] >= FIRST_FIELD &&
	       (uint64_t)runs->first[p] + runs->count[p] <= runs->first[i];
}

static uint64_t max_key(const struct delta_list *list)
{
	switch (list->shape) {
	case LIST_ONE:
		return 0;
	case LIST_BY_KEY:
		return list->key_size == 4 ? UINT32_MAX : UINT64_MAX;
	case LIST_MEMORY:
		return SDEISTATE_MAX_REGIONS - 1;
	case LIST_BY_VCPU:
	case LIST_QUEUES:
		break;
	}
	return KVM_SDEI_MAX_VCPUS - 1;
}

/* The largest number element @i of a field may have. */
static uint64_t max_value(const struct delta_list *list, const struct delta_field *field,
			  uint32_t i)
{
	if (field->binary)
		return 1;
	if (list->shape == LIST_QUEUES && field == &list->field[0])
		return MAX_QUEUE;
	if (list->shape == LIST_QUEUES && i % 2)
		return UINT32_MAX;
	return field->size == 8 ? UINT64_MAX : (UINT64_C(1) << (8 * field->size)) - 1;
}

static int check_values(const struct delta_runs *runs, size_t run, const struct delta_list *list,
			const uint64_t *value, struct sdeistate_error *err)
{
	const struct delta_field *field = delta_list_field(list, runs->field[run]);

	if (runs->field[run] < FIRST_FIELD) {
		if (list->shape != LIST_BY_KEY || runs->first[run] || runs->count[run])
			return DAMAGED(err, "field", "entries come and go in lists by key|in %s",
				       list->name);
		return 0;
	}
	if (!field)
		return error_set(err, SDEISTATE_UNKNOWN_RECORD, -EOPNOTSUPP, OBJECT_NAME, "field",
				 "one of %s this version knows|%u", list->name, runs->field[run]);
	if (!runs->count[run] || (uint64_t)runs->first[run] + runs->count[run] > field->count)
		return DAMAGED(err, field->name, "1 to %u elements|%u from %u on", field->count,
			       runs->count[run], runs->first[run]);
	for (uint32_t i = 0; i < runs->count[run]; i++)
		if (value[i] > max_value(list, field, runs->first[run] + i))
			return DAMAGED(err, field->name, "at most 0x%" PRIx64 "|0x%" PRIx64,
				       max_value(list, field, runs->first[run] + i), value[i]);
	return 0;
}

static int check_run(const struct delta_message *message, size_t i, const uint64_t *value,
		     struct sdeistate_error *err)
{
	const struct delta_runs *runs = &message->runs;
	const struct delta_list *list = delta_list_find(runs->list[i]);

	if (!list)
		return error_set(err, SDEISTATE_UNKNOWN_RECORD, -EOPNOTSUPP, OBJECT_NAME, "list",
				 "one this version knows|%u", runs->list[i]);
	if (i > 0 && !is_in_order(runs, i))
		return DAMAGED(err, "list", "runs in order, each element once|run %zu", i);
	if (has_record(message, LIST_RECORD(list->number)))
		return DAMAGED(err, "list", "no record that goes or comes whole|%s", list->name);
	if (runs->key[i] > max_key(list))
		return DAMAGED(err, "key", "at most 0x%" PRIx64 " in %s|0x%" PRIx64, max_key(list),
			       list->name, runs->key[i]);
	return check_values(runs, i, list, value, err);
}

/* What can be told without a base. */
static int take_message(const Sdeistate__Delta *m, struct delta_message *message,
			struct sdeistate_error *err)
{
	const uint64_t *value = m->value;
	int ret = take_records(m, message, err);

	if (!ret)
		ret = take_runs(m, &message->runs, err);
	for (size_t i = 0; i < message->runs.n && !ret; i++) {
		ret = check_run(message, i, value, err);
		value += message->runs.count[i];
	}
	return ret;
}

int delta_message_read(const uint8_t *delta, size_t len, const uint8_t *base,
		       struct delta_message *message, struct sdeistate_error *err)
{
	struct reader reader = { .scratch = &message->scratch, .object = OBJECT_NAME, .err = err };
	const uint8_t *needs = message->ends.base;
	struct sdeistate_record record;
	ProtobufCMessage *decoded = NULL;
	int ret = find_record(delta, len, &record, &message->ends, err);

	if (!ret && base && memcmp(base, needs, SDEISTATE_DIGEST_SIZE))
		return error_set(err, SDEISTATE_WRONG_BASE, -ESTALE, OBJECT_NAME, "base_digest",
				 "the base's, %02x%02x%02x%02x…|%02x%02x%02x%02x…", base[0],
				 base[1], base[2], base[3], needs[0], needs[1], needs[2], needs[3]);
	if (!ret)
		ret = read_message(&reader, &sdeistate__delta__descriptor, &record,
				   &message->limited, &decoded);
	return ret ? ret : take_message((const Sdeistate__Delta *)decoded, message, err);
}
