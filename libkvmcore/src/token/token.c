// SPDX-License-Identifier: Apache-2.0
#include "token/token.h"
#include "error_fill.h"
#include "token/claims.h"

#include <errno.h>
#include <stdlib.h>

/* The half of a collection under @key: bytes, or [263, bytes] in the newer envelope. */
static struct kvmcore_span find_half(const cbor_item_t *map, uint64_t key, int envelope)
{
	const cbor_item_t *item = tree_find(map, key);
	int64_t format;

	if (!item || envelope == KVMCORE_ENVELOPE_399)
		return tree_bytes(item);
	if (!cbor_isa_array(item) || cbor_array_size(item) != 2 ||
	    !tree_int(cbor_array_handle(item)[0], &format) || format != CONTENT_FORMAT_EAT)
		return tree_bytes(NULL);
	return tree_bytes(cbor_array_handle(item)[1]);
}

static int parse_realm(struct kvmcore_token *t, struct kvmcore_span payload,
		       struct kvmcore_error *err)
{
	int ret = tree_load(payload.data, payload.len, "realm claims", &t->realm_tree, err);

	if (!ret)
		ret = claims_read_realm(t->realm_tree, &t->realm, err);
	if (!ret)
		ret = key_from_claim(t->realm.public_key, &t->rak, err);
	t->has_rak = !ret;
	if (ret == -EINVAL) /* the form is right; that it signs nothing is the verifier's to say */
		ret = 0;
	t->has_realm = !ret;
	return ret;
}

static int parse_platform(struct kvmcore_token *t, struct kvmcore_span payload,
			  struct kvmcore_error *err)
{
	int ret = tree_load(payload.data, payload.len, "platform claims", &t->platform_tree, err);

	if (!ret)
		ret = claims_read_platform(t->platform_tree, &t->platform, err);
	t->has_platform = !ret;
	return ret;
}

static int parse_halves(struct kvmcore_token *t, const cbor_item_t *root, struct kvmcore_error *err)
{
	const cbor_item_t *map = tree_untag(root, KVMCORE_ENVELOPE_399);
	struct kvmcore_span platform, realm;
	int ret;

	t->envelope = map ? KVMCORE_ENVELOPE_399 : KVMCORE_ENVELOPE_907;
	if (!map)
		map = tree_untag(root, KVMCORE_ENVELOPE_907);
	if (!map || !cbor_isa_map(map))
		return error_fill(err, -EBADMSG, "token", "collection",
				  "a map under tag 399 or 907|%s", tree_type_name(root));
	platform = find_half(map, KEY_PLATFORM, t->envelope);
	realm = find_half(map, KEY_REALM, t->envelope);
	if (!platform.data || !realm.data)
		return error_fill(err, -EBADMSG, "token",
				  platform.data ? "44241 realm token" : "44234 platform token",
				  t->envelope == KVMCORE_ENVELOPE_399
					  ? "bytes|something else"
					  : "[263, bytes]|something else");
	ret = cose_parse(platform, "platform token", &t->platform_cose, err);
	if (!ret)
		ret = cose_parse(realm, "realm token", &t->realm_cose, err);
	if (!ret)
		ret = parse_platform(t, t->platform_cose.payload, err);
	if (!ret)
		ret = parse_realm(t, t->realm_cose.payload, err);
	return ret;
}

static int parse_collection(struct kvmcore_token *t, struct kvmcore_span bytes,
			    struct kvmcore_error *err)
{
	tree_cleanup cbor_item_t *root = NULL;
	int ret = tree_load(bytes.data, bytes.len, "token", &root, err);

	return ret ? ret : parse_halves(t, root, err);
}

typedef int parse_token(struct kvmcore_token *t, struct kvmcore_span bytes,
			struct kvmcore_error *err);

static int parse(parse_token *how, const void *data, size_t len, struct kvmcore_token **token,
		 struct kvmcore_error *err)
{
	struct kvmcore_span bytes = { data, len };
	struct kvmcore_token *made;
	int ret;

	if (len > KVMCORE_TOKEN_MAX)
		return error_fill(err, -E2BIG, "token", "size", "at most %u bytes|%zu",
				  KVMCORE_TOKEN_MAX, len);
	made = calloc(1, sizeof(*made));
	if (!made)
		return error_fill(err, -ENOMEM, "token", "", "memory");
	ret = how(made, bytes, err);
	if (ret)
		kvmcore_token_destroy(made);
	else
		*token = made;
	return ret;
}

int kvmcore_token_parse(const void *data, size_t len, struct kvmcore_token **token,
			struct kvmcore_error *err)
{
	return parse(parse_collection, data, len, token, err);
}

int kvmcore_token_parse_realm(const void *data, size_t len, struct kvmcore_token **token,
			      struct kvmcore_error *err)
{
	return parse(parse_realm, data, len, token, err);
}

int kvmcore_token_parse_platform(const void *data, size_t len, struct kvmcore_token **token,
				 struct kvmcore_error *err)
{
	return parse(parse_platform, data, len, token, err);
}

struct kvmcore_token *kvmcore_token_destroy(struct kvmcore_token *t)
{
	if (t) {
		cose_close(&t->platform_cose);
		cose_close(&t->realm_cose);
		tree_free(&t->platform_tree);
		tree_free(&t->realm_tree);
		free(t);
	}
	return NULL;
}

const struct kvmcore_realm_claims *kvmcore_token_realm(const struct kvmcore_token *t)
{
	return t->has_realm ? &t->realm : NULL;
}

const struct kvmcore_platform_claims *kvmcore_token_platform(const struct kvmcore_token *t)
{
	return t->has_platform ? &t->platform : NULL;
}

int kvmcore_token_envelope(const struct kvmcore_token *t)
{
	return t->envelope;
}

void kvmcore_token_algorithms(const struct kvmcore_token *t, int *platform, int *realm)
{
	*platform = t->platform_cose.algorithm;
	*realm = t->realm_cose.algorithm;
}
