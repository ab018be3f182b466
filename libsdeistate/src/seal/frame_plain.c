// SPDX-License-Identifier: Apache-2.0
#include "frame_plain.h"

#include "util.h"

#include <string.h>

#define MAGIC     0xfd2fb528u
#define BLOCK_MAX (128u << 10)
#define HEADER    9u /* magic, descriptor, 4 bytes of content size */
#define CHECKSUM  4u

/* Single segment, checksum, a content size of 4 bytes: RFC 8878 §3.1.1.1.1. */
#define DESCRIPTOR (2u << 6 | 1u << 5 | 1u << 2)

/* The primes of XXH64: RFC 8878 §3.1.1 names the hash, its specification these. */
static const uint64_t prime[5] = {
	0x9e3779b185ebca87u, 0xc2b2ae3d27d4eb4fu, 0x165667b19e3779f9u,
	0x85ebca77c2b2ae63u, 0x27d4eb2f165667c5u,
};

static uint64_t rotate(uint64_t value, unsigned int bits)
{
	return value << bits | value >> (64 - bits);
}

static uint64_t take_lane(uint64_t lane, uint64_t input)
{
	return rotate(lane + input * prime[1], 31) * prime[0];
}

static uint64_t merge(uint64_t hash, uint64_t lane)
{
	return (hash ^ take_lane(0, lane)) * prime[0] + prime[3];
}

/* What is left when no four lanes can be filled. */
static uint64_t take_rest(uint64_t hash, const uint8_t *at, size_t left)
{
	for (; left >= 8; at += 8, left -= 8)
		hash = rotate(hash ^ take_lane(0, get_le64(at)), 27) * prime[0] + prime[3];
	if (left >= 4) {
		hash = rotate(hash ^ get_le32(at) * prime[0], 23) * prime[1] + prime[2];
		at += 4;
		left -= 4;
	}
	for (; left; at++, left--)
		hash = rotate(hash ^ *at * prime[4], 11) * prime[0];
	return hash;
}

uint64_t frame_xxh64(const uint8_t *bytes, size_t len)
{
	uint64_t lane[4] = { prime[0] + prime[1], prime[1], 0, 0 - prime[0] };
	uint64_t hash = prime[4];
	size_t at = 0;

	for (; len - at >= 32; at += 32)
		for (unsigned int i = 0; i < 4; i++)
			lane[i] = take_lane(lane[i], get_le64(bytes + at + 8 * i));
	if (at) {
		hash = rotate(lane[0], 1) + rotate(lane[1], 7) + rotate(lane[2], 12) +
		       rotate(lane[3], 18);
		for (unsigned int i = 0; i < 4; i++)
			hash = merge(hash, lane[i]);
	}
	hash = take_rest(hash + len, bytes + at, len - at);
	hash = (hash ^ hash >> 33) * prime[1];
	hash = (hash ^ hash >> 29) * prime[2];
	return hash ^ hash >> 32;
}

size_t frame_plain_bound(size_t len)
{
	return HEADER + len + 3 * (len / BLOCK_MAX + 1) + CHECKSUM;
}

size_t frame_plain(const uint8_t *bytes, size_t len, uint8_t *frame)
{
	uint8_t *out = frame;
	size_t at = 0, part;

	put_le32(out, MAGIC);
	out[4] = DESCRIPTOR;
	put_le32(out + 5, (uint32_t)len);
	out += HEADER;
	do {
		part = len - at < BLOCK_MAX ? len - at : BLOCK_MAX;
		/* Last_Block, Raw_Block, Block_Size: 3 bytes. */
		put_le32(out, (uint32_t)(at + part == len) | (uint32_t)part << 3);
		out += 3;
		if (part)
			memcpy(out, bytes + at, part);
		out += part;
		at += part;
	} while (at < len);
	put_le32(out, (uint32_t)frame_xxh64(bytes, len));
	return (size_t)(out - frame) + CHECKSUM;
}
