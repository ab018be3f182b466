/* SPDX-License-Identifier: Apache-2.0 */
/*
 * forge.h - take a sealed file apart, change anything, and sign it again with a trusted key
 *
 * What the library itself would never write, to prove that it does not read it either.
 */
#ifndef TESTS_UNIT_SDEISTATE_FORGE_H
#define TESTS_UNIT_SDEISTATE_FORGE_H

#include "seal/layout.h"
#include "seal/manifest.h"
#include "util.h"

#include <sdeistate/seal.h>
#include <stdlib.h>
#include <string.h>

struct forge {
	struct sdeistate_peek peek;
	struct sdeistate_manifest manifest; /* encoded unless raw is there */
	struct sdeistate_buffer raw;        /* manifest bytes as they will stand in the file */
	struct sdeistate_buffer payload;
	const char *type; /* of the signature */
	bool keep_sizes;  /* the prefix says what it says */
};

static inline uint32_t forge_payload_at(const uint8_t *file)
{
	uint32_t signatures = SDEISTATE_PREFIX_SIZE + get_le32(file + 16);

	return signatures + LAYOUT_SIGNATURES + get_le32(file + signatures);
}

/* @file must be a good one of one frame. */
static inline int forge_take(struct forge *forge, const struct sdeistate_buffer *file)
{
	memset(forge, 0, sizeof(*forge));
	forge->type = SDEISTATE_SNAPSHOT_TYPE;
	if (sdeistate_peek(file->data, file->len, &forge->peek, NULL) ||
	    manifest_decode(file->data + SDEISTATE_PREFIX_SIZE, forge->peek.manifest_size,
			    &forge->peek, &forge->manifest, NULL))
		return -1;
	forge->payload.len = (size_t)forge->peek.payload_size;
	forge->payload.data = malloc(forge->payload.len);
	if (!forge->payload.data)
		return -1;
	memcpy(forge->payload.data, file->data + forge_payload_at(file->data), forge->payload.len);
	return 0;
}

static inline void forge_payload(struct forge *forge, const void *bytes, size_t len)
{
	uint8_t *copy = malloc(len + 1);

	if (len)
		memcpy(copy, bytes, len);
	free(forge->payload.data);
	forge->payload = (struct sdeistate_buffer){ copy, len };
}

/* The manifest as bytes, to be changed by hand. */
static inline int forge_raw(struct forge *forge)
{
	return manifest_encode(&forge->manifest, &forge->raw, NULL);
}

static inline void forge_release(struct forge *forge)
{
	sdeistate_buffer_free(&forge->raw);
	sdeistate_buffer_free(&forge->payload);
}

static inline int forge_join(const struct forge *forge, const struct sdeistate_buffer *head,
			     const struct sdeistate_buffer *block, struct sdeistate_buffer *file)
{
	size_t before = head->len + block->len + forge->payload.len;

	file->len = before + LAYOUT_END;
	file->data = malloc(file->len);
	if (!file->data)
		return -1;
	memcpy(file->data, head->data, head->len);
	memcpy(file->data + head->len, block->data, block->len);
	if (forge->payload.len)
		memcpy(file->data + head->len + block->len, forge->payload.data,
		       forge->payload.len);
	layout_put_end(before, file->data + before);
	return 0;
}

/* Signed by @key, as a careless or evil owner of it would. */
static inline int forge_make(struct forge *forge, const struct sdeistate_key *key,
			     struct sdeistate_buffer *file)
{
	struct layout_signatures signatures = { .n_entries = 1 };
	struct sdeistate_buffer head, sig, block;
	int ret;

	if (!forge->raw.data && forge_raw(forge))
		return -1;
	if (!forge->keep_sizes) {
		forge->peek.manifest_size = (uint32_t)forge->raw.len;
		forge->peek.payload_size = forge->payload.len;
	}
	head.len = SDEISTATE_PREFIX_SIZE + forge->raw.len;
	head.data = malloc(head.len);
	if (!head.data || layout_put_prefix(&forge->peek, head.data, NULL))
		return -1;
	memcpy(head.data + SDEISTATE_PREFIX_SIZE, forge->raw.data, forge->raw.len);
	if (sdeistate_sign(key, forge->type, head.data, head.len, &sig, NULL))
		return -1;
	memcpy(signatures.entry[0].key_id, sdeistate_pub_id(sdeistate_key_pub(key)),
	       SDEISTATE_KEY_ID_SIZE);
	signatures.entry[0].bytes = sig.data;
	signatures.entry[0].len = (uint32_t)sig.len;
	ret = layout_put_signatures(&signatures, &block, NULL) ||
	      forge_join(forge, &head, &block, file);
	sdeistate_buffer_free(&head);
	sdeistate_buffer_free(&sig);
	sdeistate_buffer_free(&block);
	return ret ? -1 : 0;
}

#endif
