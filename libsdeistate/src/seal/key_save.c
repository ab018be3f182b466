// SPDX-License-Identifier: Apache-2.0
#include "error_set.h"
#include "key.h"
#include "util.h"

#include <errno.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <sdeistate/seal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum part { PRIVATE, PUBLIC, CERTIFICATE, N_PARTS };

static const struct {
	const char *ending;
	unsigned int mode;
} parts[N_PARTS] = {
	[PRIVATE] = { "key", 0600 },
	[PUBLIC] = { "pub", 0644 },
	[CERTIFICATE] = { "crt", 0644 },
};

static bool write_part(BIO *bio, enum part part, const struct sdeistate_key *key, const char *name,
		       unsigned int days)
{
	X509 *certificate;
	bool written;

	if (part == PRIVATE)
		return PEM_write_bio_PKCS8PrivateKey(bio, key->pkey, NULL, NULL, 0, NULL, NULL);
	if (part == PUBLIC)
		return PEM_write_bio_PUBKEY(bio, key->pkey);
	certificate = key_certificate(key->pkey, key->pub->type, name, days);
	written = certificate && PEM_write_bio_X509(bio, certificate);
	X509_free(certificate);
	return written;
}

static int save_part(const struct sdeistate_key *key, enum part part, const char *path,
		     const char *name, unsigned int days, struct sdeistate_error *err)
{
	BIO *bio = BIO_new(BIO_s_secmem());
	char *pem;
	long len;
	int ret;

	if (!bio)
		return error_no_memory(err, path);
	if (write_part(bio, part, key, name, days)) {
		len = BIO_get_mem_data(bio, &pem);
		ret = sdeistate_write_file(path, pem, (size_t)len, parts[part].mode, false, err);
		OPENSSL_cleanse(pem, (size_t)len);
	} else {
		ret = key_library_error(err, path, "PEM");
	}
	BIO_free(bio);
	return ret;
}

int sdeistate_key_save(const struct sdeistate_key *key, const char *prefix, const char *name,
		       unsigned int days, struct sdeistate_error *err)
{
	char path[N_PARTS][PATH_MAX];
	size_t name_len = strlen(name);
	int ret = 0, part;

	if (!name_len || name_len > SDEISTATE_MAX_NAME)
		return error_set(err, SDEISTATE_USAGE, -EINVAL, prefix, "name", "1 to %u bytes|%zu",
				 SDEISTATE_MAX_NAME, name_len);
	if (!days || days > 36500)
		return error_set(err, SDEISTATE_USAGE, -EINVAL, prefix, "days", "1 to 36500|%u",
				 days);
	for (part = 0; part < N_PARTS; part++)
		if (snprintf(path[part], sizeof(path[part]), "%s.%s", prefix, parts[part].ending) >=
		    (int)sizeof(path[part]))
			return error_set(err, SDEISTATE_USAGE, -EINVAL, "prefix", "length",
					 "less than %d bytes|%zu", PATH_MAX, strlen(prefix));
	for (part = 0; part < N_PARTS && !ret; part++)
		ret = save_part(key, (enum part)part, path[part], name, days, err);
	if (ret)
		for (part -= 2; part >= 0; part--)
			unlink(path[part]);
	return ret;
}

int sdeistate_pub_pem(const struct sdeistate_pub *pub, struct sdeistate_buffer *pem,
		      struct sdeistate_error *err)
{
	BIO *bio = BIO_new(BIO_s_mem());
	struct sdeistate_buffer made;
	char *text;
	int ret = 0;

	if (!bio)
		return error_no_memory(err, pub->name);
	if (PEM_write_bio_PUBKEY(bio, pub->pkey)) {
		made.len = (size_t)BIO_get_mem_data(bio, &text);
		made.data = malloc(made.len);
		if (made.data) {
			memcpy(made.data, text, made.len);
			*pem = made;
		} else {
			ret = error_no_memory(err, pub->name);
		}
	} else {
		ret = key_library_error(err, pub->name, "PEM");
	}
	BIO_free(bio);
	return ret;
}
