// SPDX-License-Identifier: Apache-2.0
/*
 * Which values a firmware register takes on which host: the directions a migration can go.
 */
#include "support/model.h"

#include <errno.h>

#define PSCI          KVMCORE_REG_FW(0)
#define WORKAROUND(n) KVMCORE_REG_FW(n)
#define STD           KVMCORE_REG_FW_BMAP(0)
#define VENDOR_2      KVMCORE_REG_FW_BMAP(3)

#define ARCH_FEATURES 0x80000001u

static struct model host(uint8_t level, bool ssbs)
{
	const struct kvmcore_config config = { .host = { .levels_given = true,
							 .workaround_1 = level > 2 ? 2 : level,
							 .workaround_2 = level,
							 .workaround_3 = level > 2 ? 2 : level,
							 .ssbs = ssbs } };

	return model_new(&config, 1);
}

static void test_workaround_1_and_3_only_rise(void)
{
	for (uint64_t level = 0; level <= 2; level++) {
		struct model m = host((uint8_t)level, false);
		uint64_t now = 99;

		for (uint64_t value = 0; value <= 3; value++) {
			const int want = value <= level ? 0 : -EINVAL;

			CHECK(model_set_reg(&m, 0, WORKAROUND(1), value) == want &&
				      model_set_reg(&m, 0, WORKAROUND(3), value) == want,
			      "a host takes what it can keep");
		}
		CHECK(model_get_reg(&m, 0, WORKAROUND(1), &now) == 0 && now == level,
		      "a SET stores nothing");
		CHECK(model_set_reg(&m, 0, WORKAROUND(1), 0x10) == -EINVAL, "bits above are wrong");
		model_free(&m);
	}
}

/* Rows: value; columns: host level 0..3. -EINVAL where the guest was told more than the host can keep. */
static void test_workaround_2_has_two_worlds(void)
{
	static const struct {
		uint64_t value;
		bool taken[4];
	} row[] = {
		{ 0, { true, true, true, true } },        { 1, { true, true, true, true } },
		{ 2, { false, false, false, true } },     { 3, { false, false, false, true } },
		{ 4, { false, false, false, false } },    { 0x10, { false, false, false, false } },
		{ 0x11, { false, false, false, false } }, { 0x12, { false, false, false, true } },
		{ 0x13, { false, false, false, false } }, { 0x20, { false, false, false, false } },
	};

	for (uint8_t level = 0; level <= 3; level++) {
		struct model m = host(level, false);

		for (size_t i = 0; i < ARRAY_SIZE(row); i++)
			CHECK(model_set_reg(&m, 0, WORKAROUND(2), row[i].value) ==
				      (row[i].taken[level] ? 0 : -EINVAL),
			      "available and not required need a host that does not require it");
		model_free(&m);
	}
}

static void test_the_guest_hears_of_the_level(void)
{
	static const struct {
		uint8_t level;
		bool ssbs;
		uint64_t wa1, wa2, wa3;
	} row[] = {
		{ 0, false, -1ULL, -1ULL, -1ULL }, { 1, false, 0, -1ULL, 0 },
		{ 2, false, 1, -1ULL, 1 },         { 3, false, 1, -2ULL, 1 },
		{ 3, true, 1, -1ULL, 1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		struct model m = host(row[i].level, row[i].ssbs);

		CHECK(model_call(&m, 0, ARCH_FEATURES, 0x80008000, 0, 0) == row[i].wa1,
		      "WORKAROUND_1");
		CHECK(model_call(&m, 0, ARCH_FEATURES, 0x80007fff, 0, 0) == row[i].wa2,
		      "WORKAROUND_2");
		CHECK(model_call(&m, 0, ARCH_FEATURES, 0x80003fff, 0, 0) == row[i].wa3,
		      "WORKAROUND_3");
		model_free(&m);
	}
}

static void test_psci_version_is_one_for_the_vm(void)
{
	const struct kvmcore_config config = { .kernel = "7.2" };
	struct model m = model_new(&config, 2);
	uint64_t version = 0;

	CHECK(model_set_reg(&m, 0, PSCI, 0x10001) == 0, "set through one vCPU");
	CHECK(model_get_reg(&m, 1, PSCI, &version) == 0 && version == 0x10001,
	      "read through another");
	model_free(&m);
}

static void test_masks_belong_to_kernel_and_profile(void)
{
	static const struct {
		const char *promise, *kernel;
		enum kvmcore_profile profile;
		uint64_t id, value;
		int want;
	} row[] = {
		{ "STD has one bit", "7.2", KVMCORE_PROFILE_SPEC, STD, 3, -EINVAL },
		{ "in v5 too", "7.2", KVMCORE_PROFILE_KVM_V5, STD, 3, -EINVAL },
		{ "v7 has a bit for SDEI", "7.2", KVMCORE_PROFILE_KVM_V7, STD, 3, 0 },
		{ "and no third", "7.2", KVMCORE_PROFILE_KVM_V7, STD, 4, -EINVAL },
		{ "7.2 knows the second vendor word", "7.2", KVMCORE_PROFILE_SPEC, VENDOR_2, 3, 0 },
		{ "6.12 does not", "6.12", KVMCORE_PROFILE_SPEC, VENDOR_2, 0, -ENOENT },
		{ "6.1 neither", "6.1", KVMCORE_PROFILE_SPEC, VENDOR_2, 0, -ENOENT },
		{ "6.12 knows PSCI 1.1", "6.12", KVMCORE_PROFILE_SPEC, PSCI, 0x10001, 0 },
		{ "and not 1.3", "6.12", KVMCORE_PROFILE_SPEC, PSCI, 0x10003, -EINVAL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		const struct kvmcore_config config = { .kernel = row[i].kernel,
						       .profile = row[i].profile };
		struct model m = model_new(&config, 1);

		CHECK(model_set_reg(&m, 0, row[i].id, row[i].value) == row[i].want, row[i].promise);
		model_free(&m);
	}
}

static void test_v7_hides_sdei_behind_its_bit(void)
{
	const struct kvmcore_config config = { .profile = KVMCORE_PROFILE_KVM_V7 };
	struct model m = model_new(&config, 1);
	uint64_t bits = 0;

	CHECK(model_get_reg(&m, 0, STD, &bits) == 0 && bits == 3, "SDEI is announced at first");
	CHECK(model_set_reg(&m, 0, STD, 1) == 0, "a VMM can withdraw it");
	CHECK(model_call(&m, 0, 0xc4000020, 0, 0, 0) == -1ULL, "then the calls are gone");
	model_free(&m);
}

static void test_order_of_refusals(void)
{
	struct model m = model_new(&(struct kvmcore_config){ .kernel = "6.12" }, 1);
	struct kvm_one_reg unknown = { KVMCORE_REG_FW(99), 8 }, bad_value = { STD, 8 };

	CHECK(kvmcore_ioctl(m.vm, 0, KVM_SET_ONE_REG, NULL) == -EFAULT, "the struct comes first");
	CHECK(kvmcore_ioctl(m.vm, 0, KVM_SET_ONE_REG, &unknown) == -ENOENT, "then the id");
	CHECK(kvmcore_ioctl(m.vm, 0, KVM_SET_ONE_REG, &bad_value) == -EFAULT, "then the value");
	CHECK(kvmcore_ioctl(m.vm, -1, KVM_SET_ONE_REG, &bad_value) == -EINVAL, "a VM has none");
	CHECK(kvmcore_ioctl(m.vm, -1, KVM_CREATE_VCPU, (void *)7) == 1,
	      "a vCPU of KVM_CREATE_VCPU");
	CHECK(kvmcore_ioctl(m.vm, 1, KVM_SET_ONE_REG, NULL) == -ENOEXEC,
	      "has none before its INIT");
	model_free(&m);
}

int main(void)
{
	return RUN_TESTS(test_workaround_1_and_3_only_rise, test_workaround_2_has_two_worlds,
			 test_the_guest_hears_of_the_level, test_psci_version_is_one_for_the_vm,
			 test_masks_belong_to_kernel_and_profile, test_v7_hides_sdei_behind_its_bit,
			 test_order_of_refusals);
}
