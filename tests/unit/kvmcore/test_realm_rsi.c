// SPDX-License-Identifier: Apache-2.0
/*
 * The realm's own calls: runtime/rsi/ of TF-RMM 1.0-rel0, docs/abi-realm.md. REM values:
 * tests/golden/realm/rim-golden.json, "rem-sha256".
 */
#include "realm_vm.h"

#include <errno.h>
#include <kvmcore/token.h>

#define RSI(n)         (0xc4000190u + (n))
#define VERSION        RSI(0)
#define FEATURES       RSI(1)
#define READ           RSI(2)
#define EXTEND         RSI(3)
#define TOKEN_INIT     RSI(4)
#define TOKEN_CONTINUE RSI(5)
#define REALM_CONFIG   RSI(6)
#define STATE_SET      RSI(7)
#define STATE_GET      RSI(8)

#define OK             0
#define INPUT          1
#define STATE          2
#define INCOMPLETE     3
#define EMPTY          0
#define IS_RAM         1

static void test_version_and_features(void)
{
	struct realm_vm r = realm_in(0, ACTIVE, NULL);

	CHECK(SMC(&r, VERSION, 0x10000) == OK && r.m.regs.x[1] == 0x10000 &&
		      r.m.regs.x[2] == 0x10000,
	      "1.0 is there");
	CHECK(SMC(&r, VERSION, 0x10001) == INPUT && r.m.regs.x[1] == 0x10000, "1.1 is not");
	CHECK(SMC(&r, VERSION, 0x20000) == INPUT && r.m.regs.x[2] == 0x10000, "2.0 neither");
	CHECK(SMC(&r, FEATURES, 0) == OK && r.m.regs.x[1] == 0, "no feature bit");
	realm_free(&r);
}

static bool reads(struct realm_vm *r, uint64_t index, const uint8_t want[64])
{
	return SMC(r, READ, index) == OK && !memcmp(&r->m.regs.x[1], want, 64);
}

static bool extend(struct realm_vm *r, uint64_t index, uint64_t size, int byte, uint64_t want)
{
	uint64_t arg[10] = { index, size };

	memset(&arg[2], byte, 64);
	return realm_smc(r, EXTEND, arg, 10) == want;
}

/* SHA-256 of REM || value by hand: what the rule says, not what the call does. */
static void extend_own(struct kvmcore_digest *rem, size_t size, int byte)
{
	uint8_t text[32 + 64];

	memcpy(text, rem->bytes, 32);
	memset(text + 32, byte, size);
	kvmcore_digest(KVMCORE_HASH_SHA256, text, 32 + size, rem);
}

static void test_measurements(void)
{
	static const uint8_t golden_rem1[4] = { 0x3e, 0x46, 0xec, 0xfb };
	struct realm_vm r = realm_in(0, ACTIVE, NULL);
	const struct kvmcore_realm_info info = realm_info(&r);
	struct kvmcore_digest own = { 0 }, zero = { 0 };

	CHECK(reads(&r, 0, info.rim), "register 0 is the RIM");
	for (uint64_t n = 1; n <= 4; n++)
		CHECK(reads(&r, n, zero.bytes), "the others begin with zeros");
	CHECK(SMC(&r, READ, 5) == INPUT && SMC(&r, READ, 1ULL << 32) == INPUT, "no sixth");
	CHECK(extend(&r, 1, 32, 1, OK) && extend(&r, 1, 64, 2, OK), "two values");
	extend_own(&own, 32, 1);
	extend_own(&own, 64, 2);
	CHECK(reads(&r, 1, own.bytes) && !memcmp(own.bytes, golden_rem1, 4),
	      "REM = H(REM || value), as TF-RMM printed it");
	CHECK(extend(&r, 0, 32, 1, INPUT) && extend(&r, 5, 32, 1, INPUT) &&
		      extend(&r, ~0ULL, 32, 1, INPUT),
	      "the RIM and what is not there");
	CHECK(extend(&r, 1, 65, 1, INPUT) && extend(&r, 1, 1ULL << 32, 1, INPUT), "too much");
	CHECK(reads(&r, 1, own.bytes) && reads(&r, 2, zero.bytes), "refused: nothing changes");
	CHECK(extend(&r, 2, 0, 9, OK), "no bytes");
	extend_own(&zero, 0, 9);
	CHECK(reads(&r, 2, zero.bytes), "are H(REM)");
	CHECK(!memcmp(realm_info(&r).rem[0], own.bytes, 64), "the host sees them in INFO");
	CHECK(reads(&r, 0, info.rim), "the RIM stays");
	realm_free(&r);
}

static void test_realm_config(void)
{
	EACH_DIALECT(v8)
	{
		struct kvm_cap_arm_rme_config_item item = { .cfg = KVM_CAP_ARM_RME_CFG_RPV };
		struct realm_vm r = realm_made(v8, NULL);
		uint64_t width;

		memset(item.rpv, 0xa7, 64);
		CHECK(realm_cmd(&r, KVM_CAP_ARM_RME_CONFIG_REALM, &item) == 0, "a value");
		item = (struct kvm_cap_arm_rme_config_item){ .cfg = KVM_CAP_ARM_RME_CFG_HASH_ALGO };
		item.hash_algo = KVM_CAP_ARM_RME_MEASUREMENT_ALGO_SHA512;
		CHECK(realm_cmd(&r, KVM_CAP_ARM_RME_CONFIG_REALM, &item) == 0, "a hash");
		realm_bring(&r, ACTIVE);
		memset(r.ram, 0xff, 2 * PAGE);
		CHECK(SMC(&r, REALM_CONFIG, RAM + 8) == INPUT &&
			      SMC(&r, REALM_CONFIG, SHARED) == INPUT &&
			      SMC(&r, REALM_CONFIG, 0) == INPUT,
		      "not a page of its own memory");
		CHECK(SMC(&r, REALM_CONFIG, RAM) == OK, "a page");
		memcpy(&width, r.ram, 8);
		CHECK(width == 40 && r.ram[8] == 1, "width and hash");
		CHECK(r.ram[0x200] == 0xa7 && r.ram[0x23f] == 0xa7 && !r.ram[0x1ff] &&
			      !r.ram[0x240] && !r.ram[PAGE - 1] && r.ram[PAGE] == 0xff,
		      "the personalization value, and zeros around it");
		realm_free(&r);
	}
}

static const struct {
	const char *promise;
	uint64_t id, base, top, ripas;
	uint64_t want, x1, x2;
} state_row[] = {
	{ "RAM from the start", STATE_GET, RAM, RAM + RAM_SIZE, 0, OK, RAM + RAM_SIZE, IS_RAM },
	{ "up to the change", STATE_GET, RAM, RAM + 2 * RAM_SIZE, 0, OK, RAM + RAM_SIZE, IS_RAM },
	{ "empty before", STATE_GET, RAM - PAGE, RAM + PAGE, 0, OK, RAM, EMPTY },
	{ "part of a page", STATE_GET, RAM + 1, RAM + PAGE, 0, INPUT, 0, 0 },
	{ "an end within a page", STATE_GET, RAM, RAM + 8, 0, INPUT, 0, 0 },
	{ "no pages", STATE_GET, RAM, RAM, 0, INPUT, 0, 0 },
	{ "a reversed range", STATE_GET, RAM + PAGE, RAM, 0, INPUT, 0, 0 },
	{ "the shared half", STATE_GET, SHARED, SHARED + PAGE, 0, INPUT, 0, 0 },
	{ "an end there", STATE_GET, SHARED - PAGE, SHARED + PAGE, 0, INPUT, 0, 0 },
	{ "SET: part of a page", STATE_SET, RAM + 1, RAM + PAGE, 0, INPUT, 0, 0 },
	{ "SET: no pages", STATE_SET, RAM, RAM, 0, INPUT, 0, 0 },
	{ "SET: the shared half", STATE_SET, SHARED, SHARED + PAGE, 1, INPUT, 0, 0 },
	{ "SET: DESTROYED is not for a realm", STATE_SET, RAM, RAM + PAGE, 2, INPUT, 0, 0 },
	{ "SET: nor is anything else", STATE_SET, RAM, RAM + PAGE, 1ULL << 32, INPUT, 0, 0 },
	{ "the second page empty", STATE_SET, RAM + PAGE, RAM + 2 * PAGE, EMPTY, OK, RAM + 2 * PAGE,
	  0 },
	{ "one page is left", STATE_GET, RAM, RAM + RAM_SIZE, 0, OK, RAM + PAGE, IS_RAM },
	{ "then the gap", STATE_GET, RAM + PAGE, RAM + RAM_SIZE, 0, OK, RAM + 2 * PAGE, EMPTY },
	{ "RAM again", STATE_SET, RAM, RAM + RAM_SIZE, IS_RAM, OK, RAM + RAM_SIZE, 0 },
	{ "all of it", STATE_GET, RAM, RAM + RAM_SIZE, 0, OK, RAM + RAM_SIZE, IS_RAM },
	{ "pages without a slot", STATE_SET, 0, PAGE, IS_RAM, OK, PAGE, 0 },
	{ "are RAM, too", STATE_GET, 0, 2 * PAGE, 0, OK, PAGE, IS_RAM },
};

static void test_ipa_states(void)
{
	struct realm_vm r = realm_in(0, ACTIVE, NULL);
	const struct kvmcore_realm_info info = realm_info(&r);

	for (size_t i = 0; i < ARRAY_SIZE(state_row); i++) {
		CHECK(SMC(&r, state_row[i].id, state_row[i].base, state_row[i].top,
			  state_row[i].ripas, 0) == state_row[i].want,
		      state_row[i].promise);
		CHECK(r.m.regs.x[1] == state_row[i].x1 && r.m.regs.x[2] == state_row[i].x2,
		      state_row[i].promise);
	}
	CHECK(!memcmp(realm_info(&r).rim, info.rim, 64), "no measurement of it");
	realm_free(&r);
}

/* A call may stop early, and a realm goes on from where it did: no call may take for ever. */
static void test_huge_ranges(void)
{
	const struct kvmcore_config wide = { .ipa_bits = 48 };
	const uint64_t end = 1ULL << 47;
	struct realm_vm r = realm_made(0, &wide);

	realm_bring(&r, ACTIVE);
	CHECK(SMC(&r, STATE_GET, 0, end, 0, 0) == OK && r.m.regs.x[1] > 0 && r.m.regs.x[1] <= RAM,
	      "GET of everything ends somewhere");
	CHECK(SMC(&r, STATE_SET, 0, end, IS_RAM, 0) == OK && r.m.regs.x[1] > 0 &&
		      r.m.regs.x[1] <= end && r.m.regs.x[2] == 0,
	      "SET as well");
	CHECK(SMC(&r, STATE_GET, 0, PAGE, 0, 0) == OK && r.m.regs.x[2] == IS_RAM, "and was done");
	realm_free(&r);
}

static void test_calls_that_no_realm_makes(void)
{
	static const struct {
		const char *promise;
		uint64_t id;
	} row[] = {
		{ "SDEI_VERSION", 0xc4000020 },
		{ "SDEI_PE_UNMASK", 0xc400002c },
		{ "TRNG_VERSION", 0x84000050 },
		{ "vendor UID", 0x8600ff01 },
		{ "MMIO guard INFO", 0xc6000005 },
		{ "PV_TIME_FEATURES", 0xc5000020 },
		{ "an RMI call", 0xc4000150 },
		{ "RSI behind the tenth", 0xc400019a },
		{ "ARCH_FEATURES is not there either", 0x80000001 },
	};

	EACH_DIALECT(v8)
	for (unsigned int action = KVM_SMCCC_FILTER_HANDLE; action <= KVM_SMCCC_FILTER_FWD_TO_USER;
	     action++) {
		struct realm_vm r = realm_in(v8, NEW, NULL);

		CHECK(model_filter(&r.m, 0x86000000, 0x10000, (uint8_t)action) == 0 &&
			      model_filter(&r.m, 0xc4000020, 0x200, (uint8_t)action) == 0 &&
			      model_filter(&r.m, 0xc6000000, 0x100, (uint8_t)action) == 0,
		      "a filter can be set");
		CHECK(realm_finalize_vcpu(&r, 0) == 0 &&
			      realm_cmd(&r, KVM_CAP_ARM_RME_ACTIVATE_REALM, NULL) == 0,
		      "it runs");
		for (size_t i = 0; i < ARRAY_SIZE(row); i++)
			CHECK(SMC(&r, row[i].id, 0) == ~0ULL && r.m.reply.exit == KVMCORE_EXIT_NONE,
			      row[i].promise);
		CHECK(SMC(&r, VERSION, 0x10000) == OK, "no filter hides RSI");
		CHECK(SMC(&r, 0x80000000, 0) != ~0ULL, "SMCCC_VERSION is there");
		CHECK(SMC(&r, 0x84000000, 0) >= 0x10000 && SMC(&r, 0x84000000, 0) != ~0ULL,
		      "PSCI_VERSION is there");
		CHECK(model_call(&r.m, 0, VERSION, 0x10000, 0, 0) == ~0ULL &&
			      model_call(&r.m, 0, 0x84000000, 0, 0, 0) == ~0ULL,
		      "HVC is not");
		realm_free(&r);
	}
}

int main(void)
{
	return RUN_TESTS(test_version_and_features, test_measurements, test_realm_config,
			 test_ipa_states, test_huge_ranges, test_calls_that_no_realm_makes);
}
