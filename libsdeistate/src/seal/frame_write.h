/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frame_write.h - one payload frame: compressed, cut into chunks, perhaps encrypted, digested
 */
#ifndef SDEISTATE_SEAL_FRAME_WRITE_H
#define SDEISTATE_SEAL_FRAME_WRITE_H

#include "spool.h"

#include <sdeistate/seal.h>

/* What a frame becomes in the file: the table, if it has more than one chunk, then the chunks. */
struct frame_stored {
	struct spool table;
	struct spool chunks;
};

struct frame_how {
	int level;
	const struct sdeistate_pub *const *recipient;
	unsigned int n_recipients;
	struct sdeistate_workspace *workspace; /* for frame 0; NULL: one of its own */
};

/**
 * frame_write_stream() - frame 0 from memory
 * @frame: sizes, digest, chunks and window are filled in
 *
 * Return: 0; -ENOMEM; -EIO internal; -E2BIG over-limit; the errors of envelope_seal().
 */
int frame_write_stream(const uint8_t *stream, size_t len, const struct frame_how *how,
		       struct frame_stored *stored, struct sdeistate_frame *frame,
		       struct sdeistate_error *err);

/** frame_write_bulk() - a bulk frame from its reader. Return: the same; -EINVAL usage: not bulk->size bytes */
int frame_write_bulk(const struct sdeistate_bulk *bulk, const struct frame_how *how,
		     struct frame_stored *stored, struct sdeistate_frame *frame,
		     struct sdeistate_error *err);

/** frame_stored_close() - release both parts */
void frame_stored_close(struct frame_stored *stored);

#endif
