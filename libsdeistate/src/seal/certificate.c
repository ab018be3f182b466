// SPDX-License-Identifier: Apache-2.0
#include "key.h"
#include "util.h"

#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <string.h>

/* What a certificate of ours says beside the key (RFC 5280 §4.2.1). */
static const struct {
	int nid;
	const char *value;
	bool only_ec; /* an Ed25519 key signs and does nothing else */
} extensions[] = {
	{ NID_basic_constraints, "critical,CA:FALSE", false },
	{ NID_key_usage, "critical,digitalSignature", false },
	{ NID_key_usage, "critical,digitalSignature,keyAgreement", true },
	{ NID_subject_key_identifier, "hash", false },
};

static bool add_extensions(X509 *certificate, bool ec)
{
	X509V3_CTX context;

	X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
	for (size_t i = 0; i < ARRAY_SIZE(extensions); i++) {
		X509_EXTENSION *extension;
		bool added;

		if (extensions[i].nid == NID_key_usage && extensions[i].only_ec != ec)
			continue;
		extension =
			X509V3_EXT_conf_nid(NULL, &context, extensions[i].nid, extensions[i].value);
		added = extension && X509_add_ext(certificate, extension, -1);
		X509_EXTENSION_free(extension);
		if (!added)
			return false;
	}
	return true;
}

static bool set_serial(X509 *certificate)
{
	unsigned char bytes[16];
	BIGNUM *number;
	bool set;

	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		return false;
	bytes[0] = (bytes[0] & 0x7f) | 0x40; /* positive, and always as long */
	number = BN_bin2bn(bytes, sizeof(bytes), NULL);
	set = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
	BN_free(number);
	return set;
}

static bool set_names(X509 *certificate, const char *name)
{
	X509_NAME *subject = X509_get_subject_name(certificate);

	return X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name,
					  -1, -1, 0) &&
	       X509_set_issuer_name(certificate, subject);
}

X509 *key_certificate(EVP_PKEY *pkey, enum sdeistate_key_type type, const char *name,
		      unsigned int days)
{
	const struct key_type *row = key_type_row(type);
	X509 *certificate = X509_new();
	const EVP_MD *digest = NULL;

	if (row->digest)
		digest = EVP_get_digestbyname(row->digest);
	if (certificate && X509_set_version(certificate, X509_VERSION_3) &&
	    set_serial(certificate) && set_names(certificate, name) &&
	    X509_gmtime_adj(X509_getm_notBefore(certificate), 0) &&
	    X509_time_adj_ex(X509_getm_notAfter(certificate), (int)days, 0, NULL) &&
	    X509_set_pubkey(certificate, pkey) &&
	    add_extensions(certificate, type != SDEISTATE_KEY_ED25519) &&
	    X509_sign(certificate, pkey, digest))
		return certificate;
	X509_free(certificate);
	return NULL;
}
