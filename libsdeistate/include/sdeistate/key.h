/* SPDX-License-Identifier: Apache-2.0 */
/*
 * key.h - keys: who signs, who is trusted, who can read
 *
 * The algorithm is a property of the key, never of a file or a message: Ed25519 (RFC 8032), ECDSA
 * P-256 with SHA-256, ECDSA P-384 with SHA-384 (FIPS 186-5). A key is named by its id, the SHA-256
 * of its SubjectPublicKeyInfo in DER (RFC 5280 §4.1). What is signed is always a message together
 * with its type, in the pre-authentication encoding of DSSE v1; docs/format.md, chapter 5.
 *
 * Every function that can fail takes the error object last and may be given NULL for it. Objects
 * are not locked: one thread at a time changes one; any number may read it.
 */
#ifndef SDEISTATE_KEY_H
#define SDEISTATE_KEY_H

#include <sdeistate/error.h>
#include <sdeistate/limits.h>
#include <sdeistate/record.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SDEISTATE_KEY_ID_SIZE 32u

enum sdeistate_key_type {
	SDEISTATE_KEY_ED25519 = 1,
	SDEISTATE_KEY_P256 = 2,
	SDEISTATE_KEY_P384 = 3,
};

struct sdeistate_key;   /* a private key, with its public half */
struct sdeistate_pub;   /* a public key; with the certificate it came in, if it did */
struct sdeistate_trust; /* a set of public keys */

/** sdeistate_key_type_name() - "ed25519", "p256", "p384"; NULL for another number */
SDEISTATE_API const char *sdeistate_key_type_name(enum sdeistate_key_type type);

/** sdeistate_key_type_find() - the type of that name; 0 if there is none */
SDEISTATE_API enum sdeistate_key_type sdeistate_key_type_find(const char *name);

/**
 * sdeistate_key_generate() - a new private key
 *
 * Return: 0, and *@key is the caller's to free; -EINVAL usage: unknown type; -ENOMEM; -EIO
 * internal: the cryptographic library failed.
 */
SDEISTATE_API int sdeistate_key_generate(enum sdeistate_key_type type, struct sdeistate_key **key,
					 struct sdeistate_error *err);

/**
 * sdeistate_key_load() - read a private key from a PEM file (PKCS#8, or SEC 1)
 * @path: a regular file, a symbolic link is refused; or a PKCS#11 URI (RFC 7512), e.g.
 *	"pkcs11:token=T;object=O;type=private?pin-source=/path", for a P-256 or P-384 key on a token. The
 *	module is the one of the environment variable PKCS11_MODULE_PATH, or p11-kit's.
 *
 * Return: 0; -errno of open() with reason io (-ELOOP for a link, -EINVAL for what is no regular file), or no-key where nothing is there;
 * -EPERM key-permissions: group or others may read or write it, or it belongs to somebody who is
 * neither this user nor root; -EFBIG over-limit; -EBADMSG damaged: no private key in it;
 * -ENOTSUP incompatible: a key of another kind, or an encrypted one, or no PKCS#11 engine; -ENOKEY no-key: none
 * on the token with that name and PIN; -ENOMEM; -EIO internal.
 */
SDEISTATE_API int sdeistate_key_load(const char *path, struct sdeistate_key **key,
				     struct sdeistate_error *err);

/**
 * sdeistate_key_save() - write PREFIX.key, PREFIX.pub and PREFIX.crt
 * @prefix: the three paths without their endings; no file of these names may exist
 * @name: common name of the self-signed certificate, 1 to 63 bytes
 * @days: its validity from now, 1 to 36500
 *
 * PREFIX.key is PKCS#8 PEM with mode 0600, the others are PEM with mode 0644. Each file is complete
 * or absent; on failure those already written are removed.
 * Return: 0; -EEXIST usage: one of them exists; -EINVAL usage; -errno io; -ENOMEM; -EIO internal.
 */
SDEISTATE_API int sdeistate_key_save(const struct sdeistate_key *key, const char *prefix,
				     const char *name, unsigned int days,
				     struct sdeistate_error *err);

/** sdeistate_key_free() - wipe and free; takes NULL; returns NULL */
SDEISTATE_API struct sdeistate_key *sdeistate_key_free(struct sdeistate_key *key);

/** sdeistate_key_pub() - the public half, borrowed from @key */
SDEISTATE_API const struct sdeistate_pub *sdeistate_key_pub(const struct sdeistate_key *key);

/**
 * sdeistate_pub_load() - read a public key from a PEM file: a public key or an X.509 certificate
 *
 * Of a certificate only the key is believed; its names, dates and issuer are not looked at.
 * Return: 0; -errno io (-EINVAL for what is no regular file), or no-key where nothing is there; -EFBIG over-limit;
 * -EBADMSG damaged; -ENOTSUP incompatible: a key of another kind; -ENOMEM; -EIO internal.
 */
SDEISTATE_API int sdeistate_pub_load(const char *path, struct sdeistate_pub **pub,
				     struct sdeistate_error *err);

/**
 * sdeistate_pub_parse() - the same from memory
 * @pem: @len bytes, at most SDEISTATE_MAX_KEY_FILE
 * @name: what to call it in errors; copied, may be NULL
 *
 * Return: as sdeistate_pub_load(), without io and no-key.
 */
SDEISTATE_API int sdeistate_pub_parse(const void *pem, size_t len, const char *name,
				      struct sdeistate_pub **pub, struct sdeistate_error *err);

/** sdeistate_pub_free() - takes NULL; returns NULL */
SDEISTATE_API struct sdeistate_pub *sdeistate_pub_free(struct sdeistate_pub *pub);

/** sdeistate_pub_id() - the id, SDEISTATE_KEY_ID_SIZE bytes borrowed from @pub */
SDEISTATE_API const uint8_t *sdeistate_pub_id(const struct sdeistate_pub *pub);

/** sdeistate_pub_type() - which algorithm it is for */
SDEISTATE_API enum sdeistate_key_type sdeistate_pub_type(const struct sdeistate_pub *pub);

/** sdeistate_pub_name() - where it came from: a file name or what the caller said; never NULL */
SDEISTATE_API const char *sdeistate_pub_name(const struct sdeistate_pub *pub);

/**
 * sdeistate_pub_pem() - the public key as PEM
 *
 * Return: 0, and @pem is the caller's to free; -ENOMEM; -EIO internal.
 */
SDEISTATE_API int sdeistate_pub_pem(const struct sdeistate_pub *pub, struct sdeistate_buffer *pem,
				    struct sdeistate_error *err);

/** sdeistate_trust_new() - an empty set; NULL without memory */
SDEISTATE_API struct sdeistate_trust *sdeistate_trust_new(void);

/**
 * sdeistate_trust_load() - the keys of a file, or of every *.pub, *.crt and *.pem of a directory
 *
 * An unreadable or damaged file in the directory fails the whole load: a set that is silently
 * smaller than its folder would hide a mistake. A folder's limits and rotations (trust.h) count.
 * Files of other names are not looked at.
 * Return: as sdeistate_trust_load_into(); -ENOENT nothing-to-verify: the directory holds no key; -E2BIG
 * over-limit: more than SDEISTATE_MAX_TRUST.
 */
SDEISTATE_API int sdeistate_trust_load(const char *path, struct sdeistate_trust **trust,
				       struct sdeistate_error *err);

/**
 * sdeistate_trust_add() - trust one more key
 *
 * @pub is shared, not copied: the set keeps a reference of its own, and the caller still frees his.
 * A key that is there already is not added twice.
 * Return: 0; -E2BIG over-limit; -ENOMEM.
 */
SDEISTATE_API int sdeistate_trust_add(struct sdeistate_trust *trust, struct sdeistate_pub *pub,
				      struct sdeistate_error *err);

/** sdeistate_trust_find() - the key of that id, borrowed from the set; NULL if it is not trusted */
SDEISTATE_API const struct sdeistate_pub *sdeistate_trust_find(
	const struct sdeistate_trust *trust, const uint8_t id[SDEISTATE_KEY_ID_SIZE]);

/** sdeistate_trust_count() - how many keys */
SDEISTATE_API size_t sdeistate_trust_count(const struct sdeistate_trust *trust);

/** sdeistate_trust_get() - the key at @i, borrowed; NULL beyond the last */
SDEISTATE_API const struct sdeistate_pub *sdeistate_trust_get(const struct sdeistate_trust *trust,
							      size_t i);

/** sdeistate_trust_free() - takes NULL; returns NULL */
SDEISTATE_API struct sdeistate_trust *sdeistate_trust_free(struct sdeistate_trust *trust);

/**
 * sdeistate_sign() - sign a message of a type
 * @type: what the message is, e.g. "sdei-migrate/hello"; 1 to SDEISTATE_MAX_TYPE bytes; a signature
 *	made for one type never holds for another
 * @message: @len bytes, at most SDEISTATE_MAX_MESSAGE
 *
 * Return: 0, and @signature is the caller's to free; -EINVAL usage; -ENOMEM; -EIO internal.
 */
SDEISTATE_API int sdeistate_sign(const struct sdeistate_key *key, const char *type,
				 const void *message, size_t len,
				 struct sdeistate_buffer *signature, struct sdeistate_error *err);

/**
 * sdeistate_verify() - was this message of this type signed by that key?
 *
 * Return: 0; -EKEYREJECTED bad-signature; -EINVAL usage; -ENOMEM; -EIO internal.
 */
SDEISTATE_API int sdeistate_verify(const struct sdeistate_pub *pub, const char *type,
				   const void *message, size_t len, const void *signature,
				   size_t signature_len, struct sdeistate_error *err);

/* The namespace of detached signatures; ssh-keygen -Y verify -n takes it. */
#define SDEISTATE_SSH_NAMESPACE "sdei-migrate"

/**
 * sdeistate_sshsig() - a detached signature over all bytes of a file, as OpenSSH makes them
 * @fd: read from where it stands to its end; borrowed
 * @armour: text for a .sig file; the caller's to free
 *
 * PROTOCOL.sshsig of OpenSSH, with SHA-512 over the file; docs/format.md, chapter 10.
 * Return: 0; -errno io; -ENOMEM; -EIO internal.
 */
SDEISTATE_API int sdeistate_sshsig(const struct sdeistate_key *key, int fd,
				   struct sdeistate_buffer *armour, struct sdeistate_error *err);

/**
 * sdeistate_ssh_signer() - a line for the allowed-signers file of ssh-keygen(1)
 * @principal: who that is; 1 to 63 printable bytes without space, quote and comma
 * @line: with its newline; the caller's to free
 *
 * Return: 0; -EINVAL usage; -ENOMEM; -EIO internal.
 */
SDEISTATE_API int sdeistate_ssh_signer(const struct sdeistate_pub *pub, const char *principal,
				       struct sdeistate_buffer *line, struct sdeistate_error *err);

#endif
