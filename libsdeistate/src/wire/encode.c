// SPDX-License-Identifier: Apache-2.0
/*
 * A state as messages, and the messages as a record stream. docs/records.md, one chapter per
 * record.
 */
#include "wire/encode.h"
#include "error_set.h"
#include "plan/plan.h"
#include "record.h"
#include "sdeistate.pb-c.h"
#include "state/events.h"
#include "util.h"
#include "wire/column.h"
#include "wire/fill.h"
#include "wire/wire.h"

#include <errno.h>

#define CHUNK 128u

/* @n fixed64 of the 64-bit member at @offset of structs of @size. */
uint64_t *fill_fixed64(struct scratch *scratch, const void *structs, size_t n, size_t size,
		       size_t offset)
{
	const char *at = structs;
	uint64_t *out = scratch_raw(scratch, n, sizeof(*out));

	for (size_t i = 0; i < n && out; i++)
		memcpy(&out[i], at + offset + i * size, sizeof(*out));
	return out;
}

uint32_t *fill_uint32(struct scratch *scratch, const void *structs, size_t n, size_t size,
		      size_t offset)
{
	const char *at = structs;
	uint32_t *out = scratch_raw(scratch, n, sizeof(*out));

	for (size_t i = 0; i < n && out; i++)
		memcpy(&out[i], at + offset + i * size, sizeof(*out));
	return out;
}

ProtobufCBinaryData fill_bytes(struct scratch *scratch, const void *structs, size_t n, size_t size,
			       size_t offset)
{
	const uint8_t *at = structs;
	ProtobufCBinaryData bytes = { .len = n, .data = scratch_raw(scratch, n, 1) };

	for (size_t i = 0; i < n && bytes.data; i++)
		bytes.data[i] = at[offset + i * size];
	return bytes;
}

static void gather64(uint64_t *to, const char *from, size_t n, size_t size)
{
	for (; n; n--, from += size)
		memcpy(to++, from, sizeof(*to));
}

static void gather32(uint64_t *to, const char *from, size_t n, size_t size)
{
	uint32_t number;

	for (; n; n--, from += size) {
		memcpy(&number, from, sizeof(number));
		*to++ = number;
	}
}

/* Numbers of @width bytes, a chunk at a time, so that no second array of them is needed. */
static Sdeistate__Column *fill_column(struct scratch *scratch, const void *structs, size_t n,
				      size_t size, size_t offset, size_t width)
{
	const char *at = structs;
	uint64_t chunk[CHUNK];
	struct column column;

	if (column_begin(&column, scratch, n))
		return NULL;
	for (size_t done = 0; done < n;) {
		size_t now = n - done < CHUNK ? n - done : CHUNK;

		if (width == sizeof(uint64_t))
			gather64(chunk, at + offset + done * size, now, size);
		else
			gather32(chunk, at + offset + done * size, now, size);
		if (column_push(&column, chunk, now))
			return NULL;
		done += now;
	}
	return column_finish(&column);
}

Sdeistate__Column *fill_column64(struct scratch *scratch, const void *structs, size_t n,
				 size_t size, size_t offset)
{
	return fill_column(scratch, structs, n, size, offset, sizeof(uint64_t));
}

Sdeistate__Column *fill_column32(struct scratch *scratch, const void *structs, size_t n,
				 size_t size, size_t offset)
{
	return fill_column(scratch, structs, n, size, offset, sizeof(uint32_t));
}

int encode_append(struct sdeistate_buffer *stream, uint32_t type, size_t len, uint8_t **body,
		  struct sdeistate_error *err)
{
	size_t grown = stream->len + SDEISTATE_RECORD_HEADER_SIZE + record_padded(len);
	uint8_t *data;

	if (len > SDEISTATE_MAX_STREAM || grown > SDEISTATE_MAX_STREAM)
		return error_set(err, SDEISTATE_OVER_LIMIT, -E2BIG, "encoded state", "length",
				 "at most %u bytes|%zu", SDEISTATE_MAX_STREAM, grown);
	data = realloc(stream->data, grown);
	if (!data)
		return error_no_memory(err, "encoded state");
	stream->data = data;
	data += stream->len;
	memset(data, 0, grown - stream->len);
	record_put_header(data, type, len);
	*body = data + SDEISTATE_RECORD_HEADER_SIZE;
	stream->len = grown;
	return 0;
}

int encode_part(const struct part *part, const struct sdeistate *state,
		struct sdeistate_buffer *stream, struct sdeistate_error *err)
{
	CLEANUP(scratch_free) struct scratch scratch = { .used = 0 };
	const ProtobufCMessage *message = part->encode(state, &scratch);
	uint8_t *body;
	int ret;

	if (!message)
		return error_no_memory(err, sdeistate_record_name(part->record));
	ret = encode_append(stream, part->record, protobuf_c_message_get_packed_size(message),
			    &body, err);
	if (!ret)
		protobuf_c_message_pack(message, body);
	return ret;
}

static bool is_record(const struct sdeistate_unknown *unknown, uint32_t number)
{
	return (unknown->type & ~SDEISTATE_RECORD_OPTIONAL) == number;
}

static int encode_unknown(const struct sdeistate_unknown *unknown, struct sdeistate_buffer *stream,
			  struct sdeistate_error *err)
{
	uint8_t *body;
	int ret = encode_append(stream, unknown->type, unknown->len, &body, err);

	if (!ret && unknown->len)
		memcpy(body, unknown->body, unknown->len);
	return ret;
}

/* The rest of a canonical state is up to validate. */
int encode_check(const struct sdeistate *state, struct sdeistate_error *err)
{
	const char *field = NULL;
	size_t total = 0;

	if (state->vm.profile >= KVMCORE_NR_PROFILES)
		field = "profile";
	else if (state->vm.type >= KVMCORE_NR_VM_TYPES)
		field = "type";
	else if ((state->vm.type == KVMCORE_VM_S390) != (state->s390 != NULL))
		field = "s390";
	else if (state->n_vcpus > KVM_SDEI_MAX_VCPUS)
		field = "n_vcpus";
	else if (state->n_exposed > KVM_SDEI_MAX_EVENTS ||
		 state->n_registered > KVM_SDEI_MAX_EVENTS)
		field = "n_events";
	for (unsigned int i = 0; i < state->n_vcpus && !field; i++) {
		if (state->vcpu_state && state->vcpu_state[i].masked > 1)
			field = "masked";
		if (state->vcpu[i].first_event != total)
			field = "first_event";
		total += state->vcpu[i].n_events;
	}
	if (!field && total != state->n_vcpu_events)
		field = "n_vcpu_events";
	for (unsigned int i = 0; i < state->n_exposed && !field; i++)
		if (state->exposed[i].notifier)
			field = "notifier";
	if (!field)
		return 0;
	return error_set(err, SDEISTATE_INCONSISTENT, -EINVAL, "state", field,
			 "what a record can say|another");
}

int sdeistate_encode(const struct sdeistate *state, struct sdeistate_buffer *buffer,
		     struct sdeistate_error *err)
{
	struct sdeistate_buffer stream = { .len = 0 };
	unsigned int next = 0;
	int ret = encode_check(state, err);

	/* Ascending numbers, ours and the unknown ones, each at most once. */
	for (uint32_t number = 1; !ret && number <= SDEISTATE_RECORD_DELTA; number++) {
		const struct part *part = plan_find(number);

		if (part && plan_has(part, state))
			ret = encode_part(part, state, &stream, err);
		else if (next < state->n_unknown && is_record(&state->unknown[next], number))
			ret = encode_unknown(&state->unknown[next++], &stream, err);
	}
	for (; !ret && next < state->n_unknown; next++)
		ret = encode_unknown(&state->unknown[next], &stream, err);
	if (ret)
		sdeistate_buffer_free(&stream);
	else
		*buffer = stream;
	return ret;
}
