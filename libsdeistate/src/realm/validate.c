// SPDX-License-Identifier: Apache-2.0
/* Could a realm have been built like that? docs/records.md, 5.10. */
#include "plan/parts.h"
#include "realm/realm.h"

#include <openssl/evp.h>

#define STEP(i) OBJECT("realm step %u", (i))

static bool is_zero(const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (bytes[i])
			return false;
	return true;
}

static int validate_params(const struct sdeistate_realm *realm, struct sdeistate_error *err)
{
	if (realm->dialect != KVM_CAP_ARM_RME && realm->dialect != KVM_CAP_ARM_RME_V8)
		return inconsistent(err, "realm", "dialect", "%u or %u|%u", KVM_CAP_ARM_RME,
				    KVM_CAP_ARM_RME_V8, realm->dialect);
	if (realm->state > SDEISTATE_REALM_ACTIVE)
		return inconsistent(err, "realm", "state", "0 to 2|%u", realm->state);
	if (!sdeistate_realm_rule_name(realm->rule))
		return inconsistent(err, "realm", "rule", "0 to 2|%u", realm->rule);
	if (!sdeistate_realm_hash_name(realm->hash) || (realm->hash == 2 && realm->rule != 2))
		return inconsistent(err, "realm", "hash", "one of its rule|%u", realm->hash);
	if (realm->s2sz < 32 || realm->s2sz > 52)
		return inconsistent(err, "realm", "s2sz", "32 to 52|%u", realm->s2sz);
	if (realm->level_start > 3 && realm->level_start != UINT32_MAX)
		return inconsistent(err, "realm", "level_start", "-1 to 3|%u", realm->level_start);
	return 0;
}

static int validate_digests(const struct sdeistate_realm *realm, struct sdeistate_error *err)
{
	const size_t size = sdeistate_realm_hash_size(realm->hash);
	static const uint8_t none[64];

	if (!is_zero(realm->rim + size, 64 - size))
		return inconsistent(err, "realm", "rim", "%zu bytes, then zeros|more", size);
	for (unsigned int i = 0; i < ARRAY_SIZE(realm->rem); i++)
		if (!is_zero(realm->rem[i] + size, 64 - size))
			return inconsistent(err, "realm", "rem", "%zu bytes, then zeros|more",
					    size);
	if (realm->state != SDEISTATE_REALM_ACTIVE && !is_zero(realm->rem[0], sizeof(realm->rem)))
		return inconsistent(err, "realm", "rem", "zero before it ran|another value");
	if (memcmp(realm->n_steps ? realm->step[realm->n_steps - 1].rim : none, realm->rim,
		   sizeof(none)))
		return inconsistent(err, "realm", "rim", "that of its last step|another");
	return 0;
}

/* Where steps may stand: one creation first, one activation last. */
static int validate_order(const struct sdeistate_realm *realm, uint32_t i,
			  struct sdeistate_error *err)
{
	const uint32_t kind = realm->step[i].kind;
	const bool last = i == realm->n_steps - 1;

	if (kind >= KVMCORE_NR_REALM_STEPS)
		return inconsistent(err, STEP(i), "kind", "below %u|%u", KVMCORE_NR_REALM_STEPS,
				    kind);
	if ((kind == KVMCORE_REALM_STEP_CREATE) != (i == 0))
		return inconsistent(err, STEP(i), "kind", "create first and once|%s",
				    sdeistate_realm_step_name(kind));
	if ((kind == KVMCORE_REALM_STEP_ACTIVATE) !=
	    (last && realm->state == SDEISTATE_REALM_ACTIVE))
		return inconsistent(err, STEP(i), "kind",
				    "activate last, in an active realm alone|%s",
				    sdeistate_realm_step_name(kind));
	return 0;
}

static int validate_range(const struct kvmcore_realm_step *step, uint32_t i,
			  struct sdeistate_error *err)
{
	const bool populate = step->kind == KVMCORE_REALM_STEP_POPULATE;
	const uint64_t pages = step->size / PAGE + (step->size % PAGE != 0);

	if (step->base > UINT64_MAX - step->size || step->size > UINT64_MAX - PAGE)
		return inconsistent(err, STEP(i), "size", "up to the end of addresses|%" PRIu64,
				    (uint64_t)step->size);
	if (populate && (step->base | step->size | step->done) & (PAGE - 1))
		return inconsistent(err, STEP(i), "base", "whole pages|0x%" PRIx64,
				    (uint64_t)step->base);
	if (step->size == 0 || step->done / PAGE > pages || (populate && step->done == 0))
		return inconsistent(err, STEP(i), "done", "at most %" PRIu64 " bytes|%" PRIu64,
				    (uint64_t)step->size, (uint64_t)step->done);
	if (step->result ? step->result != EINVAL && step->result != ENXIO
			 : step->done < step->size)
		return inconsistent(err, STEP(i), "result", "0, %d or %d, as it went|%u", EINVAL,
				    ENXIO, step->result);
	if (step->flags > populate)
		return inconsistent(err, STEP(i), "flags", "at most %u|%" PRIu64, populate,
				    (uint64_t)step->flags);
	return 0;
}

static int validate_rec(const struct sdeistate *state, uint32_t i, struct sdeistate_error *err)
{
	const struct kvmcore_realm_step *step = &state->realm->step[i];
	unsigned int j = 0;

	if (step->flags > 1)
		return inconsistent(err, STEP(i), "flags", "0 or 1|%" PRIu64,
				    (uint64_t)step->flags);
	while (j < state->n_vcpus && state->vcpu[j].mpidr != step->mpidr)
		j++;
	if (j == state->n_vcpus)
		return inconsistent(err, STEP(i), "mpidr", "that of a vCPU|0x%" PRIx64,
				    (uint64_t)step->mpidr);
	for (uint32_t k = 0; k < i; k++)
		if (state->realm->step[k].kind == KVMCORE_REALM_STEP_REC &&
		    state->realm->step[k].mpidr == step->mpidr)
			return inconsistent(err, STEP(i), "mpidr",
					    "another than step %u's|0x%" PRIx64, k,
					    (uint64_t)step->mpidr);
	return 0;
}

static int validate_step(const struct sdeistate *state, uint32_t i, struct sdeistate_error *err)
{
	const struct sdeistate_realm *realm = state->realm;
	const struct kvmcore_realm_step *step = &realm->step[i];
	const size_t size = sdeistate_realm_hash_size(realm->hash);
	const bool range = step->kind == KVMCORE_REALM_STEP_INIT_RIPAS ||
			   step->kind == KVMCORE_REALM_STEP_POPULATE;
	int ret = validate_order(realm, i, err);

	if (!ret && !is_zero(step->rim + size, sizeof(step->rim) - size))
		return inconsistent(err, STEP(i), "rim", "%zu bytes, then zeros|more", size);
	if (!ret && range)
		ret = validate_range(step, i, err);
	else if (!ret && (step->base || step->size || step->done || step->result))
		return inconsistent(err, STEP(i), "base", "0 without a range|another value");
	if (!ret && step->kind == KVMCORE_REALM_STEP_REC)
		return validate_rec(state, i, err);
	if (!ret && (step->mpidr || step->pc || (!range && step->flags) ||
		     !is_zero((const uint8_t *)step->gprs, sizeof(step->gprs))))
		return inconsistent(err, STEP(i), "pc", "0 without a REC|another value");
	return ret;
}

/* REM = H(REM || value), neither part padded (DEN0137, "Realm Extensible Measurements"). */
static int replay_extends(const struct sdeistate_realm *realm, uint8_t rem[4][64],
			  struct sdeistate_error *err)
{
	const size_t size = sdeistate_realm_hash_size(realm->hash);
	uint8_t both[128];

	for (uint32_t i = 0; i < realm->n_extends; i++) {
		const struct kvmcore_realm_extend *extend = &realm->extend[i];
		const char *object = OBJECT("realm extend %u", i);

		if (extend->index < 1 || extend->index > 4)
			return inconsistent(err, object, "index", "1 to 4|%u", extend->index);
		if (extend->size > sizeof(extend->value) ||
		    !is_zero(extend->value + extend->size, sizeof(extend->value) - extend->size))
			return inconsistent(err, object, "size", "at most 64, then zeros|%u",
					    extend->size);
		memcpy(both, rem[extend->index - 1], size);
		memcpy(both + size, extend->value, extend->size);
		if (!EVP_Q_digest(NULL, realm_digest_name(realm->hash), NULL, both,
				  size + extend->size, rem[extend->index - 1], NULL))
			return error_no_memory(err, object);
	}
	return 0;
}

static int validate_extends(const struct sdeistate_realm *realm, struct sdeistate_error *err)
{
	uint8_t rem[4][64] = { { 0 } };
	int ret;

	if (!realm->has_extends && realm->n_extends)
		return inconsistent(err, "realm", "extends", "none, or known|%u", realm->n_extends);
	if (realm->n_extends > SDEISTATE_REALM_MAX_EXTENDS)
		return inconsistent(err, "realm", "extends", "at most %u|%u",
				    SDEISTATE_REALM_MAX_EXTENDS, realm->n_extends);
	ret = replay_extends(realm, rem, err);
	if (!ret && realm->has_extends && memcmp(rem, realm->rem, sizeof(rem)))
		return inconsistent(err, "realm", "rem", "what its extends give|another value");
	return ret;
}

int validate_realm(const struct sdeistate *state, struct sdeistate_error *err)
{
	const struct sdeistate_realm *realm = state->realm;
	uint64_t granules = 0;
	int ret = validate_params(realm, err);

	if (state->vm.type != KVMCORE_VM_REALM)
		return inconsistent(err, "realm", "vm type", "%u|%u", KVMCORE_VM_REALM,
				    state->vm.type);
	if (!ret && (realm->n_steps > SDEISTATE_REALM_MAX_STEPS ||
		     (realm->n_steps == 0) != (realm->state == SDEISTATE_REALM_NONE)))
		return inconsistent(err, "realm", "steps", "as many as its state says|%u",
				    realm->n_steps);
	for (uint32_t i = 0; i < realm->n_steps && !ret; i++) {
		ret = validate_step(state, i, err);
		if (realm->step[i].kind == KVMCORE_REALM_STEP_POPULATE)
			granules += realm->step[i].done / PAGE;
	}
	if (!ret && (granules != realm->n_granules || granules > SDEISTATE_REALM_MAX_GRANULES))
		return inconsistent(err, "realm", "n_granules", "%" PRIu64 ", at most %u|%" PRIu64,
				    granules, SDEISTATE_REALM_MAX_GRANULES, realm->n_granules);
	if (!ret)
		ret = validate_digests(realm, err);
	if (!ret)
		ret = validate_extends(realm, err);
	if (!ret && state->n_registered)
		return inconsistent(err, "realm", "registered events",
				    "none: its monitor answers its calls|%u", state->n_registered);
	return ret;
}
