// SPDX-License-Identifier: Apache-2.0
#include "error_set.h"
#include "file.h"
#include "frame_write.h"
#include "layout.h"
#include "manifest.h"
#include "signers.h"
#include "util.h"

#include <errno.h>
#include <openssl/rand.h>
#include <sdeistate/delta.h>
#include <sdeistate/seal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A file in the making: everything but the order in which it is written. */
struct draft {
	struct sdeistate_manifest manifest;
	struct frame_stored frame[SDEISTATE_MAX_FRAMES];
	uint64_t payload_size;
};

static int usage(struct sdeistate_error *err, const char *field, const char *expected)
{
	return error_set(err, SDEISTATE_USAGE, -EINVAL, "seal request", field, "%s|not so",
			 expected);
}

static int over(struct sdeistate_error *err, const char *field, unsigned int max,
		unsigned int found)
{
	return error_set(err, SDEISTATE_OVER_LIMIT, -E2BIG, "seal request", field, "at most %u|%u",
			 max, found);
}

static int check_counts(const struct sdeistate_seal_request *request, struct sdeistate_error *err)
{
	const struct {
		const char *field;
		unsigned int count, max;
	} row[] = {
		{ "signer", request->n_signers, SDEISTATE_MAX_SIGNATURES },
		{ "audience", request->n_audience, SDEISTATE_MAX_AUDIENCE },
		{ "recipient", request->n_recipients, SDEISTATE_MAX_RECIPIENTS },
		{ "bulk", request->n_bulk, SDEISTATE_MAX_FRAMES - 1 },
		{ "nonce", request->n_nonce, SDEISTATE_MAX_NONCE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++)
		if (row[i].count > row[i].max)
			return over(err, row[i].field, row[i].max, row[i].count);
	if (request->level != SDEISTATE_LEVEL_STORED &&
	    (request->level < SDEISTATE_LEVEL_MIN || request->level > SDEISTATE_LEVEL_MAX))
		return usage(err, "level", "-131072 to 19, or stored");
	if (!request->n_signers && !request->allow_unsigned)
		return error_set(err, SDEISTATE_NO_KEY, -ENOKEY, "seal request", "signer",
				 "a key to sign with|none");
	for (unsigned int i = 0; i < request->n_signers; i++)
		for (unsigned int k = 0; k < i; k++)
			if (!memcmp(sdeistate_pub_id(sdeistate_key_pub(request->signer[i])),
				    sdeistate_pub_id(sdeistate_key_pub(request->signer[k])),
				    SDEISTATE_KEY_ID_SIZE))
				return usage(err, "signer", "every key once");
	return 0;
}

/* The digests of the manifest are those of the record. */
static int check_delta(const struct sdeistate_seal_request *request, struct sdeistate_error *err)
{
	struct sdeistate_delta_ends ends;
	int ret = sdeistate_delta_peek(request->stream, request->stream_len, &ends, err);

	if (ret)
		return ret;
	if (memcmp(ends.base, request->base_digest, sizeof(ends.base)) ||
	    memcmp(ends.result, request->result_digest, sizeof(ends.result)))
		return usage(err, "base_digest", "base and result of the delta's record");
	return 0;
}

static int check_request(const struct sdeistate_seal_request *request, struct sdeistate_error *err)
{
	bool delta = request->kind == SDEISTATE_KIND_DELTA;
	uint32_t needed = delta || request->n_recipients ? 2 : 1;

	if (!sdeistate_kind_name(request->kind))
		return usage(err, "kind", "a known one");
	if (delta != (request->base_digest != NULL) || delta != (request->result_digest != NULL))
		return usage(err, "base_digest", "base and result for a delta and only for one");
	if (request->any_destination == (request->n_audience > 0))
		return usage(err, "audience", "destination keys, or any destination by name");
	if (request->revision > SDEISTATE_REVISION_MAX)
		return error_set(err, SDEISTATE_NEWER, -EPROTONOSUPPORT, "seal request", "revision",
				 "at most %u|%u", SDEISTATE_REVISION_MAX, request->revision);
	if (request->revision && request->revision < needed)
		return error_set(err, SDEISTATE_INCOMPATIBLE, -ENOTSUP, "seal request", "revision",
				 "%u for %s|%u", needed, delta ? "a delta" : "encryption",
				 request->revision);
	if (delta) {
		int ret = check_delta(request, err);

		if (ret)
			return ret;
	}
	return check_counts(request, err);
}

static int copy_name(const char *in, const char *field, char out[SDEISTATE_MAX_NAME + 1],
		     struct sdeistate_error *err)
{
	size_t len = in ? strlen(in) : 0;

	if (len > SDEISTATE_MAX_NAME)
		return over(err, field, SDEISTATE_MAX_NAME, (unsigned int)len);
	memcpy(out, in ? in : "", len + 1);
	return 0;
}

static int compare_ids(const void *a, const void *b)
{
	return memcmp(a, b, SDEISTATE_KEY_ID_SIZE);
}

static void copy_audience(const struct sdeistate_seal_request *request,
			  struct sdeistate_manifest *manifest)
{
	uint8_t(*id)[SDEISTATE_KEY_ID_SIZE] = manifest->audience;
	unsigned int n = 0;

	for (unsigned int i = 0; i < request->n_audience; i++)
		memcpy(id[i], sdeistate_pub_id(request->audience[i]), SDEISTATE_KEY_ID_SIZE);
	qsort(id, request->n_audience, SDEISTATE_KEY_ID_SIZE, compare_ids);
	for (unsigned int i = 0; i < request->n_audience; i++)
		if (!n || compare_ids(id[n - 1], id[i]))
			memmove(id[n++], id[i], SDEISTATE_KEY_ID_SIZE);
	manifest->n_audience = n;
	manifest->any_destination = request->any_destination;
}

static int copy_request(const struct sdeistate_seal_request *request, struct sdeistate_manifest *m,
			struct sdeistate_error *err)
{
	bool delta = request->kind == SDEISTATE_KIND_DELTA;
	int ret;

	m->revision = request->revision;
	if (!m->revision)
		m->revision = delta || request->n_recipients ? 2 : 1;
	m->kind = request->kind;
	memcpy(m->vm_uuid, request->vm_uuid, SDEISTATE_UUID_SIZE);
	m->generation = request->generation;
	m->sequence = request->sequence;
	if (request->n_signers)
		memcpy(m->source, sdeistate_pub_id(sdeistate_key_pub(request->signer[0])),
		       SDEISTATE_KEY_ID_SIZE);
	copy_audience(request, m);
	m->created = request->created ? request->created : (uint64_t)time(NULL);
	m->expires = request->expires;
	memcpy(m->schema_id, sdeistate_schema_id(), SDEISTATE_SCHEMA_SIZE);
	m->has_base = delta;
	if (delta) {
		memcpy(m->base_digest, request->base_digest, SDEISTATE_DIGEST_SIZE);
		memcpy(m->result_digest, request->result_digest, SDEISTATE_DIGEST_SIZE);
	}
	if (request->n_nonce)
		memcpy(m->nonce, request->nonce, request->n_nonce);
	m->n_nonce = request->n_nonce;
	m->encrypted = request->n_recipients > 0;
	if (request->id)
		memcpy(m->id, request->id, SDEISTATE_ID_SIZE);
	else if (RAND_bytes(m->id, SDEISTATE_ID_SIZE) != 1)
		return error_set(err, SDEISTATE_INTERNAL, -EIO, "snapshot id", "",
				 "random bytes|none");
	ret = copy_name(request->profile, "profile", m->profile, err);
	return ret ? ret
		   : copy_name(request->kernel_profile, "kernel_profile", m->kernel_profile, err);
}

static int write_frames(const struct sdeistate_seal_request *request, bool to_disk,
			struct draft *draft, struct sdeistate_error *err)
{
	struct sdeistate_manifest *m = &draft->manifest;
	const struct frame_how how = { .level = request->level ? request->level : 1,
				       .recipient = request->recipient,
				       .n_recipients = request->n_recipients,
				       .workspace =
					       request->n_recipients ? NULL : request->workspace };
	int ret = frame_write_stream(request->stream, request->stream_len, &how, &draft->frame[0],
				     &m->frame[0], err);

	m->frame[0].type = SDEISTATE_FRAME_RECORDS;
	m->n_frames = 1;
	for (unsigned int i = 0; i < request->n_bulk && !ret; i++) {
		struct frame_stored *stored = &draft->frame[i + 1];

		if (to_disk)
			ret = spool_open_file(&stored->chunks, request->spool_dir, err);
		if (!ret)
			ret = frame_write_bulk(&request->bulk[i], &how, stored, &m->frame[i + 1],
					       err);
		m->n_frames++;
	}
	for (unsigned int i = 0; i < m->n_frames; i++)
		draft->payload_size += m->frame[i].stored_size;
	return ret;
}

static struct draft *draft_free(struct draft *draft)
{
	if (draft)
		for (unsigned int i = 0; i < SDEISTATE_MAX_FRAMES; i++)
			frame_stored_close(&draft->frame[i]);
	free(draft);
	return NULL;
}

static struct draft *draft_new(void)
{
	struct draft *draft = calloc(1, sizeof(*draft));

	for (unsigned int i = 0; draft && i < SDEISTATE_MAX_FRAMES; i++)
		draft->frame[i].table.fd = draft->frame[i].chunks.fd = -1;
	return draft;
}

static int index_digest(const struct sdeistate_seal_request *request,
			struct sdeistate_manifest *manifest, struct sdeistate_error *err)
{
	struct sdeistate_index index;
	int ret = sdeistate_index_stream(request->stream, request->stream_len, &index, err);

	if (!ret)
		memcpy(manifest->index_digest, index.digest, SDEISTATE_DIGEST_SIZE);
	return ret;
}

static int make_draft(const struct sdeistate_seal_request *request, bool to_disk,
		      struct draft *draft, struct sdeistate_error *err)
{
	int ret = check_request(request, err);

	ret = ret ? ret : copy_request(request, &draft->manifest, err);
	ret = ret ? ret : index_digest(request, &draft->manifest, err);
	ret = ret ? ret : write_frames(request, to_disk, draft, err);
	return ret ? ret : manifest_check(&draft->manifest, draft->payload_size, err);
}

/* Prefix and manifest, in one run of bytes because they are signed as one. */
static int encode_head(const struct draft *draft, struct sdeistate_buffer *head,
		       struct sdeistate_error *err)
{
	struct sdeistate_peek peek = { .revision = draft->manifest.revision,
				       .n_frames = draft->manifest.n_frames,
				       .payload_size = draft->payload_size };
	struct sdeistate_buffer manifest;
	int ret = manifest_encode(&draft->manifest, &manifest, err);

	if (ret)
		return ret;
	memcpy(peek.id, draft->manifest.id, SDEISTATE_ID_SIZE);
	peek.manifest_size = (uint32_t)manifest.len;
	head->len = SDEISTATE_PREFIX_SIZE + manifest.len;
	head->data = malloc(head->len);
	if (!head->data) {
		ret = error_no_memory(err, "sealed file");
	} else {
		memcpy(head->data + SDEISTATE_PREFIX_SIZE, manifest.data, manifest.len);
		ret = layout_bounds(&peek, err);
		ret = ret ? ret : layout_put_prefix(&peek, head->data, err);
	}
	if (ret)
		sdeistate_buffer_free(head);
	sdeistate_buffer_free(&manifest);
	return ret;
}

static int write_payload(struct draft *draft, struct spool *out, struct sdeistate_error *err)
{
	uint8_t end[LAYOUT_END];
	int ret = 0;

	for (unsigned int i = 0; i < draft->manifest.n_frames && !ret; i++) {
		ret = spool_drain(&draft->frame[i].table, out, err);
		ret = ret ? ret : spool_drain(&draft->frame[i].chunks, out, err);
	}
	layout_put_end(out->len, end);
	return ret ? ret : spool_write(out, end, sizeof(end), err);
}

static int write_draft(const struct sdeistate_seal_request *request, struct draft *draft,
		       struct spool *out, struct sdeistate_error *err)
{
	struct sdeistate_buffer head, signatures;
	int ret = encode_head(draft, &head, err);

	if (ret)
		return ret;
	ret = signers_sign(request->signer, request->n_signers, head.data, head.len, &signatures,
			   err);
	if (!ret) {
		ret = spool_write(out, head.data, head.len, err);
		ret = ret ? ret : spool_write(out, signatures.data, signatures.len, err);
		ret = ret ? ret : write_payload(draft, out, err);
		sdeistate_buffer_free(&signatures);
	}
	sdeistate_buffer_free(&head);
	return ret;
}

static int seal_into(const struct sdeistate_seal_request *request, bool to_disk, struct spool *out,
		     struct sdeistate_error *err)
{
	struct draft *draft = draft_new();
	int ret;

	if (!draft)
		return error_no_memory(err, "sealed file");
	ret = make_draft(request, to_disk, draft, err);
	if (!ret)
		ret = write_draft(request, draft, out, err);
	draft_free(draft);
	return ret;
}

int sdeistate_seal(const struct sdeistate_seal_request *request, struct sdeistate_buffer *file,
		   struct sdeistate_error *err)
{
	struct spool out = { .fd = -1 };
	int ret = seal_into(request, false, &out, err);

	if (ret) {
		spool_close(&out);
		return ret;
	}
	file->data = out.bytes;
	file->len = (size_t)out.len;
	return 0;
}

int sdeistate_seal_fd(const struct sdeistate_seal_request *request, int fd,
		      struct sdeistate_error *err)
{
	struct spool out = { .fd = fd };

	return seal_into(request, true, &out, err);
}
