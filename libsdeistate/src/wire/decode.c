// SPDX-License-Identifier: Apache-2.0
/*
 * A record stream as a state. The common rules of every body stand here, once: nothing unknown,
 * nothing missing, nothing twice, no second way of writing the same.
 */
#include "error_set.h"
#include "plan/plan.h"
#include "record.h"
#include "sdeistate.pb-c.h"
#include "util.h"
#include "wire/read.h"
#include "wire/wire.h"

#include <errno.h>

/* Four times the body is what honest packed arrays grow to; the rest is for small messages. */
#define UNPACK_CEILING(len) (4 * (len) + (64u << 10))

static void cleanup_state(struct sdeistate **state)
{
	sdeistate_free(*state);
}

static int damaged(struct reader *reader, const char *field, const char *expected,
		   const char *actual)
{
	return error_set(reader->err, SDEISTATE_DAMAGED, -EBADMSG, reader->object, field, "%s|%s",
			 expected, actual);
}

int read_length(struct reader *reader, const char *field, size_t n, size_t expected)
{
	if (n == expected)
		return 0;
	return error_set(reader->err, SDEISTATE_DAMAGED, -EBADMSG, reader->object, field,
			 "%zu entries|%zu", expected, n);
}

int read_limit(struct reader *reader, const char *field, uint64_t n, uint64_t limit)
{
	if (n <= limit)
		return 0;
	return error_set(reader->err, SDEISTATE_OVER_LIMIT, -E2BIG, reader->object, field,
			 "at most %llu|%llu", (unsigned long long)limit, (unsigned long long)n);
}

int read_no_memory(struct reader *reader)
{
	return error_no_memory(reader->err, reader->object);
}

int read_column(struct reader *reader, const Sdeistate__Column *column, const char *field,
		uint64_t **numbers, size_t n)
{
	uint64_t *out = scratch_raw(reader->scratch, n, sizeof(*out));
	int ret;

	if (!out)
		return read_no_memory(reader);
	ret = column_read(column, out, n, reader->object, field, reader->err);
	if (!ret)
		*numbers = out;
	return ret;
}

static bool is_present(const ProtobufCFieldDescriptor *field, const char *message)
{
	if (field->label == PROTOBUF_C_LABEL_REPEATED)
		return true;
	if (field->type == PROTOBUF_C_TYPE_MESSAGE)
		return *(ProtobufCMessage *const *)(message + field->offset);
	return *(const protobuf_c_boolean *)(message + field->quantifier_offset);
}

/* Every field of a body is there, and none that this schema does not have. */
static int check_fields(struct reader *reader, const ProtobufCMessage *message)
{
	const ProtobufCMessageDescriptor *schema = message->descriptor;
	const char *base = (const char *)message;

	if (message->n_unknown_fields)
		return damaged(reader, "", "fields of the schema", "an unknown field");
	for (unsigned int i = 0; i < schema->n_fields; i++) {
		const ProtobufCFieldDescriptor *field = &schema->fields[i];
		const ProtobufCMessage *column;

		if (!is_present(field, base))
			return damaged(reader, field->name, "present", "missing");
		if (field->type != PROTOBUF_C_TYPE_MESSAGE)
			continue;
		column = *(ProtobufCMessage *const *)(base + field->offset);
		if (column->n_unknown_fields)
			return damaged(reader, field->name, "fields of the schema",
				       "an unknown field");
	}
	return 0;
}

/* Whoever writes this message again gets the same bytes, so nothing stood there twice. */
static int check_canonical(struct reader *reader, const ProtobufCMessage *message,
			   const struct sdeistate_record *record)
{
	size_t len = protobuf_c_message_get_packed_size(message);
	uint8_t *again;

	if (len != record->len)
		return damaged(reader, "", "canonical protobuf", "another length");
	again = scratch_raw(reader->scratch, len, 1);
	if (!again)
		return read_no_memory(reader);
	protobuf_c_message_pack(message, again);
	if (len && memcmp(again, record->body, len))
		return damaged(reader, "", "canonical protobuf", "other bytes");
	return 0;
}

int read_message(struct reader *reader, const ProtobufCMessageDescriptor *schema,
		 const struct sdeistate_record *record, struct scratch *limited,
		 ProtobufCMessage **message)
{
	ProtobufCAllocator allocator = scratch_allocator(limited);
	ProtobufCMessage *unpacked;
	int ret;

	limited->ceiling = UNPACK_CEILING(record->len);
	unpacked = protobuf_c_message_unpack(schema, &allocator, record->len, record->body);
	if (!unpacked && limited->over)
		return read_limit(reader, "memory", limited->ceiling + 1, limited->ceiling);
	if (!unpacked && limited->failed)
		return read_no_memory(reader);
	if (!unpacked)
		return damaged(reader, "", "a protobuf message", "something else");
	ret = check_fields(reader, unpacked);
	if (!ret)
		ret = check_canonical(reader, unpacked, record);
	if (!ret)
		*message = unpacked;
	return ret;
}

static int decode_body(const struct part *part, const struct sdeistate_record *record,
		       struct reader *reader)
{
	CLEANUP(scratch_free) struct scratch limited = { .used = 0 };
	ProtobufCMessage *message = NULL;
	int ret = read_message(reader, part->schema, record, &limited, &message);

	return ret ? ret : part->decode(message, reader);
}

static int decode_record(const struct part *part, const struct sdeistate_record *record,
			 struct sdeistate *state, struct sdeistate_error *err)
{
	CLEANUP(scratch_free) struct scratch scratch = { .used = 0 };
	struct reader reader = {
		.state = state,
		.scratch = &scratch,
		.object = OBJECT("record %s", sdeistate_record_name(part->record)),
		.err = err,
	};

	if (record->type & SDEISTATE_RECORD_OPTIONAL)
		return damaged(&reader, "type", "mandatory", "optional");
	if (part->record != SDEISTATE_RECORD_TOPOLOGY && !plan_belongs(part, &state->vm))
		return damaged(&reader, "", "absent in this profile and type of VM", "present");
	return decode_body(part, record, &reader);
}

static int keep_unknown(const struct sdeistate_record *record, struct sdeistate *state,
			struct sdeistate_error *err)
{
	const char *name = sdeistate_record_name(record->type);
	struct sdeistate_unknown *unknown;

	if (!(record->type & SDEISTATE_RECORD_OPTIONAL))
		return error_set(err, SDEISTATE_UNKNOWN_RECORD, -EOPNOTSUPP,
				 OBJECT("record %s (%u)", name ? name : "without a name",
					record->type),
				 "type", "one this version knows|mandatory and unknown");
	unknown = &state->unknown[state->n_unknown];
	unknown->body = malloc(record->len + 1);
	if (!unknown->body)
		return error_no_memory(err, "unknown record");
	memcpy(unknown->body, record->body, record->len);
	unknown->type = record->type;
	unknown->len = record->len;
	state->n_unknown++;
	return 0;
}

/* What a state of its profile always has. */
static int check_complete(const struct sdeistate *state, uint64_t seen, struct sdeistate_error *err)
{
	for (unsigned int i = 0; i < plan_length; i++)
		if (plan_belongs(&plan[i], &state->vm) && !plan[i].present &&
		    !(seen >> plan[i].record & 1))
			return error_set(err, SDEISTATE_DAMAGED, -EBADMSG,
					 OBJECT("record %s", sdeistate_record_name(plan[i].record)),
					 "", "present|missing");
	return 0;
}

int sdeistate_decode(const uint8_t *stream, size_t len, struct sdeistate **state,
		     struct sdeistate_error *err)
{
	CLEANUP(cleanup_state) struct sdeistate *taken = NULL;
	struct sdeistate_index index;
	uint64_t seen = 0;
	int ret = record_split(stream, len, &index, err);

	if (ret)
		return ret;
	if (index.n_records == 0 || index.record[0].type != SDEISTATE_RECORD_TOPOLOGY)
		return error_set(err, SDEISTATE_DAMAGED, -EBADMSG, "record topology", "",
				 "first|another or none");
	taken = calloc(1, sizeof(*taken));
	if (!taken)
		return error_no_memory(err, "state");
	taken->unknown = calloc(index.n_records, sizeof(*taken->unknown));
	if (!taken->unknown)
		return error_no_memory(err, "state");
	for (unsigned int i = 0; i < index.n_records && !ret; i++) {
		uint32_t number = index.record[i].type & ~SDEISTATE_RECORD_OPTIONAL;
		const struct part *part = plan_find(number);

		if (part)
			seen |= UINT64_C(1) << number;
		ret = part ? decode_record(part, &index.record[i], taken, err)
			   : keep_unknown(&index.record[i], taken, err);
	}
	if (!ret)
		ret = check_complete(taken, seen, err);
	if (!ret)
		*state = TAKE(taken);
	return ret;
}
