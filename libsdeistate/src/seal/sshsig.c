// SPDX-License-Identifier: Apache-2.0
/* Signatures and keys in the wire forms of OpenSSH: PROTOCOL.sshsig, RFC 4251 §5, RFC 5656, RFC 8709. */
#include "error_set.h"
#include "file.h"
#include "key.h"
#include "sign.h"
#include "spool.h"
#include "util.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#define LINE     70u /* of armour, as ssh-keygen breaks it */
#define MAX_BLOB 1024u

static const char preamble[6] = { 'S', 'S', 'H', 'S', 'I', 'G' };
static const char hash[] = "sha512";

static const struct {
	enum sdeistate_key_type type;
	const char *name, *curve;
} wire[] = {
	{ SDEISTATE_KEY_ED25519, "ssh-ed25519", NULL },
	{ SDEISTATE_KEY_P256, "ecdsa-sha2-nistp256", "nistp256" },
	{ SDEISTATE_KEY_P384, "ecdsa-sha2-nistp384", "nistp384" },
};

/* Bytes in the making. A step that failed is remembered, so that only the end is asked. */
struct blob {
	uint8_t bytes[MAX_BLOB];
	size_t len;
	bool failed;
};

static void put(struct blob *blob, const void *bytes, size_t len)
{
	if (len > sizeof(blob->bytes) - blob->len) {
		blob->failed = true;
		return;
	}
	if (len)
		memcpy(blob->bytes + blob->len, bytes, len);
	blob->len += len;
}

static void put_u32(struct blob *blob, size_t value)
{
	const uint8_t bytes[4] = { (uint8_t)(value >> 24), (uint8_t)(value >> 16),
				   (uint8_t)(value >> 8), (uint8_t)value };

	put(blob, bytes, sizeof(bytes));
}

static void put_string(struct blob *blob, const void *bytes, size_t len)
{
	put_u32(blob, len);
	put(blob, bytes, len);
}

static void put_text(struct blob *blob, const char *text)
{
	put_string(blob, text, strlen(text));
}

static size_t row_of(const struct sdeistate_pub *pub)
{
	size_t i = 0;

	while (wire[i].type != pub->type)
		i++;
	return i;
}

static void put_public(struct blob *blob, const struct sdeistate_pub *pub)
{
	size_t row = row_of(pub), len = MAX_BLOB;
	uint8_t bytes[MAX_BLOB];

	put_text(blob, wire[row].name);
	if (wire[row].curve) {
		put_text(blob, wire[row].curve);
		if (!EVP_PKEY_get_octet_string_param(pub->pkey, OSSL_PKEY_PARAM_PUB_KEY, bytes,
						     sizeof(bytes), &len))
			blob->failed = true;
	} else if (!EVP_PKEY_get_raw_public_key(pub->pkey, bytes, &len)) {
		blob->failed = true;
	}
	if (!blob->failed)
		put_string(blob, bytes, len);
}

static void put_mpint(struct blob *blob, const BIGNUM *number)
{
	uint8_t bytes[128];
	int len = BN_bn2mpi(number, NULL);

	if (len < 0 || len > (int)sizeof(bytes)) {
		blob->failed = true;
		return;
	}
	BN_bn2mpi(number, bytes); /* brings its own length */
	put(blob, bytes, (size_t)len);
}

static void put_ecdsa(struct blob *blob, const struct sdeistate_buffer *der)
{
	const unsigned char *at = der->data;
	ECDSA_SIG *signature = d2i_ECDSA_SIG(NULL, &at, (long)der->len);
	struct blob pair = { .len = 0 };

	if (!signature) {
		blob->failed = true;
		return;
	}
	put_mpint(&pair, ECDSA_SIG_get0_r(signature));
	put_mpint(&pair, ECDSA_SIG_get0_s(signature));
	blob->failed |= pair.failed;
	put_string(blob, pair.bytes, pair.len);
	ECDSA_SIG_free(signature);
}

static int hash_file(int fd, uint8_t digest[EVP_MAX_MD_SIZE], unsigned int *len,
		     struct sdeistate_error *err)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	uint8_t piece[16 << 10];
	ssize_t got = -ENOMEM;

	if (context && EVP_DigestInit_ex(context, EVP_sha512(), NULL))
		while ((got = file_read_some(fd, piece, sizeof(piece))) > 0)
			EVP_DigestUpdate(context, piece, (size_t)got);
	if (!got)
		EVP_DigestFinal_ex(context, digest, len);
	EVP_MD_CTX_free(context);
	if (got == -ENOMEM)
		return error_no_memory(err, "detached signature");
	if (got < 0)
		error_set(err, SDEISTATE_IO, (int)got, "file to sign", "", "to be readable|%s",
			  strerror((int)-got));
	return (int)got;
}

static int sign_hash(const struct sdeistate_key *key, const uint8_t *digest, unsigned int len,
		     struct blob *signature, struct sdeistate_error *err)
{
	struct sdeistate_buffer made;
	struct blob message = { .len = 0 };
	size_t row = row_of(key->pub);
	int ret;

	put(&message, preamble, sizeof(preamble));
	put_text(&message, SDEISTATE_SSH_NAMESPACE);
	put_text(&message, "");
	put_text(&message, hash);
	put_string(&message, digest, len);
	ret = sign_raw(key, &(struct sdeistate_buffer){ message.bytes, message.len }, &made, err);
	if (ret)
		return ret;
	put_text(signature, wire[row].name);
	if (wire[row].curve)
		put_ecdsa(signature, &made);
	else
		put_string(signature, made.data, made.len);
	sdeistate_buffer_free(&made);
	return 0;
}

static int put_armour(const struct blob *blob, struct spool *out, struct sdeistate_error *err)
{
	static const char begin[] = "-----BEGIN SSH SIGNATURE-----\n";
	static const char end[] = "-----END SSH SIGNATURE-----\n";
	uint8_t text[(MAX_BLOB + 2) / 3 * 4 + 1];
	size_t len = (size_t)EVP_EncodeBlock(text, blob->bytes, (int)blob->len);
	int ret = spool_write(out, begin, strlen(begin), err);

	for (size_t at = 0; at < len && !ret; at += LINE) {
		ret = spool_write(out, text + at, len - at < LINE ? len - at : LINE, err);
		ret = ret ? ret : spool_write(out, "\n", 1, err);
	}
	return ret ? ret : spool_write(out, end, strlen(end), err);
}

static int finish(struct spool *out, int ret, struct sdeistate_buffer *text)
{
	if (ret)
		spool_close(out);
	else
		*text = (struct sdeistate_buffer){ out->bytes, (size_t)out->len };
	return ret;
}

int sdeistate_sshsig(const struct sdeistate_key *key, int fd, struct sdeistate_buffer *armour,
		     struct sdeistate_error *err)
{
	struct blob signature = { .len = 0 }, public = { .len = 0 }, all = { .len = 0 };
	uint8_t digest[EVP_MAX_MD_SIZE];
	struct spool out = { .fd = -1 };
	unsigned int len;
	int ret = hash_file(fd, digest, &len, err);

	ret = ret ? ret : sign_hash(key, digest, len, &signature, err);
	if (ret)
		return ret;
	put_public(&public, key->pub);
	put(&all, preamble, sizeof(preamble));
	put_u32(&all, 1); /* SIG_VERSION */
	put_string(&all, public.bytes, public.len);
	put_text(&all, SDEISTATE_SSH_NAMESPACE);
	put_text(&all, "");
	put_text(&all, hash);
	put_string(&all, signature.bytes, signature.len);
	if (public.failed || signature.failed || all.failed)
		return key_library_error(err, key->pub->name, "SSH signature");
	return finish(&out, put_armour(&all, &out, err), armour);
}

static int check_principal(const char *principal, struct sdeistate_error *err)
{
	size_t len = strlen(principal);

	for (size_t i = 0; i < len; i++)
		if (principal[i] <= ' ' || principal[i] > '~' || strchr("\",", principal[i]))
			len = 0;
	if (len && len <= SDEISTATE_MAX_NAME)
		return 0;
	return error_set(err, SDEISTATE_USAGE, -EINVAL, "allowed signer", "principal",
			 "1 to %u printable bytes without space, quote and comma|%s",
			 SDEISTATE_MAX_NAME, principal);
}

int sdeistate_ssh_signer(const struct sdeistate_pub *pub, const char *principal,
			 struct sdeistate_buffer *line, struct sdeistate_error *err)
{
	static const char middle[] = " namespaces=\"" SDEISTATE_SSH_NAMESPACE "\" ";
	const char *name = wire[row_of(pub)].name;
	uint8_t text[(MAX_BLOB + 2) / 3 * 4 + 1];
	struct blob public = { .len = 0 };
	struct spool out = { .fd = -1 };
	int ret = check_principal(principal, err), len;

	if (ret)
		return ret;
	put_public(&public, pub);
	if (public.failed)
		return key_library_error(err, pub->name, "SSH public key");
	len = EVP_EncodeBlock(text, public.bytes, (int)public.len);
	ret = spool_write(&out, principal, strlen(principal), err);
	ret = ret ? ret : spool_write(&out, middle, strlen(middle), err);
	ret = ret ? ret : spool_write(&out, name, strlen(name), err);
	ret = ret ? ret : spool_write(&out, " ", 1, err);
	ret = ret ? ret : spool_write(&out, text, (size_t)len, err);
	ret = ret ? ret : spool_write(&out, "\n", 1, err);
	return finish(&out, ret, line);
}
