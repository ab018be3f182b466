// SPDX-License-Identifier: Apache-2.0
#include "key.h"

#include "error_set.h"
#include "util.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct key_type types[] = {
	{ SDEISTATE_KEY_ED25519, "ed25519", "ED25519", NULL, NULL },
	{ SDEISTATE_KEY_P256, "p256", "EC", "prime256v1", "SHA256" },
	{ SDEISTATE_KEY_P384, "p384", "EC", "secp384r1", "SHA384" },
};

const struct key_type *key_type_row(enum sdeistate_key_type type)
{
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (types[i].type == type)
			return &types[i];
	return NULL;
}

const char *sdeistate_key_type_name(enum sdeistate_key_type type)
{
	const struct key_type *row = key_type_row(type);

	return row ? row->name : NULL;
}

enum sdeistate_key_type sdeistate_key_type_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (!strcmp(types[i].name, name))
			return types[i].type;
	return 0;
}

int key_library_error(struct sdeistate_error *err, const char *object, const char *field)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	error_set(err, SDEISTATE_INTERNAL, -EIO, object, field, "OpenSSL to succeed|%s",
		  reason ? reason : "it failed without a reason");
	ERR_clear_error();
	return -EIO;
}

static const struct key_type *recognise(const EVP_PKEY *pkey)
{
	char group[32] = "";

	if (EVP_PKEY_is_a(pkey, "EC"))
		EVP_PKEY_get_group_name(pkey, group, sizeof(group), NULL);
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (EVP_PKEY_is_a(pkey, types[i].family) &&
		    (!types[i].group || !strcmp(types[i].group, group)))
			return &types[i];
	return NULL;
}

/* One key, one id: a point may be written compressed or not, so the encoding is fixed first. */
static int compute_id(EVP_PKEY *pkey, const struct key_type *type, uint8_t *id)
{
	unsigned char *der = NULL;
	int len, ok;

	if (type->group &&
	    !EVP_PKEY_set_utf8_string_param(pkey, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT,
					    "uncompressed"))
		return -EIO;
	len = i2d_PUBKEY(pkey, &der);
	if (len <= 0)
		return -EIO;
	ok = EVP_Q_digest(NULL, "SHA256", NULL, der, (size_t)len, id, NULL);
	OPENSSL_free(der);
	return ok ? 0 : -EIO;
}

int key_pub_wrap(EVP_PKEY *pkey, X509 *certificate, const char *name, struct sdeistate_pub **pub,
		 struct sdeistate_error *err)
{
	const struct key_type *type = recognise(pkey);
	struct sdeistate_pub *made;

	if (!type)
		return error_set(err, SDEISTATE_INCOMPATIBLE, -ENOTSUP, name, "algorithm",
				 "Ed25519, P-256 or P-384|%s", EVP_PKEY_get0_type_name(pkey));
	made = calloc(1, sizeof(*made));
	if (!made)
		return error_no_memory(err, name);
	if (compute_id(pkey, type, made->id)) {
		free(made);
		return key_library_error(err, name, "id");
	}
	EVP_PKEY_up_ref(pkey);
	made->pkey = pkey;
	if (certificate)
		X509_up_ref(certificate);
	made->certificate = certificate;
	made->type = type->type;
	atomic_init(&made->references, 1);
	snprintf(made->name, sizeof(made->name), "%s", name);
	*pub = made;
	return 0;
}

struct sdeistate_pub *key_pub_share(struct sdeistate_pub *pub)
{
	atomic_fetch_add(&pub->references, 1);
	return pub;
}

struct sdeistate_pub *sdeistate_pub_free(struct sdeistate_pub *pub)
{
	if (!pub || atomic_fetch_sub(&pub->references, 1) != 1)
		return NULL;
	EVP_PKEY_free(pub->pkey);
	X509_free(pub->certificate);
	free(pub);
	return NULL;
}

int key_wrap(EVP_PKEY *pkey, const char *name, struct sdeistate_key **key,
	     struct sdeistate_error *err)
{
	struct sdeistate_key *made = calloc(1, sizeof(*made));
	int ret;

	if (!made)
		return error_no_memory(err, name);
	ret = key_pub_wrap(pkey, NULL, name, &made->pub, err);
	if (ret) {
		free(made);
		return ret;
	}
	EVP_PKEY_up_ref(pkey);
	made->pkey = pkey;
	*key = made;
	return 0;
}

/* OpenSSL wipes the private numbers when the last reference goes. */
struct sdeistate_key *sdeistate_key_free(struct sdeistate_key *key)
{
	if (!key)
		return NULL;
	sdeistate_pub_free(key->pub);
	EVP_PKEY_free(key->pkey);
	if (key->token)
		key->token_release(key->token);
	free(key);
	return NULL;
}

int sdeistate_key_generate(enum sdeistate_key_type type, struct sdeistate_key **key,
			   struct sdeistate_error *err)
{
	const struct key_type *row = key_type_row(type);
	EVP_PKEY *pkey;
	int ret;

	if (!row)
		return error_set(err, SDEISTATE_USAGE, -EINVAL, "new key", "type",
				 "ed25519, p256 or p384|%d", (int)type);
	pkey = row->group ? EVP_PKEY_Q_keygen(NULL, NULL, row->family, row->group)
			  : EVP_PKEY_Q_keygen(NULL, NULL, row->family);
	if (!pkey)
		return key_library_error(err, "new key", row->name);
	ret = key_wrap(pkey, "new key", key, err);
	EVP_PKEY_free(pkey);
	return ret;
}

const struct sdeistate_pub *sdeistate_key_pub(const struct sdeistate_key *key)
{
	return key->pub;
}

const uint8_t *sdeistate_pub_id(const struct sdeistate_pub *pub)
{
	return pub->id;
}

enum sdeistate_key_type sdeistate_pub_type(const struct sdeistate_pub *pub)
{
	return pub->type;
}

const char *sdeistate_pub_name(const struct sdeistate_pub *pub)
{
	return pub->name;
}
