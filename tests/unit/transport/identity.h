/* SPDX-License-Identifier: Apache-2.0 */
/*
 * identity.h - keys with self-signed certificates for a test, in a folder of their own
 */
#ifndef TESTS_UNIT_TRANSPORT_IDENTITY_H
#define TESTS_UNIT_TRANSPORT_IDENTITY_H

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct identity {
	char key[96], crt[96];
};

/* FOLDER/NAME.key and FOLDER/NAME.crt, valid from @from to @until seconds from now. */
static inline bool identity_make(struct identity *identity, const char *folder, const char *name,
				 long from, long until)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	X509 *crt = X509_new();
	FILE *file;
	bool done = false;

	snprintf(identity->key, sizeof(identity->key), "%s/%s.key", folder, name);
	snprintf(identity->crt, sizeof(identity->crt), "%s/%s.crt", folder, name);
	X509_set_version(crt, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(crt), 1);
	X509_gmtime_adj(X509_getm_notBefore(crt), from);
	X509_gmtime_adj(X509_getm_notAfter(crt), until);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(crt), "CN", MBSTRING_ASC,
				   (const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(crt, X509_get_subject_name(crt));
	X509_set_pubkey(crt, key);
	done = X509_sign(crt, key, NULL) > 0;
	file = fopen(identity->key, "w");
	done = file && done && PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1;
	if (file)
		fclose(file);
	chmod(identity->key, 0600);
	file = fopen(identity->crt, "w");
	done = file && done && PEM_write_X509(file, crt) == 1;
	if (file)
		fclose(file);
	X509_free(crt);
	EVP_PKEY_free(key);
	return done;
}

static inline void identity_remove(const struct identity *identity)
{
	unlink(identity->key);
	unlink(identity->crt);
}

#endif
