// SPDX-License-Identifier: Apache-2.0
#include "common/realm/anchors.h"

#include "common/cleanup.h"
#include "common/file.h"
#include "common/text.h"

#include <errno.h>
#include <string.h>

#define MAX_FILE (1u << 20)

static int bad(struct failure *failure, const char *path, const char *field, const char *expected)
{
	failure_set(failure, SDEISTATE_NO_KEY, -EINVAL, path, field, expected, "something else");
	failure->advice = "Name a file with the public key of a platform.";
	return -EINVAL;
}

static int add(struct anchors *anchors, const struct kvmcore_trust_anchor *anchor)
{
	struct kvmcore_trust_anchor *grown;

	if (anchors->n == ANCHORS_MAX)
		return -E2BIG;
	grown = reallocarray(anchors->anchor, anchors->n + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	anchors->anchor = grown;
	anchors->anchor[anchors->n++] = *anchor;
	return 0;
}

void anchors_free(struct anchors *anchors)
{
	free(anchors->anchor);
	*anchors = (struct anchors){ 0 };
}

/* RFC 7518 §6.2: both coordinates have the full length of the curve. */
static bool read_jwk(const json_t *jwk, struct kvmcore_public_key *key)
{
	const char *type = json_string_value(json_object_get(jwk, "kty"));
	const char *curve = json_string_value(json_object_get(jwk, "crv"));
	const char *x = json_string_value(json_object_get(jwk, "x"));
	const char *y = json_string_value(json_object_get(jwk, "y"));
	uint8_t point[KVMCORE_MAX_POINT] = { 4 };
	const size_t half = (sizeof(point) - 1) / 2;
	size_t nx, ny;

	return type && curve && x && y && !strcmp(type, "EC") &&
	       text_base64(x, point + 1, half, &nx) && text_base64(y, point + 1 + nx, half, &ny) &&
	       nx == ny && !kvmcore_public_key_from_point(point, 1 + nx + ny, key) &&
	       !strcmp(curve, kvmcore_curve_name(key->curve));
}

static bool read_id(const json_t *entry, const char *name, uint8_t *id, size_t size)
{
	const char *hex = json_string_value(json_object_get(entry, name));
	size_t len;

	return hex && text_bytes(hex, id, size, &len) && len == size;
}

/* {"pkey": JWK, "implementation-id": hex, "instance-id": hex}; ids may be absent together. */
static int add_entry(struct anchors *anchors, const json_t *entry, const char *path,
		     struct failure *failure)
{
	struct kvmcore_trust_anchor a = { 0 };

	if (!read_jwk(json_object_get(entry, "pkey"), &a.key))
		return bad(failure, path, "pkey", "an EC key as JWK");
	a.has_ids = json_object_get(entry, "implementation-id") ||
		    json_object_get(entry, "instance-id");
	if (a.has_ids && (!read_id(entry, "implementation-id", a.implementation_id,
				   sizeof(a.implementation_id)) ||
			  !read_id(entry, "instance-id", a.instance_id, sizeof(a.instance_id))))
		return bad(failure, path, "ids", "32 and 33 bytes in hex");
	return add(anchors, &a) ? failure_set(failure, SDEISTATE_OVER_LIMIT, -E2BIG, path,
					      "anchors", "at most 1024", "more")
				: 0;
}

static int add_json(struct anchors *anchors, const json_t *root, const char *path,
		    struct failure *failure)
{
	struct kvmcore_trust_anchor a = { 0 };
	const json_t *entry;
	size_t i;
	int ret = 0;

	if (json_is_object(root) && json_object_get(root, "pkey"))
		return add_entry(anchors, root, path, failure);
	if (json_is_object(root))
		return read_jwk(root, &a.key) && !add(anchors, &a)
			       ? 0
			       : bad(failure, path, NULL, "an EC JWK");
	if (!json_array_size(root))
		return bad(failure, path, NULL, "PEM, a JWK or a ta.json store");
	json_array_foreach((json_t *)(uintptr_t)root, i, entry)
	{
		ret = ret ? ret : add_entry(anchors, entry, path, failure);
	}
	return ret;
}

int anchors_load(const char *path, struct anchors *anchors, struct failure *failure)
{
	OWNED_MEMORY uint8_t *data = NULL;
	OWNED_JSON json_t *root = NULL;
	struct kvmcore_trust_anchor a = { 0 };
	size_t len;
	int ret = file_read(path, MAX_FILE, &data, &len, failure);

	if (ret)
		return ret;
	root = json_loadb((const char *)data, len, JSON_REJECT_DUPLICATES, NULL);
	if (root)
		return add_json(anchors, root, path, failure);
	if (kvmcore_public_key_from_pem(data, len, &a.key) || add(anchors, &a))
		return bad(failure, path, NULL, "PEM, a JWK or a ta.json store");
	return 0;
}

/* base64url without padding */
static json_t *coordinate(const uint8_t *bytes, size_t len)
{
	char text[BASE64_SIZE(66)];

	text_to_base64(bytes, len, text);
	text[strcspn(text, "=")] = '\0';
	for (char *c = text; *c; c++)
		*c = *c == '+' ? '-' : *c == '/' ? '_' : *c;
	return json_string(text);
}

json_t *anchors_jwk(const struct kvmcore_public_key *key)
{
	size_t half = (key->len - 1) / 2;

	return json_pack("{s:s, s:s, s:o, s:o}", "kty", "EC", "crv", kvmcore_curve_name(key->curve),
			 "x", coordinate(key->point + 1, half), "y",
			 coordinate(key->point + 1 + half, half));
}
