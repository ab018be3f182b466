// SPDX-License-Identifier: Apache-2.0
#include "token/cose.h"
#include "error_fill.h"
#include "token/writer.h"

#include <errno.h>

/* libcbor before 0.10 does not know tags 6 to 20 in their one-byte form. */
#define TAG_SIGN1_BYTE 0xd2
#define TAG_SIGN1      18
#define HEADER_ALG     1
#define HEADER_CRIT    2

/* An empty protected header would leave the algorithm to an unsigned place: refused. */
static int parse_protected(struct cose *c, const char *object, struct kvmcore_error *err)
{
	tree_cleanup cbor_item_t *map = NULL;
	int64_t algorithm = 0;
	int ret = tree_load(c->protected.data, c->protected.len, object, &map, err);

	if (ret)
		return ret;
	if (!cbor_isa_map(map) || !tree_int(tree_find_int(map, HEADER_ALG), &algorithm))
		return error_fill(err, -EBADMSG, object, "protected header", "{1: algorithm}|%s",
				  tree_type_name(map));
	if (tree_find_int(map, HEADER_CRIT))
		return error_fill(err, -EOPNOTSUPP, object, "protected header",
				  "no critical headers|some");
	if (key_for_cose(algorithm, &c->curve))
		return error_fill(err, -EOPNOTSUPP, object, "algorithm",
				  "-7 ES256, -35 ES384 or -36 ES512|%lld", (long long)algorithm);
	c->algorithm = (int)algorithm;
	return 0;
}

int cose_parse(struct kvmcore_span bytes, const char *object, struct cose *cose,
	       struct kvmcore_error *err)
{
	struct cose made = { 0 };
	const cbor_item_t *array;
	cbor_item_t **part = NULL;
	bool short_tag = bytes.len && bytes.data[0] == TAG_SIGN1_BYTE;
	int ret = tree_load(bytes.data + short_tag, bytes.len - short_tag, object, &made.tree, err);

	if (ret)
		return ret;
	array = short_tag ? made.tree : tree_untag(made.tree, TAG_SIGN1);
	if (array && cbor_isa_array(array) && cbor_array_size(array) == 4) {
		part = cbor_array_handle(array);
		made.protected = tree_bytes(part[0]);
		made.payload = tree_bytes(part[2]);
		made.signature = tree_bytes(part[3]);
	}
	if (!made.protected.data || !made.payload.data || !made.signature.data || !part ||
	    !cbor_isa_map(part[1]))
		ret = error_fill(err, -EBADMSG, object, "COSE_Sign1",
				 "18([bytes, map, bytes, bytes])|%s", tree_type_name(made.tree));
	if (!ret)
		ret = parse_protected(&made, object, err);
	if (!ret && made.signature.len != 2 * key_coordinate(made.curve))
		ret = error_fill(err, -EBADMSG, object, "signature", "%zu bytes|%zu bytes",
				 2 * key_coordinate(made.curve), made.signature.len);
	if (ret)
		cose_close(&made);
	else
		*cose = made;
	return ret;
}

void cose_close(struct cose *cose)
{
	tree_free(&cose->tree);
	*cose = (struct cose){ 0 };
}

/* Sig_structure: what a signature is made over, without external data. */
static void write_signed(struct writer *w, struct kvmcore_span protected,
			 struct kvmcore_span payload)
{
	static const char context[] = "Signature1";

	write_array(w, 4);
	write_text(w, context, sizeof(context) - 1);
	write_bytes(w, protected.data, protected.len);
	write_bytes(w, NULL, 0);
	write_bytes(w, payload.data, payload.len);
}

int cose_verify(const struct cose *cose, const struct kvmcore_public_key *key)
{
	writer_cleanup struct writer w = { 0 };

	if (key->curve != cose->curve)
		return -EKEYREJECTED;
	write_signed(&w, cose->protected, cose->payload);
	return w.failed ? -ENOMEM : key_verify(key, w.data, w.len, cose->signature);
}

int cose_build(const struct kvmcore_signing_key *key, struct kvmcore_span payload, uint8_t **data,
	       size_t *len)
{
	writer_cleanup struct writer header = { 0 }, to_sign = { 0 }, w = { 0 };
	uint8_t signature[KEY_MAX_SIGNATURE];
	struct kvmcore_span protected;
	int ret;

	write_map(&header, 1);
	write_int(&header, HEADER_ALG);
	write_int(&header, key_cose(key->public.curve));
	protected = (struct kvmcore_span){ header.data, header.len };
	write_signed(&to_sign, protected, payload);
	if (header.failed || to_sign.failed)
		return -ENOMEM;
	ret = key_sign(key, to_sign.data, to_sign.len, signature);
	if (ret)
		return ret;
	write_tag(&w, TAG_SIGN1);
	write_array(&w, 4);
	write_bytes(&w, protected.data, protected.len);
	write_map(&w, 0);
	write_bytes(&w, payload.data, payload.len);
	write_bytes(&w, signature, 2 * key_coordinate(key->public.curve));
	return writer_take(&w, data, len);
}
