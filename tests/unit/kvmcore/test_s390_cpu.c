// SPDX-License-Identifier: Apache-2.0
/*
 * Group CPU_MODEL: orders of checks, what is clamped, what is read back, in both readings.
 */
#include "s390_rig.h"

#include <stdlib.h>

#define CPU             KVM_S390_VM_CPU_MODEL
#define PROCESSOR       KVM_S390_VM_CPU_PROCESSOR
#define MACHINE         KVM_S390_VM_CPU_MACHINE
#define PROCESSOR_FEAT  KVM_S390_VM_CPU_PROCESSOR_FEAT
#define MACHINE_FEAT    KVM_S390_VM_CPU_MACHINE_FEAT
#define SUBFUNC         KVM_S390_VM_CPU_PROCESSOR_SUBFUNC
#define MACHINE_SUBFUNC KVM_S390_VM_CPU_MACHINE_SUBFUNC
#define UV_FEAT         KVM_S390_VM_CPU_PROCESSOR_UV_FEAT_GUEST

static void test_errors_stand_in_order(void)
{
	static const struct {
		const char *promise;
		uint64_t attr;
		int set, get, set_late; /* with an address that is not there; late: with a vCPU */
	} row[] = {
		{ "PROCESSOR: vCPUs first", PROCESSOR, -EFAULT, -EFAULT, -EBUSY },
		{ "MACHINE: read only", MACHINE, -ENXIO, -EFAULT, -ENXIO },
		{ "PROCESSOR_FEAT: memory first", PROCESSOR_FEAT, -EFAULT, -EFAULT, -EFAULT },
		{ "MACHINE_FEAT: read only", MACHINE_FEAT, -ENXIO, -EFAULT, -ENXIO },
		{ "SUBFUNC: vCPUs first", SUBFUNC, -EFAULT, -EFAULT, -EBUSY },
		{ "MACHINE_SUBFUNC: read only", MACHINE_SUBFUNC, -ENXIO, -EFAULT, -ENXIO },
		{ "UV_FEAT_GUEST: memory first", UV_FEAT, -EFAULT, -EFAULT, -EFAULT },
		{ "MACHINE_UV_FEAT_GUEST: read only", UV_FEAT + 1, -ENXIO, -EFAULT, -ENXIO },
		{ "an unknown one", 8, -ENXIO, -ENXIO, -ENXIO },
	};
	struct model early = s390_new(0, false, NULL, 0), late = s390_new(0, false, NULL, 1);

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		CHECK(s390_set(&early, CPU, row[i].attr, BAD) == row[i].set, row[i].promise);
		CHECK(s390_get(&early, CPU, row[i].attr, BAD) == row[i].get, row[i].promise);
		CHECK(s390_set(&late, CPU, row[i].attr, BAD) == row[i].set_late, row[i].promise);
	}
	model_free(&early);
	model_free(&late);
}

static void test_the_ibc_is_clamped(void)
{
	static const struct {
		const char *promise;
		uint16_t ibc, want;
	} row[] = {
		{ "0 leaves it", 0, 0x3a1 },        { "too low", 1, 0x1d1 },
		{ "0 leaves it, again", 0, 0x1d1 }, { "the lowest", 0x1d1, 0x1d1 },
		{ "between", 0x2a0, 0x2a0 },        { "the unblocked", 0x3a1, 0x3a1 },
		{ "above it", 0x3a2, 0x3a1 },
	};
	struct kvm_s390_vm_cpu_processor cpu = { .cpuid = 0x55, .fac_list = { 1, 2, [255] = 3 } },
					 got;
	struct model m = s390_new(0, false, NULL, 0);

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		cpu.ibc = row[i].ibc;
		CHECK(s390_set(&m, CPU, PROCESSOR, &cpu) == 0, row[i].promise);
		memset(&got, 0xff, sizeof(got));
		CHECK(s390_get(&m, CPU, PROCESSOR, &got) == 0 && got.ibc == row[i].want,
		      row[i].promise);
	}
	CHECK(got.cpuid == 0x55 && !memcmp(got.fac_list, cpu.fac_list, sizeof(got.fac_list)),
	      "facilities are taken as they are");
	CHECK(!memcmp(got.pad, "\0\0\0\0\0\0", 6), "the padding is 0");
	model_free(&m);
}

static void test_the_machine_is_as_configured(void)
{
	uint64_t facility[256] = { 0x8000000000000001, 5, [200] = 9 };
	struct kvm_s390_vm_cpu_processor cpu;
	struct kvm_s390_vm_cpu_machine *machine = malloc(sizeof(*machine));
	struct model given = s390_new(0, false, facility, 0), plain = s390_new(0, false, NULL, 0);

	REQUIRE(machine, "memory");
	CHECK(s390_get(&given, CPU, MACHINE, machine) == 0 &&
		      !memcmp(machine->fac_list, facility, sizeof(facility)) &&
		      !memcmp(machine->fac_mask, facility, sizeof(facility)),
	      "the configured facilities are the host's");
	CHECK(s390_get(&given, CPU, PROCESSOR, &cpu) == 0 &&
		      !memcmp(cpu.fac_list, facility, sizeof(facility)),
	      "and the guest's to begin with");
	CHECK(s390_get(&plain, CPU, MACHINE, machine) == 0 &&
		      (machine->cpuid >> 16 & 0xffff) == 0x3931 && machine->ibc == 0x1d103a1,
	      "a 3931 and its range of ibc");
	CHECK(machine->fac_list[0] == 0xe110000000000000 &&         /* 0 1 2 7 11 */
		      machine->fac_list[1] == 0x000c000000000000 && /* 76 77 */
		      machine->fac_list[2] == 0x4010200000000000,   /* 129 139 146 */
	      "with the facilities of the document");
	model_free(&given);
	model_free(&plain);
	free(machine);
}

static void test_feat_is_a_subset(void)
{
	struct kvm_s390_vm_cpu_feat host, feat = { { 0 } };
	struct model m = s390_new(0, false, NULL, 0), late = s390_new(0, false, NULL, 1);

	CHECK(s390_get(&m, CPU, MACHINE_FEAT, &host) == 0 && host.feat[0], "the host has some");
	CHECK(s390_get(&m, CPU, PROCESSOR_FEAT, &feat) == 0 && !memcmp(&host, &feat, sizeof(host)),
	      "the guest all of them at first");
	CHECK(s390_set(&late, CPU, PROCESSOR_FEAT, &host) == -EBUSY, "not with a vCPU");
	feat.feat[15] = 1;
	CHECK(s390_set(&m, CPU, PROCESSOR_FEAT, &feat) == -EINVAL, "none the host lacks");
	CHECK(s390_set(&late, CPU, PROCESSOR_FEAT, &feat) == -EINVAL, "which is checked first");
	CHECK(s390_get(&m, CPU, PROCESSOR_FEAT, &feat) == 0 && !memcmp(&host, &feat, sizeof(host)),
	      "refused is unchanged");
	feat.feat[0] &= feat.feat[0] - 1;
	CHECK(s390_set(&m, CPU, PROCESSOR_FEAT, &feat) == 0 &&
		      s390_get(&m, CPU, PROCESSOR_FEAT, &host) == 0 &&
		      !memcmp(&host, &feat, sizeof(host)),
	      "one fewer is fine");
	model_free(&m);
	model_free(&late);
}

static void test_subfunc_before_and_after_its_first_write(void)
{
	struct kvm_s390_vm_cpu_subfunc host, sub;

	for (int document = 0; document < 2; document++) {
		struct model m = s390_new(0, document, NULL, 0);

		CHECK(s390_get(&m, CPU, MACHINE_SUBFUNC, &host) == 0, "the host's");
		CHECK(s390_get(&m, CPU, SUBFUNC, &sub) == (document ? -EINVAL : 0),
		      "unwritten: an error by the document, the host's by the kernel");
		CHECK(document || !memcmp(&sub, &host, sizeof(sub)), "the very same");
		sub = host;
		sub.block[0][0] ^= 1;
		CHECK(s390_set(&m, CPU, SUBFUNC, &sub) == 0, "written");
		memset(&host, 0, sizeof(host));
		CHECK(s390_get(&m, CPU, SUBFUNC, &host) == 0 && !memcmp(&sub, &host, sizeof(sub)),
		      "and read");
		model_free(&m);
	}
}

static void test_the_ultravisors_features(void)
{
	static const struct kvmcore_config old = { .type = KVMCORE_VM_S390, .kernel = "6.1" };
	const uint64_t ap = 0x0c00000000000000, other = 1;
	struct model m = s390_new(KVMCORE_S390_PROTECTED, false, NULL, 0), before;
	struct model late = s390_new(KVMCORE_S390_PROTECTED, false, NULL, 1);
	struct model plain = s390_new(0, false, NULL, 0);
	uint64_t got = 1;

	before = model_new(&old, 0);
	CHECK(s390_get(&m, CPU, UV_FEAT + 1, &got) == 0 && got == ap, "AP and its interrupts");
	CHECK(s390_get(&m, CPU, UV_FEAT, &got) == 0 && got == 0, "a guest has none at first");
	CHECK(s390_set(&late, CPU, UV_FEAT, &other) == -EINVAL, "none the host lacks");
	CHECK(s390_set(&late, CPU, UV_FEAT, &ap) == -EBUSY,
	      "not with a vCPU, which is checked last");
	CHECK(s390_set(&m, CPU, UV_FEAT, &ap) == 0 && s390_get(&m, CPU, UV_FEAT, &got) == 0 &&
		      got == ap,
	      "set and read");
	CHECK(s390_set(&plain, CPU, UV_FEAT, &ap) == -EINVAL, "nothing without an ultravisor");
	CHECK(s390_has(&before, CPU, UV_FEAT) == -ENXIO && s390_has(&before, CPU, 5) == 0 &&
		      s390_get(&before, CPU, UV_FEAT + 1, &got) == -ENXIO,
	      "kernels before 6.6 do not know them");
	model_free(&m);
	model_free(&late);
	model_free(&plain);
	model_free(&before);
}

int main(void)
{
	return RUN_TESTS(test_errors_stand_in_order, test_the_ibc_is_clamped,
			 test_the_machine_is_as_configured, test_feat_is_a_subset,
			 test_subfunc_before_and_after_its_first_write,
			 test_the_ultravisors_features);
}
