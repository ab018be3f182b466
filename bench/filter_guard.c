// SPDX-License-Identifier: Apache-2.0
/*
 * The SMCCC filter and the MMIO guard at their sizes, and the dispatch of a call that asks for nothing. A look-up is timed
 * with the id of each depending on the answer of the one before: it is the wait for one, not the rate of many.
 */
#include "bench.h"
#include "filter.h"
#include "kernel.h"

#include <kvmcore/kvmcore.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SAMPLES     501u
#define FEW_SAMPLES 15u
#define BATCH       1000u
#define FIRST_ID    0xc1000000u
#define MANY        65536u
#define PAGES       262144u /* 1 GiB */
#define PAGE        4096u
#define GUARD_BASE  0x4000000000u
#define SEED        20220322u

#define DISPATCH_NS 50.0
#define LOOKUP_NS   60.0
#define INSERT_MS   50.0
#define MAP_MS      50.0

struct bed {
	struct kvmcore_vm *vm;
	struct filter filter;
	uint32_t *id, *sorted; /* MANY each */
	uint32_t n, state;
	pthread_mutex_t lock;
};

static uint32_t next_random(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

static int lock_unlock(void *ctx)
{
	struct bed *bed = ctx;

	return pthread_mutex_lock(&bed->lock) || pthread_mutex_unlock(&bed->lock);
}

/* --- what the limits are made of ------------------------------------------------------------------- */

/* The wait for one word anywhere in as many as there are ranges: no search can do with less. */
static int read_word(void *ctx)
{
	struct bed *bed = ctx;

	bed->state = bed->state * 1664525u + 1013904223u;
	bed->state += bed->sorted[(bed->state >> 8) & (MANY - 1)] >> 31;
	return 0;
}

static int compare(const void *left, const void *right)
{
	const uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;

	return (a > b) - (a < b);
}

static int sort_ids(void *ctx)
{
	struct bed *bed = ctx;

	memcpy(bed->sorted, bed->id, MANY * sizeof(*bed->id));
	qsort(bed->sorted, MANY, sizeof(*bed->sorted), compare);
	return 0;
}

/* --- the filter ------------------------------------------------------------------------------------ */

static struct kvm_smccc_filter range_of(uint32_t id)
{
	return (struct kvm_smccc_filter){ .base = id,
					  .nr_functions = 1,
					  .action = KVM_SMCCC_FILTER_DENY };
}

static int look_up(void *ctx)
{
	struct bed *bed = ctx;
	const uint32_t id = FIRST_ID + next_random(&bed->state) % (2 * MANY);

	bed->state += filter_lookup(&bed->filter, id);
	return 0;
}

static int fill_filter(struct bed *bed, uint32_t n)
{
	const struct kernel_profile *kernel = kernel_find(NULL);
	int ret = 0;

	filter_exit(&bed->filter);
	for (uint32_t i = 0; i < n && !ret; i++) {
		/* spread over as many ids, whatever @n is, so that half of the look-ups miss */
		const struct kvm_smccc_filter range =
			range_of(FIRST_ID + (uint32_t)((uint64_t)i * 2 * MANY / n));

		ret = filter_add(&bed->filter, &range, kernel->reserved[KVMCORE_VM_ARM64]);
	}
	filter_freeze(&bed->filter);
	return ret;
}

static int fresh_vm(void *ctx)
{
	static const struct kvmcore_config plain = { .guard = KVMCORE_GUARD_S };
	struct bed *bed = ctx;
	int ret;

	bed->vm = kvmcore_vm_destroy(bed->vm);
	ret = kvmcore_vm_create(&plain, &bed->vm, NULL);
	return ret || kvmcore_vcpu_create(bed->vm, 0, 0) < 0;
}

static int insert_all(struct bed *bed, const struct kvm_port *port)
{
	int ret = 0;

	for (uint32_t i = 0; i < MANY && !ret; i++) {
		const struct kvm_smccc_filter range = range_of(bed->id[i]);
		struct kvm_device_attr attr = { .addr = (uintptr_t)&range };

		ret = port ? port->ioctl(port->vm, -1, KVM_SET_DEVICE_ATTR, &attr)
			   : kvmcore_ioctl(bed->vm, -1, KVM_SET_DEVICE_ATTR, &attr);
	}
	return ret;
}

/* As a replay does it: whoever uses a port vouches for its pointers. */
static int insert_by_port(void *ctx)
{
	struct bed *bed = ctx;
	struct kvm_port port;

	kvmcore_port(bed->vm, &port);
	return insert_all(bed, &port);
}

/* Each pointer is tried by a system call first. */
static int insert_by_ioctl(void *ctx)
{
	return insert_all(ctx, NULL);
}

/* --- guest calls ----------------------------------------------------------------------------------- */

static int call(struct bed *bed, uint32_t id, uint64_t x1)
{
	const struct kvmcore_trap hvc = { 0 };
	struct kvmcore_regs regs = { .x = { id, x1 } };
	struct kvmcore_reply reply;

	return kvmcore_call(bed->vm, 0, &hvc, &regs, &reply) || (int64_t)regs.x[0] < 0;
}

static int psci_version(void *ctx)
{
	return call(ctx, 0x84000000, 0);
}

static int fresh_guest(void *ctx)
{
	struct bed *bed = ctx;
	const int ret = fresh_vm(ctx);

	return ret || kvmcore_resume(bed->vm) || call(bed, 0xc6000003, 0); /* ENROLL */
}

static int map_all(void *ctx)
{
	int ret = 0;

	for (uint64_t i = 0; i < PAGES && !ret; i++)
		ret = call(ctx, 0xc6000004, GUARD_BASE + i * PAGE);
	return ret;
}

/* ---------------------------------------------------------------------------------------------------- */

static int make_bed(struct bed *bed)
{
	bed->id = calloc(MANY, sizeof(*bed->id));
	bed->sorted = calloc(MANY, sizeof(*bed->sorted));
	bed->state = SEED;
	if (!bed->id || !bed->sorted)
		return -1;
	for (uint32_t i = 0; i < MANY; i++)
		bed->id[i] = FIRST_ID + 2 * i;
	for (uint32_t i = MANY; i > 1; i--) {
		const uint32_t k = next_random(&bed->state) % i, kept = bed->id[k];

		bed->id[k] = bed->id[i - 1];
		bed->id[i - 1] = kept;
	}
	return fresh_guest(bed);
}

static double look_ups(struct bed *bed, double word)
{
	static const uint32_t sizes[] = { 0, 10, 1000, MANY };
	struct bench_time time = { 0 };
	char name[64];

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		if (fill_filter(bed, sizes[i]))
			return 1e9;
		time = bench_time(look_up, bed, SAMPLES, BATCH);
		snprintf(name, sizeof(name), "filter look-up, %u ranges", sizes[i]);
		bench_row(name, time, "a random read in 256 KiB", word);
	}
	return time.p50;
}

int main(void)
{
	struct bed bed = { .lock = PTHREAD_MUTEX_INITIALIZER };
	struct bench_time dispatch, insert, map;
	double lock, word, sort, many;

	if (make_bed(&bed)) {
		fputs("bench_filter_guard: the VM cannot be set up\n", stderr);
		return 1;
	}
	bench_title("Dispatch, SMCCC filter and MMIO guard");
	lock = bench_time(lock_unlock, &bed, SAMPLES, BATCH).p50;
	word = bench_time(read_word, &bed, SAMPLES, BATCH).p50;
	sort = bench_time(sort_ids, &bed, FEW_SAMPLES, 1).p50;
	dispatch = bench_time(psci_version, &bed, SAMPLES, BATCH);
	bench_row("PSCI_VERSION", dispatch, "lock + unlock", lock);
	many = look_ups(&bed, word);
	insert = bench_time_with(fresh_vm, insert_by_port, &bed, FEW_SAMPLES);
	bench_row("65,536 single ids set in random order, through a port", insert, "qsort of them",
		  sort);
	bench_row("the same by kvmcore_ioctl(), which tries every pointer",
		  bench_time_with(fresh_vm, insert_by_ioctl, &bed, FEW_SAMPLES), "qsort of them",
		  sort);
	map = bench_time_with(fresh_guest, map_all, &bed, FEW_SAMPLES);
	bench_row("MAP of 262,144 pages, one by one", map, "262,144 × lock + unlock", PAGES * lock);
	bench_goal("PSCI_VERSION p50 in ns", dispatch.p50, DISPATCH_NS);
	bench_goal("filter look-up among 65,536 ranges p50 in ns", many, LOOKUP_NS);
	bench_goal("65,536 single ids through a port p50 in ms", insert.p50 / 1e6, INSERT_MS);
	bench_goal("MAP of 262,144 pages p50 in ms", map.p50 / 1e6, MAP_MS);
	filter_exit(&bed.filter);
	free(bed.id);
	free(bed.sorted);
	kvmcore_vm_destroy(bed.vm);
	return 0;
}
