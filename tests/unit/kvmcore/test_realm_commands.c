// SPDX-License-Identifier: Apache-2.0
/*
 * Every command of the two realm dialects with every error, in the order of the checks. Orders and numbers:
 * "arm64: Support for Arm CCA in KVM", RFC v1 patches 06, 10, 13, 16 and 23 of 28, and v8; docs/abi-realm.md.
 */
#include "realm_vm.h"

#include <errno.h>

#define CONFIG   KVM_CAP_ARM_RME_CONFIG_REALM
#define CREATE   KVM_CAP_ARM_RME_CREATE_RD
#define INIT     KVM_CAP_ARM_RME_INIT_IPA_REALM
#define POPULATE KVM_CAP_ARM_RME_POPULATE_REALM
#define ACTIVATE KVM_CAP_ARM_RME_ACTIVATE_REALM
#define NO_ARG   true

#define BYTES(from, count)                      \
	{                                       \
		.base = (from), .size = (count) \
	}

struct command_row {
	const char *promise;
	unsigned int state;
	uint64_t cmd;
	bool no_arg;
	struct range arg;
	int want[2]; /* RFC v1, v8 */
};

static const struct command_row init_row[] = {
	{ "the struct comes first", UNSET, INIT, NO_ARG, { 0 }, { -EFAULT, -EFAULT } },
	{ "a wrap comes before the state",
	  UNSET,
	  INIT,
	  false,
	  BYTES(~0ULL << 12, 2 * PAGE),
	  { -EINVAL, -EINVAL } },
	{ "a realm that is not created",
	  UNSET,
	  INIT,
	  false,
	  BYTES(RAM, PAGE),
	  { -EBUSY, -EINVAL } },
	{ "a realm that is active", ACTIVE, INIT, false, BYTES(RAM, PAGE), { -EBUSY, -EINVAL } },
	{ "words that v1 does not have",
	  NEW,
	  INIT,
	  false,
	  { RAM, PAGE, 1, { 0 } },
	  { 0, -EINVAL } },
	{ "the last such word", NEW, INIT, false, { RAM, PAGE, 0, { 0, 0, 1 } }, { 0, -EINVAL } },
	{ "no bytes", NEW, INIT, false, BYTES(RAM, 0), { 0, 0 } },
	{ "no bytes anywhere", NEW, INIT, false, BYTES(SHARED, 0), { 0, 0 } },
	{ "a base within a page", NEW, INIT, false, BYTES(RAM + 8, PAGE), { -ENXIO, -ENXIO } },
	{ "the shared half", NEW, INIT, false, BYTES(SHARED, PAGE), { -ENXIO, -ENXIO } },
	{ "an end in the shared half",
	  NEW,
	  INIT,
	  false,
	  BYTES(SHARED - PAGE, 2 * PAGE),
	  { -ENXIO, -ENXIO } },
	{ "memory without a slot", NEW, INIT, false, BYTES(0, PAGE), { 0, 0 } },
	{ "a page", NEW, INIT, false, BYTES(RAM, PAGE), { 0, 0 } },
};

static const struct command_row populate_row[] = {
	{ "the struct comes first", UNSET, POPULATE, NO_ARG, { 0 }, { -EFAULT, -EFAULT } },
	{ "then the state", UNSET, POPULATE, false, BYTES(1, 1), { -EBUSY, -EINVAL } },
	{ "an active realm", ACTIVE, POPULATE, false, BYTES(RAM, PAGE), { -EBUSY, -EINVAL } },
	{ "flags before the slot",
	  NEW,
	  POPULATE,
	  false,
	  { 0, PAGE, 2, { 0 } },
	  { -EFAULT, -EINVAL } },
	{ "reserved words", NEW, POPULATE, false, { 0, PAGE, 1, { 0, 1 } }, { -EFAULT, -EINVAL } },
	{ "part of a page", NEW, POPULATE, false, BYTES(RAM, 8), { -EINVAL, -EINVAL } },
	{ "a base within a page",
	  NEW,
	  POPULATE,
	  false,
	  BYTES(RAM + 8, PAGE),
	  { -EINVAL, -EINVAL } },
	{ "alignment before the slot", NEW, POPULATE, false, BYTES(8, PAGE), { -EINVAL, -EINVAL } },
	{ "a wrap", NEW, POPULATE, false, BYTES(~0ULL << 12, 2 * PAGE), { -EINVAL, -EINVAL } },
	{ "no slot", NEW, POPULATE, false, BYTES(0, PAGE), { -EFAULT, -EFAULT } },
	{ "no slot and no bytes", NEW, POPULATE, false, BYTES(0, 0), { -EFAULT, -EFAULT } },
	{ "no bytes of a slot", NEW, POPULATE, false, BYTES(RAM, 0), { 0, 0 } },
	{ "more than the slot",
	  NEW,
	  POPULATE,
	  false,
	  BYTES(RAM, RAM_SIZE + PAGE),
	  { -EINVAL, -EINVAL } },
	{ "a slot in the shared half",
	  NEW,
	  POPULATE,
	  false,
	  BYTES(SHARED, PAGE),
	  { -ENXIO, -ENXIO } },
	{ "a whole slot", NEW, POPULATE, false, BYTES(RAM, RAM_SIZE), { 0, 0 } },
};

static const struct command_row other_row[] = {
	{ "no sixth command", UNSET, 5, false, { 0 }, { -EINVAL, -EINVAL } },
	{ "a number of 64 bits", UNSET, 1ULL << 32, false, { 0 }, { -EINVAL, -EINVAL } },
	{ "CONFIG without a struct", UNSET, CONFIG, NO_ARG, { 0 }, { -EFAULT, -EFAULT } },
	{ "CONFIG looks at the state first", NEW, CONFIG, NO_ARG, { 0 }, { -EBUSY, -EINVAL } },
	{ "CONFIG of an active realm", ACTIVE, CONFIG, NO_ARG, { 0 }, { -EBUSY, -EINVAL } },
	{ "CREATE in v1 looks for vCPUs first", NEW, CREATE, NO_ARG, { 0 }, { -EBUSY, -EEXIST } },
	{ "CREATE of an active realm", ACTIVE, CREATE, NO_ARG, { 0 }, { -EBUSY, -EEXIST } },
	{ "ACTIVATE before creation", UNSET, ACTIVATE, NO_ARG, { 0 }, { -EBUSY, -EINVAL } },
	{ "ACTIVATE twice", ACTIVE, ACTIVATE, NO_ARG, { 0 }, { -EBUSY, -EINVAL } },
	{ "ACTIVATE without a REC", NEW, ACTIVATE, NO_ARG, { 0 }, { 0, 0 } },
};

static void try_rows(const struct command_row *row, size_t n)
{
	for (size_t i = 0; i < n; i++)
		EACH_DIALECT(v8)
		{
			struct realm_vm r = realm_in(v8, row[i].state, NULL);
			const struct kvmcore_realm_info before = realm_info(&r);
			const int ret =
				realm_cmd(&r, row[i].cmd, row[i].no_arg ? NULL : &row[i].arg);
			const struct kvmcore_realm_info after = realm_info(&r);

			if (!CHECK(ret == row[i].want[v8], row[i].promise))
				fprintf(stderr, "\tv8 %u: %d, not %d\n", v8, ret, row[i].want[v8]);
			CHECK(!ret || !memcmp(&before, &after, sizeof(before)),
			      "a command that was refused changes nothing");
			realm_free(&r);
		}
}

static void test_init(void)
{
	try_rows(init_row, ARRAY_SIZE(init_row));
}

static void test_populate(void)
{
	try_rows(populate_row, ARRAY_SIZE(populate_row));
}

static void test_the_others(void)
{
	try_rows(other_row, ARRAY_SIZE(other_row));
}

/* The v8 structs are twice as long: where 16 bytes are readable, only v1 is content. */
static void test_how_much_is_read(void)
{
	uint8_t *page = realm_memory(2 * PAGE);
	const struct range range = BYTES(RAM, PAGE);
	uint8_t *at = page + PAGE - 16;

	mprotect(page + PAGE, PAGE, PROT_NONE);
	memcpy(at, &range, 16);
	EACH_DIALECT(v8)
	{
		struct realm_vm r = realm_in(v8, NEW, NULL);

		CHECK(realm_cmd(&r, INIT, at) == (v8 ? -EFAULT : 0), "INIT: 16 or 32 bytes");
		CHECK(realm_cmd(&r, POPULATE, at) == (v8 ? -EFAULT : 0), "POPULATE: likewise");
		realm_free(&r);
	}
	munmap(page, 2 * PAGE);
}

struct config_row {
	const char *promise;
	uint32_t cfg, value;
	uint64_t features; /* of the monitor; 0: the default, which has both hashes and SVE 0xf */
	int want[2];
};

#define NO_SVE   (0x283fce3bf30ULL & ~0x200ULL)
#define SVE_VQ_3 (0x283fce3bf30ULL & ~0x3c00ULL) | 3u << 10

static const struct config_row config_row[] = {
	{ "SHA-256", KVM_CAP_ARM_RME_CFG_HASH_ALGO, 0, 0, { 0, 0 } },
	{ "SHA-512", KVM_CAP_ARM_RME_CFG_HASH_ALGO, 1, 0, { 0, 0 } },
	{ "no third hash", KVM_CAP_ARM_RME_CFG_HASH_ALGO, 2, 0, { -EINVAL, -EINVAL } },
	{ "no hash far away", KVM_CAP_ARM_RME_CFG_HASH_ALGO, ~0u, 0, { -EINVAL, -EINVAL } },
	{ "SHA-512 where the monitor lacks it",
	  KVM_CAP_ARM_RME_CFG_HASH_ALGO,
	  1,
	  0x281fce3bf30,
	  { -EINVAL, -EINVAL } },
	{ "vectors as wide as the monitor's",
	  KVM_CAP_ARM_RME_CFG_SVE,
	  3,
	  SVE_VQ_3,
	  { 0, -EINVAL } },
	{ "wider ones", KVM_CAP_ARM_RME_CFG_SVE, 4, SVE_VQ_3, { -EINVAL, -EINVAL } },
	{ "no SVE there", KVM_CAP_ARM_RME_CFG_SVE, 0, NO_SVE, { -EINVAL, -EINVAL } },
	{ "breakpoints: declared, not taken", KVM_CAP_ARM_RME_CFG_DBG, 1, 0, { -EINVAL, -EINVAL } },
	{ "counters: likewise", KVM_CAP_ARM_RME_CFG_PMU, 1, 0, { -EINVAL, -EINVAL } },
	{ "nothing behind them", 5, 0, 0, { -EINVAL, -EINVAL } },
	{ "nothing far behind", ~0u, 0, 0, { -EINVAL, -EINVAL } },
};

static void test_config(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(config_row); i++)
		EACH_DIALECT(v8)
		{
			const struct config_row *row = &config_row[i];
			const struct kvmcore_config host = { .host.rmm_features = row->features };
			struct realm_vm r = realm_made(v8, &host);
			struct kvm_cap_arm_rme_config_item item = { .cfg = row->cfg };
			struct kvmcore_realm_info info;

			item.hash_algo = row->value;
			CHECK(realm_cmd(&r, CONFIG, &item) == row->want[v8], row->promise);
			info = realm_info(&r);
			if (row->want[v8])
				CHECK(!info.hash && !info.flags && !info.sve_vl, "nothing kept");
			else if (row->cfg == KVM_CAP_ARM_RME_CFG_SVE)
				CHECK(info.flags == KVMCORE_REALM_SVE && info.sve_vl == row->value,
				      "SVE is on, the value as given");
			else
				CHECK(info.hash == row->value, "the hash is the one asked for");
			realm_free(&r);
		}
}

static void test_the_last_value_counts(void)
{
	EACH_DIALECT(v8)
	{
		struct realm_vm r = realm_made(v8, NULL);
		struct kvm_cap_arm_rme_config_item item = { .cfg = KVM_CAP_ARM_RME_CFG_RPV };

		for (unsigned int n = 1; n <= 3; n++) {
			memset(item.reserved, (int)n, sizeof(item.reserved));
			CHECK(realm_cmd(&r, CONFIG, &item) == 0, "RPV, bytes behind it ignored");
		}
		CHECK(!memcmp(realm_info(&r).rpv, item.rpv, 64), "the last one stays");
		realm_free(&r);
	}
}

/* Table "Defaults" of RFC v1: everything that nobody configured. */
static void test_defaults(void)
{
	EACH_DIALECT(v8)
	{
		struct realm_vm r = realm_made(v8, NULL);
		const struct kvmcore_realm_info info = realm_info(&r);
		static const uint8_t zero[5 * 64];

		CHECK(info.state == UNSET && info.rule == KVMCORE_RULE_1_0 &&
			      info.hash == KVMCORE_HASH_SHA256 && info.s2sz == 40 &&
			      info.level_start == 1,
		      "40 bits, SHA-256, rule 1.0");
		CHECK(!info.flags && !info.sve_vl && !info.pmu_num_ctrs, "no SVE, no PMU");
		CHECK(info.num_bps == (0x283fce3bf30ULL >> 14 & 0x3f) &&
			      info.num_wps == (0x283fce3bf30ULL >> 20 & 0x3f),
		      "as many breakpoints and watchpoints as the monitor has");
		CHECK(!info.n_recs && !info.n_steps && !info.overflowed, "nothing was done");
		CHECK(!memcmp(info.rpv, zero, 64) && !memcmp(info.rim, zero, sizeof(zero)),
		      "RPV and registers are zero");
		realm_free(&r);
	}
}

/* On a VM that is no realm. */
static void test_no_realm(void)
{
	EACH_DIALECT(v8)
	{
		const struct kvmcore_config config = { .dialects =
							       v8 ? KVMCORE_DIALECT_RME_V8 : 0 };
		struct realm_vm r = { .m = model_new(&config, 0), .v8 = v8 };
		struct kvmcore_realm_info info;

		for (uint64_t cmd = CONFIG; cmd <= ACTIVATE; cmd++)
			CHECK(realm_cmd(&r, cmd, NULL) ==
				      (cmd == CREATE && !v8 ? -EEXIST : -EINVAL),
			      "no command is for it");
		kvmcore_vcpu_create(r.m.vm, 0, 0);
		CHECK(realm_cmd(&r, CREATE, NULL) == (v8 ? -EINVAL : -EBUSY),
		      "v1 looks for vCPUs before the type");
		CHECK(realm_finalize_vcpu(&r, 0) == -EINVAL, "no vCPU of it has a REC");
		CHECK(model_attr(&r.m, -1, KVM_GET_DEVICE_ATTR, KVMCORE_GROUP_REALM,
				 KVMCORE_REALM_INFO, &info) == -ENXIO,
		      "it has no such group");
		model_free(&r.m);
	}
}

int main(void)
{
	return RUN_TESTS(test_init, test_populate, test_the_others, test_how_much_is_read,
			 test_config, test_the_last_value_counts, test_defaults, test_no_realm);
}
