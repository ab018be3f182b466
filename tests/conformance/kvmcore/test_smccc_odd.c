// SPDX-License-Identifier: Apache-2.0
/*
 * Odd input to the calls of a guest: ids beside the ones that exist, upper halves, wrong conduits. Each row names the
 * function of arch/arm64/kvm/ that decides.
 */
#include "support/model.h"

#include <errno.h>

#define NOT_SUPPORTED (-1ULL)
#define INVALID       (-2ULL)
#define FAILURE       (-6ULL)
#define HIGH          0xdeadbeef00000000ULL /* a stray upper half */

static const struct kvmcore_config newest = { .kernel = "7.2" };

struct row {
	const char *source, *promise;
	uint64_t x0, x1, x2;
	bool smc;
	uint16_t imm;
	uint64_t want[4];
};

/* x1, x2 and x3 = 0x333 go in; what the row wants comes out; x4 and on stay. */
static const struct row row[] = {
	{ "kvm_smccc_default_allowed()",
	  "yielding, owner 4",
	  0x04000000,
	  1,
	  2,
	  false,
	  0,
	  { NOT_SUPPORTED } },
	{ "kvm_smccc_default_allowed()",
	  "yielding SMC64",
	  0x44000003,
	  1,
	  2,
	  false,
	  0,
	  { NOT_SUPPORTED } },
	{ "kvm_smccc_default_allowed()",
	  "the SVE hint",
	  0x84010000,
	  1,
	  2,
	  false,
	  0,
	  { NOT_SUPPORTED } },
	{ "kvm_smccc_default_allowed()",
	  "reserved bits",
	  0x84fe0000,
	  1,
	  2,
	  false,
	  0,
	  { NOT_SUPPORTED } },
	{ "kvm_smccc_default_allowed()",
	  "64-bit VERSION",
	  0xc4000000,
	  1,
	  2,
	  false,
	  0,
	  { NOT_SUPPORTED } },
	{ "kvm_psci_0_2_call()", "MIGRATE", 0x84000005, 1, 2, false, 0, { NOT_SUPPORTED } },
	{ "kvm_psci_0_2_call()",
	  "MIGRATE_INFO_UP_CPU",
	  0x84000007,
	  1,
	  2,
	  false,
	  0,
	  { NOT_SUPPORTED } },
	{ "kvm_psci_1_x_call()", "CPU_FREEZE", 0x8400000b, 1, 2, false, 0, { NOT_SUPPORTED } },
	{ "kvm_psci_1_x_call()",
	  "the last default-allowed id",
	  0x8400001f,
	  1,
	  2,
	  false,
	  0,
	  { NOT_SUPPORTED } },
	{ "kvm_psci_0_1_call()",
	  "PSCI 0.1 CPU_SUSPEND",
	  0x95c1ba5e,
	  1,
	  2,
	  false,
	  0,
	  { NOT_SUPPORTED } },
	{ "kvm_psci_0_1_call()",
	  "PSCI 0.1 MIGRATE",
	  0x95c1ba61,
	  1,
	  2,
	  false,
	  0,
	  { NOT_SUPPORTED } },
	{ "kvm_psci_call()",
	  "PSCI 0.1 CPU_ON to a newer one",
	  0x95c1ba60,
	  1,
	  2,
	  false,
	  0,
	  { NOT_SUPPORTED } },
	{ "smccc_get_function()",
	  "stray bits above an id",
	  HIGH | 0x84000000,
	  1,
	  2,
	  false,
	  0,
	  { 0x10003 } },
	{ "hyp-entry.S",
	  "and above a workaround's",
	  HIGH | 0x80008000,
	  1,
	  2,
	  false,
	  0,
	  { 0, 0, 2, 0x333 } },
	{ "hyp-entry.S",
	  "by HVC whatever its immediate",
	  0x80007fff,
	  1,
	  2,
	  false,
	  7,
	  { 0, 0, 2, 0x333 } },
	{ "kvm_smccc_call_handler()",
	  "by SMC nobody answers it",
	  0x80003fff,
	  1,
	  2,
	  true,
	  0,
	  { NOT_SUPPORTED } },
	{ "handle_smc()",
	  "SMC with an immediate",
	  0x84000000,
	  1,
	  2,
	  true,
	  1,
	  { NOT_SUPPORTED, 1, 2, 0x333 } },
	{ "handle_hvc()", "HVC with one", 0x84000000, 1, 2, false, 0xffff, { 0x10003 } },
	{ "kvm_smccc_call_handler()",
	  "ARCH_FEATURES of itself",
	  0x80000001,
	  0x80000001,
	  2,
	  false,
	  0,
	  { NOT_SUPPORTED } },
	{ "kvm_smccc_call_handler()",
	  "and of SMCCC_VERSION",
	  0x80000001,
	  0x80000000,
	  2,
	  false,
	  0,
	  { NOT_SUPPORTED } },
	{ "kvm_smccc_call_handler()",
	  "and of SOC_ID",
	  0x80000001,
	  0x80000002,
	  2,
	  false,
	  0,
	  { NOT_SUPPORTED } },
	{ "kvm_smccc_call_handler()",
	  "its argument has 32 bits",
	  0x80000001,
	  HIGH | 0xc5000020,
	  2,
	  false,
	  0,
	  { 0 } },
	{ "kvm_psci_1_x_call()",
	  "so has PSCI_FEATURES'",
	  0x8400000a,
	  HIGH | 0x84000003,
	  2,
	  false,
	  0,
	  { 0 } },
	{ "kvm_psci_1_x_call()",
	  "PSCI_FEATURES of SMCCC_VERSION",
	  0x8400000a,
	  0x80000000,
	  2,
	  false,
	  0,
	  { 0 } },
	{ "kvm_psci_1_x_call()",
	  "of ARCH_FEATURES",
	  0x8400000a,
	  0x80000001,
	  2,
	  false,
	  0,
	  { NOT_SUPPORTED } },
	{ "kvm_psci_1_x_call()", "of SYSTEM_OFF2", 0x8400000a, 0xc4000015, 2, false, 0, { 1 } },
	{ "kvm_trng_call()",
	  "TRNG_FEATURES takes all of x1",
	  0x84000051,
	  HIGH | 0x84000053,
	  2,
	  false,
	  0,
	  { NOT_SUPPORTED } },
	{ "kvm_trng_call()", "of itself", 0x84000051, 0x84000051, 2, false, 0, { 0 } },
	{ "kvm_trng_do_rnd()", "no bits", 0xc4000053, 0, 2, false, 0, { 0 } },
	{ "kvm_trng_do_rnd()", "the number has 32 bits", 0xc4000053, HIGH, 2, false, 0, { 0 } },
	{ "kvm_trng_do_rnd()", "97 bits of 32", 0x84000053, 97, 2, false, 0, { INVALID } },
	{ "kvm_trng_do_rnd()", "193 bits of 64", 0xc4000053, 193, 2, false, 0, { INVALID } },
	{ "kvm_ptp_get_time()", "no third counter", 0x86000001, 2, 2, false, 0, { NOT_SUPPORTED } },
	{ "kvm_hypercall_pv_features()",
	  "PV time without an address",
	  0xc5000020,
	  0xc5000021,
	  2,
	  false,
	  0,
	  { NOT_SUPPORTED } },
	{ "kvm_init_stolen_time()",
	  "and its structure",
	  0xc5000021,
	  1,
	  2,
	  false,
	  0,
	  { NOT_SUPPORTED } },
	{ "kvm_psci_valid_affinity()",
	  "CPU_ON beside the affinity",
	  0xc4000003,
	  0x80000000,
	  2,
	  false,
	  0,
	  { INVALID } },
	{ "kvm_psci_narrow_to_32bit()",
	  "of which SMC32 has half",
	  0x84000004,
	  1ULL << 40,
	  0,
	  false,
	  0,
	  { 0 } },
	{ "kvm_psci_vcpu_affinity_info()",
	  "SMC64 has all of it",
	  0xc4000004,
	  1ULL << 40,
	  0,
	  false,
	  0,
	  { INVALID } },
	{ "psci_affinity_mask()", "no level 4", 0xc4000004, 0, 4, false, 0, { INVALID } },
	{ "kvm_psci_1_x_call()", "RESET2 of no type", 0xc4000012, 1, 2, false, 0, { INVALID } },
	{ "kvm_psci_1_x_call()", "OFF2 of no type", 0xc4000015, 2, 0, false, 0, { INVALID } },
	{ "kvm_psci_1_x_call()", "OFF2 with a cookie", 0xc4000015, 1, HIGH, false, 0, { INVALID } },
};

static void check_row(const struct row *r)
{
	const struct kvmcore_trap trap = { .smc = r->smc, .imm = r->imm };
	struct kvmcore_regs regs = { .x = { r->x0, r->x1, r->x2, 0x333, 0x444, 0x555, 0x666 } };
	struct model m = model_new(&newest, 1);

	CHECK(kvmcore_call(m.vm, 0, &trap, &regs, &m.reply) == 0 && m.reply.returned, r->promise);
	if (!CHECK(!memcmp(regs.x, r->want, sizeof(r->want)), r->promise))
		fprintf(stderr, "%s: 0x%llx 0x%llx 0x%llx 0x%llx\n", r->source,
			(unsigned long long)regs.x[0], (unsigned long long)regs.x[1],
			(unsigned long long)regs.x[2], (unsigned long long)regs.x[3]);
	CHECK(regs.x[4] == 0x444 && regs.x[5] == 0x555 && regs.x[6] == 0x666, "x4 and on stay");
	model_free(&m);
}

static void test_odd_input(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(row); i++)
		check_row(&row[i]);
}

/* RESET2 leaves x1 to x3 as they are, OFF2 answers in four registers; the types are 32 bits. */
static void test_what_a_system_event_leaves_behind(void)
{
	static const struct {
		const char *promise;
		uint64_t x0, x1;
		bool only_x0;
	} end[] = {
		{ "SYSTEM_OFF", 0x84000008, 7, false },
		{ "SYSTEM_RESET", 0x84000009, 7, false },
		{ "RESET2", 0xc4000012, 0, true },
		{ "RESET2, stray upper half", 0xc4000012, HIGH, true },
		{ "RESET2, vendor", 0xc4000012, HIGH | 0x80000000, true },
		{ "OFF2", 0xc4000015, 0, false },
		{ "OFF2, stray upper half", 0xc4000015, HIGH | 1, false },
	};
	const struct kvmcore_trap hvc = { .smc = false };

	for (size_t i = 0; i < ARRAY_SIZE(end); i++) {
		struct kvmcore_regs regs = { .x = { end[i].x0, end[i].x1, 0, 0x333 } };
		struct model m = model_new(&newest, 1);

		CHECK(kvmcore_call(m.vm, 0, &hvc, &regs, &m.reply) == 0 && !m.reply.returned &&
			      m.reply.exit == KVMCORE_EXIT_SYSTEM_EVENT,
		      end[i].promise);
		CHECK(regs.x[0] == FAILURE && regs.x[1] == (end[i].only_x0 ? end[i].x1 : 0) &&
			      regs.x[3] == (end[i].only_x0 ? 0x333 : 0),
		      end[i].promise);
		model_free(&m);
	}
}

/* get_kernel_wa_level(): with SSBS the guest needs no firmware, and is told of none. */
static void test_ssbs_hides_the_second_workaround(void)
{
	const struct kvmcore_config config = {
		.host = { .levels_given = true, .workaround_2 = 3, .ssbs = true }
	};
	struct model m = model_new(&config, 1);
	uint64_t level = 9;

	CHECK(model_get_reg(&m, 0, KVMCORE_REG_FW(2), &level) == 0 && level == 0, "level 0");
	CHECK(model_set_reg(&m, 0, KVMCORE_REG_FW(2), 3) == -EINVAL &&
		      model_set_reg(&m, 0, KVMCORE_REG_FW(2), 0) == 0,
	      "which is all it can promise");
	CHECK(model_call(&m, 0, 0x80000001, 0x80007fff, 0, 0) == NOT_SUPPORTED, "to the guest too");
	model_free(&m);
}

/* handle_smc() of 6.1: the instruction is stepped over with x0 = -1, whatever it asked. */
static void test_no_smc_before_6_4(void)
{
	static const uint64_t id[] = { 0x84000000, 0x80000000, 0xc4000020, 0x8600ff01, 0 };
	const struct kvmcore_config old = { .kernel = "6.1" };
	const struct kvmcore_trap smc = { .smc = true };
	struct model m = model_new(&old, 1);

	for (size_t i = 0; i < ARRAY_SIZE(id); i++) {
		struct kvmcore_regs regs = { .x = { id[i], 0x111, 0x222, 0x333 } };

		CHECK(kvmcore_call(m.vm, 0, &smc, &regs, &m.reply) == 0 && m.reply.returned,
		      "the guest goes on");
		CHECK(regs.x[0] == NOT_SUPPORTED && regs.x[1] == 0x111 && regs.x[2] == 0x222 &&
			      regs.x[3] == 0x333,
		      "only x0 is written");
	}
	CHECK(model_call(&m, 0, 0x84000000, 0, 0, 0) == 0x10001, "HVC is answered");
	model_free(&m);
}

/* kvm_arch_vcpu_ioctl_run(): nothing happens on a vCPU before its INIT. */
static void test_an_access_before_init(void)
{
	const struct kvmcore_mmio load = { .ipa = 0x9000000, .len = 4 };
	struct kvmcore_mmio_result result;
	struct model m = model_new(&newest, 0);

	CHECK(kvmcore_ioctl(m.vm, -1, KVM_CREATE_VCPU, NULL) == 0, "a vCPU");
	CHECK(kvmcore_vcpu_mmio(m.vm, 0, &load, &result, &m.reply) == -ENOEXEC, "not initialised");
	CHECK(model_filter(&m, 0xc4000020, 1, KVM_SMCCC_FILTER_DENY) == 0, "so the VM has not run");
	model_free(&m);
}

int main(void)
{
	return RUN_TESTS(test_odd_input, test_what_a_system_event_leaves_behind,
			 test_ssbs_hides_the_second_workaround, test_no_smc_before_6_4,
			 test_an_access_before_init);
}
