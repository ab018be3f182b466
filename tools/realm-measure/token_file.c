// SPDX-License-Identifier: Apache-2.0
#include "token_file.h"

#include "common/cleanup.h"
#include "common/file.h"
#include "common/number.h"
#include "common/text.h"
#include "input.h"

#include <errno.h>
#include <string.h>

int token_file_parse(const char *path, const uint8_t *data, size_t len,
		     struct kvmcore_token **token, struct failure *failure)
{
	struct kvmcore_error err = { 0 };
	int ret = kvmcore_token_parse(data, len, token, &err);

	if (!ret)
		return 0;
	input_from_core(failure,
			ret == -ENOMEM       ? SDEISTATE_NO_MEMORY
			: ret == -E2BIG      ? SDEISTATE_OVER_LIMIT
			: ret == -EOPNOTSUPP ? SDEISTATE_INCOMPATIBLE
					     : SDEISTATE_DAMAGED,
			&err);
	snprintf(failure->object, sizeof(failure->object), "%.70s: %.20s", path, err.object);
	return ret;
}

int token_file_load(const char *path, struct kvmcore_token **token, struct failure *failure)
{
	OWNED_MEMORY uint8_t *data = NULL;
	size_t len;
	int ret = file_read(path, KVMCORE_TOKEN_MAX, &data, &len, failure);

	return ret ? ret : token_file_parse(path, data, len, token, failure);
}

static json_t *base64(struct kvmcore_span span)
{
	OWNED_MEMORY char *text = malloc(BASE64_SIZE(span.len));

	if (!text)
		return NULL;
	text_to_base64(span.data, span.len, text);
	return json_string(text);
}

static void put_bytes(json_t *json, const char *name, struct kvmcore_span span)
{
	if (span.data)
		json_object_set_new(json, name, base64(span));
}

static void put_text(json_t *json, const char *name, struct kvmcore_span span)
{
	if (span.data)
		json_object_set_new(json, name, json_stringn((const char *)span.data, span.len));
}

static void put_unknown(json_t *json, const struct kvmcore_unknown_claims *unknown)
{
	json_t *keys = json_array();

	for (unsigned int i = 0; i < unknown->n && i < KVMCORE_MAX_UNKNOWN; i++)
		json_array_append_new(keys, number_json(unknown->key[i]));
	if (unknown->n)
		json_object_set(json, "unknown-claims", keys);
	json_decref(keys);
}

static json_t *realm_json(const struct kvmcore_realm_claims *r)
{
	json_t *json = json_object(), *rems = json_array();

	put_text(json, "cca-realm-profile", r->profile);
	put_bytes(json, "cca-realm-challenge", r->challenge);
	put_bytes(json, "cca-realm-instance-id", r->instance_id);
	put_bytes(json, "cca-realm-personalization-value", r->rpv);
	put_bytes(json, "cca-realm-initial-measurement", r->rim);
	for (unsigned int i = 0; i < KVMCORE_NR_REMS; i++)
		json_array_append_new(rems, base64(r->rem[i]));
	json_object_set_new(json, "cca-realm-extensible-measurements", rems);
	put_text(json, "cca-realm-hash-algo-id", r->hash);
	put_bytes(json, "cca-realm-public-key", r->public_key);
	put_text(json, "cca-realm-public-key-hash-algo-id", r->public_key_hash);
	if (r->has_mec_policy)
		json_object_set_new(json, "cca-realm-mec-policy",
				    json_integer((json_int_t)r->mec_policy));
	put_unknown(json, &r->unknown);
	return json;
}

static json_t *component_json(const struct kvmcore_sw_component *c)
{
	json_t *json = json_object();

	put_text(json, "measurement-type", c->type);
	put_bytes(json, "measurement-value", c->measurement);
	put_text(json, "version", c->version);
	put_bytes(json, "signer-id", c->signer_id);
	put_text(json, "measurement-description", c->hash);
	return json;
}

static json_t *platform_json(const struct kvmcore_platform_claims *p)
{
	json_t *json = json_object(), *components = json_array();
	enum kvmcore_lifecycle lifecycle;

	put_text(json, "cca-platform-profile", p->profile);
	put_bytes(json, "cca-platform-challenge", p->challenge);
	put_bytes(json, "cca-platform-implementation-id", p->implementation_id);
	put_bytes(json, "cca-platform-instance-id", p->instance_id);
	put_bytes(json, "cca-platform-config", p->config);
	json_object_set_new(json, "cca-platform-lifecycle", json_integer((json_int_t)p->lifecycle));
	if (!kvmcore_lifecycle(p->lifecycle, &lifecycle))
		json_object_set_new(json, "lifecycle",
				    json_string(kvmcore_lifecycle_name(lifecycle)));
	for (unsigned int i = 0; i < p->n_components; i++)
		json_array_append_new(components, component_json(&p->component[i]));
	json_object_set_new(json, "cca-platform-sw-components", components);
	put_text(json, "cca-platform-service-indicator", p->service);
	put_text(json, "cca-platform-hash-algo-id", p->hash);
	put_unknown(json, &p->unknown);
	return json;
}

json_t *token_json(const struct kvmcore_token *token)
{
	int platform, realm;

	kvmcore_token_algorithms(token, &platform, &realm);
	return json_pack("{s:s, s:i, s:{s:i, s:i}, s:o, s:o}", "kind", "token", "tag",
			 kvmcore_token_envelope(token), "algorithms", "platform", platform, "realm",
			 realm, "platform", platform_json(kvmcore_token_platform(token)), "realm",
			 realm_json(kvmcore_token_realm(token)));
}
