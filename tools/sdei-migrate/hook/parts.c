// SPDX-License-Identifier: Apache-2.0
#include "parts.h"

#include <errno.h>
#include <sdeistate/seal.h>
#include <stdio.h>

#define END_SIZE 16u /* docs/format.md, chapter 7 */

int parts_cut(const struct part *file, const struct part *empty, unsigned int n, struct part *part,
	      struct failure *failure)
{
	const size_t room = (size_t)n * PARTS_SIZE;
	char expected[64], actual[32];
	size_t at = 0;

	if (file->len > room) {
		snprintf(expected, sizeof(expected), "at most %zu bytes for --ids %u", room, n);
		snprintf(actual, sizeof(actual), "%zu bytes", file->len);
		return failure_set(failure, SDEISTATE_OVER_LIMIT, -E2BIG, "sealed snapshot", "size",
				   expected, actual);
	}
	for (unsigned int i = 0; i < n; i++) {
		const size_t left = file->len - at;
		const size_t len = left < PARTS_SIZE ? left : PARTS_SIZE;

		part[i] = len ? (struct part){ file->data + at, len } : *empty;
		at += len;
	}
	return 0;
}

static uint32_t read_u32(const uint8_t *at)
{
	return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 |
	       (uint32_t)at[3] << 24;
}

/* docs/format.md, [7.3]. */
static int file_size(const struct part *first, uint64_t *size, struct failure *failure)
{
	struct sdeistate_error error;
	struct sdeistate_peek peek;
	uint64_t signatures;

	if (sdeistate_peek(first->data, first->len, &peek, &error))
		return failure_from(failure, &error);
	signatures = SDEISTATE_PREFIX_SIZE + (uint64_t)peek.manifest_size;
	if (signatures + 8 > first->len)
		return failure_set(failure, SDEISTATE_DAMAGED, -EBADMSG, "part 0", "size",
				   "manifest and signatures", "less");
	if (peek.payload_size > (uint64_t)PARTS_MAX * PARTS_SIZE)
		return failure_set(failure, SDEISTATE_OVER_LIMIT, -E2BIG, "part 0", "payload size",
				   "what eight parts hold", "more");
	*size = signatures + 8 + read_u32(first->data + signatures) + peek.payload_size + END_SIZE;
	return 0;
}

int parts_used(const struct part *part, unsigned int n, unsigned int *used, struct failure *failure)
{
	uint64_t size, sum = 0;
	unsigned int i = 0;
	int ret = file_size(&part[0], &size, failure);

	if (ret)
		return ret;
	for (; i < n && sum < size; i++)
		sum += part[i].len;
	if (sum != size)
		return failure_set(failure, SDEISTATE_DAMAGED, -EBADMSG, "parts", "size",
				   "exactly one sealed file", sum < size ? "less" : "more");
	*used = i;
	return 0;
}
