/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls.h - the insides of a TLS configuration: pinned certificates, or keys that both ends were given
 */
#ifndef TRANSPORT_TLS_INSIDE_H
#define TRANSPORT_TLS_INSIDE_H

#include "stream.h"

#define TLS_MAX_PSKS     64u
#define TLS_MAX_IDENTITY 64u
#define TLS_MIN_PSK      32u /* bytes */
#define TLS_MAX_PSK      64u

/* The public key of a pinned certificate, and when it may be believed. */
struct pin {
	uint8_t fingerprint[TRANSPORT_FINGERPRINT_SIZE];
	X509 *certificate; /* NULL: a public key, always */
};

struct psk {
	char identity[TLS_MAX_IDENTITY + 1];
	uint8_t key[TLS_MAX_PSK];
	size_t len;
};

/* One of the two lists is empty. */
struct transport_tls {
	SSL_CTX *ctx;
	struct pin *pin;
	size_t n_pins;
	struct psk *psk;
	size_t n_psks;
};

/** tls_new() - a configuration that believes nobody. Return: NULL without memory */
struct transport_tls *tls_new(void);

/** tls_psk_free() - wipe the keys */
void tls_psk_free(struct transport_tls *tls);

#endif
