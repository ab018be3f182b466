/* SPDX-License-Identifier: Apache-2.0 */
/*
 * key.h - inside the library: what a key is made of
 *
 * A public key is shared by reference: a trust set and its caller may both hold one. A private key
 * owns the public half.
 */
#ifndef SDEISTATE_SEAL_KEY_H
#define SDEISTATE_SEAL_KEY_H

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <sdeistate/key.h>
#include <stdatomic.h>

struct sdeistate_pub {
	EVP_PKEY *pkey;
	X509 *certificate; /* NULL if it came without one */
	enum sdeistate_key_type type;
	uint8_t id[SDEISTATE_KEY_ID_SIZE];
	atomic_uint references;
	char name[256];
};

struct sdeistate_key {
	EVP_PKEY *pkey; /* both halves */
	struct sdeistate_pub *pub;
	void *token; /* what must outlive pkey, if it lives on a token */
	void (*token_release)(void *token);
};

/* What an algorithm is called and how it is used. */
struct key_type {
	enum sdeistate_key_type type;
	const char *name;   /* ours */
	const char *family; /* OpenSSL's */
	const char *group;  /* its curve; NULL: the family has one */
	const char *digest; /* NULL: the signature hashes by itself */
};

/** key_type_row() - the row of a type; NULL for another number */
const struct key_type *key_type_row(enum sdeistate_key_type type);

/**
 * key_pub_wrap() - make a public key of OpenSSL's
 * @pkey: may hold a private half, which is left alone; a reference is taken
 * @certificate: may be NULL; a reference is taken
 *
 * Return: 0; -ENOTSUP incompatible; -ENOMEM; -EIO internal.
 */
int key_pub_wrap(EVP_PKEY *pkey, X509 *certificate, const char *name, struct sdeistate_pub **pub,
		 struct sdeistate_error *err);

/** key_wrap() - make a private key of OpenSSL's; takes a reference. Return: as key_pub_wrap() */
int key_wrap(EVP_PKEY *pkey, const char *name, struct sdeistate_key **key,
	     struct sdeistate_error *err);

/** key_load_token() - a key on a PKCS#11 token. Return: as sdeistate_key_load() */
int key_load_token(const char *uri, struct sdeistate_key **key, struct sdeistate_error *err);

/** key_pub_share() - one more reference. Return: @pub */
struct sdeistate_pub *key_pub_share(struct sdeistate_pub *pub);

/** key_certificate() - a self-signed X.509 certificate. Return: NULL if OpenSSL failed */
X509 *key_certificate(EVP_PKEY *pkey, enum sdeistate_key_type type, const char *name,
		      unsigned int days);

/** key_library_error() - a failure inside OpenSSL, with its own words. Return: -EIO */
int key_library_error(struct sdeistate_error *err, const char *object, const char *field);

#endif
