// SPDX-License-Identifier: Apache-2.0
#include "measure/limits.h"
#include "measure/rtt.h"

#define S2SZ_MIN       32u
#define S2SZ_MAX       48u
#define S2SZ_MAX_LPA2  52u
#define MPIDR_AFF_BITS UINT64_C(0xff00ffff0f)

/* What the host or, without a host, the width of the fields allows. */
struct limits {
	uint64_t s2sz, bps, wps, sve_vl, pmu;
	bool lpa2, sve, pmu_unit, known;
};

static uint64_t bits(uint64_t value, unsigned int high, unsigned int low)
{
	return value >> low & ((UINT64_C(1) << (high - low + 1)) - 1);
}

/* RMI feature register 0 in the layout of 1.0-rel0. */
static struct limits of_host(uint64_t f)
{
	return (struct limits){
		.s2sz = bits(f, 7, 0),
		.lpa2 = bits(f, 8, 8),
		.sve = bits(f, 9, 9),
		.sve_vl = bits(f, 13, 10),
		.bps = bits(f, 19, 14),
		.wps = bits(f, 25, 20),
		.pmu_unit = bits(f, 26, 26),
		.pmu = bits(f, 31, 27),
		.known = true,
	};
}

static struct limits of_architecture(void)
{
	return (struct limits){
		.s2sz = S2SZ_MAX_LPA2,
		.lpa2 = true,
		.sve = true,
		.sve_vl = 15,
		.bps = 63,
		.wps = 63,
		.pmu_unit = true,
		.pmu = 31,
	};
}

/* Start level -1 exists with LPA2 only. */
static bool translation_allowed(const struct kvmcore_realm_params *p, uint64_t s2sz_max)
{
	bool lpa2 = p->flags & KVMCORE_REALM_LPA2;

	return p->s2sz >= S2SZ_MIN && p->s2sz <= s2sz_max &&
	       p->s2sz <= (lpa2 ? S2SZ_MAX_LPA2 : S2SZ_MAX) && (lpa2 || p->level_start >= 0) &&
	       rtt_level_fits(p->s2sz, p->level_start);
}

/* No bit of the register tells FEAT_HPMN0, so a known host is taken not to have it. */
static bool pmu_allowed(const struct kvmcore_realm_params *p, const struct limits *l)
{
	if (!(p->flags & KVMCORE_REALM_PMU))
		return true;
	return l->pmu_unit && p->pmu_num_ctrs <= l->pmu && (p->pmu_num_ctrs || !l->known);
}

/* TF-RMM runtime/rmi/realm.c, validate_realm_params; bet0 (v0.3.0) looks at size and hash alone. */
bool limits_allow(enum kvmcore_rule rule, const struct kvmcore_realm_params *p,
		  uint64_t rmm_features)
{
	struct limits l = rmm_features ? of_host(rmm_features) : of_architecture();

	if (!kvmcore_rule_has_hash(rule, p->hash) || !translation_allowed(p, l.s2sz))
		return false;
	if (rule == KVMCORE_RULE_BET0)
		return true;
	if ((p->flags & KVMCORE_REALM_LPA2) && !l.lpa2)
		return false;
	if ((p->flags & KVMCORE_REALM_SVE) && (!l.sve || p->sve_vl > l.sve_vl))
		return false;
	return p->num_bps && p->num_bps <= l.bps && p->num_wps && p->num_wps <= l.wps &&
	       pmu_allowed(p, &l);
}

/* RmiRecMpidr: 4 bits of Aff0 and 8 of each other level count the RECs. */
int64_t limits_rec_index(uint64_t mpidr)
{
	if (mpidr & ~MPIDR_AFF_BITS)
		return -1;
	return (int64_t)(bits(mpidr, 3, 0) | bits(mpidr, 15, 8) << 4 | bits(mpidr, 23, 16) << 12 |
			 bits(mpidr, 39, 32) << 20);
}
