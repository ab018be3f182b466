/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spool.h - bytes that wait until what stands in front of them is known
 */
#ifndef SDEISTATE_SEAL_SPOOL_H
#define SDEISTATE_SEAL_SPOOL_H

#include <sdeistate/record.h>

/* In memory, or in a file that has no name. All zero but fd = -1 is an empty one in memory. */
struct spool {
	uint8_t *bytes;
	size_t capacity;
	uint64_t len;
	int fd;
};

/** spool_open_file() - an empty one on disk, below @dir; NULL: $TMPDIR, or /var/tmp. Return: 0; -errno io */
int spool_open_file(struct spool *spool, const char *dir, struct sdeistate_error *err);

/** spool_write() - append. Return: 0; -ENOMEM; -errno io */
int spool_write(struct spool *spool, const void *bytes, size_t len, struct sdeistate_error *err);

/** spool_drain() - append all of @from to @to, in small steps. Return: 0; -ENOMEM; -errno io */
int spool_drain(struct spool *from, struct spool *to, struct sdeistate_error *err);

/** spool_close() - wipe memory, close the file, leave an empty spool */
void spool_close(struct spool *spool);

#endif
