// SPDX-License-Identifier: Apache-2.0
/*
 * Keys that never leave a PKCS#11 token. OpenSSL 3.0 reaches them through libp11's engine; its
 * engine interface is deprecated there, but what would replace it is not packaged everywhere yet.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "error_set.h"
#include "key.h"

#include <errno.h>
#include <openssl/engine.h>
#include <openssl/err.h>
#include <openssl/ui.h>
#include <openssl/x509.h>
#include <stdlib.h>

/* An engine's key has a form of its own; the public half becomes one like all others. */
static EVP_PKEY *public_half(EVP_PKEY *pkey)
{
	unsigned char *der = NULL;
	int len = i2d_PUBKEY(pkey, &der);
	const unsigned char *at = der;
	EVP_PKEY *public = len > 0 ? d2i_PUBKEY(NULL, &at, len) : NULL;

	OPENSSL_free(der);
	return public;
}

static int wrap(EVP_PKEY *pkey, const char *uri, struct sdeistate_key **key,
		struct sdeistate_error *err)
{
	struct sdeistate_key *made = calloc(1, sizeof(*made));
	EVP_PKEY *public;
	int ret;

	if (!made)
		return error_no_memory(err, uri);
	public = public_half(pkey);
	ret = public ? key_pub_wrap(public, NULL, uri, &made->pub, err)
		     : key_library_error(err, uri, "public key");
	EVP_PKEY_free(public);
	if (ret) {
		free(made);
		return ret;
	}
	EVP_PKEY_up_ref(pkey);
	made->pkey = pkey;
	*key = made;
	return 0;
}

static ENGINE *start_engine(void)
{
	ENGINE *engine;

	OPENSSL_init_crypto(OPENSSL_INIT_ENGINE_DYNAMIC, NULL);
	engine = ENGINE_by_id("pkcs11");
	/* It would print URIs, and the PINs in them, to stderr. */
	if (engine && (!ENGINE_ctrl_cmd_string(engine, "QUIET", NULL, 0) || !ENGINE_init(engine))) {
		ENGINE_free(engine);
		engine = NULL;
	}
	return engine;
}

/* Takes back both kinds of reference that start_engine() took. */
static void stop_engine(void *engine)
{
	ENGINE_finish(engine);
	ENGINE_free(engine);
}

int key_load_token(const char *uri, struct sdeistate_key **key, struct sdeistate_error *err)
{
	ENGINE *engine = start_engine();
	EVP_PKEY *pkey;
	int ret;

	if (!engine) {
		ERR_clear_error();
		return error_set(err, SDEISTATE_INCOMPATIBLE, -ENOTSUP, "PKCS#11 token", "engine",
				 "libp11's engine (libengine-pkcs11-openssl)|not installed");
	}
	/* A missing PIN is an error, not a question at a terminal. */
	pkey = ENGINE_load_private_key(engine, uri, (UI_METHOD *)(uintptr_t)UI_null(), NULL);
	if (pkey)
		ret = wrap(pkey, "PKCS#11 token", key, err);
	else
		ret = error_set(err, SDEISTATE_NO_KEY, -ENOKEY, "PKCS#11 token", "private key",
				"found with this URI and PIN|not");
	ERR_clear_error();
	EVP_PKEY_free(pkey);
	if (ret) {
		stop_engine(engine);
		return ret;
	}
	(*key)->token = engine;
	(*key)->token_release = stop_engine;
	return 0;
}
