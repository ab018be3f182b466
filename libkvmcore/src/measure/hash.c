// SPDX-License-Identifier: Apache-2.0
#include "measure/hash.h"

#include <errno.h>
#include <string.h>

static const struct {
	const char *name;
	const char *plain; /* the same without the hyphen */
	const char *openssl;
	size_t size;
} algorithms[KVMCORE_NR_HASHES] = {
	[KVMCORE_HASH_SHA256] = { "sha-256", "sha256", "SHA2-256", 32 },
	[KVMCORE_HASH_SHA512] = { "sha-512", "sha512", "SHA2-512", 64 },
	[KVMCORE_HASH_SHA384] = { "sha-384", "sha384", "SHA2-384", 48 },
};

const char *kvmcore_hash_name(enum kvmcore_hash hash)
{
	return (unsigned int)hash < KVMCORE_NR_HASHES ? algorithms[hash].name : NULL;
}

size_t kvmcore_hash_size(enum kvmcore_hash hash)
{
	return (unsigned int)hash < KVMCORE_NR_HASHES ? algorithms[hash].size : 0;
}

int kvmcore_hash_find(const char *name, enum kvmcore_hash *hash)
{
	for (unsigned int i = 0; i < KVMCORE_NR_HASHES; i++)
		if (!strcmp(name, algorithms[i].name) || !strcmp(name, algorithms[i].plain)) {
			*hash = (enum kvmcore_hash)i;
			return 0;
		}
	return -ENOENT;
}

int hash_open(enum kvmcore_hash algorithm, struct hash *hash)
{
	struct hash made = { .algorithm = algorithm };

	if ((unsigned int)algorithm >= KVMCORE_NR_HASHES)
		return -EINVAL;
	made.md = EVP_MD_fetch(NULL, algorithms[algorithm].openssl, NULL);
	made.ctx = EVP_MD_CTX_new();
	if (!made.md || !made.ctx || EVP_DigestInit_ex2(made.ctx, made.md, NULL) != 1) {
		hash_close(&made);
		return -ENOMEM;
	}
	*hash = made;
	return 0;
}

void hash_close(struct hash *hash)
{
	EVP_MD_CTX_free(hash->ctx);
	EVP_MD_free(hash->md);
	*hash = (struct hash){ 0 };
}

int hash_two(struct hash *hash, const void *data, size_t len, const void *tail, size_t more,
	     struct kvmcore_digest *digest)
{
	struct kvmcore_digest made = { { 0 } };

	if (EVP_DigestInit_ex2(hash->ctx, NULL, NULL) != 1 ||
	    EVP_DigestUpdate(hash->ctx, data, len) != 1 ||
	    (more && EVP_DigestUpdate(hash->ctx, tail, more) != 1) ||
	    EVP_DigestFinal_ex(hash->ctx, made.bytes, NULL) != 1)
		return -EIO;
	*digest = made;
	return 0;
}

int hash_one(struct hash *hash, const void *data, size_t len, struct kvmcore_digest *digest)
{
	return hash_two(hash, data, len, NULL, 0, digest);
}

int kvmcore_digest(enum kvmcore_hash hash, const void *data, size_t len,
		   struct kvmcore_digest *digest)
{
	hash_cleanup struct hash h = { 0 };
	int ret = hash_open(hash, &h);

	return ret ? ret : hash_one(&h, data, len, digest);
}
