// SPDX-License-Identifier: Apache-2.0
#include "sign.h"

#include "error_set.h"
#include "key.h"
#include "util.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int sign_encode(const char *type, const void *message, size_t len, struct sdeistate_buffer *pae,
		struct sdeistate_error *err)
{
	char head[SDEISTATE_MAX_TYPE + 64];
	size_t type_len = strlen(type), head_len;
	uint8_t *bytes;

	if (!type_len || type_len > SDEISTATE_MAX_TYPE)
		return error_set(err, SDEISTATE_USAGE, -EINVAL, "message to sign", "type",
				 "1 to %u bytes|%zu", SDEISTATE_MAX_TYPE, type_len);
	if (len > SDEISTATE_MAX_MESSAGE)
		return error_set(err, SDEISTATE_USAGE, -EINVAL, "message to sign", "length",
				 "at most %u bytes|%zu", SDEISTATE_MAX_MESSAGE, len);
	head_len = (size_t)snprintf(head, sizeof(head), "DSSEv1 %zu %s %zu ", type_len, type, len);
	bytes = malloc(head_len + len);
	if (!bytes)
		return error_no_memory(err, "message to sign");
	memcpy(bytes, head, head_len);
	if (len)
		memcpy(bytes + head_len, message, len);
	pae->data = bytes;
	pae->len = head_len + len;
	return 0;
}

static int sign_bytes(const struct sdeistate_key *key, EVP_MD_CTX *context,
		      const struct sdeistate_buffer *pae, struct sdeistate_buffer *signature,
		      struct sdeistate_error *err)
{
	const char *digest = key_type_row(key->pub->type)->digest;
	size_t len = 0;
	uint8_t *bytes;

	if (EVP_DigestSignInit_ex(context, NULL, digest, NULL, NULL, key->pkey, NULL) != 1 ||
	    EVP_DigestSign(context, NULL, &len, pae->data, pae->len) != 1)
		return key_library_error(err, key->pub->name, "signature");
	bytes = malloc(len);
	if (!bytes)
		return error_no_memory(err, "signature");
	if (EVP_DigestSign(context, bytes, &len, pae->data, pae->len) != 1) {
		free(bytes);
		return key_library_error(err, key->pub->name, "signature");
	}
	signature->data = bytes;
	signature->len = len;
	return 0;
}

int sign_raw(const struct sdeistate_key *key, const struct sdeistate_buffer *bytes,
	     struct sdeistate_buffer *signature, struct sdeistate_error *err)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	int ret;

	ret = context ? sign_bytes(key, context, bytes, signature, err)
		      : error_no_memory(err, "signature");
	EVP_MD_CTX_free(context);
	return ret;
}

int sdeistate_sign(const struct sdeistate_key *key, const char *type, const void *message,
		   size_t len, struct sdeistate_buffer *signature, struct sdeistate_error *err)
{
	struct sdeistate_buffer pae;
	int ret = sign_encode(type, message, len, &pae, err);

	if (ret)
		return ret;
	ret = sign_raw(key, &pae, signature, err);
	sdeistate_buffer_free(&pae);
	return ret;
}

static int verify_bytes(const struct sdeistate_pub *pub, EVP_MD_CTX *context,
			const struct sdeistate_buffer *pae, const void *signature, size_t len,
			struct sdeistate_error *err)
{
	const char *digest = key_type_row(pub->type)->digest;

	if (EVP_DigestVerifyInit_ex(context, NULL, digest, NULL, NULL, pub->pkey, NULL) != 1)
		return key_library_error(err, pub->name, "signature");
	if (EVP_DigestVerify(context, signature, len, pae->data, pae->len) == 1)
		return 0;
	ERR_clear_error();
	return error_set(err, SDEISTATE_BAD_SIGNATURE, -EKEYREJECTED, "signature", pub->name,
			 "made by this key for these bytes|not");
}

int sdeistate_verify(const struct sdeistate_pub *pub, const char *type, const void *message,
		     size_t len, const void *signature, size_t signature_len,
		     struct sdeistate_error *err)
{
	struct sdeistate_buffer pae;
	EVP_MD_CTX *context;
	int ret;

	ret = sign_encode(type, message, len, &pae, err);
	if (ret)
		return ret;
	context = EVP_MD_CTX_new();
	ret = context ? verify_bytes(pub, context, &pae, signature, signature_len, err)
		      : error_no_memory(err, "signature");
	EVP_MD_CTX_free(context);
	sdeistate_buffer_free(&pae);
	return ret;
}
