/* SPDX-License-Identifier: Apache-2.0 */
/*
 * layout.h - the parts of a sealed file that are not protobuf, byte by byte
 *
 *	prefix	   = magic[8] revision(u32) flags(u32, 0) manifest_size(u32) n_frames(u32)
 *		     payload_size(u64) id[16] reserved(u64, 0) check[8]
 *	check	   = the first 8 bytes of SHA-256 of the 56 bytes before: finds accidents, not forgers
 *	signatures = size(u32) count(u32) entry*; size counts the entries' bytes
 *	entry	   = key_id[32] length(u32) signature[length]; key ids ascend
 *	frame	   = chunk, or if the manifest says more than one: (length(u32) digest[32])* chunk*
 *	END	   = "SDEI.END" before(u64): the bytes in front of it
 *
 * All integers are little-endian. docs/format.md, chapters 3, 5 and 6.
 */
#ifndef SDEISTATE_SEAL_LAYOUT_H
#define SDEISTATE_SEAL_LAYOUT_H

#include <sdeistate/seal.h>

#define LAYOUT_CHECKED     56u /* bytes of the prefix that its check covers */
#define LAYOUT_CHECK       8u
#define LAYOUT_SIGNATURES  8u  /* header of the signature block */
#define LAYOUT_ENTRY       36u /* header of one signature */
#define LAYOUT_TABLE_ENTRY 36u /* one chunk in a frame's table */
#define LAYOUT_END         16u

_Static_assert(LAYOUT_CHECKED + LAYOUT_CHECK == SDEISTATE_PREFIX_SIZE, "the prefix is frozen");

struct layout_signature {
	uint8_t key_id[SDEISTATE_KEY_ID_SIZE];
	const uint8_t *bytes; /* borrowed */
	uint32_t len;
};

struct layout_signatures {
	struct layout_signature entry[SDEISTATE_MAX_SIGNATURES];
	unsigned int n_entries;
};

/** layout_put_prefix() - write the 64 bytes. Return: 0; -EIO internal: no SHA-256 */
int layout_put_prefix(const struct sdeistate_peek *peek, uint8_t prefix[SDEISTATE_PREFIX_SIZE],
		      struct sdeistate_error *err);

/**
 * layout_bounds() - are the sizes in a prefix ones that this library opens?
 *
 * Return: 0; -EPROTONOSUPPORT newer; -EBADMSG damaged; -E2BIG over-limit.
 */
int layout_bounds(const struct sdeistate_peek *peek, struct sdeistate_error *err);

/** layout_put_signatures() - write the whole block, sorted. Return: 0; -ENOMEM */
int layout_put_signatures(struct layout_signatures *signatures, struct sdeistate_buffer *block,
			  struct sdeistate_error *err);

/**
 * layout_signatures_size() - how many bytes follow the header of a signature block
 *
 * Return: 0; -E2BIG over-limit.
 */
int layout_signatures_size(const uint8_t header[LAYOUT_SIGNATURES], uint32_t *size,
			   struct sdeistate_error *err);

/**
 * layout_signatures() - find the entries of a block
 * @entries: the @len bytes behind the header; @signatures borrows from it
 *
 * Return: 0; -EBADMSG damaged; -E2BIG over-limit.
 */
int layout_signatures(const uint8_t header[LAYOUT_SIGNATURES], const uint8_t *entries, uint32_t len,
		      struct layout_signatures *signatures, struct sdeistate_error *err);

/** layout_put_end() - write the 16 bytes that end a file of @before bytes */
void layout_put_end(uint64_t before, uint8_t end[LAYOUT_END]);

/** layout_check_end() - is this the end of a file of @before bytes? Return: 0; -EBADMSG damaged */
int layout_check_end(const uint8_t end[LAYOUT_END], uint64_t before, struct sdeistate_error *err);

#endif
