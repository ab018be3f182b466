/* SPDX-License-Identifier: Apache-2.0 */
/*
 * token/key.h - EC keys and the signatures COSE makes with them (RFC 9053)
 */
#ifndef TOKEN_KEY_H
#define TOKEN_KEY_H

#include <kvmcore/token.h>
#include <openssl/evp.h>

#define KEY_MAX_SIGNATURE 132u

struct kvmcore_signing_key {
	EVP_PKEY *pkey;
	struct kvmcore_public_key public;
};

/** key_for_cose() - the curve an algorithm is used with. Return: 0; -EOPNOTSUPP */
int key_for_cose(int64_t algorithm, enum kvmcore_curve *curve);

/** key_cose() - the algorithm a curve is used with (enum kvmcore_cose) */
int key_cose(enum kvmcore_curve curve);

/** key_coordinate() - bytes of one coordinate, and of half a signature: 32, 48 or 66 */
size_t key_coordinate(enum kvmcore_curve curve);

/**
 * key_verify() - does @signature (r || s) over @len bytes hold?
 *
 * Return: 0; -EKEYREJECTED; -ENOMEM.
 */
int key_verify(const struct kvmcore_public_key *key, const void *data, size_t len,
	       struct kvmcore_span signature);

/**
 * key_sign() - r || s over @len bytes
 * @signature: 2 * key_coordinate() bytes
 *
 * Return: 0; -EIO.
 */
int key_sign(const struct kvmcore_signing_key *key, const void *data, size_t len,
	     uint8_t signature[KEY_MAX_SIGNATURE]);

/**
 * key_from_claim() - the RAK from its claim, a COSE_Key or an uncompressed point
 *
 * Return: 0; -EPROTO (@err) if it has the form of neither; -EINVAL for a point that is on no curve;
 * -ENOMEM.
 */
int key_from_claim(struct kvmcore_span claim, struct kvmcore_public_key *key,
		   struct kvmcore_error *err);

#endif
