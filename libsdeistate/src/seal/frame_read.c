// SPDX-License-Identifier: Apache-2.0
#include "frame_read.h"

#include "envelope.h"
#include "error_set.h"
#include "layout.h"
#include "record.h"
#include "util.h"
#include "workspace.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>
#include <zstd_errors.h>

#define PIECE (128u << 10)

struct reader {
	const struct frame_from *from;
	uint8_t *into;
	uint64_t expanded;
	sdeistate_sink sink;
	void *arg;
	uint8_t *chunk; /* as stored */
	size_t chunk_size;
	uint8_t *piece; /* expanded, where there is no @into */
	ZSTD_DCtx *zstd;
	bool borrowed;      /* @zstd is the caller's */
	EVP_MD_CTX *digest; /* of what was expanded, where there is no @into */
	bool begun, ended;
};

static int damaged(struct sdeistate_error *err, const char *field, const char *text)
{
	return error_set(err, SDEISTATE_DAMAGED, -EBADMSG, "zstd frame", field, "%s", text);
}

static int bad_digest(struct sdeistate_error *err, const char *object)
{
	return error_set(err, SDEISTATE_BAD_DIGEST, -EBADMSG, object, "digest",
			 "the one that was signed|another");
}

static int deliver(struct reader *reader, const uint8_t *bytes, size_t len,
		   struct sdeistate_error *err)
{
	int ret;

	reader->expanded += len;
	if (reader->into)
		return 0;
	EVP_DigestUpdate(reader->digest, bytes, len);
	ret = reader->sink && len ? reader->sink(reader->arg, bytes, len) : 0;
	if (ret)
		error_set(err, SDEISTATE_IO, ret, "bulk payload", "", "to be taken|%s",
			  strerror(-ret));
	return ret;
}

/* Where the next bytes go: the rest of the caller's buffer, or a piece; never past the signed size. */
static ZSTD_outBuffer room(const struct reader *reader)
{
	uint64_t left = reader->from->frame->plain_size - reader->expanded;

	if (reader->into)
		return (ZSTD_outBuffer){ reader->into + reader->expanded, (size_t)left, 0 };
	return (ZSTD_outBuffer){ reader->piece, left < PIECE ? (size_t)left : PIECE, 0 };
}

static int expand(struct reader *reader, const uint8_t *bytes, size_t len,
		  struct sdeistate_error *err)
{
	ZSTD_inBuffer in = { bytes, len, 0 };

	reader->from->watch->expansions++;
	while (in.pos < in.size && !reader->ended) {
		ZSTD_outBuffer out = room(reader);
		size_t before = in.pos, left = ZSTD_decompressStream(reader->zstd, &out, &in);
		int ret;

		if (ZSTD_getErrorCode(left) == ZSTD_error_memory_allocation)
			return error_no_memory(err, "zstd frame");
		if (ZSTD_isError(left))
			return error_set(err, SDEISTATE_DAMAGED, -EBADMSG, "zstd frame", "",
					 "to be expandable|%s", ZSTD_getErrorName(left));
		ret = deliver(reader, out.dst, out.pos, err);
		if (ret)
			return ret;
		reader->ended = left == 0;
		if (in.pos == before && !out.pos && !reader->ended)
			return damaged(err, "content", "no more than was signed|more");
	}
	if (in.pos < in.size)
		return damaged(err, "end", "nothing behind it|more bytes");
	return 0;
}

/* What zstd still holds when all input has been taken. */
static int expand_rest(struct reader *reader, struct sdeistate_error *err)
{
	ZSTD_inBuffer in = { "", 0, 0 };

	while (!reader->ended) {
		ZSTD_outBuffer out = room(reader);
		size_t left = ZSTD_decompressStream(reader->zstd, &out, &in);
		int ret;

		if (ZSTD_isError(left) || (left && !out.pos))
			return damaged(err, "end", "a whole frame|a part of one");
		ret = deliver(reader, out.dst, out.pos, err);
		if (ret)
			return ret;
		reader->ended = left == 0;
	}
	if (reader->expanded != reader->from->frame->plain_size)
		return damaged(err, "content", "as much as was signed|less");
	return 0;
}

static int take_plain_chunk(struct reader *reader, const uint8_t *bytes, size_t len,
			    struct sdeistate_error *err)
{
	int ret;

	if (!reader->begun) {
		ret = frame_header_check(bytes, len, reader->from->frame, err);
		if (ret)
			return ret;
		reader->begun = true;
	}
	return expand(reader, bytes, len, err);
}

static int take_chunk(struct reader *reader, size_t len, const uint8_t *digest,
		      struct sdeistate_error *err)
{
	const struct frame_from *from = reader->from;
	uint8_t found[SDEISTATE_DIGEST_SIZE];
	struct sdeistate_buffer plain;
	int ret;

	ret = source_exactly(from->source, reader->chunk, len, "payload", err);
	ret = ret ? ret : record_digest(reader->chunk, len, found, err);
	if (ret)
		return ret;
	if (memcmp(found, digest, sizeof(found)))
		return bad_digest(err, "payload chunk");
	if (!from->encrypted)
		return take_plain_chunk(reader, reader->chunk, len, err);
	from->watch->decryptions++;
	ret = envelope_open(from->secret, from->n_secrets, reader->chunk, len, &plain, err);
	if (ret)
		return ret;
	ret = take_plain_chunk(reader, plain.data, plain.len, err);
	sdeistate_buffer_free(&plain);
	return ret;
}

static int check_table(const struct frame_from *from, const uint8_t *table,
		       struct sdeistate_error *err)
{
	uint32_t max = from->encrypted ? SDEISTATE_MAX_ENVELOPE : SDEISTATE_MAX_CHUNK;
	uint64_t total = (uint64_t)from->frame->chunks * LAYOUT_TABLE_ENTRY;

	for (uint32_t i = 0; i < from->frame->chunks; i++) {
		uint32_t len = get_le32(table + (size_t)i * LAYOUT_TABLE_ENTRY);

		if (!len || len > max)
			return error_set(err, SDEISTATE_OVER_LIMIT, -E2BIG, "payload chunk",
					 "length", "1 to %u bytes|%u", max, len);
		total += len;
	}
	if (total != from->frame->stored_size)
		return error_set(err, SDEISTATE_INCONSISTENT, -EBADMSG, "payload frame",
				 "chunk table", "lengths that add up|they do not");
	return 0;
}

static int take_table(struct reader *reader, struct sdeistate_error *err)
{
	const struct sdeistate_frame *frame = reader->from->frame;
	size_t size = (size_t)frame->chunks * LAYOUT_TABLE_ENTRY;
	CLEANUP(cleanup_free) uint8_t *table = malloc(size);
	uint8_t found[SDEISTATE_DIGEST_SIZE];
	int ret;

	if (!table)
		return error_no_memory(err, "chunk table");
	ret = source_exactly(reader->from->source, table, size, "chunk table", err);
	ret = ret ? ret : record_digest(table, size, found, err);
	if (ret)
		return ret;
	if (memcmp(found, frame->stored_digest, sizeof(found)))
		return bad_digest(err, "chunk table");
	ret = check_table(reader->from, table, err);
	for (uint32_t i = 0; i < frame->chunks && !ret; i++) {
		const uint8_t *entry = table + (size_t)i * LAYOUT_TABLE_ENTRY;

		ret = take_chunk(reader, get_le32(entry), entry + 4, err);
	}
	return ret;
}

/* What was encrypted leaves nothing behind in the caller's. */
static ZSTD_DCtx *take_zstd(struct reader *reader)
{
	const struct frame_from *from = reader->from;

	reader->borrowed = from->workspace && !from->encrypted;
	if (!reader->borrowed)
		return ZSTD_createDCtx();
	ZSTD_DCtx_reset(from->workspace->zstd, ZSTD_reset_session_and_parameters);
	return from->workspace->zstd;
}

static int prepare_digest(struct reader *reader)
{
	if (reader->into)
		return 0;
	reader->piece = malloc(PIECE);
	reader->digest = EVP_MD_CTX_new();
	return reader->piece && reader->digest &&
			       EVP_DigestInit_ex(reader->digest, EVP_sha256(), NULL)
		       ? 0
		       : -ENOMEM;
}

static int prepare(struct reader *reader, struct sdeistate_error *err)
{
	const struct frame_from *from = reader->from;
	size_t max = from->encrypted ? SDEISTATE_MAX_ENVELOPE : SDEISTATE_MAX_CHUNK;

	reader->chunk_size = from->frame->chunks == 1 ? (size_t)from->frame->stored_size : max;
	reader->chunk = malloc(reader->chunk_size);
	reader->zstd = take_zstd(reader);
	if (!reader->chunk || !reader->zstd || prepare_digest(reader) ||
	    ZSTD_isError(ZSTD_DCtx_setParameter(reader->zstd, ZSTD_d_windowLogMax,
						(int)from->frame->window_log)))
		return error_no_memory(err, "payload frame");
	return 0;
}

static void release(struct reader *reader)
{
	if (reader->chunk)
		OPENSSL_cleanse(reader->chunk, reader->chunk_size);
	if (reader->piece)
		OPENSSL_cleanse(reader->piece, PIECE);
	free(reader->chunk);
	free(reader->piece);
	if (!reader->borrowed)
		ZSTD_freeDCtx(reader->zstd);
	EVP_MD_CTX_free(reader->digest);
}

int frame_read(const struct frame_from *from, uint8_t *into, sdeistate_sink sink, void *arg,
	       struct sdeistate_error *err)
{
	struct reader reader = { .from = from, .into = into, .sink = sink, .arg = arg };
	const struct sdeistate_frame *frame = from->frame;
	uint8_t found[SDEISTATE_DIGEST_SIZE];
	int ret = prepare(&reader, err);

	if (!ret && frame->chunks == 1)
		ret = take_chunk(&reader, (size_t)frame->stored_size, frame->stored_digest, err);
	else if (!ret)
		ret = take_table(&reader, err);
	if (!ret)
		ret = expand_rest(&reader, err);
	if (!ret && !into) {
		EVP_DigestFinal_ex(reader.digest, found, NULL);
		if (memcmp(found, frame->plain_digest, sizeof(found)))
			ret = bad_digest(err, "expanded payload");
	}
	release(&reader);
	return ret;
}
