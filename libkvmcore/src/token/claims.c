// SPDX-License-Identifier: Apache-2.0
#include "token/claims.h"
#include "error_fill.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum claim_type {
	TYPE_BYTES,
	TYPE_ID, /* bytes, the first of them 01 */
	TYPE_TEXT,
	TYPE_HASH, /* text that names a hash algorithm */
	TYPE_UINT,
	TYPE_REMS,
	TYPE_COMPONENTS
};

/* Sizes a byte string may have; none: any. */
#define ANY_SIZE  \
	{         \
		0 \
	}
#define HASH_SIZES         \
	{                  \
		32, 48, 64 \
	}

struct claim {
	uint64_t key;
	const char *name;
	enum claim_type type;
	bool required;
	size_t sizes[3];
	size_t offset;         /* of the span or number */
	const char *values[2]; /* texts allowed; none: any but the empty one */
	uint64_t max;          /* TYPE_UINT */
};

#define REALM(member)     offsetof(struct kvmcore_realm_claims, member)
#define PLATFORM(member)  offsetof(struct kvmcore_platform_claims, member)
#define COMPONENT(member) offsetof(struct kvmcore_sw_component, member)

/* draft-ffm-rats-cca-token, realm claims; DEN0137 2.0 for 256 and 44243. */
static const struct claim realm_claims[] = {
	{ CLAIM_CHALLENGE, "challenge", TYPE_BYTES, true, { 64 }, REALM(challenge), { 0 }, 0 },
	{ CLAIM_PROFILE,
	  "profile",
	  TYPE_TEXT,
	  false,
	  ANY_SIZE,
	  REALM(profile),
	  { PROFILE_REALM_1_0, PROFILE_REALM_2_0 },
	  0 },
	{ CLAIM_INSTANCE_ID,
	  "realm instance id",
	  TYPE_ID,
	  false,
	  { 33 },
	  REALM(instance_id),
	  { 0 },
	  0 },
	{ CLAIM_RPV, "personalization value", TYPE_BYTES, true, { 64 }, REALM(rpv), { 0 }, 0 },
	{ CLAIM_HASH, "hash algorithm", TYPE_HASH, true, ANY_SIZE, REALM(hash), { 0 }, 0 },
	{ CLAIM_PUBLIC_KEY, "public key", TYPE_BYTES, true, ANY_SIZE, REALM(public_key), { 0 }, 0 },
	{ CLAIM_RIM, "initial measurement", TYPE_BYTES, true, HASH_SIZES, REALM(rim), { 0 }, 0 },
	{ CLAIM_REMS,
	  "extensible measurements",
	  TYPE_REMS,
	  true,
	  HASH_SIZES,
	  REALM(rem),
	  { 0 },
	  0 },
	{ CLAIM_PUBLIC_KEY_HASH,
	  "public key hash algorithm",
	  TYPE_HASH,
	  true,
	  ANY_SIZE,
	  REALM(public_key_hash),
	  { 0 },
	  0 },
	{ CLAIM_MEC_POLICY, "MEC policy", TYPE_UINT, false, ANY_SIZE, REALM(mec_policy), { 0 }, 1 },
};

/* The same draft, platform claims. */
static const struct claim platform_claims[] = {
	{ CLAIM_PROFILE,
	  "profile",
	  TYPE_TEXT,
	  true,
	  ANY_SIZE,
	  PLATFORM(profile),
	  { PROFILE_PLATFORM, PROFILE_PLATFORM_LEGACY },
	  0 },
	{ CLAIM_CHALLENGE,
	  "challenge",
	  TYPE_BYTES,
	  true,
	  HASH_SIZES,
	  PLATFORM(challenge),
	  { 0 },
	  0 },
	{ CLAIM_IMPLEMENTATION_ID,
	  "implementation id",
	  TYPE_BYTES,
	  true,
	  { 32 },
	  PLATFORM(implementation_id),
	  { 0 },
	  0 },
	{ CLAIM_INSTANCE_ID,
	  "instance id",
	  TYPE_ID,
	  true,
	  { 33 },
	  PLATFORM(instance_id),
	  { 0 },
	  0 },
	{ CLAIM_CONFIG, "config", TYPE_BYTES, true, ANY_SIZE, PLATFORM(config), { 0 }, 0 },
	{ CLAIM_LIFECYCLE,
	  "lifecycle",
	  TYPE_UINT,
	  true,
	  ANY_SIZE,
	  PLATFORM(lifecycle),
	  { 0 },
	  0xffff },
	{ CLAIM_PLATFORM_HASH,
	  "hash algorithm",
	  TYPE_HASH,
	  true,
	  ANY_SIZE,
	  PLATFORM(hash),
	  { 0 },
	  0 },
	{ CLAIM_SW_COMPONENTS,
	  "software components",
	  TYPE_COMPONENTS,
	  true,
	  ANY_SIZE,
	  0,
	  { 0 },
	  0 },
	{ CLAIM_SERVICE,
	  "verification service",
	  TYPE_TEXT,
	  false,
	  ANY_SIZE,
	  PLATFORM(service),
	  { 0 },
	  0 },
};

static const struct claim component_claims[] = {
	{ COMPONENT_TYPE, "component type", TYPE_TEXT, false, ANY_SIZE, COMPONENT(type), { 0 }, 0 },
	{ COMPONENT_MEASUREMENT,
	  "component measurement",
	  TYPE_BYTES,
	  true,
	  HASH_SIZES,
	  COMPONENT(measurement),
	  { 0 },
	  0 },
	{ COMPONENT_VERSION,
	  "component version",
	  TYPE_TEXT,
	  false,
	  ANY_SIZE,
	  COMPONENT(version),
	  { 0 },
	  0 },
	{ COMPONENT_SIGNER_ID,
	  "component signer id",
	  TYPE_BYTES,
	  true,
	  HASH_SIZES,
	  COMPONENT(signer_id),
	  { 0 },
	  0 },
	{ COMPONENT_HASH,
	  "component hash algorithm",
	  TYPE_TEXT,
	  false,
	  ANY_SIZE,
	  COMPONENT(hash),
	  { 0 },
	  0 },
};

struct reader {
	const char *object;
	struct kvmcore_error *err;
};

static int refuse(const struct reader *r, const struct claim *c, const char *expected,
		  const char *actual)
{
	char field[64];

	snprintf(field, sizeof(field), "%llu %s", (unsigned long long)c->key, c->name);
	return error_fill(r->err, -EPROTO, r->object, field, "%s|%s", expected, actual);
}

bool claims_is(struct kvmcore_span span, const char *text)
{
	return span.data && span.len == strlen(text) && !memcmp(span.data, text, span.len);
}

int claims_hash(struct kvmcore_span name, enum kvmcore_hash *hash)
{
	for (unsigned int i = 0; i < KVMCORE_NR_HASHES; i++)
		if (claims_is(name, kvmcore_hash_name((enum kvmcore_hash)i))) {
			*hash = (enum kvmcore_hash)i;
			return 0;
		}
	return -ENOENT;
}

static int read_bytes(const struct reader *r, const struct claim *c, const cbor_item_t *item,
		      struct kvmcore_span *span)
{
	char expected[64] = "", actual[32];
	bool fits = c->sizes[0] == 0;

	*span = tree_bytes(item);
	if (!span->data)
		return refuse(r, c, "a byte string", tree_type_name(item));
	for (unsigned int i = 0; i < 3 && c->sizes[i]; i++) {
		size_t n = strlen(expected);

		fits = fits || span->len == c->sizes[i];
		snprintf(expected + n, sizeof(expected) - n, "%s%zu",
			 n ? " or " : "bytes: ", c->sizes[i]);
	}
	snprintf(actual, sizeof(actual), "%zu bytes", span->len);
	if (!fits)
		return refuse(r, c, expected, actual);
	if (c->type == TYPE_ID && span->data[0] != 1)
		return refuse(r, c, "first byte 01", "another");
	return 0;
}

static int read_text(const struct reader *r, const struct claim *c, const cbor_item_t *item,
		     struct kvmcore_span *span)
{
	enum kvmcore_hash hash;

	*span = tree_text(item);
	if (!span->data)
		return refuse(r, c, "a text string", tree_type_name(item));
	if (!span->len)
		return refuse(r, c, "text", "nothing");
	if (c->type == TYPE_HASH && claims_hash(*span, &hash))
		return refuse(r, c, "sha-256, sha-384 or sha-512", "another name");
	if (c->values[0] && !claims_is(*span, c->values[0]) && !claims_is(*span, c->values[1]))
		return refuse(r, c, c->values[0], "another text");
	return 0;
}

static int read_uint(const struct reader *r, const struct claim *c, const cbor_item_t *item,
		     uint64_t *value)
{
	if (!cbor_isa_uint(item))
		return refuse(r, c, "an unsigned integer", tree_type_name(item));
	if (cbor_get_int(item) > c->max)
		return refuse(r, c, "a smaller number", "one out of range");
	*value = cbor_get_int(item);
	return 0;
}

static int read_rems(const struct reader *r, const struct claim *c, const cbor_item_t *item,
		     struct kvmcore_span *span)
{
	int ret = 0;

	if (!cbor_isa_array(item) || cbor_array_size(item) != KVMCORE_NR_REMS)
		return refuse(r, c, "an array of 4", tree_type_name(item));
	for (unsigned int i = 0; !ret && i < KVMCORE_NR_REMS; i++)
		ret = read_bytes(r, c, cbor_array_handle(item)[i], &span[i]);
	return ret;
}

static int read_components(const struct reader *r, const struct claim *c, const cbor_item_t *item,
			   struct kvmcore_platform_claims *claims);

static int read_claim(const struct reader *r, const struct claim *c, const cbor_item_t *item,
		      void *claims)
{
	void *to = (char *)claims + c->offset;

	switch (c->type) {
	case TYPE_BYTES:
	case TYPE_ID:
		return read_bytes(r, c, item, to);
	case TYPE_TEXT:
	case TYPE_HASH:
		return read_text(r, c, item, to);
	case TYPE_UINT:
		return read_uint(r, c, item, to);
	case TYPE_REMS:
		return read_rems(r, c, item, to);
	case TYPE_COMPONENTS:
		return read_components(r, c, item, claims);
	}
	return -EPROTO;
}

static int read_claims(const struct reader *r, const struct claim *table, size_t n,
		       const cbor_item_t *map, void *claims)
{
	if (!cbor_isa_map(map))
		return error_fill(r->err, -EPROTO, r->object, "", "a map of claims|%s",
				  tree_type_name(map));
	for (size_t i = 0; i < n; i++) {
		const cbor_item_t *item = tree_find(map, table[i].key);
		int ret = 0;

		if (item)
			ret = read_claim(r, &table[i], item, claims);
		else if (table[i].required)
			ret = refuse(r, &table[i], "a claim that is there", "nothing");
		if (ret)
			return ret;
	}
	return 0;
}

static int read_components(const struct reader *r, const struct claim *c, const cbor_item_t *item,
			   struct kvmcore_platform_claims *claims)
{
	size_t n = cbor_isa_array(item) ? cbor_array_size(item) : 0;
	int ret = 0;

	if (n == 0 || n > KVMCORE_MAX_SW_COMPONENTS)
		return refuse(r, c, "an array of 1 to 64", n ? "more" : tree_type_name(item));
	for (size_t i = 0; !ret && i < n; i++)
		ret = read_claims(r, component_claims,
				  sizeof(component_claims) / sizeof(component_claims[0]),
				  cbor_array_handle(item)[i], &claims->component[i]);
	claims->n_components = (unsigned int)n;
	return ret;
}

/* An unknown claim is neither a fault nor a match: it is told. */
static void find_unknown(const struct claim *table, size_t n, const cbor_item_t *map,
			 struct kvmcore_unknown_claims *unknown)
{
	const struct cbor_pair *pair = cbor_map_handle(map);

	for (size_t i = 0; i < cbor_map_size(map); i++) {
		uint64_t key = cbor_isa_uint(pair[i].key) ? cbor_get_int(pair[i].key) : UINT64_MAX;
		bool known = false;

		for (size_t k = 0; k < n; k++)
			known = known || table[k].key == key;
		if (known)
			continue;
		if (unknown->n < KVMCORE_MAX_UNKNOWN)
			unknown->key[unknown->n] = key;
		unknown->n++;
	}
}

int claims_read_realm(const cbor_item_t *map, struct kvmcore_realm_claims *claims,
		      struct kvmcore_error *err)
{
	const size_t n = sizeof(realm_claims) / sizeof(realm_claims[0]);
	const struct reader r = { "realm claims", err };
	struct kvmcore_realm_claims made = { 0 };
	int ret = read_claims(&r, realm_claims, n, map, &made);

	if (ret)
		return ret;
	made.has_mec_policy = tree_find(map, CLAIM_MEC_POLICY) != NULL;
	find_unknown(realm_claims, n, map, &made.unknown);
	*claims = made;
	return 0;
}

int claims_read_platform(const cbor_item_t *map, struct kvmcore_platform_claims *claims,
			 struct kvmcore_error *err)
{
	const size_t n = sizeof(platform_claims) / sizeof(platform_claims[0]);
	const struct reader r = { "platform claims", err };
	struct kvmcore_platform_claims made = { 0 };
	enum kvmcore_lifecycle lifecycle;
	int ret = read_claims(&r, platform_claims, n, map, &made);

	if (!ret && kvmcore_lifecycle(made.lifecycle, &lifecycle))
		ret = error_fill(err, -EPROTO, r.object, "2395 lifecycle",
				 "0x0000-0x00ff, 0x1000-0x10ff ... 0x6000-0x60ff|0x%llx",
				 (unsigned long long)made.lifecycle);
	if (ret)
		return ret;
	find_unknown(platform_claims, n, map, &made.unknown);
	*claims = made;
	return 0;
}

static const char *const lifecycle_names[KVMCORE_NR_LIFECYCLES] = {
	[KVMCORE_LIFECYCLE_UNKNOWN] = "unknown",
	[KVMCORE_LIFECYCLE_ASSEMBLY] = "assembly and test",
	[KVMCORE_LIFECYCLE_PROVISIONING] = "RoT provisioning",
	[KVMCORE_LIFECYCLE_SECURED] = "secured",
	[KVMCORE_LIFECYCLE_NON_PLATFORM_DEBUG] = "non-platform RoT debug",
	[KVMCORE_LIFECYCLE_RECOVERABLE_DEBUG] = "recoverable platform RoT debug",
	[KVMCORE_LIFECYCLE_DECOMMISSIONED] = "decommissioned",
};

/* Bits 15:12 are the state; 11:8 are zero; 7:0 are the implementation's. */
int kvmcore_lifecycle(uint64_t value, enum kvmcore_lifecycle *lifecycle)
{
	if (value >> 12 >= KVMCORE_NR_LIFECYCLES || value & 0xf00)
		return -EINVAL;
	*lifecycle = (enum kvmcore_lifecycle)(value >> 12);
	return 0;
}

const char *kvmcore_lifecycle_name(enum kvmcore_lifecycle lifecycle)
{
	return (unsigned int)lifecycle < KVMCORE_NR_LIFECYCLES ? lifecycle_names[lifecycle] : NULL;
}
