// SPDX-License-Identifier: Apache-2.0
#include "layout.h"

#include "error_set.h"
#include "record.h"
#include "util.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Like PNG's: text mode, a 7-bit path and a line-end converter each break it visibly. */
static const uint8_t magic[8] = { 0x89, 'S', 'D', 'E', 'I', '\r', '\n', 0x1a };
static const uint8_t end_magic[8] = { 'S', 'D', 'E', 'I', '.', 'E', 'N', 'D' };

static const char object[] = "prefix of the sealed file";

static int damaged(struct sdeistate_error *err, const char *what, const char *field,
		   const char *expected, const char *actual)
{
	return error_set(err, SDEISTATE_DAMAGED, -EBADMSG, what, field, "%s|%s", expected, actual);
}

int layout_put_prefix(const struct sdeistate_peek *peek, uint8_t prefix[SDEISTATE_PREFIX_SIZE],
		      struct sdeistate_error *err)
{
	uint8_t digest[SDEISTATE_DIGEST_SIZE];
	int ret;

	memset(prefix, 0, SDEISTATE_PREFIX_SIZE);
	memcpy(prefix, magic, sizeof(magic));
	put_le32(prefix + 8, peek->revision);
	put_le32(prefix + 16, peek->manifest_size);
	put_le32(prefix + 20, peek->n_frames);
	put_le64(prefix + 24, peek->payload_size);
	memcpy(prefix + 32, peek->id, SDEISTATE_ID_SIZE);
	ret = record_digest(prefix, LAYOUT_CHECKED, digest, err);
	if (!ret)
		memcpy(prefix + LAYOUT_CHECKED, digest, LAYOUT_CHECK);
	return ret;
}

int sdeistate_peek(const void *bytes, size_t len, struct sdeistate_peek *peek,
		   struct sdeistate_error *err)
{
	const uint8_t *prefix = bytes;
	uint8_t digest[SDEISTATE_DIGEST_SIZE];
	int ret;

	if (!len || memcmp(prefix, magic, len < sizeof(magic) ? len : sizeof(magic)))
		return error_set(err, SDEISTATE_NOT_OURS, -ENOMSG, object, "magic",
				 "a sealed snapshot|%s", len ? "something else" : "nothing");
	if (len < SDEISTATE_PREFIX_SIZE)
		return error_set(err, SDEISTATE_DAMAGED, -EBADMSG, object, "length", "%u bytes|%zu",
				 SDEISTATE_PREFIX_SIZE, len);
	ret = record_digest(prefix, LAYOUT_CHECKED, digest, err);
	if (ret)
		return ret;
	if (memcmp(prefix + LAYOUT_CHECKED, digest, LAYOUT_CHECK))
		return damaged(err, object, "check", "the digest of what is before it", "not");
	peek->revision = get_le32(prefix + 8);
	peek->manifest_size = get_le32(prefix + 16);
	peek->n_frames = get_le32(prefix + 20);
	peek->payload_size = get_le64(prefix + 24);
	memcpy(peek->id, prefix + 32, SDEISTATE_ID_SIZE);
	/* A later revision may use them; of ours they are zero. */
	if (peek->revision <= SDEISTATE_REVISION_MAX &&
	    (get_le32(prefix + 12) || get_le64(prefix + 48)))
		return damaged(err, object, "reserved", "zero", "not");
	return 0;
}

int layout_bounds(const struct sdeistate_peek *peek, struct sdeistate_error *err)
{
	const struct {
		const char *field;
		uint64_t value, max;
	} row[] = {
		{ "manifest_size", peek->manifest_size, SDEISTATE_MAX_MANIFEST },
		{ "n_frames", peek->n_frames, SDEISTATE_MAX_FRAMES },
		{ "payload_size", peek->payload_size, SDEISTATE_MAX_PAYLOAD },
	};

	if (peek->revision > SDEISTATE_REVISION_MAX)
		return error_set(err, SDEISTATE_NEWER, -EPROTONOSUPPORT, object, "revision",
				 "at most %u|%u", SDEISTATE_REVISION_MAX, peek->revision);
	if (peek->revision < SDEISTATE_REVISION_MIN)
		return damaged(err, object, "revision", "at least 1", "0");
	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		if (row[i].value > row[i].max)
			return error_set(err, SDEISTATE_OVER_LIMIT, -E2BIG, object, row[i].field,
					 "at most %" PRIu64 "|%" PRIu64, row[i].max, row[i].value);
		if (!row[i].value)
			return damaged(err, object, row[i].field, "at least 1", "0");
	}
	return 0;
}

static int compare_entries(const void *a, const void *b)
{
	return memcmp(a, b, SDEISTATE_KEY_ID_SIZE);
}

int layout_put_signatures(struct layout_signatures *signatures, struct sdeistate_buffer *block,
			  struct sdeistate_error *err)
{
	size_t len = LAYOUT_SIGNATURES;
	uint8_t *bytes, *at;

	for (unsigned int i = 0; i < signatures->n_entries; i++)
		len += LAYOUT_ENTRY + signatures->entry[i].len;
	bytes = malloc(len);
	if (!bytes)
		return error_no_memory(err, "signatures");
	qsort(signatures->entry, signatures->n_entries, sizeof(signatures->entry[0]),
	      compare_entries);
	put_le32(bytes, (uint32_t)(len - LAYOUT_SIGNATURES));
	put_le32(bytes + 4, signatures->n_entries);
	at = bytes + LAYOUT_SIGNATURES;
	for (unsigned int i = 0; i < signatures->n_entries; i++) {
		const struct layout_signature *entry = &signatures->entry[i];

		memcpy(at, entry->key_id, SDEISTATE_KEY_ID_SIZE);
		put_le32(at + SDEISTATE_KEY_ID_SIZE, entry->len);
		memcpy(at + LAYOUT_ENTRY, entry->bytes, entry->len);
		at += LAYOUT_ENTRY + entry->len;
	}
	block->data = bytes;
	block->len = len;
	return 0;
}

int layout_signatures_size(const uint8_t header[LAYOUT_SIGNATURES], uint32_t *size,
			   struct sdeistate_error *err)
{
	uint32_t len = get_le32(header);

	if (len > SDEISTATE_MAX_SIGNATURE_BLOCK - LAYOUT_SIGNATURES)
		return error_set(err, SDEISTATE_OVER_LIMIT, -E2BIG, "signatures", "size",
				 "at most %u bytes|%u",
				 SDEISTATE_MAX_SIGNATURE_BLOCK - LAYOUT_SIGNATURES, len);
	*size = len;
	return 0;
}

static int find_entry(const uint8_t *entry, uint32_t left, struct layout_signature *signature,
		      struct sdeistate_error *err)
{
	if (left < LAYOUT_ENTRY)
		return damaged(err, "signatures", "size", "whole entries", "a part of one");
	memcpy(signature->key_id, entry, SDEISTATE_KEY_ID_SIZE);
	signature->len = get_le32(entry + SDEISTATE_KEY_ID_SIZE);
	signature->bytes = entry + LAYOUT_ENTRY;
	if (signature->len > SDEISTATE_MAX_SIGNATURE)
		return error_set(err, SDEISTATE_OVER_LIMIT, -E2BIG, "signature", "length",
				 "at most %u bytes|%u", SDEISTATE_MAX_SIGNATURE, signature->len);
	if (signature->len > left - LAYOUT_ENTRY)
		return damaged(err, "signatures", "size", "whole entries", "a part of one");
	return 0;
}

int layout_signatures(const uint8_t header[LAYOUT_SIGNATURES], const uint8_t *entries, uint32_t len,
		      struct layout_signatures *signatures, struct sdeistate_error *err)
{
	uint32_t count = get_le32(header + 4), at = 0;

	if (count > SDEISTATE_MAX_SIGNATURES)
		return error_set(err, SDEISTATE_OVER_LIMIT, -E2BIG, "signatures", "count",
				 "at most %u|%u", SDEISTATE_MAX_SIGNATURES, count);
	for (uint32_t i = 0; i < count; i++) {
		struct layout_signature *entry = &signatures->entry[i];
		int ret = find_entry(entries + at, len - at, entry, err);

		if (ret)
			return ret;
		if (i && compare_entries(entry - 1, entry) >= 0)
			return damaged(err, "signatures", "key ids", "ascending", "not");
		at += LAYOUT_ENTRY + entry->len;
	}
	if (at != len)
		return damaged(err, "signatures", "size", "no bytes behind the last", "more");
	signatures->n_entries = count;
	return 0;
}

void layout_put_end(uint64_t before, uint8_t end[LAYOUT_END])
{
	memcpy(end, end_magic, sizeof(end_magic));
	put_le64(end + 8, before);
}

int layout_check_end(const uint8_t end[LAYOUT_END], uint64_t before, struct sdeistate_error *err)
{
	if (memcmp(end, end_magic, sizeof(end_magic)))
		return damaged(err, "end of the sealed file", "magic", "SDEI.END",
			       "something else");
	if (get_le64(end + 8) != before)
		return error_set(err, SDEISTATE_DAMAGED, -EBADMSG, "end of the sealed file",
				 "length", "%" PRIu64 " bytes before it|%" PRIu64, before,
				 get_le64(end + 8));
	return 0;
}
