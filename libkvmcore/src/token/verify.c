// SPDX-License-Identifier: Apache-2.0
#include "error_fill.h"
#include "token/claims.h"
#include "token/token.h"

#include <errno.h>
#include <string.h>

struct verification {
	const struct kvmcore_token *token;
	const struct kvmcore_token_policy *policy;
	struct kvmcore_token_verdict *verdict;
	int ret; /* the first failure, which also fills @err */
	struct kvmcore_error *err;
};

static bool is_for(const struct kvmcore_trust_anchor *a, const struct kvmcore_platform_claims *p)
{
	return !a->has_ids || (!memcmp(a->implementation_id, p->implementation_id.data,
				       KVMCORE_IMPLEMENTATION_ID) &&
			       !memcmp(a->instance_id, p->instance_id.data, KVMCORE_INSTANCE_ID));
}

static void fail(struct verification *v, int code, const char *object, const char *field,
		 const char *expected, const char *actual)
{
	if (!v->ret)
		v->ret = error_fill(v->err, code, object, field, "%s|%s", expected, actual);
}

/* Any anchor for this platform will do: a platform may have more than one key on record. */
static void check_platform_signature(struct verification *v)
{
	enum kvmcore_check result = KVMCORE_CHECK_NO_KEY;

	for (size_t i = 0; i < v->policy->n_anchors; i++) {
		const struct kvmcore_trust_anchor *a = &v->policy->anchor[i];
		int ret;

		if (!is_for(a, &v->token->platform))
			continue;
		ret = cose_verify(&v->token->platform_cose, &a->key);
		if (ret == -ENOMEM)
			fail(v, ret, "platform token", "signature", "memory", "");
		if (!ret) {
			v->verdict->platform_signature = KVMCORE_CHECK_OK;
			return;
		}
		result = KVMCORE_CHECK_FAILED;
	}
	v->verdict->platform_signature = result;
	if (result == KVMCORE_CHECK_NO_KEY)
		fail(v, -ENOKEY, "platform token", "trust anchor", "one for this platform", "none");
	else
		fail(v, -EKEYREJECTED, "platform token", "signature", "made by the trust anchor",
		     "another");
}

static enum kvmcore_check judge(struct verification *v, bool holds, int code, const char *object,
				const char *field, const char *expected, const char *actual)
{
	if (holds)
		return KVMCORE_CHECK_OK;
	fail(v, code, object, field, expected, actual);
	return KVMCORE_CHECK_FAILED;
}

static void check_realm_signature(struct verification *v)
{
	const struct kvmcore_token *t = v->token;
	int ret = t->has_rak ? cose_verify(&t->realm_cose, &t->rak) : -EKEYREJECTED;

	v->verdict->realm_signature = judge(v, ret == 0, ret, "realm token", "signature",
					    "made by the key of claim 44237", "another");
}

/* Without this a realm token of another platform would be accepted. */
static void check_binding(struct verification *v)
{
	const struct kvmcore_realm_claims *r = &v->token->realm;
	struct kvmcore_span have = v->token->platform.challenge;
	struct kvmcore_digest digest;
	enum kvmcore_hash hash;
	int ret = claims_hash(r->public_key_hash, &hash);

	if (!ret)
		ret = kvmcore_digest(hash, r->public_key.data, r->public_key.len, &digest);
	if (ret == -ENOMEM)
		fail(v, ret, "platform token", "10 challenge", "memory", "");
	v->verdict->binding = judge(v,
				    !ret && have.len == kvmcore_hash_size(hash) &&
					    !memcmp(have.data, digest.bytes, have.len),
				    -EKEYREJECTED, "platform token", "10 challenge",
				    "the hash of claim 44237", "another value");
}

/* As tf-m's iat-verifier pairs them: legacy with none, the named profile with a named one. */
static void check_profile(struct verification *v)
{
	bool legacy = claims_is(v->token->platform.profile, PROFILE_PLATFORM_LEGACY);
	bool none = !v->token->realm.profile.data;

	v->verdict->profile =
		judge(v, legacy == none, -EPROTO, "token", "265 profile",
		      legacy ? "no realm profile" : "a realm profile", none ? "none" : "one");
}

static void check_challenge(struct verification *v)
{
	uint8_t padded[KVMCORE_CHALLENGE_SIZE] = { 0 };

	if (!v->policy->challenge)
		return;
	memcpy(padded, v->policy->challenge, v->policy->challenge_len);
	v->verdict->challenge =
		judge(v, !memcmp(padded, v->token->realm.challenge.data, sizeof(padded)),
		      -EKEYREJECTED, "realm token", "10 challenge", "the verifier's nonce",
		      "another");
}

static void check_lifecycle(struct verification *v)
{
	enum kvmcore_lifecycle lifecycle = KVMCORE_LIFECYCLE_UNKNOWN;
	bool legal = !kvmcore_lifecycle(v->token->platform.lifecycle, &lifecycle);

	v->verdict->lifecycle =
		judge(v,
		      legal && (v->policy->any_lifecycle || lifecycle == KVMCORE_LIFECYCLE_SECURED),
		      -EPERM, "platform token", "2395 lifecycle", "secured",
		      legal ? kvmcore_lifecycle_name(lifecycle) : "no state");
}

int kvmcore_token_verify(const struct kvmcore_token *token,
			 const struct kvmcore_token_policy *policy,
			 struct kvmcore_token_verdict *verdict, struct kvmcore_error *err)
{
	struct verification v = { token, policy, verdict, 0, err };

	*verdict = (struct kvmcore_token_verdict){ 0 };
	if (!token->has_platform || !token->has_realm)
		return error_fill(err, -EINVAL, "token", "", "two signed halves|a bare claim set");
	if (policy->challenge_len > KVMCORE_CHALLENGE_SIZE)
		return error_fill(err, -EINVAL, "policy", "challenge", "at most 64 bytes|%zu",
				  policy->challenge_len);
	check_platform_signature(&v);
	check_realm_signature(&v);
	check_binding(&v);
	check_challenge(&v);
	check_profile(&v);
	check_lifecycle(&v);
	return v.ret;
}
