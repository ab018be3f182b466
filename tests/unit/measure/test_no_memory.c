// SPDX-License-Identifier: Apache-2.0
/* Linked with --wrap: each allocation of the library itself fails once, and nothing is lost. */
#include "load.h"
#include "support/check.h"
#include "support/failing_heap.h"

#include <errno.h>
#include <kvmcore/token.h>
#include <string.h>

static int ignore(void *user, uint64_t first, uint32_t n, const struct kvmcore_digest *digest)
{
	(void)user;
	(void)first;
	(void)n;
	(void)digest;
	return 0;
}

static int nothing_to_read(void *user, void *buf, size_t len)
{
	(void)user;
	memset(buf, 0, len);
	return 0;
}

static int realm_once(void)
{
	struct kvmcore_realm_params params = {
		.s2sz = 48,
		.num_bps = 1,
		.num_wps = 1,
		.level_start = 0,
	};
	struct kvmcore_image image = { .read = nothing_to_read, .size = 300 * 4096 };
	struct kvmcore_builder *b = NULL;
	struct kvmcore_ripas_walk walk;
	int ret = kvmcore_builder_create(KVMCORE_RULE_1_0, &params, 0, &b);

	if (!ret)
		ret = kvmcore_builder_init_ripas_range(b, 0x80001000, 0x80600000,
						       KVMCORE_RIPAS_LARGEST, &walk);
	if (!ret)
		ret = kvmcore_builder_image(b, 0x80000000, &image, 2, NULL, NULL);
	if (!ret)
		ret = kvmcore_image_hash(KVMCORE_HASH_SHA512, &image, 2, ignore, NULL);
	heap.until_failure = 0;
	kvmcore_builder_destroy(b);
	return ret;
}

static int parse_once(void)
{
	struct kvmcore_token *token = NULL;
	struct kvmcore_token_policy policy = { 0 };
	struct kvmcore_token_verdict verdict;
	unsigned int left = heap.until_failure;
	size_t len = 0;
	uint8_t *data;
	int ret;

	heap.until_failure = 0;
	data = file_load(TEST_SOURCE_DIR "/tests/golden/realm/tokens/tf-rmm-rel0-sha256.cbor",
			 &len);
	if (!data)
		return -EIO;
	heap.until_failure = left;
	ret = kvmcore_token_parse(data, len, &token, NULL);
	if (!ret && kvmcore_token_verify(token, &policy, &verdict, NULL) == -ENOMEM)
		ret = -ENOMEM;
	heap.until_failure = 0;
	kvmcore_token_destroy(token);
	free(data);
	return ret;
}

static struct kvmcore_span bytes(size_t len)
{
	static const uint8_t some[64] = { 1 };

	return (struct kvmcore_span){ some, len };
}

static struct kvmcore_span text(const char *s)
{
	return (struct kvmcore_span){ (const uint8_t *)s, strlen(s) };
}

static int build_once(void)
{
	struct kvmcore_signing_key *key = NULL;
	struct kvmcore_token_draft d = { .envelope = KVMCORE_ENVELOPE_907 };
	uint8_t *data = NULL;
	size_t len;
	int ret = kvmcore_signing_key_generate(KVMCORE_P256, &key);

	d.cpak = d.rak = key;
	d.realm = (struct kvmcore_realm_claims){ .profile = text("tag:arm.com,2023:realm#1.0.0"),
						 .challenge = bytes(64),
						 .rpv = bytes(64),
						 .hash = text("sha-256"),
						 .rim = bytes(32),
						 .rem = { bytes(32), bytes(32), bytes(32),
							  bytes(32) } };
	d.platform.profile = text("tag:arm.com,2023:cca_platform#1.0.0");
	d.platform.implementation_id = bytes(32);
	d.platform.instance_id = bytes(33);
	d.platform.config = bytes(3);
	d.platform.lifecycle = 0x3000;
	d.platform.hash = text("sha-256");
	d.platform.n_components = 1;
	d.platform.component[0].measurement = bytes(32);
	d.platform.component[0].signer_id = bytes(32);
	if (!ret)
		ret = kvmcore_token_build(&d, &data, &len, NULL);
	heap.until_failure = 0;
	CHECK(!ret == !!data, "a token is given on success only");
	free(data);
	kvmcore_signing_key_destroy(key);
	return ret;
}

static void test_every_allocation_fails_once(void)
{
	static const struct {
		const char *promise;
		int (*once)(void);
	} row[] = { { "a realm", realm_once },
		    { "a token is read", parse_once },
		    { "a token is built", build_once } };

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		unsigned int n = 0;
		int ret = -ENOMEM;

		for (; ret == -ENOMEM && n < 5000; n++) {
			heap.until_failure = n + 1;
			ret = row[i].once();
		}
		CHECK(ret == 0 && n > 1, row[i].promise);
	}
}

int main(void)
{
	return RUN_TESTS(test_every_allocation_fails_once);
}
