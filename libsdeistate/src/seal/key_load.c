// SPDX-License-Identifier: Apache-2.0
#include "error_set.h"
#include "file.h"
#include "key.h"
#include "util.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

/* A key that asks for a passphrase must not make a daemon wait at a terminal. */
static int no_passphrase(char *buf, int size, int writing, void *arg)
{
	(void)buf;
	(void)size;
	(void)writing;
	if (arg)
		*(bool *)arg = true;
	return -1;
}

int sdeistate_key_load(const char *path, struct sdeistate_key **key, struct sdeistate_error *err)
{
	struct sdeistate_buffer pem = { NULL, 0 };
	bool asked = false;
	EVP_PKEY *pkey = NULL;
	BIO *bio;
	int ret;

	if (!strncmp(path, "pkcs11:", 7))
		return key_load_token(path, key, err);
	ret = file_read_secret(path, SDEISTATE_MAX_KEY_FILE, &pem, err);
	if (ret)
		return ret;
	bio = BIO_new_mem_buf(pem.data, (int)pem.len);
	if (bio)
		pkey = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, &asked);
	if (pkey)
		ret = key_wrap(pkey, path, key, err);
	else if (!bio)
		ret = error_no_memory(err, path);
	else if (asked)
		ret = error_set(err, SDEISTATE_INCOMPATIBLE, -ENOTSUP, path, "encryption",
				"a private key without passphrase|an encrypted one");
	else
		ret = error_set(err, SDEISTATE_DAMAGED, -EBADMSG, path, "private key",
				"PEM of a private key|none");
	ERR_clear_error();
	EVP_PKEY_free(pkey);
	BIO_free(bio);
	sdeistate_buffer_free(&pem);
	return ret;
}

/* Reads the first object of the right kind, as the PEM functions skip others. */
static int parse_certificate(BIO *bio, const char *name, struct sdeistate_pub **pub,
			     struct sdeistate_error *err)
{
	X509 *certificate = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL);
	EVP_PKEY *pkey = certificate ? X509_get0_pubkey(certificate) : NULL;
	int ret;

	if (!pkey)
		ret = error_set(err, SDEISTATE_DAMAGED, -EBADMSG, name, "public key",
				"PEM of a public key or a certificate|neither");
	else
		ret = key_pub_wrap(pkey, certificate, name, pub, err);
	X509_free(certificate);
	return ret;
}

int sdeistate_pub_parse(const void *pem, size_t len, const char *name, struct sdeistate_pub **pub,
			struct sdeistate_error *err)
{
	EVP_PKEY *pkey;
	BIO *bio;
	int ret;

	if (!name)
		name = "public key";
	if (len > SDEISTATE_MAX_KEY_FILE)
		return error_set(err, SDEISTATE_OVER_LIMIT, -EFBIG, name, "size",
				 "at most %u bytes|%zu", SDEISTATE_MAX_KEY_FILE, len);
	bio = BIO_new_mem_buf(pem, (int)len);
	if (!bio)
		return error_no_memory(err, name);
	pkey = PEM_read_bio_PUBKEY(bio, NULL, no_passphrase, NULL);
	if (pkey) {
		ret = key_pub_wrap(pkey, NULL, name, pub, err);
	} else {
		(void)BIO_reset(bio);
		ret = parse_certificate(bio, name, pub, err);
	}
	ERR_clear_error();
	EVP_PKEY_free(pkey);
	BIO_free(bio);
	return ret;
}

int sdeistate_pub_load(const char *path, struct sdeistate_pub **pub, struct sdeistate_error *err)
{
	struct sdeistate_buffer pem = { NULL, 0 };
	int ret = file_read(path, SDEISTATE_MAX_KEY_FILE, &pem, err);

	if (ret)
		return ret;
	ret = sdeistate_pub_parse(pem.data, pem.len, path, pub, err);
	sdeistate_buffer_free(&pem);
	return ret;
}
