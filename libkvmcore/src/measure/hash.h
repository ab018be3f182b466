/* SPDX-License-Identifier: Apache-2.0 */
/*
 * measure/hash.h - a hash context that is made once and used for many digests
 */
#ifndef MEASURE_HASH_H
#define MEASURE_HASH_H

#include <kvmcore/measure.h>
#include <openssl/evp.h>

struct hash {
	EVP_MD *md;
	EVP_MD_CTX *ctx;
	enum kvmcore_hash algorithm;
};

/** hash_open() - Return: 0; -EINVAL for an unknown algorithm; -ENOMEM */
int hash_open(enum kvmcore_hash algorithm, struct hash *hash);

/** hash_close() - all zero is allowed */
void hash_close(struct hash *hash);

/** hash_two() - digest of @len bytes followed by @more bytes. Return: 0; -EIO */
int hash_two(struct hash *hash, const void *data, size_t len, const void *tail, size_t more,
	     struct kvmcore_digest *digest);

/** hash_one() - digest of @len bytes. Return: 0; -EIO */
int hash_one(struct hash *hash, const void *data, size_t len, struct kvmcore_digest *digest);

#define hash_cleanup __attribute__((cleanup(hash_close)))

#endif
