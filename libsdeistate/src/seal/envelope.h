/* SPDX-License-Identifier: Apache-2.0 */
/*
 * envelope.h - one chunk, encrypted to its recipients
 *
 * CMS AuthEnvelopedData (RFC 5083) with AES-256-GCM (RFC 5084), the content key agreed by ECDH on
 * the recipient's curve with X9.63 KDF and SHA-256 (RFC 5753) and wrapped with AES-256. Recipients
 * are named by subject key identifier (RFC 5280 §4.2.1.2, method 1).
 */
#ifndef SDEISTATE_SEAL_ENVELOPE_H
#define SDEISTATE_SEAL_ENVELOPE_H

#include <sdeistate/key.h>

/**
 * envelope_seal() - encrypt
 * @len: at most SDEISTATE_MAX_CHUNK
 *
 * Return: 0, and @sealed is the caller's to free; -ENOTSUP incompatible: a recipient's key cannot be
 * encrypted to; -ENOMEM; -EIO internal.
 */
int envelope_seal(const struct sdeistate_pub *const *recipient, unsigned int n_recipients,
		  const uint8_t *bytes, size_t len, struct sdeistate_buffer *sealed,
		  struct sdeistate_error *err);

/**
 * envelope_open() - decrypt with the first key that can
 * @sealed: authenticated before
 *
 * Return: 0, and @bytes is the caller's to free; -ENOKEY no-key: it was sealed to none of them; -EBADMSG
 * decrypt; -ENOMEM.
 */
int envelope_open(const struct sdeistate_key *const *secret, unsigned int n_secrets,
		  const uint8_t *sealed, size_t len, struct sdeistate_buffer *bytes,
		  struct sdeistate_error *err);

#endif
