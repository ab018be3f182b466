// SPDX-License-Identifier: Apache-2.0
/*
 * Groups MEM_CTRL and MIGRATION, storage keys and CMMA values.
 */
#include "s390_rig.h"

#include <stdlib.h>

#define MEM       KVM_S390_VM_MEM_CTRL
#define MIGRATION KVM_S390_VM_MIGRATION
#define STOP      KVM_S390_VM_MIGRATION_STOP
#define START     KVM_S390_VM_MIGRATION_START
#define STATUS    KVM_S390_VM_MIGRATION_STATUS
#define PAGE      4096u
#define PAGES     64u
#define BASE_GFN  0x100u

static void test_cmma_is_enabled_in_order(void)
{
	static const struct {
		const char *promise;
		uint32_t lacks;
		unsigned int n_vcpus;
		int enable, clear;
	} row[] = {
		{ "no CMMA", KVMCORE_S390_LACKS_CMMA | KVMCORE_S390_HUGE_PAGES, 1, -ENXIO, -ENXIO },
		{ "a vCPU", KVMCORE_S390_HUGE_PAGES, 1, -EBUSY, -EINVAL },
		{ "1 MiB pages", KVMCORE_S390_HUGE_PAGES, 0, -EINVAL, -EINVAL },
		{ "all well", 0, 0, 0, 0 },
	};
	uint64_t value;

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		struct model m = s390_new(row[i].lacks, false, NULL, row[i].n_vcpus);

		CHECK(s390_set(&m, MEM, 0, NULL) == row[i].enable, row[i].promise);
		CHECK(s390_set(&m, MEM, 1, NULL) == row[i].clear, row[i].promise);
		CHECK(s390_get(&m, MEM, 0, &value) == -ENXIO &&
			      s390_get(&m, MEM, 1, &value) == -ENXIO,
		      "neither is readable");
		model_free(&m);
	}
}

static void test_the_memory_limit(void)
{
	static const struct {
		const char *promise;
		uint64_t limit;
		int want, late;
	} row[] = {
		{ "above the host's", (1ULL << 53) + 1, -E2BIG, -E2BIG },
		{ "none", 0, -EINVAL, -EINVAL },
		{ "the host's", 1ULL << 53, 0, -EBUSY },
		{ "less", 1ULL << 31, 0, -EBUSY },
	};
	struct model kernel = s390_new(0, false, NULL, 0), document = s390_new(0, true, NULL, 0);
	struct model late = s390_new(0, false, NULL, 1);
	struct model user = s390_new(KVMCORE_S390_UCONTROL, false, NULL, 0);
	uint64_t limit = 0;

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		CHECK(s390_set(&kernel, MEM, 2, &row[i].limit) == row[i].want, row[i].promise);
		CHECK(s390_set(&document, MEM, 2, &row[i].limit) == row[i].want, row[i].promise);
		CHECK(s390_set(&late, MEM, 2, &row[i].limit) == row[i].late, row[i].promise);
	}
	CHECK(s390_set(&kernel, MEM, 2, BAD) == -EFAULT && s390_set(&late, MEM, 2, BAD) == -EFAULT,
	      "from nowhere");
	CHECK(s390_set(&user, MEM, 2, BAD) == -EINVAL, "user control before the address");
	CHECK(s390_get(&kernel, MEM, 2, BAD) == -EFAULT, "to nowhere");
	CHECK(s390_get(&kernel, MEM, 2, &limit) == 0 && limit == 1ULL << 53,
	      "the kernel answers its own maximum");
	CHECK(s390_get(&document, MEM, 2, &limit) == 0 && limit == 1ULL << 31,
	      "the document what was set");
	CHECK(s390_set(&kernel, MEM, 3, &limit) == -ENXIO, "there is no 3");
	model_free(&kernel);
	model_free(&document);
	model_free(&late);
	model_free(&user);
}

static int add_memory(struct model *m, uint32_t flags, void *at)
{
	struct kvm_userspace_memory_region r = { 0, flags, BASE_GFN * PAGE, PAGES * PAGE,
						 (uintptr_t)at };

	return kvmcore_ioctl(m->vm, -1, KVM_SET_USER_MEMORY_REGION, &r);
}

static uint64_t status(struct model *m)
{
	uint64_t on = 7;

	CHECK(s390_get(m, MIGRATION, STATUS, &on) == 0, "STATUS is readable");
	return on;
}

static void test_migration_starts_when_it_may(void)
{
	static const struct {
		const char *promise;
		bool document, cmma, logged;
		int want;
	} row[] = {
		{ "kernel, no CMMA, no log", false, false, false, 0 },
		{ "kernel, no CMMA, log", false, false, true, 0 },
		{ "kernel, CMMA, no log", false, true, false, -EINVAL },
		{ "kernel, CMMA, log", false, true, true, 0 },
		{ "document, no CMMA, no log", true, false, false, -EINVAL },
		{ "document, no CMMA, log", true, false, true, 0 },
		{ "document, CMMA, no log", true, true, false, -EINVAL },
		{ "document, CMMA, log", true, true, true, 0 },
	};
	void *ram = aligned_alloc(PAGE, (size_t)PAGES * PAGE);
	uint64_t value = 0;

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		struct model m = s390_new(0, row[i].document, NULL, 0);

		if (row[i].cmma)
			s390_set(&m, MEM, 0, NULL);
		CHECK(s390_set(&m, MIGRATION, START, NULL) == -EINVAL, "no memory");
		CHECK(add_memory(&m, row[i].logged ? KVM_MEM_LOG_DIRTY_PAGES : 0, ram) == 0,
		      "memory");
		CHECK(s390_set(&m, MIGRATION, START, NULL) == row[i].want, row[i].promise);
		CHECK(status(&m) == !row[i].want, row[i].promise);
		CHECK(s390_set(&m, MIGRATION, START, NULL) == row[i].want, "and once more");
		CHECK(s390_set(&m, MIGRATION, STOP, NULL) == 0 && status(&m) == 0, "STOP");
		CHECK(s390_set(&m, MIGRATION, STOP, NULL) == 0, "STOP twice");
		CHECK(s390_set(&m, MIGRATION, STATUS, &value) == -ENXIO, "STATUS is read only");
		CHECK(s390_get(&m, MIGRATION, START, &value) == -ENXIO &&
			      s390_get(&m, MIGRATION, STOP, &value) == -ENXIO,
		      "the others write only");
		CHECK(s390_get(&m, MIGRATION, STATUS, BAD) == -EFAULT, "to nowhere");
		model_free(&m);
	}
	free(ram);
}

static int keys(struct model *m, unsigned long cmd, uint64_t gfn, uint64_t count, void *data,
		uint32_t flags)
{
	struct kvm_s390_skeys k = { gfn, count, (uintptr_t)data, flags, { 0 } };

	return kvmcore_ioctl(m->vm, -1, cmd, &k);
}

static void test_storage_keys(void)
{
	uint8_t set[4] = { 0x10, 0xf6, 0, 0x22 }, got[5], odd[2] = { 0x30, 0x31 };
	struct model m = s390_new(0, false, NULL, 0);
	void *ram = aligned_alloc(PAGE, (size_t)PAGES * PAGE);
	const uint64_t gfn = BASE_GFN;

	add_memory(&m, 0, ram);
	CHECK(kvmcore_ioctl(m.vm, -1, KVM_S390_GET_SKEYS, BAD) == -EFAULT, "GET from nowhere");
	CHECK(kvmcore_ioctl(m.vm, -1, KVM_S390_SET_SKEYS, BAD) == -EFAULT, "SET from nowhere");
	CHECK(keys(&m, KVM_S390_GET_SKEYS, gfn, 0, got, 1) == -EINVAL, "GET with flags");
	CHECK(keys(&m, KVM_S390_GET_SKEYS, gfn, 0, got, 0) == 1, "none used, whatever is asked");
	CHECK(keys(&m, KVM_S390_SET_SKEYS, gfn, 4, set, 1) == -EINVAL, "SET with flags");
	CHECK(keys(&m, KVM_S390_SET_SKEYS, gfn, 0, set, 0) == -EINVAL, "none to set");
	CHECK(keys(&m, KVM_S390_SET_SKEYS, gfn, 1048577, set, 0) == -EINVAL, "too many to set");
	CHECK(keys(&m, KVM_S390_GET_SKEYS, gfn, 4, got, 0) == 1, "refused is not used");
	CHECK(keys(&m, KVM_S390_SET_SKEYS, gfn, 4, BAD, 0) == -EFAULT, "keys from nowhere");
	CHECK(keys(&m, KVM_S390_GET_SKEYS, gfn, 4, got, 0) == 1, "are not used either");
	CHECK(keys(&m, KVM_S390_SET_SKEYS, gfn, 4, set, 0) == 0, "four keys");
	CHECK(keys(&m, KVM_S390_GET_SKEYS, gfn, 5, got, 0) == 0 && !memcmp(got, set, 4) && !got[4],
	      "are read, and 0 behind them");
	CHECK(keys(&m, KVM_S390_GET_SKEYS, gfn, 0, got, 0) == -EINVAL, "none to get");
	CHECK(keys(&m, KVM_S390_GET_SKEYS, gfn, 1048577, got, 0) == -EINVAL, "too many to get");
	CHECK(keys(&m, KVM_S390_GET_SKEYS, gfn + PAGES, 1, got, 0) == -EFAULT, "GET beyond memory");
	CHECK(keys(&m, KVM_S390_GET_SKEYS, ~0ULL, 1, got, 0) == -EFAULT, "GET beyond all memory");
	CHECK(keys(&m, KVM_S390_SET_SKEYS, gfn - 1, 1, set, 0) == -EFAULT, "SET before memory");
	CHECK(keys(&m, KVM_S390_GET_SKEYS, gfn, 1, BAD, 0) == -EFAULT, "keys to nowhere");
	memset(got, 0x77, sizeof(got));
	CHECK(keys(&m, KVM_S390_GET_SKEYS, gfn + PAGES - 2, 3, got, 0) == -EFAULT && got[0] == 0x77,
	      "none is copied out unless all are there");
	CHECK(keys(&m, KVM_S390_SET_SKEYS, gfn, 2, odd, 0) == -EINVAL, "an odd key");
	CHECK(keys(&m, KVM_S390_GET_SKEYS, gfn, 2, got, 0) == 0 && got[0] == 0x30 && got[1] == 0xf6,
	      "stops there: the one before it is set");
	model_free(&m);
	free(ram);
	m = model_new(&(struct kvmcore_config){ 0 }, 0);
	CHECK(keys(&m, KVM_S390_GET_SKEYS, gfn, 1, got, 0) == -EINVAL, "arm64 has no keys");
	model_free(&m);
}

static int cmma(struct model *m, unsigned long cmd, struct kvm_s390_cmma_log *log, uint64_t gfn,
		uint32_t count, uint32_t flags, void *values)
{
	*log = (struct kvm_s390_cmma_log){ .start_gfn = gfn, .count = count, .flags = flags };
	log->values = (uintptr_t)values;
	log->mask = ~0ULL;
	return kvmcore_ioctl(m->vm, -1, cmd, log);
}

static void test_cmma_refuses_in_order(void)
{
	struct model off = s390_new(0, false, NULL, 0), m = s390_new(0, false, NULL, 0);
	void *ram = aligned_alloc(PAGE, (size_t)PAGES * PAGE);
	struct kvm_s390_cmma_log log;
	uint8_t v[4] = { 1, 2, 3, 0x43 };

	add_memory(&m, KVM_MEM_LOG_DIRTY_PAGES, ram);
	s390_set(&m, MEM, 0, NULL);
	CHECK(kvmcore_ioctl(m.vm, -1, KVM_S390_GET_CMMA_BITS, BAD) == -EFAULT, "GET from nowhere");
	CHECK(kvmcore_ioctl(m.vm, -1, KVM_S390_SET_CMMA_BITS, BAD) == -EFAULT, "SET from nowhere");
	CHECK(cmma(&off, KVM_S390_GET_CMMA_BITS, &log, BASE_GFN, 4, 2, v) == -ENXIO, "GET: off");
	CHECK(cmma(&off, KVM_S390_SET_CMMA_BITS, &log, BASE_GFN, 4, 2, v) == -ENXIO, "SET: off");
	CHECK(cmma(&m, KVM_S390_GET_CMMA_BITS, &log, BASE_GFN, 4, 2, v) == -EINVAL, "GET: flags");
	CHECK(cmma(&m, KVM_S390_SET_CMMA_BITS, &log, BASE_GFN, 4, 1, v) == -EINVAL, "SET: flags");
	CHECK(cmma(&m, KVM_S390_SET_CMMA_BITS, &log, BASE_GFN, 1048577, 0, v) == -EINVAL,
	      "too many");
	CHECK(cmma(&m, KVM_S390_GET_CMMA_BITS, &log, BASE_GFN, 4, 0, v) == -EINVAL,
	      "no look without migration");
	CHECK(cmma(&m, KVM_S390_GET_CMMA_BITS, &log, BASE_GFN, 4, 1, v) == 0 && log.count == 0,
	      "a peek at a guest that never used them is empty");
	CHECK(cmma(&m, KVM_S390_SET_CMMA_BITS, &log, BASE_GFN, 0, 0, BAD) == 0, "nothing to set");
	CHECK(cmma(&m, KVM_S390_SET_CMMA_BITS, &log, BASE_GFN, 1, 0, BAD) == -EFAULT,
	      "values from nowhere");
	CHECK(cmma(&m, KVM_S390_GET_CMMA_BITS, &log, BASE_GFN, 4, 1, v) == 0 && log.count == 0,
	      "neither makes the guest one that uses them");
	CHECK(cmma(&m, KVM_S390_SET_CMMA_BITS, &log, BASE_GFN + PAGES, 1, 0, v) == -EFAULT,
	      "beyond memory");
	CHECK(cmma(&m, KVM_S390_GET_CMMA_BITS, &log, BASE_GFN + PAGES, 1, 1, v) == -EFAULT,
	      "nothing to peek at there");
	CHECK(cmma(&m, KVM_S390_GET_CMMA_BITS, &log, BASE_GFN + PAGES - 2, 4, 1, v) == 0 &&
		      log.count == 2,
	      "where memory ends the peek does");
	model_free(&off);
	model_free(&m);
	free(ram);
}

static void test_cmma_values_travel(void)
{
	struct model m = s390_new(0, false, NULL, 0);
	void *ram = aligned_alloc(PAGE, (size_t)PAGES * PAGE);
	uint8_t set[4] = { 1, 2, 3, 0x43 }, got[PAGES];
	struct kvm_s390_cmma_log log;

	add_memory(&m, KVM_MEM_LOG_DIRTY_PAGES, ram);
	s390_set(&m, MEM, 0, NULL);
	CHECK(cmma(&m, KVM_S390_SET_CMMA_BITS, &log, BASE_GFN + 2, 4, 0, set) == 0, "four values");
	CHECK(cmma(&m, KVM_S390_GET_CMMA_BITS, &log, BASE_GFN, 6, 1, got) == 0 && log.count == 6 &&
		      !memcmp(got + 2, set, 4) && !got[0],
	      "are peeked at");
	CHECK(s390_set(&m, MIGRATION, START, NULL) == 0, "migration makes all pages dirty");
	CHECK(cmma(&m, KVM_S390_GET_CMMA_BITS, &log, 0, 40, 0, got) == 0 &&
		      log.start_gfn == BASE_GFN && log.count == 40 && log.remaining == PAGES - 40,
	      "40 of them, from the first on");
	CHECK(!memcmp(got + 2, set, 4), "with their values");
	CHECK(cmma(&m, KVM_S390_GET_CMMA_BITS, &log, BASE_GFN, PAGES, 0, got) == 0 &&
		      log.start_gfn == BASE_GFN + 40 && log.count == 24 && log.remaining == 0,
	      "then the others");
	CHECK(cmma(&m, KVM_S390_GET_CMMA_BITS, &log, BASE_GFN, PAGES, 0, got) == 0 &&
		      log.count == 0,
	      "then none");
	CHECK(s390_set(&m, MEM, 1, NULL) == 0, "CLR_CMMA");
	memset(got, 0xff, sizeof(got));
	CHECK(cmma(&m, KVM_S390_GET_CMMA_BITS, &log, BASE_GFN + 2, 4, 1, got) == 0 &&
		      !memcmp(got, "\0\0\0\0", 4),
	      "clears them all");
	model_free(&m);
	free(ram);
}

/* Soil pages by migration mode, then take all but those of @dirty (offsets, ascending, ended by PAGES). */
static void leave_dirty(struct model *m, const unsigned int *dirty)
{
	struct kvm_s390_cmma_log log;
	uint8_t got[PAGES], zero = 0;
	unsigned int at = 0;

	cmma(m, KVM_S390_SET_CMMA_BITS, &log, BASE_GFN, 1, 0, &zero);
	s390_set(m, MIGRATION, STOP, NULL);
	s390_set(m, MIGRATION, START, NULL);
	for (; at < PAGES; dirty++) {
		if (*dirty > at)
			cmma(m, KVM_S390_GET_CMMA_BITS, &log, BASE_GFN + at, *dirty - at, 0, got);
		at = *dirty + 1;
	}
}

static void test_an_answer_spans_short_gaps(void)
{
	static const struct {
		const char *promise;
		unsigned int dirty[4];
		uint64_t from;
		uint32_t room, start, count;
	} row[] = {
		{ "one page alone", { 3, PAGES }, BASE_GFN, 64, 3, 1 },
		{ "a gap of 15", { 3, 19, PAGES }, BASE_GFN, 64, 3, 17 },
		{ "a gap of 16 ends it", { 3, 20, PAGES }, BASE_GFN, 64, 3, 1 },
		{ "no clean page at its end", { 3, 10, PAGES }, BASE_GFN, 6, 3, 1 },
		{ "just room enough", { 3, 10, PAGES }, BASE_GFN, 8, 3, 8 },
		{ "from the middle on", { 3, 10, PAGES }, BASE_GFN + 4, 64, 10, 1 },
		{ "nothing from there on", { 3, PAGES }, BASE_GFN + 4, 64, PAGES, 0 },
		{ "behind memory it begins again", { 3, PAGES }, BASE_GFN + PAGES, 64, 3, 1 },
	};
	struct model m = s390_new(0, false, NULL, 0);
	void *ram = aligned_alloc(PAGE, (size_t)PAGES * PAGE);
	struct kvm_s390_cmma_log log;
	uint8_t got[PAGES];

	add_memory(&m, KVM_MEM_LOG_DIRTY_PAGES, ram);
	s390_set(&m, MEM, 0, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		leave_dirty(&m, row[i].dirty);
		CHECK(cmma(&m, KVM_S390_GET_CMMA_BITS, &log, row[i].from, row[i].room, 0, got) ==
				      0 &&
			      log.start_gfn == BASE_GFN + row[i].start && log.count == row[i].count,
		      row[i].promise);
	}
	model_free(&m);
	free(ram);
}

static void test_the_mask_is_of_pgste_bits(void)
{
	struct model m = s390_new(0, false, NULL, 0);
	void *ram = aligned_alloc(PAGE, (size_t)PAGES * PAGE);
	uint8_t ones = 0xff, got = 0;
	struct kvm_s390_cmma_log log = { .start_gfn = BASE_GFN, .count = 1 };

	add_memory(&m, 0, ram);
	s390_set(&m, MEM, 0, NULL);
	log.values = (uintptr_t)&ones;
	log.mask = 0xff; /* below the bits that mean anything here */
	CHECK(kvmcore_ioctl(m.vm, -1, KVM_S390_SET_CMMA_BITS, &log) == 0, "no bit at all");
	CHECK(cmma(&m, KVM_S390_GET_CMMA_BITS, &log, BASE_GFN, 1, 1, &got) == 0 && got == 0, "0");
	log = (struct kvm_s390_cmma_log){ .start_gfn = BASE_GFN, .count = 1, .mask = 0x01000000 };
	log.values = (uintptr_t)&ones;
	CHECK(kvmcore_ioctl(m.vm, -1, KVM_S390_SET_CMMA_BITS, &log) == 0, "one bit");
	CHECK(cmma(&m, KVM_S390_GET_CMMA_BITS, &log, BASE_GFN, 1, 1, &got) == 0 && got == 1, "1");
	CHECK(cmma(&m, KVM_S390_SET_CMMA_BITS, &log, BASE_GFN, 1, 0, &ones) == 0, "all there are");
	CHECK(cmma(&m, KVM_S390_GET_CMMA_BITS, &log, BASE_GFN, 1, 1, &got) == 0 && got == 0x43,
	      "usage state and no-DAT");
	model_free(&m);
	free(ram);
}

int main(void)
{
	return RUN_TESTS(test_cmma_is_enabled_in_order, test_the_memory_limit,
			 test_migration_starts_when_it_may, test_storage_keys,
			 test_cmma_refuses_in_order, test_cmma_values_travel,
			 test_an_answer_spans_short_gaps, test_the_mask_is_of_pgste_bits);
}
