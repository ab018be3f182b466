/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sign.h - inside the library: the bytes that are really signed
 */
#ifndef SDEISTATE_SEAL_SIGN_H
#define SDEISTATE_SEAL_SIGN_H

#include <sdeistate/key.h>

/**
 * sign_encode() - DSSE v1 pre-authentication encoding (PAE) of a message and its type
 *
 * "DSSEv1" SP LEN(type) SP type SP LEN(message) SP message, lengths in decimal: no two pairs give
 * the same bytes. Return: 0, and @pae is the caller's to free; -EINVAL usage: an empty or overlong
 * type, or an overlong message; -ENOMEM.
 */
int sign_encode(const char *type, const void *message, size_t len, struct sdeistate_buffer *pae,
		struct sdeistate_error *err);

/** sign_raw() - sign @bytes as they are. Return: 0, and @signature is the caller's to free; -ENOMEM; -EIO */
int sign_raw(const struct sdeistate_key *key, const struct sdeistate_buffer *bytes,
	     struct sdeistate_buffer *signature, struct sdeistate_error *err);

#endif
