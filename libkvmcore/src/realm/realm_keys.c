// SPDX-License-Identifier: Apache-2.0
#include "realm_keys.h"
#include "vm.h"

#include <errno.h>
#include <kvmcore/token.h>
#include <stdlib.h>
#include <string.h>

#define LIFECYCLE_SECURED 0x3000u

/* Text claims of the modelled platform. Profiles: the CCA token draft as of 2023. */
#define REALM_PROFILE     "tag:arm.com,2023:realm#1.0.0"
#define PLATFORM_PROFILE  "tag:arm.com,2023:cca_platform#1.0.0"
#define PLATFORM_HASH     "sha-256"
#define COMPONENT_TYPE    "model RMM"
#define COMPONENT_VERSION "1.0-rel0"

struct realm_keys {
	struct kvmcore_signing_key *cpak, *rak;
	uint8_t implementation_id[KVMCORE_IMPLEMENTATION_ID];
	uint8_t instance_id[KVMCORE_INSTANCE_ID];
	uint8_t measurement[32], signer[32];
};

static struct kvmcore_span text_span(const char *text)
{
	return (struct kvmcore_span){ (const uint8_t *)text, strlen(text) };
}

static struct kvmcore_span byte_span(const void *bytes, size_t len)
{
	return (struct kvmcore_span){ bytes, len };
}

static int digest_into(uint8_t out[32], const void *data, size_t len)
{
	struct kvmcore_digest digest;
	const int ret = kvmcore_digest(KVMCORE_HASH_SHA256, data, len, &digest);

	if (!ret)
		memcpy(out, digest.bytes, 32);
	return ret;
}

/* The instance is named after its key, as real ones are. */
static int name_platform(struct realm_keys *keys)
{
	const struct kvmcore_public_key *cpak = kvmcore_signing_key_public(keys->cpak);
	int ret;

	keys->instance_id[0] = 0x01;
	ret = digest_into(keys->instance_id + 1, cpak->point, cpak->len);
	if (!ret)
		ret = digest_into(keys->implementation_id, PLATFORM_PROFILE,
				  sizeof(PLATFORM_PROFILE));
	if (!ret)
		ret = digest_into(keys->measurement, COMPONENT_VERSION, sizeof(COMPONENT_VERSION));
	if (!ret)
		ret = digest_into(keys->signer, COMPONENT_TYPE, sizeof(COMPONENT_TYPE));
	return ret;
}

static int make_cpak(const struct kvmcore_vm *vm, struct realm_keys *keys)
{
	if (vm->platform_pem)
		return kvmcore_signing_key_from_pem(vm->platform_pem, strlen(vm->platform_pem),
						    &keys->cpak);
	return kvmcore_signing_key_generate(KVMCORE_P384, &keys->cpak);
}

static int get_keys(struct kvmcore_vm *vm)
{
	struct realm_keys *keys;
	int ret;

	if (vm->realm->keys)
		return 0;
	keys = calloc(1, sizeof(*keys));
	if (!keys)
		return -ENOMEM;
	ret = make_cpak(vm, keys);
	if (!ret)
		ret = kvmcore_signing_key_generate(KVMCORE_P384, &keys->rak);
	if (!ret)
		ret = name_platform(keys);
	if (ret)
		realm_keys_free(keys);
	else
		vm->realm->keys = keys;
	return ret;
}

struct realm_keys *realm_keys_free(struct realm_keys *keys)
{
	if (!keys)
		return NULL;
	kvmcore_signing_key_destroy(keys->cpak);
	kvmcore_signing_key_destroy(keys->rak);
	free(keys);
	return NULL;
}

static void fill_platform(const struct realm_keys *keys, struct kvmcore_platform_claims *claims)
{
	claims->profile = text_span(PLATFORM_PROFILE);
	claims->implementation_id =
		byte_span(keys->implementation_id, sizeof(keys->implementation_id));
	claims->instance_id = byte_span(keys->instance_id, sizeof(keys->instance_id));
	claims->config = byte_span(keys->measurement, 4);
	claims->lifecycle = LIFECYCLE_SECURED;
	claims->hash = text_span(PLATFORM_HASH);
	claims->n_components = 1;
	claims->component[0] = (struct kvmcore_sw_component){
		.type = text_span(COMPONENT_TYPE),
		.measurement = byte_span(keys->measurement, sizeof(keys->measurement)),
		.version = text_span(COMPONENT_VERSION),
		.signer_id = byte_span(keys->signer, sizeof(keys->signer)),
	};
}

/* @reg: RIM and REMs, which the claims borrow. */
static void fill_realm(const struct realm *realm, const struct kvmcore_digest reg[5],
		       const uint8_t *challenge, struct kvmcore_realm_claims *claims)
{
	const size_t size = kvmcore_hash_size(realm->params.hash);

	claims->profile = text_span(REALM_PROFILE);
	claims->challenge = byte_span(challenge, REALM_CHALLENGE_SIZE);
	claims->rpv = byte_span(realm->params.rpv, sizeof(realm->params.rpv));
	claims->hash = text_span(kvmcore_hash_name(realm->params.hash));
	claims->rim = byte_span(reg[0].bytes, size);
	for (unsigned int i = 0; i < KVMCORE_NR_REMS; i++)
		claims->rem[i] = byte_span(reg[i + 1].bytes, size);
}

int realm_token_make(struct kvmcore_vm *vm, const uint8_t challenge[REALM_CHALLENGE_SIZE],
		     struct realm_token *token)
{
	struct kvmcore_token_draft *draft;
	struct kvmcore_digest reg[5] = { 0 };
	struct realm_token fresh = { 0 };
	int ret = get_keys(vm);

	if (ret)
		return ret;
	draft = calloc(1, sizeof(*draft));
	if (!draft)
		return -ENOMEM;
	for (unsigned int i = 0; i < 5; i++)
		kvmcore_builder_read(vm->realm->builder, i, &reg[i]);
	draft->envelope = KVMCORE_ENVELOPE_399; /* what a 1.0 monitor writes */
	draft->binding_hash = KVMCORE_HASH_SHA256;
	draft->cpak = vm->realm->keys->cpak;
	draft->rak = vm->realm->keys->rak;
	fill_platform(vm->realm->keys, &draft->platform);
	fill_realm(vm->realm, reg, challenge, &draft->realm);
	ret = kvmcore_token_build(draft, &fresh.bytes, &fresh.len, NULL);
	free(draft);
	if (ret)
		return ret;
	free(token->bytes);
	*token = fresh;
	return 0;
}

int realm_platform_key(struct kvmcore_vm *vm, struct kvmcore_realm_platform_key *out)
{
	const struct kvmcore_public_key *cpak;
	const int ret = get_keys(vm);

	if (ret)
		return ret;
	cpak = kvmcore_signing_key_public(vm->realm->keys->cpak);
	*out = (struct kvmcore_realm_platform_key){ .curve = cpak->curve, .len = (__u32)cpak->len };
	memcpy(out->point, cpak->point, cpak->len);
	memcpy(out->implementation_id, vm->realm->keys->implementation_id,
	       sizeof(out->implementation_id));
	memcpy(out->instance_id, vm->realm->keys->instance_id,
	       sizeof(vm->realm->keys->instance_id));
	return 0;
}
