/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source.h - where the bytes of a file come from: memory, or a descriptor that cannot seek
 */
#ifndef SDEISTATE_SEAL_SOURCE_H
#define SDEISTATE_SEAL_SOURCE_H

#include <sdeistate/record.h>
#include <stdbool.h>

#define SOURCE_AHEAD 4096u

struct source {
	const uint8_t *bytes; /* NULL: read from fd */
	size_t len;
	int fd;
	uint64_t consumed;
	uint8_t ahead[SOURCE_AHEAD]; /* read from fd, not asked for yet: from @from to @to */
	size_t from, to;
};

/** source_some() - up to @len bytes, fewer only at the end. Return: 0; -errno io */
int source_some(struct source *source, void *buf, size_t len, size_t *got,
		struct sdeistate_error *err);

/** source_exactly() - @len bytes of @what. Return: 0; -EBADMSG damaged: the file ends; -errno io */
int source_exactly(struct source *source, void *buf, size_t len, const char *what,
		   struct sdeistate_error *err);

#endif
