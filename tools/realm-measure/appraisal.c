// SPDX-License-Identifier: Apache-2.0
#include "appraisal.h"

#include "common/cleanup.h"
#include "common/file.h"
#include "common/number.h"
#include "common/text.h"

#include <errno.h>
#include <string.h>

#define MAX_FILE   (16u << 20)
#define MAX_ACTUAL 256u

/* Equal, or equal but for zeros that fill @want up to 64 bytes. */
static bool matches(struct kvmcore_span have, const uint8_t *want, size_t len)
{
	if (!have.data || len < have.len || memcmp(have.data, want, have.len) != 0)
		return false;
	for (size_t i = have.len; i < len; i++)
		if (want[i])
			return false;
	return len == have.len || len == 64;
}

void appraise_not_compared(struct appraisal *a, const char *name, struct kvmcore_span actual)
{
	char have[2 * MAX_ACTUAL + 1] = "";

	if (actual.data && actual.len <= MAX_ACTUAL)
		hex_text(actual.data, actual.len, have);
	json_object_set_new(a->verdicts, name,
			    json_pack("{s:s, s:s}", "verdict", "not compared", "actual", have));
}

static void differs(struct appraisal *a, const char *name, const char *expected, const char *actual)
{
	if (!a->failure->reason)
		failure_set(a->failure, SDEISTATE_DIFFERS, -EINVAL, "realm", name, expected,
			    actual);
}

static void set_verdict(struct appraisal *a, const char *name, bool holds, const char *expected,
			const char *actual)
{
	json_object_set_new(a->verdicts, name,
			    json_pack("{s:s, s:s, s:s}", "verdict", holds ? "match" : "differs",
				      "expected", expected, "actual", actual));
}

static void record(struct appraisal *a, const char *name, bool holds, const char *expected,
		   const char *actual)
{
	a->compared++;
	set_verdict(a, name, holds, expected, actual);
	if (!holds)
		differs(a, name, expected, actual);
}

int appraise_hex(struct appraisal *a, const char *name, struct kvmcore_span actual, const char *hex)
{
	char have[2 * MAX_ACTUAL + 1] = "";
	uint8_t want[64];
	size_t len;

	if (!hex)
		return 0;
	if (!text_bytes(hex, want, sizeof(want), &len) || (len != 32 && len != 48 && len != 64))
		return failure_set(a->failure, SDEISTATE_USAGE, -EINVAL, "expectation", name,
				   "hex of 32, 48 or 64 bytes", hex);
	if (actual.data && actual.len <= MAX_ACTUAL)
		hex_text(actual.data, actual.len, have);
	record(a, name, matches(actual, want, len), hex, have);
	return 0;
}

int appraise_padded(struct appraisal *a, const char *name, struct kvmcore_span actual,
		    const char *hex)
{
	char padded[129];
	size_t n = hex ? strlen(hex) : 0;

	if (!hex)
		return 0;
	if (!n || n > 128 || n % 2)
		return failure_set(a->failure, SDEISTATE_USAGE, -EINVAL, "expectation", name,
				   "hex of 1 to 64 bytes", hex);
	memset(padded, '0', 128);
	memcpy(padded, hex, n);
	padded[128] = '\0';
	return appraise_hex(a, name, actual, padded);
}

int appraise_text(struct appraisal *a, const char *name, struct kvmcore_span actual,
		  const char *expected)
{
	char have[64] = "";

	if (!expected)
		return 0;
	if (actual.data && actual.len < sizeof(have))
		memcpy(have, actual.data, actual.len);
	record(a, name, !strcmp(have, expected), expected, have);
	return 0;
}

void appraise_verdict(struct appraisal *a, const char *name, const char *verdict)
{
	json_object_set_new(a->verdicts, name, json_pack("{s:s}", "verdict", verdict));
}

/* --- Replays ---------------------------------------------------------------------------------------- */

/* The extends of one register, from zero on, until @want comes out. Return: how many; -1: it never does */
static long count_extends(const struct sdeistate_realm *realm, uint32_t index, const uint8_t *want,
			  size_t len, long *all)
{
	const size_t size = sdeistate_realm_hash_size(realm->hash);
	struct kvmcore_digest rem = { { 0 } };
	long found = matches((struct kvmcore_span){ rem.bytes, size }, want, len) ? 0 : -1;

	*all = 0;
	for (uint32_t i = 0; i < realm->n_extends; i++) {
		const struct kvmcore_realm_extend *extend = &realm->extend[i];

		if (extend->index != index)
			continue;
		if (kvmcore_rem_extend((enum kvmcore_hash)realm->hash, extend->value, extend->size,
				       &rem))
			return -1;
		++*all;
		if (found < 0 && matches((struct kvmcore_span){ rem.bytes, size }, want, len))
			found = *all;
	}
	return found;
}

void appraise_replay(struct appraisal *a, const struct sdeistate_realm *realm)
{
	for (uint32_t i = 0; realm->has_extends && i < KVMCORE_NR_REMS; i++) {
		char name[8], text[64];
		json_t *verdict;
		const char *hex;
		uint8_t want[64];
		long found, all;
		size_t len;

		snprintf(name, sizeof(name), "REM%u", i);
		verdict = json_object_get(a->verdicts, name);
		hex = json_string_value(json_object_get(verdict, "expected"));
		if (!hex || !text_bytes(hex, want, sizeof(want), &len))
			continue;
		found = count_extends(realm, i + 1, want, len, &all);
		if (found < 0)
			snprintf(text, sizeof(text), "none of %ld extends", all);
		else
			snprintf(text, sizeof(text), "%ld of %ld extends", found, all);
		json_object_set_new(verdict, "replay", json_string(text));
	}
}

/* --- Stores ---------------------------------------------------------------------------------------- */

/* An absent member asks for nothing. */
static bool member_matches(const json_t *entry, const char *name, struct kvmcore_span have)
{
	const char *hex = json_string_value(json_object_get(entry, name));
	uint8_t want[64];
	size_t len;

	if (!json_object_get(entry, name))
		return true;
	return hex && text_bytes(hex, want, sizeof(want), &len) && matches(have, want, len);
}

static bool rems_match(const json_t *entry, const struct realm_facts *facts)
{
	const json_t *rems = json_object_get(entry, "extensible-measurements");
	uint8_t want[64];
	size_t len;

	if (!rems)
		return true;
	if (json_array_size(rems) != KVMCORE_NR_REMS)
		return false;
	for (size_t i = 0; i < KVMCORE_NR_REMS; i++) {
		const char *hex = json_string_value(json_array_get(rems, i));

		if (!hex || !text_bytes(hex, want, sizeof(want), &len) ||
		    !matches(facts->rem[i], want, len))
			return false;
	}
	return true;
}

static bool realm_matches(const json_t *entry, const struct realm_facts *f)
{
	const char *hash = json_string_value(json_object_get(entry, "rak-hash-algorithm"));

	if (!json_object_get(entry, "initial-measurement"))
		return false; /* an entry without a RIM names no realm */
	if (hash && f->rak_hash.data &&
	    (strlen(hash) != f->rak_hash.len ||
	     memcmp(hash, f->rak_hash.data, f->rak_hash.len) != 0))
		return false;
	return member_matches(entry, "initial-measurement", f->rim) && rems_match(entry, f) &&
	       member_matches(entry, "personalization-value", f->rpv);
}

/* What an entry of the store says about a register that no option spoke of. */
static void tell_register(struct appraisal *a, const char *name, const json_t *wanted,
			  struct kvmcore_span have)
{
	const json_t *now = json_object_get(a->verdicts, name);
	const char *verdict = json_string_value(json_object_get(now, "verdict"));
	const char *hex = json_string_value(wanted);
	char actual[2 * MAX_ACTUAL + 1] = "";
	uint8_t want[64];
	size_t len;

	if (!hex || !have.data || have.len > MAX_ACTUAL ||
	    (verdict && strcmp(verdict, "not compared") != 0))
		return;
	hex_text(have.data, have.len, actual);
	set_verdict(a, name, text_bytes(hex, want, sizeof(want), &len) && matches(have, want, len),
		    hex, actual);
}

static void tell_registers(struct appraisal *a, const json_t *entry, const struct realm_facts *f)
{
	const json_t *rems = json_object_get(entry, "extensible-measurements");
	char name[8];

	tell_register(a, "RIM", json_object_get(entry, "initial-measurement"), f->rim);
	for (unsigned int i = 0; i < KVMCORE_NR_REMS; i++) {
		snprintf(name, sizeof(name), "REM%u", i);
		tell_register(a, name, json_array_get(rems, i), f->rem[i]);
	}
	tell_register(a, "RPV", json_object_get(entry, "personalization-value"), f->rpv);
}

static bool component_matches(const json_t *entry, const struct kvmcore_sw_component *c)
{
	const char *type = json_string_value(json_object_get(entry, "component-type"));

	if (type && (strlen(type) != c->type.len || memcmp(type, c->type.data, c->type.len) != 0))
		return false;
	return json_object_get(entry, "measurement-value") && json_object_get(entry, "signer-id") &&
	       member_matches(entry, "measurement-value", c->measurement) &&
	       member_matches(entry, "signer-id", c->signer_id);
}

/* Every component of the platform is known, and none that is known is missing. */
static bool platform_matches(const json_t *entry, const struct kvmcore_platform_claims *p)
{
	const json_t *list = json_object_get(entry, "sw-components"), *known;
	unsigned int found = 0;
	size_t i;

	if (!json_object_get(entry, "implementation-id") ||
	    !member_matches(entry, "implementation-id", p->implementation_id) ||
	    !member_matches(entry, "platform-configuration", p->config))
		return false;
	for (unsigned int k = 0; k < p->n_components; k++) {
		bool is_known = false;

		json_array_foreach((json_t *)(uintptr_t)list, i, known)
		{
			is_known = is_known || component_matches(known, &p->component[k]);
		}
		found += is_known;
	}
	return found == p->n_components && json_array_size(list) == p->n_components;
}

static int appraise_store(struct appraisal *a, const char *path, const json_t *root,
			  const struct realm_facts *facts)
{
	const json_t *realms = json_object_get(root, "realm");
	const json_t *platforms = json_object_get(root, "platform"), *entry, *near = NULL;
	bool realm = false, platform = false;
	size_t i;

	if (!json_array_size(realms))
		return failure_set(a->failure, SDEISTATE_NOTHING_TO_VERIFY, -EINVAL, path, "realm",
				   "reference values of a realm", "none");
	json_array_foreach((json_t *)(uintptr_t)realms, i, entry)
	{
		bool same_rim = member_matches(entry, "initial-measurement", facts->rim);

		if (!realm && (!near || same_rim))
			near = entry;
		realm = realm || realm_matches(entry, facts);
	}
	if (realm || json_array_size(realms) == 1 ||
	    member_matches(near, "initial-measurement", facts->rim))
		tell_registers(a, near,
			       facts); /* else none of them is meant more than the others */
	json_array_foreach((json_t *)(uintptr_t)platforms, i, entry)
	{
		platform =
			platform || (facts->platform && platform_matches(entry, facts->platform));
	}
	record(a, "reference realm", realm, "one of the store",
	       realm ? "one of the store" : "none of it");
	if (facts->platform && json_array_size(platforms))
		record(a, "reference platform", platform, "one of the store",
		       platform ? "one of the store" : "none of it");
	return 0;
}

int appraise_reference(struct appraisal *a, const char *path, const struct realm_facts *facts)
{
	OWNED_MEMORY uint8_t *data = NULL;
	OWNED_JSON json_t *root = NULL;
	size_t len;
	int ret;

	if (!path)
		return 0;
	ret = file_read(path, MAX_FILE, &data, &len, a->failure);
	if (ret)
		return ret;
	root = json_loadb((const char *)data, len, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(root))
		return failure_set(a->failure, SDEISTATE_NOT_OURS, -EINVAL, path, NULL,
				   "a store of reference values", "something else");
	return appraise_store(a, path, root, facts);
}
