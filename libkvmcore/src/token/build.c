// SPDX-License-Identifier: Apache-2.0
#include "error_fill.h"
#include "token/claims.h"
#include "token/token.h"
#include "token/writer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Claims that may be absent, written only if they are there. */
static void put_bytes(struct writer *w, uint64_t key, struct kvmcore_span bytes)
{
	if (!bytes.data)
		return;
	write_uint(w, key);
	write_bytes(w, bytes.data, bytes.len);
}

static void put_text(struct writer *w, uint64_t key, struct kvmcore_span text)
{
	if (!text.data)
		return;
	write_uint(w, key);
	write_text(w, text.data, text.len);
}

static size_t count(const struct kvmcore_span *const *span, size_t n)
{
	size_t there = 0;

	for (size_t i = 0; i < n; i++)
		there += span[i]->data != NULL;
	return there;
}

/* RFC 9052 §7, in the order TF-RMM writes it. */
static void write_cose_key(struct writer *w, const struct kvmcore_public_key *key)
{
	size_t n = key_coordinate(key->curve);

	write_map(w, 4);
	write_int(w, 1);
	write_int(w, 2);
	write_int(w, -1);
	write_int(w, (int)key->curve + 1);
	write_int(w, -2);
	write_bytes(w, key->point + 1, n);
	write_int(w, -3);
	write_bytes(w, key->point + 1 + n, n);
}

/* In the order of TF-RMM rel0; the claims of profile 2.0.0 come last. */
static void write_realm(struct writer *w, const struct kvmcore_realm_claims *r)
{
	const struct kvmcore_span *const all[] = { &r->challenge,  &r->rpv,
						   &r->public_key, &r->hash,
						   &r->profile,    &r->public_key_hash,
						   &r->rim,        &r->instance_id };

	write_map(w, count(all, sizeof(all) / sizeof(all[0])) + 1 + r->has_mec_policy);
	put_bytes(w, CLAIM_CHALLENGE, r->challenge);
	put_bytes(w, CLAIM_RPV, r->rpv);
	put_bytes(w, CLAIM_PUBLIC_KEY, r->public_key);
	put_text(w, CLAIM_HASH, r->hash);
	put_text(w, CLAIM_PUBLIC_KEY_HASH, r->public_key_hash);
	put_text(w, CLAIM_PROFILE, r->profile);
	put_bytes(w, CLAIM_RIM, r->rim);
	write_uint(w, CLAIM_REMS);
	write_array(w, KVMCORE_NR_REMS);
	for (unsigned int i = 0; i < KVMCORE_NR_REMS; i++)
		write_bytes(w, r->rem[i].data, r->rem[i].len);
	put_bytes(w, CLAIM_INSTANCE_ID, r->instance_id);
	if (r->has_mec_policy) {
		write_uint(w, CLAIM_MEC_POLICY);
		write_uint(w, r->mec_policy);
	}
}

static void write_component(struct writer *w, const struct kvmcore_sw_component *c)
{
	const struct kvmcore_span *const all[] = { &c->type, &c->measurement, &c->version,
						   &c->signer_id, &c->hash };

	write_map(w, count(all, sizeof(all) / sizeof(all[0])));
	put_text(w, COMPONENT_TYPE, c->type);
	put_bytes(w, COMPONENT_SIGNER_ID, c->signer_id);
	put_text(w, COMPONENT_VERSION, c->version);
	put_bytes(w, COMPONENT_MEASUREMENT, c->measurement);
	put_text(w, COMPONENT_HASH, c->hash);
}

static void write_platform(struct writer *w, const struct kvmcore_platform_claims *p)
{
	const struct kvmcore_span *const all[] = {
		&p->profile, &p->challenge, &p->implementation_id, &p->instance_id, &p->config,
		&p->hash,    &p->service
	};

	write_map(w, count(all, sizeof(all) / sizeof(all[0])) + 2);
	put_text(w, CLAIM_PROFILE, p->profile);
	put_bytes(w, CLAIM_CHALLENGE, p->challenge);
	put_bytes(w, CLAIM_IMPLEMENTATION_ID, p->implementation_id);
	put_bytes(w, CLAIM_INSTANCE_ID, p->instance_id);
	put_bytes(w, CLAIM_CONFIG, p->config);
	write_uint(w, CLAIM_LIFECYCLE);
	write_uint(w, p->lifecycle);
	put_text(w, CLAIM_PLATFORM_HASH, p->hash);
	write_uint(w, CLAIM_SW_COMPONENTS);
	write_array(w, p->n_components);
	for (unsigned int i = 0; i < p->n_components && i < KVMCORE_MAX_SW_COMPONENTS; i++)
		write_component(w, &p->component[i]);
	put_text(w, CLAIM_SERVICE, p->service);
}

/* The two payloads of a draft, with what binds them filled in. */
struct payloads {
	struct writer rak, realm, platform;
};

static void free_payloads(struct payloads *p)
{
	writer_free(&p->rak);
	writer_free(&p->realm);
	writer_free(&p->platform);
}

static int write_payloads(const struct kvmcore_token_draft *draft, struct payloads *p)
{
	const struct kvmcore_public_key *rak = kvmcore_signing_key_public(draft->rak);
	const char *hash = kvmcore_hash_name(draft->binding_hash);
	struct kvmcore_realm_claims realm = draft->realm;
	struct kvmcore_platform_claims platform = draft->platform;
	struct kvmcore_digest digest;
	int ret;

	realm.public_key = (struct kvmcore_span){ rak->point, rak->len };
	if (realm.profile.data) {
		write_cose_key(&p->rak, rak);
		realm.public_key = (struct kvmcore_span){ p->rak.data, p->rak.len };
	}
	if (p->rak.failed)
		return -ENOMEM;
	realm.public_key_hash = (struct kvmcore_span){ (const uint8_t *)hash, strlen(hash) };
	ret = kvmcore_digest(draft->binding_hash, realm.public_key.data, realm.public_key.len,
			     &digest);
	if (ret)
		return ret;
	platform.challenge =
		(struct kvmcore_span){ digest.bytes, kvmcore_hash_size(draft->binding_hash) };
	write_realm(&p->realm, &realm);
	write_platform(&p->platform, &platform);
	return p->realm.failed || p->platform.failed ? -ENOMEM : 0;
}

static void put_half(struct writer *w, uint64_t key, enum kvmcore_envelope envelope,
		     const struct writer *half)
{
	write_uint(w, key);
	if (envelope == KVMCORE_ENVELOPE_907) {
		write_array(w, 2);
		write_uint(w, CONTENT_FORMAT_EAT);
	}
	write_bytes(w, half->data, half->len);
}

static int sign_half(const struct kvmcore_signing_key *key, const struct writer *payload,
		     struct writer *half)
{
	struct kvmcore_span bytes = { payload->data, payload->len };

	return cose_build(key, bytes, &half->data, &half->len);
}

static int wrap(const struct kvmcore_token_draft *draft, const struct payloads *p, struct writer *w)
{
	writer_cleanup struct writer platform = { 0 }, realm = { 0 };
	int ret = sign_half(draft->cpak, &p->platform, &platform);

	if (!ret)
		ret = sign_half(draft->rak, &p->realm, &realm);
	if (ret)
		return ret;
	write_tag(w, (uint64_t)draft->envelope);
	write_map(w, 2);
	put_half(w, KEY_PLATFORM, draft->envelope, &platform);
	put_half(w, KEY_REALM, draft->envelope, &realm);
	return w->failed ? -ENOMEM : 0;
}

/* What is written has to be what the parser takes; nobody else checks a draft. */
int kvmcore_token_build(const struct kvmcore_token_draft *draft, uint8_t **data, size_t *len,
			struct kvmcore_error *err)
{
	__attribute__((cleanup(free_payloads))) struct payloads p = { 0 };
	writer_cleanup struct writer w = { 0 };
	struct kvmcore_token *token = NULL;
	int ret;

	if (!draft->cpak || !draft->rak || !kvmcore_hash_size(draft->binding_hash) ||
	    (draft->envelope != KVMCORE_ENVELOPE_399 && draft->envelope != KVMCORE_ENVELOPE_907))
		return error_fill(err, -EINVAL, "token draft", "",
				  "two keys, a hash and envelope 399 or 907|something missing");
	ret = write_payloads(draft, &p);
	if (!ret)
		ret = wrap(draft, &p, &w);
	if (!ret)
		ret = kvmcore_token_parse(w.data, w.len, &token, err);
	else
		error_fill(err, ret, "token draft", "", "memory and a working crypto library");
	kvmcore_token_destroy(token);
	return ret ? ret : writer_take(&w, data, len);
}
