// SPDX-License-Identifier: Apache-2.0
/*
 * s390 VM attributes: which exist, the clock, key wrapping, topology (docs/abi-s390.md).
 */
#include "s390_rig.h"

#include <time.h>

#define MEM       KVM_S390_VM_MEM_CTRL
#define TOD       KVM_S390_VM_TOD
#define CRYPTO    KVM_S390_VM_CRYPTO
#define CPU       KVM_S390_VM_CPU_MODEL
#define MIGRATION KVM_S390_VM_MIGRATION
#define TOPOLOGY  KVM_S390_VM_CPU_TOPOLOGY

static void test_what_exists(void)
{
	static const struct {
		const char *promise;
		uint32_t group;
		uint64_t attr;
		int kernel, document, poor; /* poor: no CMMA, AP, facilities 11 and 76 */
	} row[] = {
		{ "ENABLE_CMMA", MEM, 0, 0, 0, -ENXIO },
		{ "CLR_CMMA", MEM, 1, 0, 0, -ENXIO },
		{ "LIMIT_SIZE", MEM, 2, 0, 0, 0 },
		{ "no memory attribute 3", MEM, 3, -ENXIO, -ENXIO, -ENXIO },
		{ "TOD LOW", TOD, 0, 0, 0, 0 },
		{ "TOD HIGH", TOD, 1, 0, 0, 0 },
		{ "TOD EXT, which the kernel forgot", TOD, 2, -ENXIO, 0, -ENXIO },
		{ "no TOD attribute 3", TOD, 3, -ENXIO, -ENXIO, -ENXIO },
		{ "AES key wrapping", CRYPTO, 0, 0, 0, 0 },
		{ "DEA key wrapping", CRYPTO, 1, 0, 0, 0 },
		{ "its end, AES", CRYPTO, 2, 0, 0, 0 },
		{ "its end, DEA", CRYPTO, 3, 0, 0, 0 },
		{ "APIE", CRYPTO, 4, 0, 0, -ENXIO },
		{ "its end", CRYPTO, 5, 0, 0, -ENXIO },
		{ "no crypto attribute 6", CRYPTO, 6, -ENXIO, -ENXIO, -ENXIO },
		{ "PROCESSOR", CPU, 0, 0, 0, 0 },
		{ "MACHINE", CPU, 1, 0, 0, 0 },
		{ "PROCESSOR_FEAT", CPU, 2, 0, 0, 0 },
		{ "MACHINE_FEAT", CPU, 3, 0, 0, 0 },
		{ "PROCESSOR_SUBFUNC", CPU, 4, 0, 0, 0 },
		{ "MACHINE_SUBFUNC", CPU, 5, 0, 0, 0 },
		{ "PROCESSOR_UV_FEAT_GUEST", CPU, 6, 0, 0, 0 },
		{ "MACHINE_UV_FEAT_GUEST", CPU, 7, 0, 0, 0 },
		{ "no CPU attribute 8", CPU, 8, -ENXIO, -ENXIO, -ENXIO },
		{ "migration STATUS", MIGRATION, 2, 0, 0, 0 },
		{ "any migration number", MIGRATION, 77, 0, 0, 0 },
		{ "topology", TOPOLOGY, 0, 0, 0, -ENXIO },
		{ "any topology number", TOPOLOGY, 77, 0, 0, -ENXIO },
		{ "no group 6", 6, 0, -ENXIO, -ENXIO, -ENXIO },
	};
	static const uint64_t no_facility[256];
	const uint32_t lacks = KVMCORE_S390_LACKS_CMMA | KVMCORE_S390_LACKS_AP;
	struct model kernel = s390_new(0, false, NULL, 0), document = s390_new(0, true, NULL, 0);
	struct model poor = s390_new(lacks, false, no_facility, 0);

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		CHECK(s390_has(&kernel, row[i].group, row[i].attr) == row[i].kernel,
		      row[i].promise);
		CHECK(s390_has(&document, row[i].group, row[i].attr) == row[i].document,
		      row[i].promise);
		CHECK(s390_has(&poor, row[i].group, row[i].attr) == row[i].poor, row[i].promise);
	}
	CHECK(s390_set(&kernel, 6, 0, BAD) == -ENXIO && s390_get(&kernel, 6, 0, BAD) == -ENXIO,
	      "an unknown group is nothing to look into");
	CHECK(kvmcore_ioctl(kernel.vm, -1, KVM_SET_DEVICE_ATTR, BAD) == -EFAULT, "no struct");
	model_free(&kernel);
	model_free(&document);
	model_free(&poor);
}

static int with_flags(struct model *m, unsigned long cmd, uint64_t attr, uint32_t group)
{
	struct kvm_device_attr a = { .flags = 1, .group = group, .attr = attr, .addr = 8 };

	return kvmcore_ioctl(m->vm, -1, cmd, &a);
}

static void test_the_clock_refuses_in_order(void)
{
	struct kvm_s390_vm_tod_clock later = { .epoch_idx = 1 };
	struct model m = s390_new(0, false, NULL, 0);
	struct model protected = s390_new(KVMCORE_S390_PROTECTED, false, NULL, 0);
	uint64_t facility[256] = { ~0ULL, ~0ULL, ~0ULL }, tod;
	uint8_t high = 1;
	struct model old;

	for (uint64_t attr = 0; attr < 4; attr++) {
		CHECK(with_flags(&m, KVM_SET_DEVICE_ATTR, attr, TOD) == -EINVAL, "SET: flags");
		CHECK(with_flags(&m, KVM_GET_DEVICE_ATTR, attr, TOD) == -EINVAL, "GET: flags");
		CHECK(with_flags(&protected, KVM_SET_DEVICE_ATTR, attr, TOD) == -EINVAL,
		      "flags even before protection");
		CHECK(s390_set(&protected, TOD, attr, BAD) == -EOPNOTSUPP,
		      "protection before the attribute");
		CHECK(s390_set(&m, TOD, attr, BAD) == (attr < 3 ? -EFAULT : -ENXIO),
		      "from nowhere");
		CHECK(s390_get(&m, TOD, attr, BAD) == (attr < 3 ? -EFAULT : -ENXIO), "to nowhere");
	}
	CHECK(s390_get(&protected, TOD, 0, &tod) == 0, "a protected guest's clock is readable");
	CHECK(with_flags(&m, KVM_GET_DEVICE_ATTR, 2, MEM) == -EFAULT,
	      "elsewhere flags are ignored");
	CHECK(s390_set(&m, TOD, 1, &high) == -EINVAL, "HIGH other than 0");
	high = 0;
	CHECK(s390_set(&m, TOD, 1, &high) == 0, "HIGH 0");
	high = 9;
	CHECK(s390_get(&m, TOD, 1, &high) == 0 && high == 0, "HIGH is always 0");
	CHECK(s390_set(&m, TOD, 2, &later) == 0, "an epoch index with facility 139");
	s390_without(facility, 139);
	old = s390_new(0, false, facility, 0);
	CHECK(s390_set(&old, TOD, 2, &later) == -EINVAL, "not without");
	later.epoch_idx = 0;
	CHECK(s390_set(&old, TOD, 2, &later) == 0, "index 0 is fine");
	model_free(&m);
	model_free(&protected);
	model_free(&old);
}

static uint64_t low_of(struct model *m)
{
	uint64_t tod = 0;

	CHECK(s390_get(m, TOD, 0, &tod) == 0, "the clock can be read");
	return tod;
}

static void wait_a_moment(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
}

static void test_the_clock_stands_while_paused(void)
{
	const struct kvm_s390_vm_tod_clock set = { 3, 0x1000000000000000 };
	struct kvm_s390_vm_tod_clock got;
	struct model m = s390_new(0, false, NULL, 0);
	uint64_t before = low_of(&m), stood;

	wait_a_moment();
	CHECK(low_of(&m) >= before + 2000 * 4096, "2 ms are at least 2000 ticks of bit 51");
	kvmcore_pause(m.vm);
	stood = low_of(&m);
	wait_a_moment();
	CHECK(low_of(&m) == stood, "no time passes while paused");
	kvmcore_resume(m.vm);
	before = low_of(&m);
	CHECK(before >= stood && before - stood < 4096000000ULL, "it goes on where it stood");
	kvmcore_pause(m.vm);
	memset(&got, 0xff, sizeof(got));
	CHECK(s390_set(&m, TOD, 2, &set) == 0, "restored while paused");
	wait_a_moment();
	CHECK(s390_get(&m, TOD, 2, &got) == 0 && got.epoch_idx == 3 && got.tod == set.tod,
	      "it stands at what was written");
	CHECK(!memcmp((char *)&got + 1, "\0\0\0\0\0\0\0", 7), "the hole of the struct is 0");
	kvmcore_resume(m.vm);
	wait_a_moment();
	CHECK(low_of(&m) > set.tod && low_of(&m) - set.tod < 4096000000ULL, "and goes on from it");
	model_free(&m);
}

static void test_low_forgets_the_epoch_index(void)
{
	const struct kvm_s390_vm_tod_clock set = { 3, 77 };
	struct kvm_s390_vm_tod_clock got = { 0 };
	struct model m = s390_new(0, false, NULL, 0);
	const uint64_t low = 99;

	kvmcore_pause(m.vm);
	CHECK(s390_set(&m, TOD, 2, &set) == 0 && low_of(&m) == 77, "LOW is the low part of EXT");
	CHECK(s390_set(&m, TOD, 0, &low) == 0 && s390_get(&m, TOD, 2, &got) == 0 && got.tod == 99 &&
		      got.epoch_idx == 0,
	      "writing LOW makes the index 0");
	model_free(&m);
}

static void test_key_wrapping(void)
{
	uint64_t facility[256] = { ~0ULL, ~0ULL, ~0ULL };
	struct kvm_s390_vm_cpu_processor cpu = { .cpuid = 1 };
	struct model m = s390_new(0, false, NULL, 0), without, bare;

	s390_without(facility, 76);
	without = s390_new(0, false, facility, 0);
	bare = s390_new(KVMCORE_S390_LACKS_AP, false, NULL, 0);
	for (uint64_t attr = 0; attr < 4; attr++) {
		CHECK(s390_set(&m, CRYPTO, attr, NULL) == 0, "on and off, at any time");
		CHECK(s390_set(&without, CRYPTO, attr, NULL) == -EINVAL, "not without facility 76");
	}
	for (uint64_t attr = 4; attr < 6; attr++) {
		CHECK(s390_set(&m, CRYPTO, attr, NULL) == 0, "AP interpretation");
		CHECK(s390_set(&bare, CRYPTO, attr, NULL) == -EOPNOTSUPP, "not without AP");
	}
	for (uint64_t attr = 0; attr < 7; attr++)
		CHECK(s390_get(&m, CRYPTO, attr, &cpu) == -ENXIO, "no key is ever read");
	CHECK(s390_set(&m, CRYPTO, 6, NULL) == -ENXIO, "there is no 6");
	CHECK(s390_set(&m, CPU, 0, &cpu) == 0 && s390_set(&m, CRYPTO, 0, NULL) == -EINVAL,
	      "a guest whose model lacks facility 76 wraps no keys");
	model_free(&m);
	model_free(&without);
	model_free(&bare);
}

static void test_topology(void)
{
	uint64_t facility[256] = { ~0ULL, ~0ULL, ~0ULL };
	struct kvm_s390_vm_cpu_processor cpu = { .fac_list = { ~0ULL, ~0ULL, ~0ULL } };
	struct model m = s390_new(0, false, NULL, 0), without;
	uint8_t value = 7;

	s390_without(facility, 11);
	without = s390_new(0, false, facility, 0);
	CHECK(s390_get(&m, TOPOLOGY, 0, &value) == 0 && value == 0, "0 at first");
	CHECK(s390_set(&m, TOPOLOGY, 5, NULL) == 0 && s390_get(&m, TOPOLOGY, 0, &value) == 0 &&
		      value == 1,
	      "any number sets the bit");
	CHECK(s390_set(&m, TOPOLOGY, 0, NULL) == 0 && s390_get(&m, TOPOLOGY, 9, &value) == 0 &&
		      value == 0,
	      "0 clears it");
	CHECK(s390_get(&m, TOPOLOGY, 0, BAD) == -EFAULT, "to nowhere");
	CHECK(s390_set(&without, CPU, 0, &cpu) == 0, "a model that claims facility 11");
	CHECK(s390_set(&without, TOPOLOGY, 1, NULL) == -ENXIO &&
		      s390_get(&without, TOPOLOGY, 0, BAD) == -ENXIO &&
		      s390_has(&without, TOPOLOGY, 0) == -ENXIO,
	      "has it only where the host has it");
	model_free(&m);
	model_free(&without);
}

int main(void)
{
	return RUN_TESTS(test_what_exists, test_the_clock_refuses_in_order,
			 test_the_clock_stands_while_paused, test_low_forgets_the_epoch_index,
			 test_key_wrapping, test_topology);
}
