// SPDX-License-Identifier: Apache-2.0
/* The pure steps on a register, and the answers of a realm under construction. */
#include "support/check.h"

#include <errno.h>
#include <jansson.h>
#include <kvmcore/measure.h>
#include <string.h>

static const struct kvmcore_realm_params plain = {
	.s2sz = 40,
	.num_bps = 1,
	.num_wps = 1,
	.level_start = 1,
};

static bool reads(const struct kvmcore_digest *d, const char *hex)
{
	char text[129];

	for (size_t i = 0; i < sizeof(d->bytes); i++)
		snprintf(text + 2 * i, 3, "%02x", d->bytes[i]);
	return !strncmp(text, hex, strlen(hex)) &&
	       strspn(text + strlen(hex), "0") == 128 - strlen(hex);
}

static void fill_seq(uint8_t *page)
{
	for (unsigned int i = 0; i < KVMCORE_GRANULE_SIZE; i++)
		page[i] = (uint8_t)(i ^ i >> 8);
}

/* Create, RIPAS, DATA, REC of one page, under each rule. */
static void test_one_small_realm_under_each_rule(void)
{
	static const struct {
		enum kvmcore_rule rule;
		const char *promise, *rim;
	} row[] = {
		{ KVMCORE_RULE_1_0, "rule 1.0 measures everything",
		  "e2a6539694519d3626129b94424ce63a959e11ae4a4ab7bcbb52bee079f69ea9" },
		{ KVMCORE_RULE_2_0, "rule 2.0 leaves RIPAS out",
		  "92bd2b755b1cec232f4ec5871ee186353a9783ddf8ec4d0207d1b12e9aa91df7" },
		{ KVMCORE_RULE_BET0, "rule bet0 measures level and hash algorithm",
		  "95af62989f3192bd3b0da758a60eec6d9d3fba5512d3aef30459a966b7b343d8" },
	};
	struct kvmcore_rec rec = { .flags = 1, .pc = 0x80000000, .gprs = { 0x83000000 } };
	struct kvmcore_digest page, rim;
	uint8_t bytes[KVMCORE_GRANULE_SIZE];

	fill_seq(bytes);
	CHECK(!kvmcore_digest(KVMCORE_HASH_SHA256, bytes, sizeof(bytes), &page), "hashes a page");
	CHECK(reads(&page, "17da4a41b008179806c395c7362e01e4d8311db729122d08dcf7792763a7738c"),
	      "the page hash is SHA-256");
	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		int ret = kvmcore_rim_create(row[i].rule, &plain, &rim);

		ret |= kvmcore_rim_extend_ripas(row[i].rule, KVMCORE_HASH_SHA256, 0x80000000, 3,
						&rim);
		ret |= kvmcore_rim_extend_data(row[i].rule, KVMCORE_HASH_SHA256, 0x80000000, 1,
					       &page, &rim);
		ret |= kvmcore_rim_extend_rec(row[i].rule, KVMCORE_HASH_SHA256, &rec, &rim);
		CHECK(ret == 0 && reads(&rim, row[i].rim), row[i].promise);
	}
}

/* The chain that rim.c of TF-RMM gave for RMM 2.0 in its three hashes. */
static void test_rule_2_0_in_three_hashes(void)
{
	json_t *file = json_load_file(TEST_SOURCE_DIR "/tests/golden/realm/rim-golden-v2-unit.json",
				      0, NULL);
	struct kvmcore_rec rec = {
		.flags = 1, .mpidr = 5, .pc = 0x80000000, .gprs = { 0x83000000 }
	};
	uint8_t bytes[KVMCORE_GRANULE_SIZE];
	json_t *chain, *golden;
	const char *name;

	REQUIRE(file, "the golden file is readable");
	golden = json_object_get(file, "rim");
	CHECK(json_object_size(golden) == 3, "it holds three hashes");
	fill_seq(bytes);
	json_object_foreach(golden, name, chain)
	{
		struct kvmcore_realm_params params = plain;
		struct kvmcore_digest rim, page;

		CHECK(!kvmcore_hash_find(name, &params.hash), "knows the hash by its name");
		kvmcore_rim_create(KVMCORE_RULE_2_0, &params, &rim);
		CHECK(reads(&rim, json_string_value(json_object_get(chain, "create"))), "create");
		kvmcore_digest(params.hash, bytes, sizeof(bytes), &page);
		kvmcore_rim_extend_data(KVMCORE_RULE_2_0, params.hash, 0x80000000, 1, &page, &rim);
		CHECK(reads(&rim, json_string_value(json_object_get(chain, "data"))), "data");
		kvmcore_rim_extend_rec(KVMCORE_RULE_2_0, params.hash, &rec, &rim);
		CHECK(reads(&rim, json_string_value(json_object_get(chain, "rec"))), "rec");
	}
	json_decref(file);
}

static void test_steps_refuse_what_does_not_exist(void)
{
	struct kvmcore_realm_params params = plain;
	struct kvmcore_digest rim = { { 7 } };
	const struct kvmcore_digest before = rim;

	params.hash = KVMCORE_HASH_SHA384;
	CHECK(kvmcore_rim_create(KVMCORE_RULE_1_0, &params, &rim) == -EINVAL,
	      "no SHA-384 before 2.0");
	CHECK(kvmcore_rim_create(KVMCORE_NR_RULES, &plain, &rim) == -EINVAL, "no unknown rule");
	CHECK(kvmcore_rim_extend_data(KVMCORE_RULE_1_0, KVMCORE_HASH_SHA256, 0, 1, NULL, &rim) ==
		      -EINVAL,
	      "measured data needs a digest");
	CHECK(kvmcore_rim_extend_ripas(KVMCORE_RULE_1_0, KVMCORE_HASH_SHA256, 0, 4, &rim) ==
		      -EINVAL,
	      "no level below pages");
	CHECK(kvmcore_rem_extend(KVMCORE_HASH_SHA256, &rim, 65, &rim) == -EINVAL,
	      "at most 64 bytes");
	CHECK(!memcmp(&rim, &before, sizeof(rim)), "a refused step leaves the register alone");
}

static void test_names_go_both_ways(void)
{
	enum kvmcore_hash hash;
	enum kvmcore_rule rule;

	for (unsigned int i = 0; i < KVMCORE_NR_HASHES; i++)
		CHECK(!kvmcore_hash_find(kvmcore_hash_name((enum kvmcore_hash)i), &hash) &&
			      hash == i,
		      "a hash is found by its name");
	for (unsigned int i = 0; i < KVMCORE_NR_RULES; i++)
		CHECK(!kvmcore_rule_find(kvmcore_rule_name((enum kvmcore_rule)i), &rule) &&
			      rule == i,
		      "a rule is found by its name");
	CHECK(kvmcore_hash_find("md5", &hash) == -ENOENT, "an unknown hash is not found");
	CHECK(kvmcore_rule_find("3.0", &rule) == -ENOENT, "an unknown rule is not found");
	CHECK(!kvmcore_hash_name(KVMCORE_NR_HASHES) && !kvmcore_rule_name(KVMCORE_NR_RULES),
	      "an unknown number has no name");
}

/* DEN0137 RMI_REALM_CREATE; which parameters the RMM refuses. */
static void test_realm_create_checks_its_parameters(void)
{
	static const struct {
		const char *promise;
		struct kvmcore_realm_params params;
		uint64_t features;
		enum kvmcore_rule rule;
		int want;
	} row[] = {
		{ "takes a plain realm",
		  { .s2sz = 40, .num_bps = 1, .num_wps = 1, .level_start = 1 },
		  0,
		  KVMCORE_RULE_1_0,
		  KVMCORE_RMI_SUCCESS },
		{ "takes it on the recorded host",
		  { .s2sz = 40, .num_bps = 1, .num_wps = 1, .level_start = 1 },
		  0x283fce3bf30,
		  KVMCORE_RULE_1_0,
		  KVMCORE_RMI_SUCCESS },
		{ "needs 32 bits of IPA",
		  { .s2sz = 31, .num_bps = 1, .num_wps = 1, .level_start = 2 },
		  0,
		  KVMCORE_RULE_1_0,
		  KVMCORE_RMI_ERROR_INPUT },
		{ "takes no more than 48 without LPA2",
		  { .s2sz = 49, .num_bps = 1, .num_wps = 1, .level_start = 0 },
		  0,
		  KVMCORE_RULE_1_0,
		  KVMCORE_RMI_ERROR_INPUT },
		{ "takes 52 with it",
		  { .s2sz = 52, .flags = 1, .num_bps = 1, .num_wps = 1, .level_start = 0 },
		  0,
		  KVMCORE_RULE_1_0,
		  KVMCORE_RMI_SUCCESS },
		{ "needs a breakpoint",
		  { .s2sz = 40, .num_bps = 0, .num_wps = 1, .level_start = 1 },
		  0,
		  KVMCORE_RULE_1_0,
		  KVMCORE_RMI_ERROR_INPUT },
		{ "needs a watchpoint",
		  { .s2sz = 40, .num_bps = 1, .num_wps = 0, .level_start = 1 },
		  0,
		  KVMCORE_RULE_1_0,
		  KVMCORE_RMI_ERROR_INPUT },
		{ "knows the host's breakpoints",
		  { .s2sz = 40, .num_bps = 15, .num_wps = 1, .level_start = 1 },
		  0x283fce3bf30,
		  KVMCORE_RULE_1_0,
		  KVMCORE_RMI_ERROR_INPUT },
		{ "asks bet0 for size and hash only",
		  { .s2sz = 40, .level_start = 1 },
		  0,
		  KVMCORE_RULE_BET0,
		  KVMCORE_RMI_SUCCESS },
		{ "refuses a start level with too few bits",
		  { .s2sz = 40, .num_bps = 1, .num_wps = 1, .level_start = 2 },
		  0,
		  KVMCORE_RULE_1_0,
		  KVMCORE_RMI_ERROR_INPUT },
		{ "refuses a start level with too many bits",
		  { .s2sz = 34, .num_bps = 1, .num_wps = 1, .level_start = 0 },
		  0,
		  KVMCORE_RULE_1_0,
		  KVMCORE_RMI_ERROR_INPUT },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		struct kvmcore_builder *b = NULL;

		CHECK(kvmcore_builder_create(row[i].rule, &row[i].params, row[i].features, &b) ==
			      row[i].want,
		      row[i].promise);
		CHECK((b != NULL) == (row[i].want == 0), "there is a realm after success only");
		kvmcore_builder_destroy(b);
	}
}

enum call { RTT, RIPAS, RIPASL, DATA, UNKNOWN, REC, ACTIVATE, EXTEND };

/* DEN0137 and TF-RMM rel0: what is refused while a realm is built, in this order. */
static void test_refused_calls_leave_no_trace(void)
{
	static const struct {
		const char *promise;
		enum call call;
		uint64_t a, b;
		int want;
	} row[] = {
		{ "data needs a level 3 table", DATA, 0x80000000, 1, 0x104 },
		{ "data flags are 0 or 1", DATA, 0x80000000, 2, 1 },
		{ "data is aligned", DATA, 0x80000800, 1, 1 },
		{ "data lies in the protected half", DATA, 1ull << 39, 1, 1 },
		{ "no table at the start level", RTT, 0, 1, 1 },
		{ "no table of level 4", RTT, 0x80000000, 4, 1 },
		{ "a table needs its parent", RTT, 0x80000000, 3, 0x104 },
		{ "an address is aligned to its parent entry", RTT, 0x80001000, 2, 1 },
		{ "a table may be made", RTT, 0x80000000, 2, 0 },
		{ "but not twice", RTT, 0x80000000, 2, 0x104 },
		{ "nor outside the realm", RTT, 1ull << 40, 2, 1 },
		{ "a range needs a page", RIPAS, 0x80000000, 0x80000000, 1 },
		{ "a range is aligned", RIPAS, 0x80000000, 0x80000800, 1 },
		{ "a range ends in the protected half", RIPAS, 0x80000000, (1ull << 39) + 4096, 1 },
		{ "a block has to fit", RIPAS, 0x80000000, 0x80001000, 0x204 },
		{ "a block has to start at its address", RIPAS, 0x80001000, 0x80400000, 0x204 },
		{ "a level call needs that level", RIPASL, 0x80000000, 3, 0x204 },
		{ "a level call is aligned", RIPASL, 0x80001000, 2, 1 },
		{ "then the next table", RTT, 0x80000000, 3, 0 },
		{ "data goes into it", DATA, 0x80000000, 1, 0 },
		{ "but once", DATA, 0x80000000, 1, 0x304 },
		{ "unknown data goes beside it", UNKNOWN, 0x80001000, 0, 0 },
		{ "but once too", UNKNOWN, 0x80001000, 0, 0x304 },
		{ "RIPAS of data is not initial any more", RIPAS, 0x80000000, 0x80001000, 0x304 },
		{ "the first REC is number 0", REC, 1, 0, 1 },
		{ "REC 0", REC, 0, 0, 0 },
		{ "the next one is number 1", REC, 0, 0, 1 },
		{ "REC 1", REC, 1, 0, 0 },
		{ "an MPIDR has no other bits", REC, 0x10, 0, 1 },
		{ "register 0 is the RIM", EXTEND, 0, 1, 1 },
		{ "there is no register 5", EXTEND, 5, 1, 1 },
		{ "at most 64 bytes", EXTEND, 1, 65, 1 },
		{ "activation", ACTIVATE, 0, 0, 0 },
		{ "only once", ACTIVATE, 0, 0, 2 },
		{ "no data after it", DATA, 0x80002000, 1, 2 },
		{ "no RIPAS after it", RIPAS, 0x80200000, 0x80400000, 2 },
		{ "no level call after it", RIPASL, 0x80200000, 2, 2 },
		{ "no REC after it", REC, 2, 0, 2 },
	};
	struct kvmcore_builder *b = NULL;
	struct kvmcore_digest zero = { { 0 } };

	REQUIRE(!kvmcore_builder_create(KVMCORE_RULE_1_0, &plain, 0, &b), "a realm");
	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		struct kvmcore_digest before, after;
		struct kvmcore_rec rec = { .mpidr = row[i].a };
		uint8_t value[65] = { 0 };
		uint64_t out = 0;
		int ret = -1;

		kvmcore_builder_read(b, 0, &before);
		switch (row[i].call) {
		case RTT:
			ret = kvmcore_builder_rtt_create(b, row[i].a, (int)row[i].b);
			break;
		case RIPAS:
			ret = kvmcore_builder_init_ripas(b, row[i].a, row[i].b, &out);
			break;
		case RIPASL:
			ret = kvmcore_builder_init_ripas_level(b, row[i].a, (int)row[i].b);
			break;
		case DATA:
			ret = kvmcore_builder_data(b, row[i].a, row[i].b, &zero);
			break;
		case UNKNOWN:
			ret = kvmcore_builder_data_unknown(b, row[i].a);
			break;
		case REC:
			ret = kvmcore_builder_rec(b, &rec);
			break;
		case ACTIVATE:
			ret = kvmcore_builder_activate(b);
			break;
		case EXTEND:
			ret = kvmcore_builder_extend(b, (unsigned int)row[i].a, value, row[i].b);
			break;
		}
		kvmcore_builder_read(b, 0, &after);
		CHECK(ret == row[i].want, row[i].promise);
		CHECK(!ret || !memcmp(&before, &after, sizeof(after)), "a refusal is not measured");
	}
	CHECK(kvmcore_builder_ripas(b, 0x80000000) == KVMCORE_RIPAS_RAM, "data makes RAM");
	CHECK(kvmcore_builder_ripas(b, 0x80001000) == KVMCORE_RIPAS_EMPTY, "unknown data does not");
	CHECK(kvmcore_builder_read(b, 5, &zero) == KVMCORE_RSI_ERROR_INPUT,
	      "there are five registers");
	kvmcore_builder_destroy(b);
}

static void test_start_level_is_what_linux_uses(void)
{
	static const struct {
		uint32_t bits;
		int level;
	} row[] = { { 32, 2 }, { 33, 2 }, { 34, 2 }, { 35, 1 }, { 40, 1 },
		    { 43, 1 }, { 44, 0 }, { 48, 0 }, { 52, 0 } };

	for (size_t i = 0; i < ARRAY_SIZE(row); i++)
		CHECK(kvmcore_level_start(row[i].bits) == row[i].level, "fewest levels, 16 roots");
}

int main(void)
{
	return RUN_TESTS(test_one_small_realm_under_each_rule, test_rule_2_0_in_three_hashes,
			 test_steps_refuse_what_does_not_exist, test_names_go_both_ways,
			 test_realm_create_checks_its_parameters, test_refused_calls_leave_no_trace,
			 test_start_level_is_what_linux_uses);
}
