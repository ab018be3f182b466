// SPDX-License-Identifier: Apache-2.0
/* Tokens and claim sets of other projects, each with the verdict it has to get. */
#include "load.h"
#include "support/check.h"
#include "token/claims.h"
#include "token/writer.h"

#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static char dir[512];

static uint8_t *load(const char *name, size_t *len)
{
	char path[2048];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return file_load(path, len);
}

static json_t *load_json(const char *name)
{
	char path[2048];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return json_load_file(path, 0, NULL);
}

/* --- Whole tokens --------------------------------------------------------------------------------- */

/* Standard alphabet too. Return: bytes; 0 for what is no base64 */
static size_t base64url(const char *text, uint8_t *bytes)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	unsigned int bits = 0, n = 0;
	size_t len = 0;

	for (; *text && *text != '='; text++) {
		const char *at = strchr(alphabet, *text == '+' ? '-' : *text == '/' ? '_' : *text);

		if (!at)
			return 0;
		bits = bits << 6 | (unsigned int)(at - alphabet);
		n += 6;
		if (n >= 8) {
			n -= 8;
			bytes[len++] = (uint8_t)(bits >> n);
		}
	}
	return strspn(text, "=") == strlen(text) ? len : 0;
}

static bool read_key(const json_t *jwk, struct kvmcore_public_key *key)
{
	uint8_t point[KVMCORE_MAX_POINT] = { 4 };
	size_t x = base64url(json_string_value(json_object_get(jwk, "x")), point + 1);
	size_t y = base64url(json_string_value(json_object_get(jwk, "y")), point + 1 + x);

	return !kvmcore_public_key_from_point(point, 1 + x + y, key);
}

static bool claim_is(struct kvmcore_span have, const json_t *want)
{
	const char *text = json_string_value(want);

	if (!want)
		return !have.data;
	if (strlen(text) == have.len && !memcmp(text, have.data, have.len))
		return true;
	for (size_t i = 0; i < have.len; i++) {
		char two[3];

		snprintf(two, sizeof(two), "%02x", have.data[i]);
		if (strncmp(text + 2 * i, two, 2) != 0)
			return false;
	}
	return strlen(text) == 2 * have.len;
}

/* What an independent reader decoded. */
static void compare_claims(const struct kvmcore_token *token, const json_t *decoded)
{
	const struct kvmcore_realm_claims *r = kvmcore_token_realm(token);
	const struct kvmcore_platform_claims *p = kvmcore_token_platform(token);
	const json_t *rc = json_object_get(json_object_get(decoded, "realm"), "claims");
	const json_t *pc = json_object_get(json_object_get(decoded, "platform"), "claims");
	const struct {
		struct kvmcore_span have;
		const json_t *claims;
		const char *key;
	} row[] = {
		{ r->challenge, rc, "10" },    { r->profile, rc, "265" },
		{ r->instance_id, rc, "256" }, { r->rpv, rc, "44235" },
		{ r->hash, rc, "44236" },      { r->public_key, rc, "44237" },
		{ r->rim, rc, "44238" },       { r->public_key_hash, rc, "44240" },
		{ p->profile, pc, "265" },     { p->challenge, pc, "10" },
		{ p->instance_id, pc, "256" }, { p->implementation_id, pc, "2396" },
		{ p->config, pc, "2401" },     { p->hash, pc, "2402" },
		{ p->service, pc, "2400" },
	};
	const json_t *components = json_object_get(pc, "2399");

	for (size_t i = 0; i < ARRAY_SIZE(row); i++)
		CHECK(claim_is(row[i].have, json_object_get(row[i].claims, row[i].key)),
		      "a claim reads as another reader read it");
	for (size_t i = 0; i < KVMCORE_NR_REMS; i++)
		CHECK(claim_is(r->rem[i], json_array_get(json_object_get(rc, "44239"), i)),
		      "a REM reads as another reader read it");
	CHECK(p->lifecycle == (uint64_t)json_integer_value(json_object_get(pc, "2395")),
	      "so does the lifecycle");
	CHECK(p->n_components == json_array_size(components), "so do the components");
	for (unsigned int i = 0; i < p->n_components; i++)
		CHECK(claim_is(p->component[i].measurement,
			       json_object_get(json_array_get(components, i), "2")),
		      "and their measurements");
}

static void test_every_token_gets_its_verdict(void)
{
	static const struct {
		const char *file, *key;
		int envelope, parse, verify;
	} row[] = {
		{ "cca-token-01.cbor", "cpak.json", 399, 0, 0 },
		{ "cca-token-02.cbor", "ta-02-ok.json", 399, 0, 0 },
		{ "cca-token-02.cbor", "pkey.json", 399, 0, -EKEYREJECTED },
		{ "cca-token-draft-ffm-00.cbor", "cpak.json", 399, 0, 0 },
		{ "bug-33-repro.cbor", "cpak.json", 399, 0, -EKEYREJECTED },
		{ "go-ccatoken-tf-rmm.cbor", "cpak.json", 399, 0, 0 },
		{ "go-testGoodCCAToken.cbor", "ta-02-ok.json", 907, 0, 0 },
		{ "go-testGoodLegacyCCAToken.cbor", "ta-02-ok.json", 399, 0, 0 },
		{ "go-testRMMLegacyEvidence.cbor", "cpak.json", 907, 0, 0 },
		{ "go-testBadUnwrappedTokens.cbor", "cpak.json", 0, -EBADMSG, 0 },
		{ "trustee-cca-example-token.cbor", "cpak.json", 399, 0, 0 },
		{ "tfm-iat-verifier/cca_example_token.cbor", "cpak.json", 907, 0, 0 },
		{ "tfm-iat-verifier/cca_example_token_legacy.cbor", "cpak.json", 907, 0, 0 },
		{ "tfm-iat-verifier/cca_token.cbor", "cpak.json", 907, 0, 0 },
		{ "tf-rmm-rel0-sha256.cbor", "cpak.json", 399, 0, 0 },
		{ "tf-rmm-rel0-sha512.cbor", "cpak.json", 399, 0, 0 },
		{ "tf-rmm-rel0-sha512.cbor", "ta-02-ok.json", 399, 0, -EKEYREJECTED },
	};
	json_t *index = load_json("tokens.json");
	json_t *tokens = json_object_get(index, "tokens");
	size_t listed = 0;

	REQUIRE(index, "tokens.json is readable");
	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		json_t *key = json_object_get(json_object_get(index, "public_keys"), row[i].key);
		struct kvmcore_trust_anchor anchor = { 0 };
		struct kvmcore_token_policy policy = { .anchor = &anchor, .n_anchors = 1 };
		struct kvmcore_token_verdict verdict = { 0 };
		struct kvmcore_token *token = NULL;
		struct kvmcore_error err = { 0 };
		size_t len = 0;
		uint8_t *data = load(row[i].file, &len);

		if (json_is_array(key))
			key = json_object_get(json_array_get(key, 0), "pkey");
		REQUIRE(data && read_key(key, &anchor.key), row[i].file);
		CHECK(kvmcore_token_parse(data, len, &token, &err) == row[i].parse, row[i].file);
		if (token) {
			CHECK(kvmcore_token_envelope(token) == row[i].envelope, row[i].file);
			CHECK(kvmcore_token_verify(token, &policy, &verdict, &err) == row[i].verify,
			      row[i].file);
			compare_claims(token, json_object_get(json_object_get(tokens, row[i].file),
							      "decoded"));
		}
		if (!strcmp(row[i].file, "bug-33-repro.cbor"))
			CHECK(verdict.platform_signature == KVMCORE_CHECK_OK &&
				      verdict.realm_signature == KVMCORE_CHECK_OK &&
				      verdict.binding == KVMCORE_CHECK_FAILED,
			      "two good signatures that do not belong together are no token");
		listed += !i || strcmp(row[i].file, row[i - 1].file) != 0;
		kvmcore_token_destroy(token);
		free(data);
	}
	CHECK(listed == json_object_size(tokens), "every listed token was looked at");
	json_decref(index);
}

/* --- Claim sets ------------------------------------------------------------------------------------ */

typedef int parse_claims(const void *data, size_t len, struct kvmcore_token **token,
			 struct kvmcore_error *err);

static int parse_bytes(parse_claims *parse, const void *data, size_t len)
{
	struct kvmcore_token *token = NULL;
	struct kvmcore_error err = { 0 };
	int ret = parse(data, len, &token, &err);

	CHECK(!ret == !!token, "claims are given on success only");
	kvmcore_token_destroy(token);
	return ret;
}

static void test_claim_sets_in_cbor(void)
{
	static const struct {
		const char *file;
		parse_claims *parse;
		int want;
		unsigned int unknown;
	} row[] = {
		{ "realm-claims.cbor", kvmcore_token_parse_realm, 0, 0 },
		{ "realm-claims+spurious-numeric-key.cbor", kvmcore_token_parse_realm, 0, 1 },
		{ "realm-claims+spurious-text-key.cbor", kvmcore_token_parse_realm, 0, 1 },
		{ "realm-claims-missing-challenge.cbor", kvmcore_token_parse_realm, -EPROTO, 0 },
		{ "platform-claims.cbor", kvmcore_token_parse_platform, 0, 0 },
		{ "platform-claims.cbor", kvmcore_token_parse_realm, -EPROTO, 0 },
		{ "realm-claims.cbor", kvmcore_token_parse_platform, -EPROTO, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		struct kvmcore_token *token = NULL;
		size_t len = 0;
		uint8_t *data = load(row[i].file, &len);

		REQUIRE(data, row[i].file);
		CHECK(row[i].parse(data, len, &token, NULL) == row[i].want, row[i].file);
		if (token && kvmcore_token_realm(token))
			CHECK(kvmcore_token_realm(token)->unknown.n == row[i].unknown,
			      "a claim nobody knows is told, no more");
		kvmcore_token_destroy(token);
		free(data);
	}
}

/* The names ccatoken gives the claims in JSON. */
static const struct {
	const char *name;
	int64_t key;
	bool text;
} names[] = {
	{ "cca-realm-challenge", CLAIM_CHALLENGE, false },
	{ "cca-realm-personalization-value", CLAIM_RPV, false },
	{ "cca-realm-initial-measurement", CLAIM_RIM, false },
	{ "cca-realm-extensible-measurements", CLAIM_REMS, false },
	{ "cca-realm-hash-algo-id", CLAIM_HASH, true },
	{ "cca-realm-public-key", CLAIM_PUBLIC_KEY, false },
	{ "cca-realm-public-key-hash-algo-id", CLAIM_PUBLIC_KEY_HASH, true },
	{ "cca-platform-profile", CLAIM_PROFILE, true },
	{ "cca-platform-challenge", CLAIM_CHALLENGE, false },
	{ "cca-platform-implementation-id", CLAIM_IMPLEMENTATION_ID, false },
	{ "cca-platform-instance-id", CLAIM_INSTANCE_ID, false },
	{ "cca-platform-config", CLAIM_CONFIG, false },
	{ "cca-platform-lifecycle", CLAIM_LIFECYCLE, false },
	{ "cca-platform-sw-components", CLAIM_SW_COMPONENTS, false },
	{ "cca-platform-service-indicator", CLAIM_SERVICE, true },
	{ "cca-platform-hash-algo-id", CLAIM_PLATFORM_HASH, true },
	{ "measurement-type", COMPONENT_TYPE, true },
	{ "measurement-value", COMPONENT_MEASUREMENT, false },
	{ "version", COMPONENT_VERSION, true },
	{ "signer-id", COMPONENT_SIGNER_ID, false },
};

static void write_json(struct writer *w, const json_t *value, bool text);

static void write_json_map(struct writer *w, const json_t *map)
{
	const char *name;
	json_t *value;

	write_map(w, json_object_size(map));
	json_object_foreach((json_t *)(uintptr_t)map, name, value)
	{
		bool text = false, known = false;

		for (size_t i = 0; i < ARRAY_SIZE(names) && !known; i++)
			if (!strcmp(name, names[i].name)) {
				write_int(w, names[i].key);
				text = names[i].text;
				known = true;
			}
		if (!known)
			write_text(w, name, strlen(name));
		write_json(w, value, text);
	}
}

static void write_json(struct writer *w, const json_t *value, bool text)
{
	const char *string = json_string_value(value);
	uint8_t bytes[512];

	if (json_is_object(value)) {
		write_json_map(w, value);
	} else if (json_is_array(value)) {
		write_array(w, json_array_size(value));
		for (size_t i = 0; i < json_array_size(value); i++)
			write_json(w, json_array_get(value, i), text);
	} else if (json_is_integer(value)) {
		write_int(w, json_integer_value(value));
	} else if (text) {
		write_text(w, string, strlen(string));
	} else {
		write_bytes(w, bytes, base64url(string, bytes));
	}
}

/* Files whose name says "valid" without "invalid" are the good ones. */
static bool is_good(const char *name)
{
	return strstr(name, "valid") && !strstr(name, "invalid");
}

static void run_json_dir(const char *sub, parse_claims *parse, unsigned int n)
{
	char path[1024];
	struct dirent *entry;
	unsigned int seen = 0;
	DIR *d;

	snprintf(path, sizeof(path), "%s/%s", dir, sub);
	d = opendir(path);
	REQUIRE(d, "the folder is there");
	while ((entry = readdir(d))) {
		writer_cleanup struct writer w = { 0 };
		json_t *claims;

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", sub, entry->d_name);
		claims = load_json(path);
		REQUIRE(claims, entry->d_name);
		write_json(&w, claims, false);
		CHECK(parse_bytes(parse, w.data, w.len) == (is_good(path) ? 0 : -EPROTO),
		      entry->d_name);
		json_decref(claims);
		seen++;
	}
	closedir(d);
	CHECK(seen == n, "every claim set was looked at");
}

static void test_claim_sets_in_json(void)
{
	run_json_dir("claims-json-realm", kvmcore_token_parse_realm, 13);
	run_json_dir("claims-json-platform", kvmcore_token_parse_platform, 16);
}

/* --- Claim sets in diagnostic notation ------------------------------------------------------------- */

static const char *skip(const char *at)
{
	for (;;) {
		at += strspn(at, " \t\r\n,");
		if (*at != '/')
			return at;
		at = strchr(at + 1, '/');
		if (!at)
			return "";
		at++;
	}
}

static const char *write_diag(struct writer *w, const char *at);

/* Items up to @close; a map's colons are skipped. Return: behind it */
static const char *write_diag_items(struct writer *w, const char *at, char close, size_t *n)
{
	for (*n = 0, at = skip(at); *at && *at != close; (*n)++) {
		at = skip(write_diag(w, at));
		if (*at == ':')
			at = skip(at + 1);
	}
	return *at ? at + 1 : at;
}

static const char *write_diag(struct writer *w, const char *at)
{
	writer_cleanup struct writer items = { 0 };
	uint8_t bytes[512];
	size_t n = 0;
	char *end;

	at = skip(at);
	if (*at == '{' || *at == '[') {
		bool map = *at == '{';

		at = write_diag_items(&items, at + 1, map ? '}' : ']', &n);
		if (map)
			write_map(w, n / 2);
		else
			write_array(w, n);
		for (size_t i = 0; i < items.len; i++) { /* raw bytes: no head of their own */
			uint8_t *grown = realloc(w->data, w->len + 1);

			if (!grown)
				abort();
			w->data = grown;
			w->room = w->len + 1;
			w->data[w->len++] = items.data[i];
		}
		return at;
	}
	if (at[0] == '<' && at[1] == '<') {
		at = skip(write_diag(&items, at + 2));
		write_bytes(w, items.data, items.len);
		return at + 2;
	}
	if (*at == '"') {
		n = strcspn(at + 1, "\"");
		write_text(w, at + 1, n);
		return at + n + 2;
	}
	if (at[0] == 'h' && at[1] == '\'') {
		for (at += 2; *at && *at != '\'' && n < sizeof(bytes); at += 2) {
			char two[3] = { at[0], at[1], 0 };

			bytes[n++] = (uint8_t)strtoul(two, NULL, 16);
		}
		write_bytes(w, bytes, n);
		return at + 1;
	}
	write_int(w, strtoll(at, &end, 0));
	return end;
}

static void test_claim_sets_in_diagnostic_notation(void)
{
	static const struct {
		const char *file;
		parse_claims *parse;
		int want;
	} row[] = {
		{ "diag-go-realm/CcaClaimsMissingMandExtendedMeas.diag", kvmcore_token_parse_realm,
		  -EPROTO },
		{ "diag-go-realm/CcaClaimsMissingMandHashAlgID.diag", kvmcore_token_parse_realm,
		  -EPROTO },
		{ "diag-go-realm/CcaClaimsMissingMandInitialMeas.diag", kvmcore_token_parse_realm,
		  -EPROTO },
		{ "diag-go-realm/CcaClaimsMissingMandPubKey.diag", kvmcore_token_parse_realm,
		  -EPROTO },
		{ "diag-go-realm/CcaRealmClaimsMissingMandNonce.diag", kvmcore_token_parse_realm,
		  -EPROTO },
		{ "diag-go-realm/CcaRealmClaimsAll.diag", kvmcore_token_parse_realm, 0 },
		{ "diag-go-realm/CcaRealmExample.diag", kvmcore_token_parse_realm, 0 },
		{ "diag-go-realm/CcaRealmLegacyClaimsAll.diag", kvmcore_token_parse_realm, 0 },
		{ "diag-go-platform/CcaPlatformClaimsInvalidMultiNonce.diag",
		  kvmcore_token_parse_platform, -EPROTO },
		{ "diag-go-platform/CcaPlatformClaimsMissingMandatoryNonce.diag",
		  kvmcore_token_parse_platform, -EPROTO },
		{ "diag-go-platform/CcaPlatformClaimsAll.diag", kvmcore_token_parse_platform, 0 },
		{ "diag-go-platform/CcaPlatformClaimsMandatoryOnly.diag",
		  kvmcore_token_parse_platform, 0 },
		{ "diag-go-platform/CcaPlatformExample.diag", kvmcore_token_parse_platform, 0 },
		{ "diag-go-platform/CcaPlatformLegacyClaimsAll.diag", kvmcore_token_parse_platform,
		  0 },
		{ "diag-go-platform/CcaPlatformLegacyClaimsMandatoryOnly.diag",
		  kvmcore_token_parse_platform, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		writer_cleanup struct writer w = { 0 };
		size_t len = 0;
		char *data = (char *)load(row[i].file, &len);

		REQUIRE(data, row[i].file);
		data[len] = '\0';
		write_diag(&w, data);
		CHECK(parse_bytes(row[i].parse, w.data, w.len) == row[i].want, row[i].file);
		free(data);
	}
}

int main(void)
{
	if (!third_party())
		return SKIP_TESTS("SDEI_THIRD_PARTY_VECTORS is not set");
	snprintf(dir, sizeof(dir), "%s/cca-tokens", third_party());
	return RUN_TESTS(test_every_token_gets_its_verdict, test_claim_sets_in_cbor,
			 test_claim_sets_in_json, test_claim_sets_in_diagnostic_notation);
}
