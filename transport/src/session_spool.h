/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session_spool.h - a sealed state that comes in pieces, in a file without a name: its size takes no memory
 */
#ifndef TRANSPORT_SESSION_SPOOL_H
#define TRANSPORT_SESSION_SPOOL_H

#include <transport/error.h>
#include <transport/wire.h>

/* Nothing has come yet: SESSION_SPOOL_EMPTY. */
struct session_spool {
	int fd;
	uint64_t size;
};

#define SESSION_SPOOL_EMPTY \
	{                   \
		.fd = -1    \
	}

/**
 * session_spool_add() - append a piece
 *
 * The file is in $TMPDIR or /var/tmp. Return: 0; -E2BIG "over-limit" beyond @max bytes in all; -errno "io".
 */
int session_spool_add(struct session_spool *spool, uint64_t max, const void *bytes, size_t len,
		      struct transport_error *err);

/** session_spool_map() - all pieces as one run of bytes. Return: 0, @whole to be freed; -errno "io" */
int session_spool_map(const struct session_spool *spool, struct transport_buffer *whole,
		      struct transport_error *err);

/** session_spool_close() - for owned locals too */
void session_spool_close(struct session_spool *spool);

#endif
