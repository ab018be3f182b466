// SPDX-License-Identifier: Apache-2.0
/* Names, causes, and what decides a measurement: shared with realm-measure. */
#include "realm/realm.h"

#include "util.h"

static const struct {
	const char *name, *openssl;
	size_t size;
} algorithm[] = {
	{ "sha-256", "SHA256", 32 },
	{ "sha-512", "SHA512", 64 },
	{ "sha-384", "SHA384", 48 },
};

static const char *const rule_name[] = { "1.0", "bet0", "2.0" };

static const char *const step_name[KVMCORE_NR_REALM_STEPS] = {
	[KVMCORE_REALM_STEP_CREATE] = "create",     [KVMCORE_REALM_STEP_INIT_RIPAS] = "init-ripas",
	[KVMCORE_REALM_STEP_POPULATE] = "populate", [KVMCORE_REALM_STEP_REC] = "rec",
	[KVMCORE_REALM_STEP_ACTIVATE] = "activate",
};

static const struct {
	const char *name, *advice;
} causes[SDEISTATE_NR_CAUSES] = {
	[SDEISTATE_CAUSE_NONE] = { "none", "Both lists give the same RIM." },
	[SDEISTATE_CAUSE_RULE] = { "rule", "They are measured by different versions of the RMM "
					   "specification." },
	[SDEISTATE_CAUSE_HASH] = { "hash", "The realms use different hash algorithms." },
	[SDEISTATE_CAUSE_HOST_LIMITS] = { "host-limits",
					  "Breakpoints, watchpoints, SVE or PMU follow the "
					  "host or a -c file." },
	[SDEISTATE_CAUSE_IPA_SIZE] = { "ipa-size",
				       "The VMM or the size of RAM asks for another IPA size." },
	[SDEISTATE_CAUSE_RAM_RANGE] = { "ram-range", "RAM has another size or place (-m)." },
	[SDEISTATE_CAUSE_TABLES] = { "tables",
				     "Translation tables exist at other levels, so RIPAS counts in "
				     "other blocks." },
	[SDEISTATE_CAUSE_DEVICE_TREE] = { "device-tree",
					  "The VMM loads another device tree than was "
					  "measured." },
	[SDEISTATE_CAUSE_IMAGE] = { "image", "A kernel, initrd or firmware file is another one." },
	[SDEISTATE_CAUSE_PAGE_CONTENT] = { "page-content", "A page holds other bytes." },
	[SDEISTATE_CAUSE_PAGE_ORDER] = { "page-order",
					 "The same pages are added in another order." },
	[SDEISTATE_CAUSE_PLACEMENT] = { "placement", "An image lies at another address." },
	[SDEISTATE_CAUSE_ENTRY] = { "entry", "The primary CPU starts with other registers." },
	[SDEISTATE_CAUSE_STEP_ORDER] = { "step-order",
					 "The VMMs take their steps in another order." },
	[SDEISTATE_CAUSE_LENGTH] = { "length", "One list goes on where the other ends." },
};

size_t sdeistate_realm_hash_size(uint32_t hash)
{
	return hash < ARRAY_SIZE(algorithm) ? algorithm[hash].size : 0;
}

const char *sdeistate_realm_hash_name(uint32_t hash)
{
	return hash < ARRAY_SIZE(algorithm) ? algorithm[hash].name : NULL;
}

const char *realm_digest_name(uint32_t hash)
{
	return hash < ARRAY_SIZE(algorithm) ? algorithm[hash].openssl : NULL;
}

const char *sdeistate_realm_rule_name(uint32_t rule)
{
	return rule < ARRAY_SIZE(rule_name) ? rule_name[rule] : NULL;
}

const char *sdeistate_realm_step_name(uint32_t kind)
{
	return kind < ARRAY_SIZE(step_name) ? step_name[kind] : NULL;
}

const char *sdeistate_realm_cause_name(enum sdeistate_realm_cause cause)
{
	return (unsigned int)cause < SDEISTATE_NR_CAUSES ? causes[cause].name : NULL;
}

const char *sdeistate_realm_cause_advice(enum sdeistate_realm_cause cause)
{
	return (unsigned int)cause < SDEISTATE_NR_CAUSES ? causes[cause].advice : NULL;
}

static bool differ(struct sdeistate_realm_difference *out, enum sdeistate_realm_cause cause,
		   const char *what, uint64_t a, uint64_t b)
{
	if (a == b)
		return false;
	*out = (struct sdeistate_realm_difference){ cause, what, a, b };
	return true;
}

bool sdeistate_realm_compare_limits(const struct sdeistate_realm_limits *a,
				    const struct sdeistate_realm_limits *b,
				    struct sdeistate_realm_difference *out)
{
	return differ(out, SDEISTATE_CAUSE_HASH, "hash_algo", a->hash, b->hash) ||
	       differ(out, SDEISTATE_CAUSE_HOST_LIMITS, "num_bps", a->num_bps, b->num_bps) ||
	       differ(out, SDEISTATE_CAUSE_HOST_LIMITS, "num_wps", a->num_wps, b->num_wps) ||
	       differ(out, SDEISTATE_CAUSE_HOST_LIMITS, "sve_vl", a->sve_vl, b->sve_vl) ||
	       differ(out, SDEISTATE_CAUSE_HOST_LIMITS, "pmu_num_ctrs", a->pmu_num_ctrs,
		      b->pmu_num_ctrs) ||
	       differ(out, SDEISTATE_CAUSE_HOST_LIMITS, "flags", a->flags, b->flags) ||
	       differ(out, SDEISTATE_CAUSE_IPA_SIZE, "s2sz", a->s2sz, b->s2sz) ||
	       differ(out, SDEISTATE_CAUSE_TABLES, "start level", (uint64_t)a->level_start,
		      (uint64_t)b->level_start);
}

bool sdeistate_realm_compare_rec(const struct kvmcore_realm_step *a,
				 const struct kvmcore_realm_step *b,
				 struct sdeistate_realm_difference *out)
{
	static const char *const gpr[] = { "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7" };

	if (differ(out, SDEISTATE_CAUSE_ENTRY, "pc", a->pc, b->pc) ||
	    differ(out, SDEISTATE_CAUSE_ENTRY, "flags", a->flags, b->flags))
		return true;
	for (unsigned int i = 0; i < ARRAY_SIZE(gpr); i++)
		if (differ(out, SDEISTATE_CAUSE_ENTRY, gpr[i], a->gprs[i], b->gprs[i]))
			return true;
	return false;
}

struct sdeistate_realm_limits realm_limits(const struct sdeistate_realm *realm)
{
	return (struct sdeistate_realm_limits){
		.hash = realm->hash,
		.flags = realm->flags,
		.s2sz = realm->s2sz,
		.sve_vl = realm->sve_vl,
		.num_bps = realm->num_bps,
		.num_wps = realm->num_wps,
		.pmu_num_ctrs = realm->pmu_num_ctrs,
		.level_start = (int)realm->level_start,
	};
}

struct sdeistate_realm *realm_free(struct sdeistate_realm *realm)
{
	if (!realm)
		return NULL;
	free(realm->step);
	free(realm->extend);
	free(realm->regs);
	free(realm);
	return NULL;
}
