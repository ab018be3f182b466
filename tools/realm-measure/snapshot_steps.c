// SPDX-License-Identifier: Apache-2.0
/* The record of a realm as steps, and for people; docs/records.md 4.14, docs/abi-realm.md. */
#include "common/cleanup.h"
#include "common/number.h"
#include "snapshot.h"

#include <errno.h>
#include <sdeistate/sdeistate.h>
#include <string.h>

struct builder {
	const struct snapshot *snapshot;
	struct steps *steps;
	struct failure *failure;
	uint64_t first; /* page of the next POPULATE */
};

static int no_memory(struct failure *failure)
{
	return failure_set(failure, SDEISTATE_NO_MEMORY, -ENOMEM, NULL, NULL, NULL, NULL);
}

static bool is_v1(const struct builder *b)
{
	return b->snapshot->realm->dialect == KVM_CAP_ARM_RME;
}

static void put_create(struct builder *b, struct step *to)
{
	const struct sdeistate_realm *r = b->snapshot->realm;

	to->kind = STEP_CREATE;
	to->params = (struct kvmcore_realm_params){
		.flags = r->flags,
		.s2sz = r->s2sz,
		.sve_vl = r->sve_vl,
		.num_bps = r->num_bps,
		.num_wps = r->num_wps,
		.pmu_num_ctrs = r->pmu_num_ctrs,
		.hash = (enum kvmcore_hash)r->hash,
		.level_start = (int)r->level_start,
	};
	memcpy(to->params.rpv, r->rpv, sizeof(to->params.rpv));
}

/* A range that was refused before its end was measured up to there. */
static void put_ripas(struct builder *b, const struct kvmcore_realm_step *from, struct step *to)
{
	to->kind = STEP_RIPAS;
	to->mem.ipa = from->base;
	to->mem.top = from->base + from->size;
	to->mem.has_policy = true;
	to->mem.policy = is_v1(b) ? KVMCORE_RIPAS_RFC_V1 : KVMCORE_RIPAS_LARGEST;
	to->mem.stops = from->result != 0;
	to->mem.stop = from->base + from->done;
}

static int put_populate(struct builder *b, const struct kvmcore_realm_step *from, struct step *to)
{
	const size_t size = sdeistate_realm_hash_size(b->snapshot->realm->hash);
	struct blob *blob;

	if (!b->snapshot->digests)
		return failure_set(b->failure, SDEISTATE_NOTHING_TO_VERIFY, -ENODATA, "snapshot",
				   "pages", "the pages that were measured, or their digests",
				   "neither");
	blob = calloc(1, sizeof(*blob));
	if (!blob || steps_take_blob(b->steps, blob))
		return no_memory(b->failure);
	blob->name = strdup("pages");
	blob->borrowed = true;
	blob->digests = (const uint8_t *)b->snapshot->digests + b->first * size;
	blob->digest_size = size;
	blob->n_granules = from->done / SDEISTATE_REALM_GRANULE;
	b->first += blob->n_granules;
	to->kind = STEP_IMAGE;
	to->mem.ipa = from->base;
	to->mem.flags = from->flags;
	to->mem.blob = blob;
	to->mem.ripas_first = is_v1(b);
	return blob->name ? 0 : no_memory(b->failure);
}

static void put_rec(const struct kvmcore_realm_step *from, struct step *to)
{
	to->kind = STEP_REC;
	to->rec =
		(struct kvmcore_rec){ .flags = from->flags, .mpidr = from->mpidr, .pc = from->pc };
	memcpy(to->rec.gprs, from->gprs, sizeof(to->rec.gprs));
}

static int put_step(struct builder *b, const struct kvmcore_realm_step *from)
{
	struct step to = { .has_expect = true };
	int ret = 0;

	switch (from->kind) {
	case KVMCORE_REALM_STEP_CREATE:
		put_create(b, &to);
		break;
	case KVMCORE_REALM_STEP_INIT_RIPAS:
		put_ripas(b, from, &to);
		break;
	case KVMCORE_REALM_STEP_POPULATE:
		ret = put_populate(b, from, &to);
		break;
	case KVMCORE_REALM_STEP_REC:
		put_rec(from, &to);
		break;
	default:
		to.kind = STEP_ACTIVATE;
	}
	memcpy(to.expect.bytes, from->rim, sizeof(to.expect.bytes));
	return ret ? ret : steps_add(b->steps, &to) ? no_memory(b->failure) : 0;
}

static int put_extend(struct builder *b, const struct kvmcore_realm_extend *from)
{
	struct step to = { .kind = STEP_EXTEND };

	to.extend.index = from->index;
	to.extend.size = from->size;
	memcpy(to.extend.value, from->value, sizeof(from->value));
	return steps_add(b->steps, &to) ? no_memory(b->failure) : 0;
}

int snapshot_steps(const struct snapshot *s, struct steps *steps, struct failure *failure)
{
	const struct sdeistate_realm *r = s->realm;
	struct builder b = { .snapshot = s, .steps = steps, .failure = failure };
	int ret = 0;

	steps->rule = (enum kvmcore_rule)r->rule;
	for (uint32_t i = 0; !ret && i < r->n_steps; i++)
		ret = put_step(&b, &r->step[i]);
	for (uint32_t i = 0; !ret && r->has_extends && i < r->n_extends; i++)
		ret = put_extend(&b, &r->extend[i]);
	return ret;
}

/* --- For people ---------------------------------------------------------------------------------------- */

static json_t *step_json(const struct kvmcore_realm_step *step, size_t digest_size)
{
	const char *name = sdeistate_realm_step_name(step->kind);
	json_t *json = json_pack("{s:s}", "op", name ? name : "unknown"), *gprs;

	if (step->kind == KVMCORE_REALM_STEP_INIT_RIPAS ||
	    step->kind == KVMCORE_REALM_STEP_POPULATE) {
		json_object_set_new(json, "base", number_json(step->base));
		json_object_set_new(json, "size", number_json(step->size));
		json_object_set_new(json, "done", number_json(step->done));
		json_object_set_new(json, "result", json_integer(step->result));
	}
	if (step->kind == KVMCORE_REALM_STEP_POPULATE || step->kind == KVMCORE_REALM_STEP_REC)
		json_object_set_new(json, "flags", number_json(step->flags));
	if (step->kind == KVMCORE_REALM_STEP_REC) {
		gprs = json_array();
		for (unsigned int i = 0; i < KVMCORE_REC_GPRS; i++)
			json_array_append_new(gprs, number_json(step->gprs[i]));
		json_object_set_new(json, "mpidr", number_json(step->mpidr));
		json_object_set_new(json, "pc", number_json(step->pc));
		json_object_set_new(json, "gprs", gprs);
	}
	json_object_set_new(json, "rim", hex_json(step->rim, digest_size));
	return json;
}

static json_t *params_json(const struct sdeistate_realm *r)
{
	return json_pack("{s:o, s:i, s:i, s:i, s:i, s:i, s:i, s:o}", "flags", number_json(r->flags),
			 "s2sz", (int)r->s2sz, "sl", (int)r->level_start, "sve_vl", (int)r->sve_vl,
			 "num_bps", (int)r->num_bps, "num_wps", (int)r->num_wps, "pmu",
			 (int)r->pmu_num_ctrs, "rpv", hex_json(r->rpv, sizeof(r->rpv)));
}

json_t *snapshot_json(const struct snapshot *s)
{
	static const char *const states[] = { "none", "new", "active" };
	const struct sdeistate_realm *r = s->realm;
	const char *hash = sdeistate_realm_hash_name(r->hash);
	size_t n = sdeistate_realm_hash_size(r->hash);
	json_t *rems = json_array(), *steps = json_array(), *extends = json_array();

	for (unsigned int i = 0; i < KVMCORE_NR_REMS; i++)
		json_array_append_new(rems, hex_json(r->rem[i], n));
	for (uint32_t i = 0; i < r->n_steps; i++)
		json_array_append_new(steps, step_json(&r->step[i], n));
	for (uint32_t i = 0; r->has_extends && i < r->n_extends; i++)
		json_array_append_new(extends,
				      json_pack("{s:i, s:o}", "index", (int)r->extend[i].index,
						"value",
						hex_json(r->extend[i].value, r->extend[i].size)));
	return json_pack("{s:s, s:i, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:b, s:o, s:o}", "kind",
			 "snapshot", "dialect", (int)r->dialect, "state",
			 r->state < ARRAY_SIZE(states) ? states[r->state] : "unknown", "rule",
			 sdeistate_realm_rule_name(r->rule), "hash", hash ? hash : "unknown",
			 "params", params_json(r), "rim", hex_json(r->rim, n), "rem", rems,
			 "granules", number_json(r->n_granules), "pages", s->digests != NULL,
			 "steps", steps, "extends", extends);
}
