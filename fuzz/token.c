// SPDX-License-Identifier: Apache-2.0
/* The token's door: parse, and verify what was parsed, with a key that made no signature. */
#include <kvmcore/token.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void verify(const struct kvmcore_token *token)
{
	static const uint8_t nonce[64];
	struct kvmcore_trust_anchor anchor = { 0 };
	struct kvmcore_token_policy policy = { .anchor = &anchor,
					       .n_anchors = 1,
					       .challenge = nonce,
					       .challenge_len = sizeof(nonce) };
	struct kvmcore_signing_key *key = NULL;
	struct kvmcore_token_verdict verdict;

	if (kvmcore_signing_key_generate(KVMCORE_P256, &key))
		return;
	anchor.key = *kvmcore_signing_key_public(key);
	if (!kvmcore_token_verify(token, &policy, &verdict, NULL))
		abort(); /* a fresh key signed nothing */
	kvmcore_signing_key_destroy(key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct kvmcore_token *token = NULL;
	struct kvmcore_error err = { 0 };

	if (!kvmcore_token_parse(data, len, &token, &err))
		verify(token);
	else if (!err.code || !err.object[0])
		abort(); /* a refusal is explained */
	token = kvmcore_token_destroy(token);
	if (!kvmcore_token_parse_realm(data, len, &token, NULL) &&
	    !kvmcore_token_realm(token)->rim.data)
		abort();
	token = kvmcore_token_destroy(token);
	if (!kvmcore_token_parse_platform(data, len, &token, NULL) &&
	    !kvmcore_token_platform(token)->n_components)
		abort();
	kvmcore_token_destroy(token);
	return 0;
}
