// SPDX-License-Identifier: Apache-2.0
/*
 * Building a realm again: the steps in their order, the RIM compared after each (DEN0137, "Realm Initial
 * Measurement"; docs/abi-realm.md). What is wrong is found before the realm is active.
 */
#include "plan/parts.h"
#include "realm/realm.h"

#define CHUNK (256u << 10) /* bytes of contents on their way */
#define NAME(step, i)                                                                            \
	OBJECT("realm step %u (%s 0x%" PRIx64 ")", (i), sdeistate_realm_step_name((step)->kind), \
	       (uint64_t)(step)->base)

/* RMI feature register 0 of 1.0-rel0. */
#define FEATURE_S2SZ(r)     ((uint32_t)((r)&0xff))
#define FEATURE_SVE(r)      ((uint32_t)((r) >> 9 & 1))
#define FEATURE_SVE_VL(r)   ((uint32_t)((r) >> 10 & 0xf))
#define FEATURE_NUM_BPS(r)  ((uint32_t)((r) >> 14 & 0x3f))
#define FEATURE_NUM_WPS(r)  ((uint32_t)((r) >> 20 & 0x3f))
#define FEATURE_PMU(r)      ((uint32_t)((r) >> 26 & 1))
#define FEATURE_PMU_CTRS(r) ((uint32_t)((r) >> 27 & 0x1f))
#define FEATURE_HASH(r, n)  ((r) >> (32 + (n)) & 1)
#define REALM_SVE           2u /* RmiRealmFlags */
#define REALM_PMU           4u

/* --- check ------------------------------------------------------------------------------------------- */

static void need(struct target *target, const char *field, uint32_t wanted, uint32_t most)
{
	if (wanted > most)
		obstacle(target, SDEISTATE_INCOMPATIBLE, "realm host", field, "at least %u|%u",
			 wanted, most);
}

static void check_host(struct target *target, const struct kvmcore_realm_host *host)
{
	const struct sdeistate_realm *want = target->state->realm;
	const uint64_t has = host->features;

	if (want->dialect != host->cap)
		obstacle(target, SDEISTATE_INCOMPATIBLE, "realm host", "dialect",
			 "capability %u|%u", want->dialect, host->cap);
	if (want->rule != host->rule)
		obstacle(target, SDEISTATE_INCOMPATIBLE, "realm host", "rule", "%s|%s",
			 sdeistate_realm_rule_name(want->rule),
			 host->rule <= 2 ? sdeistate_realm_rule_name(host->rule) : "another");
	if (want->hash > 1 || !FEATURE_HASH(has, want->hash))
		obstacle(target, SDEISTATE_INCOMPATIBLE, "realm host", "hash", "%s|not offered",
			 sdeistate_realm_hash_name(want->hash));
	need(target, "s2sz", want->s2sz, FEATURE_S2SZ(has));
	need(target, "num_bps", want->num_bps, FEATURE_NUM_BPS(has));
	need(target, "num_wps", want->num_wps, FEATURE_NUM_WPS(has));
	if (want->flags & REALM_SVE)
		need(target, "sve", 1, FEATURE_SVE(has));
	if (want->flags & REALM_SVE)
		need(target, "sve_vl", want->sve_vl, FEATURE_SVE_VL(has));
	if (want->flags & REALM_PMU)
		need(target, "pmu", 1, FEATURE_PMU(has));
	need(target, "pmu_num_ctrs", want->pmu_num_ctrs, FEATURE_PMU_CTRS(has));
}

/* What follows from the host and the VM's shape and cannot be configured: it has to be the same already. */
static void check_given(struct target *target, const struct sdeistate_realm *have)
{
	const struct sdeistate_realm *want = target->state->realm;
	const struct {
		const char *name;
		uint32_t want, have;
	} row[] = {
		{ "s2sz", want->s2sz, have->s2sz },
		{ "level_start", want->level_start, have->level_start },
		{ "num_bps", want->num_bps, have->num_bps },
		{ "num_wps", want->num_wps, have->num_wps },
		{ "pmu_num_ctrs", want->pmu_num_ctrs, have->pmu_num_ctrs },
	};

	if (have->state != SDEISTATE_REALM_NONE)
		obstacle(target, SDEISTATE_VM_NOT_FRESH, "realm", "state", "none|%u", have->state);
	for (size_t i = 0; i < ARRAY_SIZE(row); i++)
		if (row[i].want != row[i].have)
			obstacle(target, SDEISTATE_INCOMPATIBLE, "realm", row[i].name, "%u|%u",
				 row[i].want, row[i].have);
}

static void check_pages(struct target *target)
{
	const struct sdeistate_realm *realm = target->state->realm;
	const struct kvm_port *port = target->port;
	uint8_t byte;

	if (realm->n_granules && (!port->mem_read || !port->mem_write)) {
		obstacle(target, SDEISTATE_PORT_LACKS, "port",
			 port->mem_read ? "mem_write" : "mem_read", "present|NULL");
		return;
	}
	for (uint32_t i = 0; i < realm->n_steps; i++) {
		const struct kvmcore_realm_step *step = &realm->step[i];

		if (step->kind == KVMCORE_REALM_STEP_POPULATE &&
		    (port->mem_read(port->vm, step->base, &byte, 1) < 0 ||
		     port->mem_read(port->vm, step->base + step->size - 1, &byte, 1) < 0))
			obstacle(target, SDEISTATE_INCOMPATIBLE, NAME(step, i), "memory",
				 "%" PRIu64 " bytes|none", (uint64_t)step->size);
	}
}

/* RFC v1 creates realms before vCPUs and lets a VMM set x0 to x7 and pc alone. */
static void check_vcpus(struct target *target)
{
	const struct sdeistate *state = target->state;
	const struct sdeistate_realm *realm = state->realm;

	if (realm->dialect != KVM_CAP_ARM_RME)
		return;
	if (realm->n_steps && target->port->n_vcpus)
		obstacle(target, SDEISTATE_INCOMPATIBLE, "vm", "n_vcpus",
			 "0 before its realm is created|%u", target->port->n_vcpus);
	for (unsigned int i = 0; i < state->n_vcpus; i++)
		for (unsigned int r = 8; r < SDEISTATE_REALM_REGS - 1; r++)
			if (realm->regs[i].value[r]) {
				obstacle(target, SDEISTATE_INCOMPATIBLE, OBJECT("vcpu %u", i),
					 OBJECT("x%u", r),
					 "0: this dialect cannot set it|0x%" PRIx64,
					 realm->regs[i].value[r]);
				return;
			}
}

void check_realm(struct target *target)
{
	struct kvmcore_realm_host host = { .features = 0 };
	int ret = access_attr_get(target->port, KVMCORE_GROUP_REALM, KVMCORE_REALM_HOST, &host);

	if (ret < 0) {
		obstacle(target, SDEISTATE_PORT_LACKS, REALM_GROUP, "host", "present|%s",
			 strerror(-ret));
		return;
	}
	check_host(target, &host);
	if (target->found->realm)
		check_given(target, target->found->realm);
	check_pages(target);
	check_vcpus(target);
}

/* --- replay ------------------------------------------------------------------------------------------ */

static int command(const struct target *target, uint64_t number, const void *arg)
{
	struct kvm_enable_cap cap = { .cap = target->state->realm->dialect,
				      .args = { number, (uintptr_t)arg } };

	return target->port->ioctl(target->port->vm, ON_VM, KVM_ENABLE_CAP, &cap);
}

static int configure(struct target *target)
{
	const struct sdeistate_realm *realm = target->state->realm;
	struct kvm_cap_arm_rme_config_item rpv = { .cfg = KVM_CAP_ARM_RME_CFG_RPV };
	struct kvm_cap_arm_rme_config_item hash = { .cfg = KVM_CAP_ARM_RME_CFG_HASH_ALGO };
	struct kvm_cap_arm_rme_config_item sve = { .cfg = KVM_CAP_ARM_RME_CFG_SVE };
	int ret;

	memcpy(rpv.rpv, realm->rpv, sizeof(rpv.rpv));
	hash.hash_algo = realm->hash;
	sve.sve_vq = realm->sve_vl;
	ret = replayed(target, command(target, KVM_CAP_ARM_RME_CONFIG_REALM, &rpv), "realm", "rpv");
	if (!ret)
		ret = replayed(target, command(target, KVM_CAP_ARM_RME_CONFIG_REALM, &hash),
			       "realm", "hash");
	if (!ret && realm->flags & REALM_SVE)
		ret = replayed(target, command(target, KVM_CAP_ARM_RME_CONFIG_REALM, &sve), "realm",
			       "sve");
	return ret;
}

static int read_info(const struct target *target, struct kvmcore_realm_info *info)
{
	int ret = access_attr_get(target->port, KVMCORE_GROUP_REALM, KVMCORE_REALM_INFO, info);

	return replayed(target, ret, "realm", "KVMCORE_REALM_INFO");
}

/* Nothing was dropped or replaced: what is not in the RIM has to be held against the list as well. */
static int compare_params(struct target *target)
{
	const struct sdeistate_realm *realm = target->state->realm;
	struct sdeistate_realm_difference difference;
	struct kvmcore_realm_info info = { .state = 0 };
	const struct sdeistate_realm_limits want = realm_limits(realm);
	struct sdeistate_realm_limits have;
	int ret = read_info(target, &info);

	if (ret)
		return ret;
	have = (struct sdeistate_realm_limits){
		.hash = info.hash,
		.flags = info.flags,
		.s2sz = info.s2sz,
		.sve_vl = info.sve_vl,
		.num_bps = info.num_bps,
		.num_wps = info.num_wps,
		.pmu_num_ctrs = info.pmu_num_ctrs,
		.level_start = (int)info.level_start,
	};
	if (sdeistate_realm_compare_limits(&want, &have, &difference))
		return error_set(target->err, SDEISTATE_DIFFERS, -ESTALE, "realm", difference.what,
				 "0x%" PRIx64 "|0x%" PRIx64, difference.a, difference.b);
	if (memcmp(info.rpv, realm->rpv, sizeof(info.rpv)))
		return error_set(target->err, SDEISTATE_DIFFERS, -ESTALE, "realm", "rpv",
				 "the one it was created with|another");
	return 0;
}

static int compare_rim(struct target *target, uint32_t i)
{
	const struct kvmcore_realm_step *step = &target->state->realm->step[i];
	struct kvmcore_realm_info info = { .state = 0 };
	int ret = read_info(target, &info);

	if (!ret && memcmp(info.rim, step->rim, sizeof(info.rim)))
		ret = realm_explain(target, i);
	return ret;
}

int realm_begin(struct target *target)
{
	const struct sdeistate_realm *realm = target->state->realm;
	int ret = configure(target);

	if (ret || realm->n_steps == 0)
		return ret ? ret : compare_params(target);
	ret = replayed(target, command(target, KVM_CAP_ARM_RME_CREATE_RD, NULL),
		       NAME(&realm->step[0], 0), "");
	if (!ret)
		ret = compare_params(target);
	return ret ? ret : compare_rim(target, 0);
}

static int load(const struct target *target, const struct kvmcore_realm_step *step, uint32_t i,
		uint64_t offset)
{
	const struct sdeistate_realm_source *source = target->contents;
	CLEANUP(cleanup_free) uint8_t *chunk = malloc(CHUNK);
	int ret = 0;

	if (!chunk)
		return error_no_memory(target->err, NAME(step, i));
	for (uint64_t done = 0; done < step->done && !ret; done += CHUNK) {
		const uint64_t left = step->done - done;
		const size_t n = left < CHUNK ? (size_t)left : CHUNK;

		ret = source->read(source->user, SDEISTATE_REALM_CONTENTS, offset + done, chunk, n);
		if (ret == -ENODATA)
			return 0; /* in memory already; if not, the RIM will tell */
		if (ret)
			return error_set(target->err, SDEISTATE_REPLAY_FAILED, ret, NAME(step, i),
					 "contents", "%" PRIu64 " bytes|%s", (uint64_t)step->done,
					 strerror(-ret));
		ret = target->port->mem_write(target->port->vm, step->base + done, chunk, n);
		ret = replayed(target, ret, NAME(step, i), "memory");
	}
	return ret;
}

static int range_step(struct target *target, uint32_t i)
{
	const struct kvmcore_realm_step *step = &target->state->realm->step[i];
	const bool populate = step->kind == KVMCORE_REALM_STEP_POPULATE;
	struct kvm_arm_rme_populate_realm args = { .base = step->base, .size = step->size };
	int ret;

	/* In RFC v1 the struct ends behind the size; INIT_RIPAS has reserved words where the flags stand. */
	if (populate && target->state->realm->dialect == KVM_CAP_ARM_RME_V8)
		args.flags = (uint32_t)step->flags;
	ret = command(target,
		      populate ? KVM_CAP_ARM_RME_POPULATE_REALM : KVM_CAP_ARM_RME_INIT_IPA_REALM,
		      &args);
	if (ret == -(int)step->result)
		return 0;
	return error_set(target->err, SDEISTATE_REPLAY_FAILED, ret < 0 ? ret : -EINVAL,
			 NAME(step, i), "result", "%s|%s", strerror((int)step->result),
			 strerror(-ret));
}

static int rec_step(struct target *target, uint32_t i)
{
	const struct sdeistate *state = target->state;
	const struct kvmcore_realm_step *step = &state->realm->step[i];
	const char *object = OBJECT("realm step %u (rec 0x%" PRIx64 ")", i, (uint64_t)step->mpidr);
	struct kvmcore_realm_host host = { .features = 0 };
	uint64_t pc = step->pc;
	unsigned int j = 0;
	int index, feature, ret;

	while (state->vcpu[j].mpidr != step->mpidr)
		j++;
	index = (int)target->map[j];
	ret = access_reg_set(target->port, index, KVMCORE_REG_PC, &pc);
	for (unsigned int r = 0; r < ARRAY_SIZE(step->gprs) && ret >= 0; r++)
		ret = access_reg_set(target->port, index, KVMCORE_REG_X(r), &step->gprs[r]);
	if (ret < 0)
		return replayed(target, ret, object, "registers");
	ret = access_attr_get(target->port, KVMCORE_GROUP_REALM, KVMCORE_REALM_HOST, &host);
	feature = (int)host.rec_feature;
	if (ret >= 0)
		ret = target->port->ioctl(target->port->vm, index, KVM_ARM_VCPU_FINALIZE, &feature);
	return replayed(target, ret, object, "KVM_ARM_VCPU_FINALIZE");
}

static int do_step(struct target *target, uint32_t i, uint64_t offset)
{
	const struct kvmcore_realm_step *step = &target->state->realm->step[i];
	int ret = 0;

	switch (step->kind) {
	case KVMCORE_REALM_STEP_POPULATE:
		if (target->contents)
			ret = load(target, step, i, offset);
		return ret ? ret : range_step(target, i);
	case KVMCORE_REALM_STEP_INIT_RIPAS:
		return range_step(target, i);
	case KVMCORE_REALM_STEP_REC:
		return rec_step(target, i);
	default:
		ret = command(target, KVM_CAP_ARM_RME_ACTIVATE_REALM, NULL);
		return replayed(target, ret, OBJECT("realm step %u (activate)", i), "");
	}
}

/* What the VMM has written since, or has not used yet. */
static int restore_regs(struct target *target)
{
	const struct sdeistate *state = target->state;

	for (unsigned int i = 0; i < state->n_vcpus; i++)
		for (unsigned int r = 0; r < SDEISTATE_REALM_REGS; r++) {
			const uint64_t want = state->realm->regs[i].value[r];
			const int index = (int)target->map[i];
			uint64_t have = 0;
			int ret = access_reg_get(target->port, index, realm_reg_id(r), &have);

			if (ret >= 0 && have != want)
				ret = access_reg_set(target->port, index, realm_reg_id(r), &want);
			if (ret < 0)
				return replayed(target, ret, OBJECT("registers of vcpu %u", i),
						OBJECT("%u", r));
		}
	return 0;
}

int replay_realm(struct target *target)
{
	const struct sdeistate_realm *realm = target->state->realm;
	uint64_t offset = 0;
	int ret = 0;

	for (uint32_t i = 1; i < realm->n_steps && !ret; i++) {
		ret = do_step(target, i, offset);
		if (!ret)
			ret = compare_rim(target, i);
		if (realm->step[i].kind == KVMCORE_REALM_STEP_POPULATE)
			offset += realm->step[i].done;
	}
	return ret ? ret : restore_regs(target);
}
