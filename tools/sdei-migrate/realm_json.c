// SPDX-License-Identifier: Apache-2.0
/* A snapshot's realm, as show --realm tells it (docs/show.md). */
#include "state_json.h"

#include "common/cleanup.h"
#include "common/number.h"

static json_t *digest_json(const uint8_t *digest, uint32_t hash)
{
	return hex_json(digest, sdeistate_realm_hash_size(hash));
}

static json_t *rec_json(const struct kvmcore_realm_step *step, json_t *json)
{
	json_t *gprs = json_array();

	for (size_t i = 0; i < ARRAY_SIZE(step->gprs); i++)
		json_array_append_new(gprs, number_json(step->gprs[i]));
	json_object_set_new(json, "mpidr", number_json(step->mpidr));
	json_object_set_new(json, "pc", number_json(step->pc));
	json_object_set_new(json, "gprs", gprs);
	json_object_set_new(json, "runnable", json_boolean(step->flags & 1));
	return json;
}

static json_t *range_json(const struct kvmcore_realm_step *step, json_t *json)
{
	json_object_set_new(json, "base", number_json(step->base));
	json_object_set_new(json, "size", number_json(step->size));
	if (step->done != step->size || step->result) {
		json_object_set_new(json, "done", number_json(step->done));
		json_object_set_new(json, "errno", json_integer(step->result));
	}
	if (step->kind == KVMCORE_REALM_STEP_POPULATE)
		json_object_set_new(json, "measured", json_boolean(step->flags & 1));
	return json;
}

static json_t *step_json(const struct sdeistate_realm *realm, uint32_t i)
{
	const struct kvmcore_realm_step *step = &realm->step[i];
	json_t *json = json_pack("{s:i, s:s, s:o}", "step", (int)i, "kind",
				 sdeistate_realm_step_name(step->kind), "rim",
				 digest_json(step->rim, realm->hash));

	if (step->kind == KVMCORE_REALM_STEP_REC)
		return rec_json(step, json);
	if (step->kind == KVMCORE_REALM_STEP_INIT_RIPAS ||
	    step->kind == KVMCORE_REALM_STEP_POPULATE)
		return range_json(step, json);
	return json;
}

static json_t *steps_json(const struct sdeistate_realm *realm)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < realm->n_steps; i++)
		json_array_append_new(list, step_json(realm, i));
	return list;
}

/* null: the VMM does not know what the realm extended */
static json_t *extends_json(const struct sdeistate_realm *realm)
{
	json_t *list = realm->has_extends ? json_array() : json_null();

	for (uint32_t i = 0; i < realm->n_extends; i++)
		json_array_append_new(list, json_pack("{s:i, s:o}", "rem",
						      (int)realm->extend[i].index - 1, "value",
						      hex_json(realm->extend[i].value,
							       realm->extend[i].size)));
	return list;
}

json_t *state_realm_json(const struct sdeistate *state)
{
	static const char *const name[] = { "none", "new", "active" };
	static const char *const start[] = { "exact", "exact", "cold" };
	const struct sdeistate_realm *realm = state->realm;
	json_t *rem, *json;

	if (!realm)
		return json_null();
	rem = json_array();
	for (size_t i = 0; i < ARRAY_SIZE(realm->rem); i++)
		json_array_append_new(rem, digest_json(realm->rem[i], realm->hash));
	json = json_pack("{s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:o, s:i, s:i, s:i, s:i}", "state",
			 name[realm->state], "start", start[realm->state], "dialect",
			 realm->dialect == KVM_CAP_ARM_RME ? "rfc-v1" : "v8", "rule",
			 sdeistate_realm_rule_name(realm->rule), "hash",
			 sdeistate_realm_hash_name(realm->hash), "s2sz", (int)realm->s2sz,
			 "level_start", (int)realm->level_start, "flags", number_json(realm->flags),
			 "sve_vl", (int)realm->sve_vl, "num_bps", (int)realm->num_bps, "num_wps",
			 (int)realm->num_wps, "pmu_num_ctrs", (int)realm->pmu_num_ctrs);
	json_object_set_new(json, "rpv", hex_json(realm->rpv, sizeof(realm->rpv)));
	json_object_set_new(json, "rim", digest_json(realm->rim, realm->hash));
	json_object_set_new(json, "rem", rem);
	json_object_set_new(json, "extends", extends_json(realm));
	json_object_set_new(json, "pages", json_integer((json_int_t)realm->n_granules));
	json_object_set_new(json, "pages_digest",
			    hex_json(realm->hashes_digest, sizeof(realm->hashes_digest)));
	json_object_set_new(json, "steps", steps_json(realm));
	return json;
}
