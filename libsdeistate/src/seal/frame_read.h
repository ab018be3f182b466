/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frame_read.h - one payload frame: verified chunk by chunk, decrypted, expanded
 */
#ifndef SDEISTATE_SEAL_FRAME_READ_H
#define SDEISTATE_SEAL_FRAME_READ_H

#include "source.h"

#include <sdeistate/seal.h>

/* How often each door was opened; a test counts that none was before the bytes were verified. */
struct open_watch {
	unsigned int signatures, manifests, decryptions, expansions;
};

struct frame_from {
	struct source *source;
	const struct sdeistate_frame *frame;
	bool encrypted;
	const struct sdeistate_key *const *secret;
	unsigned int n_secrets;
	struct sdeistate_workspace *workspace; /* NULL: one of its own */
	struct open_watch *watch;
};

/**
 * frame_read() - expand one frame
 * @into: frame->plain_size bytes, or NULL to give the bytes to @sink in pieces
 * @sink: may be NULL, which only verifies
 *
 * Return: 0; -EBADMSG bad-digest, damaged or decrypt; -ENOKEY no-key; what @sink returned; -ENOMEM; -errno io.
 */
int frame_read(const struct frame_from *from, uint8_t *into, sdeistate_sink sink, void *arg,
	       struct sdeistate_error *err);

/** frame_header_check() - does a zstd frame say of itself what was signed? Return: 0; -EBADMSG damaged */
int frame_header_check(const uint8_t *bytes, size_t len, const struct sdeistate_frame *frame,
		       struct sdeistate_error *err);

#endif
