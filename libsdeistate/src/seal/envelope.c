// SPDX-License-Identifier: Apache-2.0
#include "envelope.h"

#include "error_set.h"
#include "key.h"
#include "util.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

/*
 * CMS names its recipients by certificates, and all it takes from one is the key and its identifier
 * (RFC 5280 §4.2.1.2, method 1). So every recipient gets one that lives for this call, whoever
 * issued his own; a key that nobody keeps has signed it.
 */
static X509 *throw_away_certificate(const struct sdeistate_pub *pub)
{
	EVP_PKEY *issuer = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	X509_EXTENSION *identifier = NULL;
	X509 *certificate = X509_new();
	X509V3_CTX context;
	bool made = false;

	if (issuer && certificate && X509_set_version(certificate, X509_VERSION_3) &&
	    X509_set_pubkey(certificate, pub->pkey)) {
		X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
		identifier =
			X509V3_EXT_conf_nid(NULL, &context, NID_subject_key_identifier, "hash");
		made = identifier && X509_add_ext(certificate, identifier, -1) &&
		       X509_sign(certificate, issuer, NULL);
	}
	X509_EXTENSION_free(identifier);
	EVP_PKEY_free(issuer);
	if (made)
		return certificate;
	X509_free(certificate);
	return NULL;
}

static int add_recipient(CMS_ContentInfo *cms, const struct sdeistate_pub *pub,
			 struct sdeistate_error *err)
{
	CMS_RecipientInfo *info = NULL;
	EVP_PKEY_CTX *context;
	X509 *certificate;

	if (pub->type == SDEISTATE_KEY_ED25519)
		return error_set(err, SDEISTATE_INCOMPATIBLE, -ENOTSUP, pub->name, "algorithm",
				 "P-256 or P-384, which can be encrypted to|Ed25519, which only "
				 "signs");
	certificate = throw_away_certificate(pub);
	if (certificate)
		info = CMS_add1_recipient_cert(cms, certificate, CMS_USE_KEYID | CMS_KEY_PARAM);
	X509_free(certificate);
	context = info ? CMS_RecipientInfo_get0_pkey_ctx(info) : NULL;
	/* The default would be SHA-1. */
	if (!context || EVP_PKEY_CTX_set_ecdh_kdf_md(context, EVP_sha256()) <= 0)
		return key_library_error(err, pub->name, "recipient");
	return 0;
}

static int encode(CMS_ContentInfo *cms, const uint8_t *bytes, size_t len,
		  struct sdeistate_buffer *sealed, struct sdeistate_error *err)
{
	BIO *in = BIO_new_mem_buf(bytes, (int)len);
	int ret = 0, size = -1;
	uint8_t *at;

	/* The content stands inside, not beside it. */
	if (in && CMS_set_detached(cms, 0) == 1 && CMS_final(cms, in, NULL, CMS_BINARY) == 1)
		size = i2d_CMS_ContentInfo(cms, NULL);
	BIO_free(in);
	if (size <= 0)
		return key_library_error(err, "payload chunk", "encryption");
	at = malloc((size_t)size);
	if (!at)
		return error_no_memory(err, "payload chunk");
	sealed->data = at;
	sealed->len = (size_t)size;
	i2d_CMS_ContentInfo(cms, &at);
	if (sealed->len > SDEISTATE_MAX_ENVELOPE) {
		ret = error_set(err, SDEISTATE_OVER_LIMIT, -E2BIG, "payload chunk",
				"encrypted size", "at most %u bytes|%zu", SDEISTATE_MAX_ENVELOPE,
				sealed->len);
		sdeistate_buffer_free(sealed);
	}
	return ret;
}

int envelope_seal(const struct sdeistate_pub *const *recipient, unsigned int n_recipients,
		  const uint8_t *bytes, size_t len, struct sdeistate_buffer *sealed,
		  struct sdeistate_error *err)
{
	CMS_ContentInfo *cms = CMS_AuthEnvelopedData_create(EVP_aes_256_gcm());
	int ret = cms ? 0 : key_library_error(err, "payload chunk", "encryption");

	for (unsigned int i = 0; i < n_recipients && !ret; i++)
		ret = add_recipient(cms, recipient[i], err);
	if (!ret)
		ret = encode(cms, bytes, len, sealed, err);
	CMS_ContentInfo_free(cms);
	return ret;
}

static bool unlock(CMS_ContentInfo *cms, const struct sdeistate_key *const *secret,
		   unsigned int n_secrets)
{
	bool unlocked = false;

	for (unsigned int i = 0; i < n_secrets && !unlocked; i++)
		unlocked = secret[i]->pub->type != SDEISTATE_KEY_ED25519 &&
			   CMS_decrypt_set1_pkey(cms, secret[i]->pkey, NULL) == 1;
	ERR_clear_error();
	return unlocked;
}

static int decrypt(CMS_ContentInfo *cms, struct sdeistate_buffer *bytes,
		   struct sdeistate_error *err)
{
	BIO *out = BIO_new(BIO_s_mem());
	struct sdeistate_buffer plain;
	char *text;
	int ret = 0;

	if (!out)
		return error_no_memory(err, "payload chunk");
	if (CMS_decrypt(cms, NULL, NULL, NULL, out, CMS_BINARY) != 1) {
		ret = error_set(err, SDEISTATE_DECRYPT, -EBADMSG, "payload chunk", "content",
				"what was encrypted|something else");
		ERR_clear_error();
	}
	plain.len = (size_t)BIO_get_mem_data(out, &text);
	if (!ret) {
		plain.data = malloc(plain.len + 1);
		if (plain.data) {
			memcpy(plain.data, text, plain.len);
			*bytes = plain;
		} else {
			ret = error_no_memory(err, "payload chunk");
		}
	}
	if (plain.len)
		OPENSSL_cleanse(text, plain.len);
	BIO_free(out);
	return ret;
}

int envelope_open(const struct sdeistate_key *const *secret, unsigned int n_secrets,
		  const uint8_t *sealed, size_t len, struct sdeistate_buffer *bytes,
		  struct sdeistate_error *err)
{
	const unsigned char *at = sealed;
	CMS_ContentInfo *cms = d2i_CMS_ContentInfo(NULL, &at, (long)len);
	int ret;

	ERR_clear_error();
	if (!cms || at != sealed + len ||
	    OBJ_obj2nid(CMS_get0_type(cms)) != NID_id_smime_ct_authEnvelopedData)
		ret = error_set(err, SDEISTATE_DECRYPT, -EBADMSG, "payload chunk", "encoding",
				"CMS AuthEnvelopedData|something else");
	else if (!unlock(cms, secret, n_secrets))
		ret = error_set(err, SDEISTATE_NO_KEY, -ENOKEY, "payload chunk", "recipient",
				"one of the %u keys to decrypt with|others", n_secrets);
	else
		ret = decrypt(cms, bytes, err);
	CMS_ContentInfo_free(cms);
	return ret;
}
