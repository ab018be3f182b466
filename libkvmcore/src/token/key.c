// SPDX-License-Identifier: Apache-2.0
#include "token/key.h"
#include "error_fill.h"
#include "token/tree.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

/* RFC 9053: which hash, and by house rule which curve, goes with an algorithm. */
static const struct {
	const char *name, *openssl, *digest;
	int cose;
	int cose_curve; /* of a COSE_Key */
	size_t coordinate;
} curves[KVMCORE_NR_CURVES] = {
	[KVMCORE_P256] = { "P-256", "prime256v1", "SHA2-256", KVMCORE_ES256, 1, 32 },
	[KVMCORE_P384] = { "P-384", "secp384r1", "SHA2-384", KVMCORE_ES384, 2, 48 },
	[KVMCORE_P521] = { "P-521", "secp521r1", "SHA2-512", KVMCORE_ES512, 3, 66 },
};

static void free_pkey(EVP_PKEY **pkey)
{
	EVP_PKEY_free(*pkey);
}

static void free_pkey_ctx(EVP_PKEY_CTX **ctx)
{
	EVP_PKEY_CTX_free(*ctx);
}

static void free_md_ctx(EVP_MD_CTX **ctx)
{
	EVP_MD_CTX_free(*ctx);
}

static void free_sig(ECDSA_SIG **sig)
{
	ECDSA_SIG_free(*sig);
}

static void free_bio(BIO **bio)
{
	BIO_free(*bio);
}

#define OWNED(release) __attribute__((cleanup(release)))

const char *kvmcore_curve_name(enum kvmcore_curve curve)
{
	return (unsigned int)curve < KVMCORE_NR_CURVES ? curves[curve].name : NULL;
}

int key_for_cose(int64_t algorithm, enum kvmcore_curve *curve)
{
	for (unsigned int i = 0; i < KVMCORE_NR_CURVES; i++)
		if (curves[i].cose == algorithm) {
			*curve = (enum kvmcore_curve)i;
			return 0;
		}
	return -EOPNOTSUPP;
}

int key_cose(enum kvmcore_curve curve)
{
	return curves[curve].cose;
}

size_t key_coordinate(enum kvmcore_curve curve)
{
	return curves[curve].coordinate;
}

/* Refuses a point that is not on its curve. */
static EVP_PKEY *import(const struct kvmcore_public_key *key)
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME,
						 (char *)(uintptr_t)curves[key->curve].openssl, 0),
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY,
						  (void *)(uintptr_t)key->point, key->len),
		OSSL_PARAM_construct_end(),
	};
	OWNED(free_pkey_ctx) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	EVP_PKEY *pkey = NULL;

	if (!ctx || EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1) {
		ERR_clear_error();
		return NULL;
	}
	return pkey;
}

int kvmcore_public_key_from_point(const void *point, size_t len, struct kvmcore_public_key *key)
{
	struct kvmcore_public_key made = { .len = len };
	EVP_PKEY *pkey;

	for (unsigned int i = 0; i < KVMCORE_NR_CURVES; i++) {
		if (len != 1 + 2 * curves[i].coordinate || *(const uint8_t *)point != 4)
			continue;
		made.curve = (enum kvmcore_curve)i;
		memcpy(made.point, point, len);
		pkey = import(&made);
		if (!pkey)
			return -EINVAL;
		EVP_PKEY_free(pkey);
		*key = made;
		return 0;
	}
	return -EINVAL;
}

static int from_pkey(EVP_PKEY *pkey, struct kvmcore_public_key *key)
{
	uint8_t point[KVMCORE_MAX_POINT];
	size_t len = 0;

	if (!EVP_PKEY_is_a(pkey, "EC") ||
	    EVP_PKEY_set_utf8_string_param(pkey, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT,
					   "uncompressed") != 1 ||
	    EVP_PKEY_get_octet_string_param(pkey, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point),
					    &len) != 1) {
		ERR_clear_error();
		return -EINVAL;
	}
	return kvmcore_public_key_from_point(point, len, key);
}

/* An encrypted key is none: nobody is asked for a passphrase. */
static int no_passphrase(char *buf, int size, int writing, void *user)
{
	(void)buf;
	(void)size;
	(void)writing;
	(void)user;
	return -1;
}

static BIO *open_pem(const void *pem, size_t len)
{
	return len && len <= 65536 ? BIO_new_mem_buf(pem, (int)len) : NULL;
}

int kvmcore_public_key_from_pem(const void *pem, size_t len, struct kvmcore_public_key *key)
{
	OWNED(free_bio) BIO *bio = open_pem(pem, len);
	OWNED(free_pkey)
	EVP_PKEY *pkey = bio ? PEM_read_bio_PUBKEY(bio, NULL, no_passphrase, NULL) : NULL;

	ERR_clear_error();
	return pkey ? from_pkey(pkey, key) : -EINVAL;
}

/* Takes @pkey, also on failure. */
static int new_signing_key(EVP_PKEY *pkey, struct kvmcore_signing_key **key)
{
	struct kvmcore_signing_key *made = calloc(1, sizeof(*made));
	int ret = -ENOMEM;

	if (made) {
		made->pkey = pkey;
		ret = from_pkey(pkey, &made->public);
	} else {
		EVP_PKEY_free(pkey);
	}
	if (ret)
		kvmcore_signing_key_destroy(made);
	else
		*key = made;
	return ret;
}

int kvmcore_signing_key_generate(enum kvmcore_curve curve, struct kvmcore_signing_key **key)
{
	EVP_PKEY *pkey;

	if ((unsigned int)curve >= KVMCORE_NR_CURVES)
		return -EINVAL;
	pkey = EVP_EC_gen(curves[curve].openssl);
	return pkey ? new_signing_key(pkey, key) : -ENOMEM;
}

int kvmcore_signing_key_from_pem(const void *pem, size_t len, struct kvmcore_signing_key **key)
{
	OWNED(free_bio) BIO *bio = open_pem(pem, len);
	EVP_PKEY *pkey = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;

	ERR_clear_error();
	return pkey ? new_signing_key(pkey, key) : -EINVAL;
}

const struct kvmcore_public_key *kvmcore_signing_key_public(const struct kvmcore_signing_key *key)
{
	return &key->public;
}

struct kvmcore_signing_key *kvmcore_signing_key_destroy(struct kvmcore_signing_key *key)
{
	if (key) {
		EVP_PKEY_free(key->pkey);
		free(key);
	}
	return NULL;
}

/* OpenSSL wants DER where COSE has r || s. Return: bytes; 0 without memory */
static int to_der(struct kvmcore_span signature, uint8_t **der)
{
	OWNED(free_sig) ECDSA_SIG *sig = ECDSA_SIG_new();
	int half = (int)(signature.len / 2);
	BIGNUM *r = BN_bin2bn(signature.data, half, NULL);
	BIGNUM *s = BN_bin2bn(signature.data + half, half, NULL);
	int len;

	if (!sig || !r || !s || ECDSA_SIG_set0(sig, r, s) != 1) {
		BN_free(r);
		BN_free(s);
		return 0;
	}
	len = i2d_ECDSA_SIG(sig, der);
	return len > 0 ? len : 0;
}

int key_verify(const struct kvmcore_public_key *key, const void *data, size_t len,
	       struct kvmcore_span signature)
{
	OWNED(free_pkey) EVP_PKEY *pkey = import(key);
	OWNED(free_md_ctx) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t *der = NULL;
	int der_len, ret = -EKEYREJECTED;

	if (signature.len != 2 * curves[key->curve].coordinate)
		return -EKEYREJECTED;
	der_len = to_der(signature, &der);
	if (!pkey || !ctx || !der_len ||
	    EVP_DigestVerifyInit_ex(ctx, NULL, curves[key->curve].digest, NULL, NULL, pkey, NULL) !=
		    1)
		ret = -ENOMEM;
	else if (EVP_DigestVerify(ctx, der, (size_t)der_len, data, len) == 1)
		ret = 0;
	OPENSSL_free(der);
	ERR_clear_error();
	return ret;
}

int key_sign(const struct kvmcore_signing_key *key, const void *data, size_t len,
	     uint8_t signature[KEY_MAX_SIGNATURE])
{
	OWNED(free_md_ctx) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	OWNED(free_sig) ECDSA_SIG *sig = NULL;
	int half = (int)curves[key->public.curve].coordinate;
	uint8_t der[160];
	const uint8_t *at = der;
	size_t der_len = sizeof(der);

	if (!ctx ||
	    EVP_DigestSignInit_ex(ctx, NULL, curves[key->public.curve].digest, NULL, NULL,
				  key->pkey, NULL) != 1 ||
	    EVP_DigestSign(ctx, der, &der_len, data, len) != 1)
		return -EIO;
	sig = d2i_ECDSA_SIG(NULL, &at, (long)der_len);
	if (!sig || BN_bn2binpad(ECDSA_SIG_get0_r(sig), signature, half) != half ||
	    BN_bn2binpad(ECDSA_SIG_get0_s(sig), signature + half, half) != half)
		return -EIO;
	return 0;
}

/* RFC 9052 §7: {1: 2 (EC2), -1: curve, -2: x, -3: y}. */
static int from_cose_key(struct kvmcore_span claim, struct kvmcore_public_key *key,
			 struct kvmcore_error *err)
{
	tree_cleanup cbor_item_t *map = NULL;
	struct kvmcore_span x, y;
	int64_t type = 0, curve = 0;
	uint8_t point[KVMCORE_MAX_POINT] = { 4 };
	int ret = tree_load(claim.data, claim.len, "44237 public key", &map, err);

	if (ret)
		return ret == -ENOMEM ? ret : -EPROTO;
	if (!cbor_isa_map(map) || !tree_int(tree_find_int(map, 1), &type) || type != 2 ||
	    !tree_int(tree_find_int(map, -1), &curve))
		return -EPROTO;
	x = tree_bytes(tree_find_int(map, -2));
	y = tree_bytes(tree_find_int(map, -3));
	for (unsigned int i = 0; i < KVMCORE_NR_CURVES; i++) {
		size_t n = curves[i].coordinate;

		if (curves[i].cose_curve != curve || !x.data || !y.data || x.len != n || y.len != n)
			continue;
		memcpy(point + 1, x.data, n);
		memcpy(point + 1 + n, y.data, n);
		return kvmcore_public_key_from_point(point, 1 + 2 * n, key);
	}
	return -EPROTO;
}

static bool has_point_size(size_t len)
{
	for (unsigned int i = 0; i < KVMCORE_NR_CURVES; i++)
		if (len == 1 + 2 * curves[i].coordinate)
			return true;
	return false;
}

int key_from_claim(struct kvmcore_span claim, struct kvmcore_public_key *key,
		   struct kvmcore_error *err)
{
	int ret;

	if (has_point_size(claim.len))
		ret = kvmcore_public_key_from_point(claim.data, claim.len, key);
	else
		ret = from_cose_key(claim, key, err);
	if (ret == -EPROTO)
		error_fill(
			err, ret, "realm claims", "44237 public key",
			"a COSE_Key or uncompressed point on P-256, P-384 or P-521|%zu other bytes",
			claim.len);
	return ret;
}
