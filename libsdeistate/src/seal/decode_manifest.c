// SPDX-License-Identifier: Apache-2.0
#include "error_set.h"
#include "manifest.h"
#include "manifest.pb-c.h"
#include "util.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int wrong(struct sdeistate_error *err, const char *field, const char *expected)
{
	return error_set(err, SDEISTATE_INCONSISTENT, -EBADMSG, "manifest", field,
			 "%s|something else", expected);
}

static int too_many(struct sdeistate_error *err, const char *field, unsigned int max, size_t found)
{
	return error_set(err, SDEISTATE_OVER_LIMIT, -E2BIG, "manifest", field, "at most %u|%zu",
			 max, found);
}

static int copy_bytes(const ProtobufCBinaryData *in, protobuf_c_boolean has, const char *field,
		      uint8_t *out, size_t size, struct sdeistate_error *err)
{
	if (!has || in->len != size)
		return error_set(err, SDEISTATE_INCONSISTENT, -EBADMSG, "manifest", field,
				 "%zu bytes|%zu", size, has ? in->len : 0);
	memcpy(out, in->data, size);
	return 0;
}

#define COPY(in, member, out, err) \
	copy_bytes(&(in)->member, (in)->has_##member, #member, out, sizeof(out), err)

static int copy_name(const char *in, const char *field, char *out, struct sdeistate_error *err)
{
	size_t len = in ? strlen(in) : 0;

	if (len > SDEISTATE_MAX_NAME)
		return too_many(err, field, SDEISTATE_MAX_NAME, len);
	if (in && !len)
		return wrong(err, field, "absent, or not empty");
	memcpy(out, in ? in : "", len + 1);
	return 0;
}

static int copy_frame(const Sdeistate__PayloadFrame *in, bool records, struct sdeistate_frame *out,
		      struct sdeistate_error *err)
{
	int ret;

	if (!in->has_type || !in->has_plain_size || !in->has_stored_size || !in->has_chunks ||
	    !in->has_window_log)
		return wrong(err, "frame", "type, sizes, chunks and window");
	if (records && in->has_plain_digest)
		return wrong(err, "frame[0].plain_digest", "absent: index_digest is");
	out->type = in->type;
	out->plain_size = in->plain_size;
	out->stored_size = in->stored_size;
	out->chunks = in->chunks;
	out->window_log = in->window_log;
	ret = records ? 0 : COPY(in, plain_digest, out->plain_digest, err);
	return ret ? ret : COPY(in, stored_digest, out->stored_digest, err);
}

static int copy_lists(const Sdeistate__Manifest *in, struct sdeistate_manifest *out,
		      struct sdeistate_error *err)
{
	int ret = 0;

	if (in->n_audience > SDEISTATE_MAX_AUDIENCE)
		return too_many(err, "audience", SDEISTATE_MAX_AUDIENCE, in->n_audience);
	if (in->n_frame > SDEISTATE_MAX_FRAMES)
		return too_many(err, "frame", SDEISTATE_MAX_FRAMES, in->n_frame);
	if (in->nonce.len > SDEISTATE_MAX_NONCE)
		return too_many(err, "nonce", SDEISTATE_MAX_NONCE, in->nonce.len);
	for (size_t i = 0; i < in->n_audience && !ret; i++)
		ret = copy_bytes(&in->audience[i], 1, "audience", out->audience[i],
				 SDEISTATE_KEY_ID_SIZE, err);
	for (size_t i = 0; i < in->n_frame && !ret; i++)
		ret = copy_frame(in->frame[i], i == 0, &out->frame[i], err);
	out->n_audience = (unsigned int)in->n_audience;
	out->n_frames = (unsigned int)in->n_frame;
	if (in->has_nonce)
		memcpy(out->nonce, in->nonce.data, in->nonce.len);
	out->n_nonce = (unsigned int)in->nonce.len;
	return ret;
}

static int copy_digests(const Sdeistate__Manifest *in, struct sdeistate_manifest *out,
			struct sdeistate_error *err)
{
	int ret = COPY(in, index_digest, out->index_digest, err);

	if (ret)
		return ret;
	memcpy(out->result_digest, out->index_digest, SDEISTATE_DIGEST_SIZE);
	out->has_base = in->has_base_digest || in->has_result_digest;
	if (!out->has_base)
		return 0;
	ret = COPY(in, base_digest, out->base_digest, err);
	return ret ? ret : COPY(in, result_digest, out->result_digest, err);
}

static int copy_manifest(const Sdeistate__Manifest *in, struct sdeistate_manifest *out,
			 struct sdeistate_error *err)
{
	int ret;

	if (!in->has_kind || !in->has_generation || !in->has_sequence || !in->has_created)
		return wrong(err, "", "kind, generation, sequence and time of creation");
	if (in->has_encryption && in->encryption != 1)
		return wrong(err, "encryption", "absent, or 1");
	out->kind = (enum sdeistate_file_kind)in->kind;
	out->generation = in->generation;
	out->sequence = in->sequence;
	out->created = in->created;
	out->expires = in->expires;
	out->any_destination = in->any_destination;
	out->encrypted = in->has_encryption;
	ret = COPY(in, vm_uuid, out->vm_uuid, err);
	ret = ret ? ret : COPY(in, source, out->source, err);
	ret = ret ? ret : COPY(in, schema_id, out->schema_id, err);
	ret = ret ? ret : copy_digests(in, out, err);
	ret = ret ? ret : copy_name(in->profile, "profile", out->profile, err);
	ret = ret ? ret : copy_name(in->kernel_profile, "kernel_profile", out->kernel_profile, err);
	return ret ? ret : copy_lists(in, out, err);
}

/* Unknown, repeated, reordered and overlong fields all end in other bytes than they came from. */
static int check_canonical(const struct sdeistate_manifest *manifest, const uint8_t *bytes,
			   size_t len, struct sdeistate_error *err)
{
	struct sdeistate_buffer again;
	int ret = manifest_encode(manifest, &again, err);

	if (ret)
		return ret;
	if (again.len != len || memcmp(again.data, bytes, len))
		ret = wrong(err, "encoding", "canonical, with fields of its revision only");
	sdeistate_buffer_free(&again);
	return ret;
}

int manifest_decode(const uint8_t *bytes, size_t len, const struct sdeistate_peek *peek,
		    struct sdeistate_manifest *manifest, struct sdeistate_error *err)
{
	CLEANUP(cleanup_free) struct sdeistate_manifest *out = calloc(1, sizeof(*out));
	Sdeistate__Manifest *in;
	int ret;

	if (!out)
		return error_no_memory(err, "manifest");
	in = sdeistate__manifest__unpack(NULL, len, bytes);
	if (!in)
		return wrong(err, "encoding", "a protobuf message of its schema");
	ret = copy_manifest(in, out, err);
	sdeistate__manifest__free_unpacked(in, NULL);
	if (!ret)
		ret = check_canonical(out, bytes, len, err);
	if (!ret && out->n_frames != peek->n_frames)
		ret = wrong(err, "frame", "as many as the prefix says");
	if (ret)
		return ret;
	out->revision = peek->revision;
	memcpy(out->id, peek->id, SDEISTATE_ID_SIZE);
	*manifest = *out;
	return 0;
}
