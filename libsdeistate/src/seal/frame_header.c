// SPDX-License-Identifier: Apache-2.0
#include "error_set.h"
#include "frame_read.h"
#include "util.h"

#include <errno.h>
#include <inttypes.h>

#define ZSTD_FRAME_MAGIC 0xfd2fb528u

static int damaged(struct sdeistate_error *err, const char *field, const char *expected)
{
	return error_set(err, SDEISTATE_DAMAGED, -EBADMSG, "zstd frame", field, "%s|something else",
			 expected);
}

/* RFC 8878 §3.1.1.1.1: the two top bits say how long the content size is. */
static unsigned int size_bytes(uint8_t descriptor)
{
	static const unsigned int bytes[] = { 0, 2, 4, 8 };

	if (descriptor >> 6 == 0 && descriptor & 0x20)
		return 1;
	return bytes[descriptor >> 6];
}

static uint64_t content_size(const uint8_t *field, unsigned int bytes)
{
	uint64_t value = 0;

	for (unsigned int i = bytes; i--;)
		value = value << 8 | field[i];
	return bytes == 2 ? value + 256 : value;
}

/* RFC 8878 §3.1.1.1.2 */
static uint64_t window_size(uint8_t descriptor)
{
	uint64_t base = 1ull << (10 + (descriptor >> 3));

	return base + base / 8 * (descriptor & 7);
}

/*
 * RFC 8878 §3.1.1. zstd itself would take a skippable frame, a dictionary id, no size or any
 * window up to its own limit; here the frame must be the one that was signed.
 */
int frame_header_check(const uint8_t *bytes, size_t len, const struct sdeistate_frame *frame,
		       struct sdeistate_error *err)
{
	unsigned int single, field;
	uint8_t descriptor;
	uint64_t size;

	if (len < 5 || get_le32(bytes) != ZSTD_FRAME_MAGIC)
		return damaged(err, "magic", "a zstd frame that is not skippable");
	descriptor = bytes[4];
	single = descriptor >> 5 & 1;
	field = size_bytes(descriptor);
	if (descriptor & 3)
		return damaged(err, "dictionary", "none");
	if (descriptor & 8)
		return damaged(err, "reserved bit", "0");
	if (!(descriptor & 4))
		return damaged(err, "checksum flag", "1");
	if (!field || len < 6u - single + field)
		return damaged(err, "content size", "present");
	if (!single && window_size(bytes[5]) > 1ull << frame->window_log)
		return damaged(err, "window", "at most what was signed");
	size = content_size(bytes + (single ? 5 : 6), field);
	if (size != frame->plain_size)
		return error_set(err, SDEISTATE_DAMAGED, -EBADMSG, "zstd frame", "content size",
				 "%" PRIu64 "|%" PRIu64, frame->plain_size, size);
	/* The whole content is the window then. */
	if (single && size > 1ull << frame->window_log)
		return damaged(err, "window", "at most what was signed");
	return 0;
}
