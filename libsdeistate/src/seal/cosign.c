// SPDX-License-Identifier: Apache-2.0
#include "error_set.h"
#include "layout.h"
#include "util.h"

#include <errno.h>
#include <inttypes.h>
#include <sdeistate/seal.h>
#include <stdlib.h>
#include <string.h>

/* Where the parts of a file in memory stand. */
struct parts {
	const uint8_t *head, *block, *payload;
	size_t head_len, payload_len;
	struct layout_signatures signatures;
};

static int find_parts(const uint8_t *bytes, size_t len, struct parts *parts,
		      struct sdeistate_error *err)
{
	struct sdeistate_peek peek;
	uint64_t want = LAYOUT_SIGNATURES + LAYOUT_END;
	uint32_t size = 0;
	int ret = sdeistate_peek(bytes, len, &peek, err);

	ret = ret ? ret : layout_bounds(&peek, err);
	if (ret)
		return ret;
	parts->head = bytes;
	parts->head_len = SDEISTATE_PREFIX_SIZE + peek.manifest_size;
	want += parts->head_len + peek.payload_size;
	parts->block = bytes + parts->head_len;
	if (len >= parts->head_len + LAYOUT_SIGNATURES) {
		ret = layout_signatures_size(parts->block, &size, err);
		if (ret)
			return ret;
	}
	if (len != want + size)
		return error_set(err, SDEISTATE_DAMAGED, -EBADMSG, "sealed file", "length",
				 "%" PRIu64 " bytes|%zu", want + size, len);
	parts->payload = parts->block + LAYOUT_SIGNATURES + size;
	parts->payload_len = (size_t)peek.payload_size;
	ret = layout_signatures(parts->block, parts->block + LAYOUT_SIGNATURES, size,
				&parts->signatures, err);
	return ret ? ret
		   : layout_check_end(parts->payload + parts->payload_len, len - LAYOUT_END, err);
}

static int add_entry(struct parts *parts, const struct sdeistate_key *key,
		     struct sdeistate_buffer *signature, struct sdeistate_error *err)
{
	const uint8_t *id = sdeistate_pub_id(sdeistate_key_pub(key));
	struct layout_signatures *all = &parts->signatures;
	struct layout_signature *entry;
	int ret;

	for (unsigned int i = 0; i < all->n_entries; i++)
		if (!memcmp(all->entry[i].key_id, id, SDEISTATE_KEY_ID_SIZE))
			return error_set(err, SDEISTATE_USAGE, -EEXIST, "signatures", "key id",
					 "a key that has not signed yet|one that has");
	if (all->n_entries == SDEISTATE_MAX_SIGNATURES)
		return error_set(err, SDEISTATE_OVER_LIMIT, -E2BIG, "signatures", "count",
				 "at most %u|more", SDEISTATE_MAX_SIGNATURES);
	ret = sdeistate_sign(key, SDEISTATE_SNAPSHOT_TYPE, parts->head, parts->head_len, signature,
			     err);
	if (ret)
		return ret;
	entry = &all->entry[all->n_entries++];
	memcpy(entry->key_id, id, SDEISTATE_KEY_ID_SIZE);
	entry->bytes = signature->data;
	entry->len = (uint32_t)signature->len;
	return 0;
}

static int join(const struct parts *parts, const struct sdeistate_buffer *block,
		struct sdeistate_buffer *file, struct sdeistate_error *err)
{
	size_t before = parts->head_len + block->len + parts->payload_len;
	uint8_t *bytes = malloc(before + LAYOUT_END);

	if (!bytes)
		return error_no_memory(err, "sealed file");
	memcpy(bytes, parts->head, parts->head_len);
	memcpy(bytes + parts->head_len, block->data, block->len);
	memcpy(bytes + parts->head_len + block->len, parts->payload, parts->payload_len);
	layout_put_end(before, bytes + before);
	file->data = bytes;
	file->len = before + LAYOUT_END;
	return 0;
}

int sdeistate_cosign(const void *bytes, size_t len, const struct sdeistate_key *key,
		     struct sdeistate_buffer *file, struct sdeistate_error *err)
{
	struct sdeistate_buffer signature = { NULL, 0 }, block = { NULL, 0 };
	struct parts parts;
	int ret = find_parts(bytes, len, &parts, err);

	ret = ret ? ret : add_entry(&parts, key, &signature, err);
	ret = ret ? ret : layout_put_signatures(&parts.signatures, &block, err);
	ret = ret ? ret : join(&parts, &block, file, err);
	sdeistate_buffer_free(&signature);
	sdeistate_buffer_free(&block);
	return ret;
}
