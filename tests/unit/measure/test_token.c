// SPDX-License-Identifier: Apache-2.0
/* Tokens that the real TF-RMM signed, tokens built here, and everything that can be wrong with one.
 */
#include "arm_test_key.h"
#include "load.h"
#include "support/check.h"

#include <errno.h>
#include <kvmcore/token.h>
#include <stdlib.h>
#include <string.h>

#define TOKENS TEST_SOURCE_DIR "/tests/golden/realm/tokens/"

static struct kvmcore_trust_anchor arm_anchor(void)
{
	struct kvmcore_trust_anchor a = { 0 };

	CHECK(!kvmcore_public_key_from_point(arm_test_cpak, sizeof(arm_test_cpak), &a.key),
	      "a point on P-384 is a key");
	return a;
}

static bool is_hex(struct kvmcore_span span, const char *hex)
{
	for (size_t i = 0; i < span.len; i++) {
		char two[3];

		snprintf(two, sizeof(two), "%02x", span.data[i]);
		if (strncmp(hex + 2 * i, two, 2) != 0)
			return false;
	}
	return strlen(hex) == 2 * span.len;
}

/* The realm of both recorded tokens: what its RMM measured, computed again. */
static void measure_recorded_realm(enum kvmcore_hash hash, struct kvmcore_digest value[5])
{
	struct kvmcore_realm_params params = {
		.s2sz = 40,
		.num_bps = 5,
		.num_wps = 3,
		.level_start = 1,
		.hash = hash,
	};
	const struct kvmcore_rec rec[] = {
		{ .flags = 1, .pc = 0x80000000, .gprs = { 0x83000000 } },
		{ .mpidr = 1, .pc = 0x80000000 },
	};
	struct kvmcore_ripas_walk walk;
	struct kvmcore_builder *b = NULL;
	struct kvmcore_digest page;
	uint8_t bytes[KVMCORE_GRANULE_SIZE];
	int ret;

	for (unsigned int i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i ^ i >> 8);
	kvmcore_digest(hash, bytes, sizeof(bytes), &page);
	REQUIRE(!kvmcore_builder_create(KVMCORE_RULE_1_0, &params, 0, &b), "the realm");
	ret = kvmcore_builder_init_ripas_range(b, 0x80000000, 0x80600000, KVMCORE_RIPAS_LARGEST,
					       &walk);
	ret |= kvmcore_builder_map(b, 0x80000000, 3);
	ret |= kvmcore_builder_data(b, 0x80000000, 1, &page);
	ret |= kvmcore_builder_data(b, 0x80001000, 0, NULL);
	ret |= kvmcore_builder_rec(b, &rec[0]) | kvmcore_builder_rec(b, &rec[1]);
	ret |= kvmcore_builder_activate(b);
	memset(bytes, 1, 32);
	ret |= kvmcore_builder_extend(b, 1, bytes, 32);
	memset(bytes, 2, 64);
	ret |= kvmcore_builder_extend(b, 4, bytes, 64);
	CHECK(ret == 0, "every step of the recorded realm is taken");
	for (unsigned int i = 0; i < 5; i++)
		kvmcore_builder_read(b, i, &value[i]);
	kvmcore_builder_destroy(b);
}

static void check_recorded(const char *path, enum kvmcore_hash hash)
{
	struct kvmcore_trust_anchor anchor = arm_anchor();
	struct kvmcore_token_policy policy = { .anchor = &anchor, .n_anchors = 1 };
	struct kvmcore_digest value[5] = { 0 };
	struct kvmcore_token_verdict verdict;
	const struct kvmcore_realm_claims *claims;
	struct kvmcore_token *token = NULL;
	uint8_t challenge[64], rpv[64];
	struct kvmcore_error err;
	size_t len, n = kvmcore_hash_size(hash);
	uint8_t *data = file_load(path, &len);
	int p, r;

	REQUIRE(data, "the recorded token is readable");
	REQUIRE(!kvmcore_token_parse(data, len, &token, &err), "a token of the real RMM is parsed");
	for (unsigned int i = 0; i < sizeof(challenge); i++)
		challenge[i] = (uint8_t)i;
	policy.challenge = challenge;
	policy.challenge_len = sizeof(challenge);
	CHECK(!kvmcore_token_verify(token, &policy, &verdict, &err), "and verified");
	CHECK(verdict.platform_signature == KVMCORE_CHECK_OK &&
		      verdict.realm_signature == KVMCORE_CHECK_OK &&
		      verdict.binding == KVMCORE_CHECK_OK && verdict.profile == KVMCORE_CHECK_OK &&
		      verdict.challenge == KVMCORE_CHECK_OK &&
		      verdict.lifecycle == KVMCORE_CHECK_OK,
	      "in each step");
	kvmcore_token_algorithms(token, &p, &r);
	CHECK(kvmcore_token_envelope(token) == 399 && p == -35 && r == -35, "as it was wrapped");
	claims = kvmcore_token_realm(token);
	memset(rpv, 0x5a, sizeof(rpv));
	CHECK(!memcmp(claims->rpv.data, rpv, sizeof(rpv)), "the RPV is the realm's");
	measure_recorded_realm(hash, value);
	CHECK(claims->rim.len == n && !memcmp(claims->rim.data, value[0].bytes, n),
	      "the RIM can be computed again");
	for (unsigned int i = 0; i < KVMCORE_NR_REMS; i++)
		CHECK(claims->rem[i].len == n &&
			      !memcmp(claims->rem[i].data, value[i + 1].bytes, n),
		      "so can each REM");
	challenge[63] ^= 1;
	CHECK(kvmcore_token_verify(token, &policy, &verdict, &err) == -EKEYREJECTED &&
		      verdict.challenge == KVMCORE_CHECK_FAILED,
	      "another nonce is refused");
	policy.n_anchors = 0;
	CHECK(kvmcore_token_verify(token, &policy, &verdict, &err) == -ENOKEY &&
		      verdict.platform_signature == KVMCORE_CHECK_NO_KEY &&
		      verdict.realm_signature == KVMCORE_CHECK_OK,
	      "without an anchor nothing is accepted, but the rest is told");
	kvmcore_token_destroy(token);
	free(data);
}

static void test_tokens_of_the_real_rmm(void)
{
	check_recorded(TOKENS "tf-rmm-rel0-sha256.cbor", KVMCORE_HASH_SHA256);
	check_recorded(TOKENS "tf-rmm-rel0-sha512.cbor", KVMCORE_HASH_SHA512);
}

/* Signatures cover every byte that is read; the wrapping around them is checked by the parser. */
static void test_no_flipped_bit_is_accepted(void)
{
	struct kvmcore_trust_anchor anchor = arm_anchor();
	struct kvmcore_token_policy policy = { .anchor = &anchor, .n_anchors = 1 };
	unsigned int accepted = 0;
	size_t len;
	uint8_t *data = file_load(TOKENS "tf-rmm-rel0-sha256.cbor", &len);

	REQUIRE(data, "the recorded token is readable");
	for (size_t i = 0; i < len; i++) {
		struct kvmcore_token_verdict verdict;
		struct kvmcore_token *token = NULL;

		data[i] ^= (uint8_t)(1u << i % 8);
		if (!kvmcore_token_parse(data, len, &token, NULL))
			accepted += !kvmcore_token_verify(token, &policy, &verdict, NULL);
		kvmcore_token_destroy(token);
		data[i] ^= (uint8_t)(1u << i % 8);
	}
	CHECK(accepted == 0, "a token with one other bit is never accepted");
	for (size_t i = 0; i < len; i++) {
		struct kvmcore_token *token = NULL;

		accepted += !kvmcore_token_parse(data, i, &token, NULL);
		kvmcore_token_destroy(token);
	}
	CHECK(accepted == 0, "nor is one that was cut off");
	free(data);
}

/* --- Built here ----------------------------------------------------------------------------------
 */

static const uint8_t bytes64[64] = { 1, 2, 3 };

static struct kvmcore_span span(const void *data, size_t len)
{
	return (struct kvmcore_span){ data, len };
}

static struct kvmcore_span text(const char *s)
{
	return span(s, strlen(s));
}

static struct kvmcore_token_draft plain_draft(const struct kvmcore_signing_key *cpak,
					      const struct kvmcore_signing_key *rak)
{
	struct kvmcore_token_draft d = {
		.envelope = KVMCORE_ENVELOPE_907,
		.binding_hash = KVMCORE_HASH_SHA256,
		.cpak = cpak,
		.rak = rak,
	};

	d.realm.profile = text("tag:arm.com,2023:realm#1.0.0");
	d.realm.challenge = span(bytes64, 64);
	d.realm.rpv = span(bytes64, 64);
	d.realm.hash = text("sha-256");
	d.realm.rim = span(bytes64, 32);
	for (unsigned int i = 0; i < KVMCORE_NR_REMS; i++)
		d.realm.rem[i] = span(bytes64, 32);
	d.platform.profile = text("tag:arm.com,2023:cca_platform#1.0.0");
	d.platform.implementation_id = span(bytes64, 32);
	d.platform.instance_id = span(bytes64, 33);
	d.platform.config = span(bytes64, 0);
	d.platform.lifecycle = 0x3000;
	d.platform.hash = text("sha-256");
	d.platform.n_components = 1;
	d.platform.component[0].measurement = span(bytes64, 32);
	d.platform.component[0].signer_id = span(bytes64, 32);
	return d;
}

static void test_built_tokens_verify(void)
{
	static const struct {
		const char *promise;
		enum kvmcore_curve curve;
		enum kvmcore_envelope envelope;
		const char *platform, *realm;
	} row[] = {
		{ "P-256, today's envelope, profile 1.0.0", KVMCORE_P256, KVMCORE_ENVELOPE_907,
		  "tag:arm.com,2023:cca_platform#1.0.0", "tag:arm.com,2023:realm#1.0.0" },
		{ "P-384, RMM 1.0's envelope, profile 2.0.0", KVMCORE_P384, KVMCORE_ENVELOPE_399,
		  "tag:arm.com,2023:cca_platform#1.0.0", "tag:arm.com,2024:realm#2.0.0" },
		{ "P-521, legacy", KVMCORE_P521, KVMCORE_ENVELOPE_399,
		  "http://arm.com/CCA-SSD/1.0.0", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		struct kvmcore_signing_key *cpak = NULL, *rak = NULL;
		struct kvmcore_trust_anchor anchor = { .has_ids = true };
		struct kvmcore_token_policy policy = { .anchor = &anchor, .n_anchors = 1 };
		struct kvmcore_token_verdict verdict;
		struct kvmcore_token_draft draft;
		struct kvmcore_token *token = NULL;
		struct kvmcore_error err = { 0 };
		uint8_t *data = NULL;
		size_t len = 0;

		kvmcore_signing_key_generate(row[i].curve, &cpak);
		kvmcore_signing_key_generate(row[i].curve, &rak);
		REQUIRE(cpak && rak, "keys are made");
		anchor.key = *kvmcore_signing_key_public(cpak);
		memcpy(anchor.implementation_id, bytes64, sizeof(anchor.implementation_id));
		memcpy(anchor.instance_id, bytes64, sizeof(anchor.instance_id));
		draft = plain_draft(cpak, rak);
		draft.envelope = row[i].envelope;
		draft.platform.profile = text(row[i].platform);
		draft.realm.profile = row[i].realm ? text(row[i].realm) : span(NULL, 0);
		CHECK(!kvmcore_token_build(&draft, &data, &len, &err) &&
			      !kvmcore_token_parse(data, len, &token, &err),
		      row[i].promise);
		REQUIRE(token, err.field);
		CHECK(!kvmcore_token_verify(token, &policy, &verdict, &err), row[i].promise);
		CHECK(is_hex(kvmcore_token_realm(token)->hash, "7368612d323536"),
		      "claims come back");
		anchor.instance_id[5] ^= 1;
		CHECK(kvmcore_token_verify(token, &policy, &verdict, &err) == -ENOKEY,
		      "another platform's anchor is none");
		anchor.has_ids = false;
		CHECK(!kvmcore_token_verify(token, &policy, &verdict, &err),
		      "an anchor without ids is for every platform");
		anchor.key = *kvmcore_signing_key_public(rak);
		CHECK(kvmcore_token_verify(token, &policy, &verdict, &err) == -EKEYREJECTED &&
			      verdict.platform_signature == KVMCORE_CHECK_FAILED,
		      "another key is refused");
		kvmcore_token_destroy(token);
		free(data);
		kvmcore_signing_key_destroy(cpak);
		kvmcore_signing_key_destroy(rak);
	}
}

enum change {
	LIFECYCLE,
	LIFECYCLE_ILLEGAL,
	PROFILE_PAIR,
	SHORT_RIM,
	LONG_RPV,
	NO_CHALLENGE,
	BAD_ID,
	NO_COMPONENTS,
	TOO_MANY_COMPONENTS,
	UNKNOWN_HASH,
	EMPTY_SERVICE,
	MEC_POLICY,
	BAD_ENVELOPE
};

static void change(struct kvmcore_token_draft *d, enum change what)
{
	static uint8_t other[64] = { 2 };

	switch (what) {
	case LIFECYCLE:
		d->platform.lifecycle = 0x5001;
		break;
	case LIFECYCLE_ILLEGAL:
		d->platform.lifecycle = 0x7f35;
		break;
	case PROFILE_PAIR:
		d->realm.profile = span(NULL, 0);
		break;
	case SHORT_RIM:
		d->realm.rim.len = 31;
		break;
	case LONG_RPV:
		d->realm.rpv.len = 32;
		break;
	case NO_CHALLENGE:
		d->realm.challenge = span(NULL, 0);
		break;
	case BAD_ID:
		d->platform.instance_id = span(other, 33);
		break;
	case NO_COMPONENTS:
		d->platform.n_components = 0;
		break;
	case TOO_MANY_COMPONENTS:
		d->platform.n_components = 65;
		break;
	case UNKNOWN_HASH:
		d->realm.hash = text("sha-1");
		break;
	case EMPTY_SERVICE:
		d->platform.service = text("");
		break;
	case MEC_POLICY:
		d->realm.has_mec_policy = true;
		d->realm.mec_policy = 2;
		break;
	case BAD_ENVELOPE:
		d->envelope = (enum kvmcore_envelope)18;
		break;
	}
}

static void test_rules_of_claims(void)
{
	static const struct {
		const char *promise;
		enum change change;
		int build, verify;
	} row[] = {
		{ "a platform in debug is built but not accepted", LIFECYCLE, 0, -EPERM },
		{ "a lifecycle has a range", LIFECYCLE_ILLEGAL, -EPROTO, 0 },
		{ "profiles go in pairs", PROFILE_PAIR, 0, -EPROTO },
		{ "a RIM has the size of a hash", SHORT_RIM, -EPROTO, 0 },
		{ "an RPV has 64 bytes", LONG_RPV, -EPROTO, 0 },
		{ "there is a challenge", NO_CHALLENGE, -EPROTO, 0 },
		{ "an instance id begins with 01", BAD_ID, -EPROTO, 0 },
		{ "there are components", NO_COMPONENTS, -EPROTO, 0 },
		{ "but not too many", TOO_MANY_COMPONENTS, -EBADMSG, 0 },
		{ "a hash has a name", UNKNOWN_HASH, -EPROTO, 0 },
		{ "a service is no empty text", EMPTY_SERVICE, -EPROTO, 0 },
		{ "a MEC policy is 0 or 1", MEC_POLICY, -EPROTO, 0 },
		{ "there are two envelopes", BAD_ENVELOPE, -EINVAL, 0 },
	};
	struct kvmcore_signing_key *cpak = NULL, *rak = NULL;
	struct kvmcore_trust_anchor anchor = { 0 };
	struct kvmcore_token_policy policy = { .anchor = &anchor, .n_anchors = 1 };

	kvmcore_signing_key_generate(KVMCORE_P384, &cpak);
	kvmcore_signing_key_generate(KVMCORE_P384, &rak);
	REQUIRE(cpak && rak, "keys are made");
	anchor.key = *kvmcore_signing_key_public(cpak);
	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		struct kvmcore_token_draft draft = plain_draft(cpak, rak);
		struct kvmcore_token_verdict verdict;
		struct kvmcore_token *token = NULL;
		struct kvmcore_error err = { 0 };
		uint8_t *data = NULL;
		size_t len = 0;

		change(&draft, row[i].change);
		CHECK(kvmcore_token_build(&draft, &data, &len, &err) == row[i].build,
		      row[i].promise);
		if (data && CHECK(!kvmcore_token_parse(data, len, &token, &err), "is read again"))
			CHECK(kvmcore_token_verify(token, &policy, &verdict, &err) == row[i].verify,
			      row[i].promise);
		if (row[i].change == LIFECYCLE && token) {
			policy.any_lifecycle = true;
			CHECK(!kvmcore_token_verify(token, &policy, &verdict, &err),
			      "unless any lifecycle will do");
			policy.any_lifecycle = false;
		}
		kvmcore_token_destroy(token);
		free(data);
	}
	kvmcore_signing_key_destroy(cpak);
	kvmcore_signing_key_destroy(rak);
}

/* RFC 8949 leaves these to the reader; this one refuses them. */
static void test_strict_about_encoding(void)
{
	static const struct {
		const char *promise;
		size_t len;
		uint8_t bytes[24];
		int want;
	} row[] = {
		{ "nothing is no claim set", 0, { 0 }, -EBADMSG },
		{ "an empty map lacks claims", 1, { 0xa0 }, -EPROTO },
		{ "a number is no map", 1, { 0x00 }, -EPROTO },
		{ "bytes behind the end", 2, { 0xa0, 0x00 }, -EBADMSG },
		{ "a map without an end", 2, { 0xbf, 0xff }, -EBADMSG },
		{ "text in pieces", 5, { 0xa1, 0x01, 0x7f, 0x60, 0xff }, -EBADMSG },
		{ "the same key twice", 5, { 0xa2, 0x0a, 0x00, 0x0a, 0x00 }, -EBADMSG },
		{ "the same key in two lengths",
		  6,
		  { 0xa2, 0x0a, 0x00, 0x18, 0x0a, 0x00 },
		  -EBADMSG },
		{ "a number as long as it likes", 4, { 0xa1, 0x18, 0x0a, 0x00 }, -EPROTO },
		{ "a map of 2^64 pairs",
		  9,
		  { 0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff },
		  -EBADMSG },
		{ "an array of 2^32 items",
		  7,
		  { 0xa1, 0x01, 0x9a, 0xff, 0xff, 0xff, 0xff },
		  -EBADMSG },
		{ "a string of 2^32 bytes",
		  7,
		  { 0xa1, 0x01, 0x5a, 0xff, 0xff, 0xff, 0xff },
		  -EBADMSG },
		{ "too deep",
		  16,
		  { 0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81,
		    0x81, 0x81, 0x00 },
		  -EBADMSG },
		{ "text that is not UTF-8", 4, { 0xa1, 0x01, 0x61, 0xff }, -EBADMSG },
		{ "a map as a key", 3, { 0xa1, 0xa0, 0x00 }, -EBADMSG },
		{ "a reserved head", 1, { 0x1c }, -EBADMSG },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		struct kvmcore_token *token = NULL;
		struct kvmcore_error err = { 0 };
		int ret = kvmcore_token_parse_realm(row[i].bytes, row[i].len, &token, &err);

		CHECK(ret == row[i].want, row[i].promise);
		CHECK(err.code == ret && err.object[0] && err.expected[0],
		      "the refusal is explained");
		CHECK(!token, "and nothing is given");
	}
	CHECK(kvmcore_token_parse(bytes64, KVMCORE_TOKEN_MAX + 1, NULL, NULL) == -E2BIG,
	      "a token has a greatest size");
}

static void test_keys(void)
{
	static const char pem[] =
		"-----BEGIN PUBLIC KEY-----\nnonsense\n-----END PUBLIC KEY-----\n";
	struct kvmcore_public_key key;
	struct kvmcore_signing_key *signing = NULL;
	uint8_t point[97];

	memcpy(point, arm_test_cpak, sizeof(point));
	point[96] ^= 1;
	CHECK(kvmcore_public_key_from_point(point, 97, &key) == -EINVAL,
	      "a point lies on its curve");
	CHECK(kvmcore_public_key_from_point(arm_test_cpak, 96, &key) == -EINVAL, "all of it");
	CHECK(kvmcore_public_key_from_pem(pem, sizeof(pem) - 1, &key) == -EINVAL,
	      "PEM holds a key");
	CHECK(kvmcore_signing_key_from_pem(pem, sizeof(pem) - 1, &signing) == -EINVAL && !signing,
	      "a private one to sign with");
	CHECK(kvmcore_signing_key_generate(KVMCORE_NR_CURVES, &signing) == -EINVAL,
	      "on a known curve");
	CHECK(!kvmcore_signing_key_destroy(NULL) && !kvmcore_token_destroy(NULL), "NULL is let go");
}

int main(void)
{
	return RUN_TESTS(test_tokens_of_the_real_rmm, test_no_flipped_bit_is_accepted,
			 test_built_tokens_verify, test_rules_of_claims, test_strict_about_encoding,
			 test_keys);
}
