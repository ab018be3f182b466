// SPDX-License-Identifier: Apache-2.0
#include "error_set.h"
#include "manifest.h"
#include "manifest.pb-c.h"
#include "util.h"

#include <stdlib.h>

/* Everything here is borrowed from the struct for as long as packing takes. */
struct shape {
	Sdeistate__Manifest manifest;
	Sdeistate__PayloadFrame frame[SDEISTATE_MAX_FRAMES];
	Sdeistate__PayloadFrame *frames[SDEISTATE_MAX_FRAMES];
	ProtobufCBinaryData audience[SDEISTATE_MAX_AUDIENCE];
};

static ProtobufCBinaryData borrow(const uint8_t *bytes, size_t len)
{
	return (ProtobufCBinaryData){ .data = (uint8_t *)(uintptr_t)bytes, .len = len };
}

#define SET(message, field, value)       ((message)->has_##field = 1, (message)->field = (value))
#define SET_BYTES(message, field, bytes) SET(message, field, borrow(bytes, sizeof(bytes)))

static void shape_frame(const struct sdeistate_frame *frame, bool records,
			Sdeistate__PayloadFrame *out)
{
	sdeistate__payload_frame__init(out);
	SET(out, type, frame->type);
	SET(out, plain_size, frame->plain_size);
	SET(out, stored_size, frame->stored_size);
	SET(out, chunks, frame->chunks);
	SET(out, window_log, frame->window_log);
	if (!records)
		SET_BYTES(out, plain_digest, frame->plain_digest);
	SET_BYTES(out, stored_digest, frame->stored_digest);
}

static void shape_destination(const struct sdeistate_manifest *in, struct shape *shape)
{
	Sdeistate__Manifest *out = &shape->manifest;

	for (unsigned int i = 0; i < in->n_audience; i++)
		shape->audience[i] = borrow(in->audience[i], SDEISTATE_KEY_ID_SIZE);
	out->audience = shape->audience;
	out->n_audience = in->n_audience;
	if (in->any_destination)
		SET(out, any_destination, 1);
	SET(out, created, in->created);
	if (in->expires)
		SET(out, expires, in->expires);
}

static void shape_manifest(const struct sdeistate_manifest *in, struct shape *shape)
{
	Sdeistate__Manifest *out = &shape->manifest;

	sdeistate__manifest__init(out);
	SET(out, kind, (uint32_t)in->kind);
	SET_BYTES(out, vm_uuid, in->vm_uuid);
	SET(out, generation, in->generation);
	SET(out, sequence, in->sequence);
	SET_BYTES(out, source, in->source);
	shape_destination(in, shape);
	if (in->profile[0])
		out->profile = (char *)(uintptr_t)in->profile;
	if (in->kernel_profile[0])
		out->kernel_profile = (char *)(uintptr_t)in->kernel_profile;
	SET_BYTES(out, schema_id, in->schema_id);
	SET_BYTES(out, index_digest, in->index_digest);
	if (in->has_base) {
		SET_BYTES(out, base_digest, in->base_digest);
		SET_BYTES(out, result_digest, in->result_digest);
	}
	if (in->n_nonce)
		SET(out, nonce, borrow(in->nonce, in->n_nonce));
	if (in->encrypted)
		SET(out, encryption, 1);
	for (unsigned int i = 0; i < in->n_frames; i++) {
		shape_frame(&in->frame[i], i == 0, &shape->frame[i]);
		shape->frames[i] = &shape->frame[i];
	}
	out->frame = shape->frames;
	out->n_frame = in->n_frames;
}

int manifest_encode(const struct sdeistate_manifest *manifest, struct sdeistate_buffer *bytes,
		    struct sdeistate_error *err)
{
	CLEANUP(cleanup_free) struct shape *shape = malloc(sizeof(*shape));
	uint8_t *packed;

	if (!shape)
		return error_no_memory(err, "manifest");
	shape_manifest(manifest, shape);
	bytes->len = sdeistate__manifest__get_packed_size(&shape->manifest);
	packed = malloc(bytes->len);
	if (!packed)
		return error_no_memory(err, "manifest");
	sdeistate__manifest__pack(&shape->manifest, packed);
	bytes->data = packed;
	return 0;
}
