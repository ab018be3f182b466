// SPDX-License-Identifier: Apache-2.0
#include "frame_write.h"
#include "frame_plain.h"

#include "envelope.h"
#include "error_set.h"
#include "layout.h"
#include "record.h"
#include "util.h"
#include "workspace.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>
#include <zstd_errors.h>

struct writer {
	const struct frame_how *how;
	struct frame_stored *stored;
	uint32_t n_chunks;
	uint8_t last_digest[SDEISTATE_DIGEST_SIZE];
};

static int compression_failed(struct sdeistate_error *err, size_t code)
{
	if (ZSTD_getErrorCode(code) == ZSTD_error_memory_allocation)
		return error_no_memory(err, "payload");
	return error_set(err, SDEISTATE_INTERNAL, -EIO, "payload", "compression",
			 "zstd to succeed|%s", ZSTD_getErrorName(code));
}

static int put_chunk(struct writer *writer, const uint8_t *bytes, size_t len,
		     struct sdeistate_error *err)
{
	uint8_t entry[LAYOUT_TABLE_ENTRY];
	int ret;

	if (writer->n_chunks == SDEISTATE_MAX_CHUNKS)
		return error_set(err, SDEISTATE_OVER_LIMIT, -E2BIG, "payload frame", "chunks",
				 "at most %u|more", SDEISTATE_MAX_CHUNKS);
	ret = record_digest(bytes, len, writer->last_digest, err);
	if (ret)
		return ret;
	put_le32(entry, (uint32_t)len);
	memcpy(entry + 4, writer->last_digest, SDEISTATE_DIGEST_SIZE);
	writer->n_chunks++;
	ret = spool_write(&writer->stored->table, entry, sizeof(entry), err);
	return ret ? ret : spool_write(&writer->stored->chunks, bytes, len, err);
}

/* @len is at most SDEISTATE_MAX_CHUNK. */
static int put_piece(struct writer *writer, const uint8_t *bytes, size_t len,
		     struct sdeistate_error *err)
{
	struct sdeistate_buffer sealed;
	int ret;

	if (!writer->how->n_recipients)
		return put_chunk(writer, bytes, len, err);
	ret = envelope_seal(writer->how->recipient, writer->how->n_recipients, bytes, len, &sealed,
			    err);
	if (ret)
		return ret;
	ret = put_chunk(writer, sealed.data, sealed.len, err);
	sdeistate_buffer_free(&sealed);
	return ret;
}

static uint32_t window_for(uint64_t size)
{
	uint32_t log = SDEISTATE_MIN_WINDOW_LOG;

	while (log < SDEISTATE_MAX_WINDOW_LOG && size > 1ull << log)
		log++;
	return log;
}

/* @zstd may be NULL. Return: is it ready for @size bytes? */
static bool set_up(ZSTD_CCtx *zstd, int level, uint64_t size, uint32_t window_log)
{
	return zstd &&
	       !ZSTD_isError(ZSTD_CCtx_setParameter(zstd, ZSTD_c_compressionLevel, level)) &&
	       !ZSTD_isError(ZSTD_CCtx_setParameter(zstd, ZSTD_c_windowLog, (int)window_log)) &&
	       !ZSTD_isError(ZSTD_CCtx_setParameter(zstd, ZSTD_c_checksumFlag, 1)) &&
	       !ZSTD_isError(ZSTD_CCtx_setParameter(zstd, ZSTD_c_contentSizeFlag, 1)) &&
	       !ZSTD_isError(ZSTD_CCtx_setPledgedSrcSize(zstd, size));
}

/* A frame of one chunk has no table: its digest is the chunk's. */
static int finish(struct writer *writer, struct sdeistate_frame *frame, struct sdeistate_error *err)
{
	struct spool *table = &writer->stored->table;
	int ret = 0;

	frame->chunks = writer->n_chunks;
	if (writer->n_chunks == 1) {
		memcpy(frame->stored_digest, writer->last_digest, SDEISTATE_DIGEST_SIZE);
		spool_close(table);
	} else {
		ret = record_digest(table->bytes, (size_t)table->len, frame->stored_digest, err);
	}
	frame->stored_size = table->len + writer->stored->chunks.len;
	return ret;
}

/* Owned, or the workspace's. */
static int pack(const uint8_t *stream, size_t len, const struct frame_how *how, uint32_t window_log,
		uint8_t *bytes, size_t bound, size_t *packed, struct sdeistate_error *err)
{
	struct sdeistate_workspace *kept = how->workspace;
	ZSTD_CCtx *zstd;
	int ret = 0;

	if (how->level == SDEISTATE_LEVEL_STORED) {
		*packed = frame_plain(stream, len, bytes);
		return 0;
	}
	zstd = kept ? workspace_compressor(kept) : ZSTD_createCCtx();
	if (!set_up(zstd, how->level, len, window_log))
		ret = error_no_memory(err, "payload");
	else
		*packed = ZSTD_compress2(zstd, bytes, bound, stream, len);
	if (!kept)
		ZSTD_freeCCtx(zstd);
	return ret ? ret : ZSTD_isError(*packed) ? compression_failed(err, *packed) : 0;
}

int frame_write_stream(const uint8_t *stream, size_t len, const struct frame_how *how,
		       struct frame_stored *stored, struct sdeistate_frame *frame,
		       struct sdeistate_error *err)
{
	struct writer writer = { .how = how, .stored = stored };
	const size_t bound = how->level == SDEISTATE_LEVEL_STORED ? frame_plain_bound(len)
								  : ZSTD_compressBound(len);
	CLEANUP(cleanup_free) uint8_t *bytes = malloc(bound);
	size_t packed = 0, at, piece;
	int ret;

	frame->plain_size = len;
	frame->window_log = window_for(len);
	if (!bytes)
		return error_no_memory(err, "payload");
	ret = pack(stream, len, how, frame->window_log, bytes, bound, &packed, err);
	if (ret)
		return ret;
	for (at = 0; at < packed && !ret; at += piece) {
		piece = packed - at < SDEISTATE_MAX_CHUNK ? packed - at : SDEISTATE_MAX_CHUNK;
		ret = put_piece(&writer, bytes + at, piece, err);
	}
	OPENSSL_cleanse(bytes, packed);
	return ret ? ret : finish(&writer, frame, err);
}

/* One step: what read() gave goes in, and full pieces come out. */
static int compress_some(struct writer *writer, ZSTD_CCtx *zstd, ZSTD_inBuffer *in,
			 ZSTD_outBuffer *out, bool last, struct sdeistate_error *err)
{
	size_t left;

	do {
		left = ZSTD_compressStream2(zstd, out, in, last ? ZSTD_e_end : ZSTD_e_continue);
		if (ZSTD_isError(left))
			return compression_failed(err, left);
		if (out->pos == out->size || (last && !left && out->pos)) {
			int ret = put_piece(writer, out->dst, out->pos, err);

			if (ret)
				return ret;
			out->pos = 0;
		}
	} while (last ? left : in->pos < in->size);
	return 0;
}

static int read_bulk(const struct sdeistate_bulk *bulk, uint8_t *buf, size_t size, uint64_t left,
		     size_t *got, struct sdeistate_error *err)
{
	long n = bulk->read(bulk->arg, buf, size);

	if (n < 0)
		return error_set(err, SDEISTATE_IO, (int)n, "bulk payload", "", "to be readable|%s",
				 strerror((int)-n));
	if ((uint64_t)n > left || (size_t)n > size || (!n && left))
		return error_set(err, SDEISTATE_USAGE, -EINVAL, "bulk payload", "size",
				 "%" PRIu64 " bytes|%s", bulk->size, n ? "more" : "fewer");
	*got = (size_t)n;
	return 0;
}

static int compress_bulk(struct writer *writer, const struct sdeistate_bulk *bulk, ZSTD_CCtx *zstd,
			 EVP_MD_CTX *digest, uint8_t *buffers, struct sdeistate_error *err)
{
	ZSTD_outBuffer out = { buffers, SDEISTATE_MAX_CHUNK, 0 };
	uint8_t *plain = buffers + SDEISTATE_MAX_CHUNK;
	uint64_t left = bulk->size;
	size_t got = 0;
	int ret;

	do {
		ret = read_bulk(bulk, plain, SDEISTATE_MAX_CHUNK, left, &got, err);
		if (ret)
			return ret;
		left -= got;
		EVP_DigestUpdate(digest, plain, got);
		ret = compress_some(writer, zstd, &(ZSTD_inBuffer){ plain, got, 0 }, &out, !got,
				    err);
	} while (got && !ret);
	return ret;
}

int frame_write_bulk(const struct sdeistate_bulk *bulk, const struct frame_how *how,
		     struct frame_stored *stored, struct sdeistate_frame *frame,
		     struct sdeistate_error *err)
{
	struct writer writer = { .how = how, .stored = stored };
	uint32_t window_log = window_for(bulk->size);
	const int level = how->level == SDEISTATE_LEVEL_STORED ? ZSTD_minCLevel() : how->level;
	ZSTD_CCtx *zstd = ZSTD_createCCtx();
	uint8_t *buffers = malloc(2 * SDEISTATE_MAX_CHUNK);
	EVP_MD_CTX *digest = EVP_MD_CTX_new();
	int ret;

	if (bulk->size > SDEISTATE_MAX_FRAME)
		ret = error_set(err, SDEISTATE_OVER_LIMIT, -E2BIG, "bulk payload", "size",
				"at most %llu|%" PRIu64, SDEISTATE_MAX_FRAME, bulk->size);
	else if (!set_up(zstd, level, bulk->size, window_log) || !buffers || !digest ||
		 !EVP_DigestInit_ex(digest, EVP_sha256(), NULL))
		ret = error_no_memory(err, "bulk payload");
	else
		ret = compress_bulk(&writer, bulk, zstd, digest, buffers, err);
	if (!ret)
		EVP_DigestFinal_ex(digest, frame->plain_digest, NULL);
	frame->type = bulk->type;
	frame->plain_size = bulk->size;
	frame->window_log = window_log;
	if (!ret)
		ret = finish(&writer, frame, err);
	if (buffers)
		OPENSSL_cleanse(buffers, 2 * SDEISTATE_MAX_CHUNK);
	free(buffers);
	EVP_MD_CTX_free(digest);
	ZSTD_freeCCtx(zstd);
	return ret;
}

void frame_stored_close(struct frame_stored *stored)
{
	spool_close(&stored->table);
	spool_close(&stored->chunks);
}
