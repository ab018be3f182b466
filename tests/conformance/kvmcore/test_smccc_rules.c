// SPDX-License-Identifier: Apache-2.0
/*
 * Rules of the SMCCC filter and the firmware registers that the kernel's own selftests state
 * (smccc_filter and hypercalls of selftests/kvm/arm64), and rules read in its sources
 * (arch/arm64/kvm/hypercalls.c). Each row is one rule on a fresh VM.
 */
#include "support/model.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#define DENY            KVM_SMCCC_FILTER_DENY
#define FWD             KVM_SMCCC_FILTER_FWD_TO_USER

#define NOT_SUPPORTED   (-1ULL)
#define PSCI_VERSION_ID 0x84000000u

static const struct kvmcore_config newest = { .kernel = "7.2" };

/* --- smccc_filter.c: what SET refuses --------------------------------------------------------------- */

static int set_padded(struct model *m, uint32_t base, uint32_t nr, uint8_t action, uint8_t pad)
{
	const struct kvm_smccc_filter f = {
		.base = base, .nr_functions = nr, .action = action, .pad = { pad }
	};

	return model_attr(m, -1, KVM_SET_DEVICE_ATTR, KVM_ARM_VM_SMCCC_CTRL,
			  KVM_ARM_VM_SMCCC_FILTER, &f);
}

static void test_what_a_filter_refuses(void)
{
	static const struct {
		const char *rule;
		uint32_t base, nr;
		uint8_t action, pad;
		int want;
	} row[] = {
		{ "padding is reserved", PSCI_VERSION_ID, 1, DENY, 0xff, -EINVAL },
		{ "a range is not empty", 0xc4000003, 0, DENY, 0, -EINVAL },
		{ "not even at zero", 0, 0, DENY, 0, -EINVAL },
		{ "a range does not wrap", 0xffffffff, 0xffffffff, DENY, 0, -EINVAL },
		{ "there are three actions", 0xc4000003, 1, 0xff, 0, -EINVAL },
		{ "SMC32 architecture calls are reserved", 0x80008000, 1, DENY, 0, -EEXIST },
		{ "SMC64 architecture calls are reserved", 0xc0000000, 1, DENY, 0, -EEXIST },
		{ "the lowest range", 0, 0x80000000, FWD, 0, 0 },
		{ "the middle range", 0x80010000, 0x3fff0000, FWD, 0, 0 },
		{ "the highest range", 0xc0010000, 0x3fff0000, FWD, 0, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		struct model m = model_new(&newest, 0);

		CHECK(set_padded(&m, row[i].base, row[i].nr, row[i].action, row[i].pad) ==
			      row[i].want,
		      row[i].rule);
		model_free(&m);
	}
}

static void test_a_malformed_range_is_told_before_a_late_one(void)
{
	static const struct {
		const char *rule;
		uint32_t base, nr;
		uint8_t action, pad;
		int want;
	} row[] = {
		{ "padding", PSCI_VERSION_ID, 1, DENY, 1, -EINVAL },
		{ "emptiness", PSCI_VERSION_ID, 0, DENY, 0, -EINVAL },
		{ "the action", PSCI_VERSION_ID, 1, 3, 0, -EINVAL },
		{ "then the run", PSCI_VERSION_ID, 1, DENY, 0, -EBUSY },
		{ "then what is reserved", 0x80000000, 1, DENY, 0, -EBUSY },
	};
	struct model m = model_new(&newest, 1);

	kvmcore_run(m.vm, 0, true, &m.reply);
	for (size_t i = 0; i < ARRAY_SIZE(row); i++)
		CHECK(set_padded(&m, row[i].base, row[i].nr, row[i].action, row[i].pad) ==
			      row[i].want,
		      row[i].rule);
	model_free(&m);
}

/* --- smccc_filter.c: what a guest sees, by both conduits --------------------------------------------- */

static void check_conduit(bool smc)
{
	const struct kvmcore_trap trap = { .smc = smc };
	struct model m = model_new(&newest, 1);
	struct kvmcore_vcpu_regs regs = { .x = { PSCI_VERSION_ID } };
	struct kvm_run *run;
	uint64_t flags;

	model_filter(&m, PSCI_VERSION_ID, 1, DENY);
	kvmcore_vcpu_regs_set(m.vm, 0, &regs);
	kvmcore_vcpu_call(m.vm, 0, &trap, &m.reply);
	kvmcore_vcpu_regs_get(m.vm, 0, &regs);
	CHECK(regs.x[0] == NOT_SUPPORTED, "a denied call is not supported");
	model_free(&m);

	m = model_new(&newest, 1);
	model_filter(&m, PSCI_VERSION_ID, 1, FWD);
	regs.x[0] = PSCI_VERSION_ID;
	kvmcore_vcpu_regs_set(m.vm, 0, &regs);
	kvmcore_vcpu_call(m.vm, 0, &trap, &m.reply);
	run = (struct kvm_run *)(uintptr_t)m.port.exit(m.port.vm, 0);
	memcpy(&flags, (char *)run + 96, sizeof(flags));
	CHECK(run->exit_reason == KVM_EXIT_HYPERCALL && run->hypercall.nr == PSCI_VERSION_ID &&
		      flags == (smc ? KVM_HYPERCALL_EXIT_SMC : 0),
	      "a forwarded call names itself and its conduit");
	kvmcore_vcpu_regs_get(m.vm, 0, &regs);
	CHECK(regs.x[0] == PSCI_VERSION_ID, "x0 is the id until the VMM answers");
	kvmcore_run(m.vm, 0, false, &m.reply);
	CHECK(m.reply.exit == KVMCORE_EXIT_NONE, "resuming does not make the call again");
	model_free(&m);
}

static void test_what_a_guest_sees(void)
{
	struct model m = model_new(&newest, 0);

	check_conduit(false);
	check_conduit(true);
	CHECK(model_attr(&m, -1, KVM_HAS_DEVICE_ATTR, KVM_ARM_VM_SMCCC_CTRL,
			 KVM_ARM_VM_SMCCC_FILTER, NULL) == 0,
	      "the attribute is there before any vCPU");
	model_free(&m);
}

/* --- hypercalls.c: the bitmaps ------------------------------------------------------------------------ */

static const struct {
	uint64_t id, reset, mask;
} bitmap[] = {
	{ KVMCORE_REG_FW_BMAP(0), 1, 1 },
	{ KVMCORE_REG_FW_BMAP(1), 1, 1 },
	{ KVMCORE_REG_FW_BMAP(2), 3, 3 },
	{ KVMCORE_REG_FW_BMAP(3), 0, 3 },
};

static void test_bitmaps(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(bitmap); i++) {
		struct model m = model_new(&newest, 1);
		const uint64_t other = bitmap[i].reset ? 0 : bitmap[i].mask;
		uint64_t value = 99;

		CHECK(model_get_reg(&m, 0, bitmap[i].id, &value) == 0 && value == bitmap[i].reset,
		      "a bitmap starts with its reset value");
		CHECK(model_set_reg(&m, 0, bitmap[i].id, other) == 0 &&
			      model_get_reg(&m, 0, bitmap[i].id, &value) == 0 && value == other,
		      "what is written is kept");
		CHECK(model_set_reg(&m, 0, bitmap[i].id, bitmap[i].mask + 1) == -EINVAL,
		      "an unknown bit is refused");
		kvmcore_run(m.vm, 0, true, &m.reply);
		CHECK(model_set_reg(&m, 0, bitmap[i].id, bitmap[i].reset) == -EBUSY &&
			      model_set_reg(&m, 0, bitmap[i].id, other) == 0,
		      "after the first run only the same value is taken");
		CHECK(model_set_reg(&m, 0, bitmap[i].id, bitmap[i].mask + 1) == -EINVAL,
		      "and an unknown bit is still that");
		CHECK(model_get_reg(&m, 0, bitmap[i].id, &value) == 0 && value == other, "kept");
		model_free(&m);
	}
}

static const struct {
	uint64_t id, x1;
} gated[] = {
	{ 0x84000050, 0 },          { 0x84000051, 0xc4000053 }, { 0x84000052, 0 },
	{ 0x84000053, 0 },          { 0xc4000053, 0 },          { 0x80000001, 0xc5000020 },
	{ 0xc5000020, 0xc5000021 }, { 0xc5000021, 0 },          { 0x86000000, 0 },
	{ 0x8600ff01, 0 },          { 0x86000001, 0 },
};

static void test_services_follow_their_bitmaps(void)
{
	struct model m = model_new(&newest, 1);
	void *mem = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const uint64_t ipa = 0x40000000;

	model_memory(&m, 0, ipa, 4096, mem);
	model_attr(&m, 0, KVM_SET_DEVICE_ATTR, KVM_ARM_VCPU_PVTIME_CTRL, KVM_ARM_VCPU_PVTIME_IPA,
		   &ipa);
	for (size_t i = 0; i < ARRAY_SIZE(gated); i++)
		CHECK(model_call(&m, 0, gated[i].id, gated[i].x1, 0, 0) != NOT_SUPPORTED,
		      "with the reset values every service answers");
	model_free(&m);
	m = model_new(&newest, 1);
	model_memory(&m, 0, ipa, 4096, mem);
	model_attr(&m, 0, KVM_SET_DEVICE_ATTR, KVM_ARM_VCPU_PVTIME_CTRL, KVM_ARM_VCPU_PVTIME_IPA,
		   &ipa);
	for (size_t i = 0; i < ARRAY_SIZE(bitmap); i++)
		model_set_reg(&m, 0, bitmap[i].id, 0);
	for (size_t i = 0; i < ARRAY_SIZE(gated); i++)
		CHECK(model_call(&m, 0, gated[i].id, gated[i].x1, 0, 0) == NOT_SUPPORTED,
		      "with all bits clear none does");
	model_free(&m);
	munmap(mem, 4096);
}

static void test_discovery_calls_know_only_their_own(void)
{
	static const struct {
		uint64_t id, x1;
	} row[] = { { 0x84000051, 0x86000001 },
		    { 0x80000001, 0xc4000053 },
		    { 0xc5000020, 0xc4000053 } };
	struct model m = model_new(&newest, 1);

	for (size_t i = 0; i < ARRAY_SIZE(row); i++)
		CHECK(model_call(&m, 0, row[i].id, row[i].x1, 0, 0) == NOT_SUPPORTED,
		      "another service's call is not announced");
	model_free(&m);
}

/* --- Read in the sources ------------------------------------------------------------------------------- */

static void test_edges(void)
{
	const struct kvm_smccc_filter sdei = { .base = 0xc4000020,
					       .nr_functions = 1,
					       .action = FWD };
	struct kvm_device_attr flags = { .flags = ~0u, .addr = (uintptr_t)&sdei };
	struct model m = model_new(&newest, 1);

	CHECK(kvmcore_ioctl(m.vm, -1, KVM_SET_DEVICE_ATTR, &flags) == 0, "flags are not looked at");
	CHECK(model_filter(&m, 0xc6000000, 0x10000, KVM_SMCCC_FILTER_HANDLE) == 0 &&
		      model_call(&m, 0, 0xc6000007, 0, 0, 0) == NOT_SUPPORTED,
	      "HANDLE adds no call");
	CHECK(model_set_reg(&m, 0, KVMCORE_REG_FW(0), 0x10000) == 0 &&
		      model_call(&m, 0, PSCI_VERSION_ID, 0, 0, 0) == 0x10000,
	      "PSCI's version may change after the first run, for the whole VM");
	model_free(&m);
	m = model_new(&newest, 1);
	CHECK(model_filter(&m, 0xc6000040, 1, FWD) == 0, "a call whose bit is clear");
	model_call(&m, 0, 0xc6000040, 0, 0, 0);
	CHECK(m.reply.exit == KVMCORE_EXIT_HYPERCALL, "is forwarded: the filter comes first");
	CHECK(model_call(&m, 0, 0x84010000, 0, 0, 0) == NOT_SUPPORTED, "an SVE hint is another id");
	model_free(&m);
	m = model_new(&newest, 1);
	CHECK(model_filter(&m, 0x80010000, 1, FWD) == 0, "which a filter may name");
	model_call(&m, 0, 0x80010000, 0, 0, 0);
	CHECK(m.reply.exit == KVMCORE_EXIT_HYPERCALL, "and catch");
	model_free(&m);
}

int main(void)
{
	return RUN_TESTS(test_what_a_filter_refuses,
			 test_a_malformed_range_is_told_before_a_late_one, test_what_a_guest_sees,
			 test_bitmaps, test_services_follow_their_bitmaps,
			 test_discovery_calls_know_only_their_own, test_edges);
}
