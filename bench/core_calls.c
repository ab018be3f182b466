// SPDX-License-Identifier: Apache-2.0
/*
 * core_calls - what a guest call, a filter look-up and a filter insert cost
 *
 * One JSON object per line on stdout; times are the best of several rounds, in nanoseconds per
 * operation. The baseline beside them is a mutex locked and unlocked, which every call does once.
 */
#include <inttypes.h>
#include <kvmcore/kvmcore.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ROUNDS 7u
#define CALLS  200000u
#define BASE   0xc1000000u
#define SEED   20220322u

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static struct kvmcore_vm *make_vm(void)
{
	static const struct kvmcore_config plain;
	struct kvmcore_vm *vm = NULL;

	if (kvmcore_vm_create(&plain, &vm, NULL) || kvmcore_vcpu_create(vm, 0, 0) < 0) {
		fputs("core_calls: no VM\n", stderr);
		exit(1);
	}
	return vm;
}

static double lock_unlock(void)
{
	pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	double best = 1e12;

	for (unsigned int round = 0; round < ROUNDS; round++) {
		const double start = now();

		for (unsigned int i = 0; i < CALLS; i++) {
			pthread_mutex_lock(&lock);
			pthread_mutex_unlock(&lock);
		}
		best = now() - start < best ? now() - start : best;
	}
	return best / CALLS;
}

/* @n ids in turn. */
static double call(struct kvmcore_vm *vm, const uint32_t *id, uint32_t n)
{
	const struct kvmcore_trap hvc = { 0 };
	struct kvmcore_regs regs = { 0 };
	struct kvmcore_reply reply;
	double best = 1e12;

	for (unsigned int round = 0; round < ROUNDS; round++) {
		const double start = now();

		for (uint32_t i = 0, k = 0; i < CALLS; i++, k = k + 1 == n ? 0 : k + 1) {
			regs.x[0] = id[k];
			kvmcore_call(vm, 0, &hvc, &regs, &reply);
		}
		best = now() - start < best ? now() - start : best;
	}
	return best / CALLS;
}

static void bench_dispatch(double baseline)
{
	static const char *const name[] = { "SMCCC_VERSION", "PSCI_VERSION", "SDEI_VERSION",
					    "PSCI_FEATURES" };
	struct kvmcore_vm *vm = make_vm();

	kvmcore_resume(vm);
	for (size_t i = 0; i < sizeof(name) / sizeof(name[0]); i++) {
		const uint32_t id = (uint32_t)kvmcore_call_id(name[i]);
		const double ns = call(vm, &id, 1);

		printf("{\"call\": \"%s\", \"ns\": %.1f, \"lock_ns\": %.1f, \"ratio\": %.2f}\n",
		       name[i], ns, baseline, ns / baseline);
	}
	kvmcore_vm_destroy(vm);
}

static void shuffle(uint32_t *id, uint32_t n)
{
	srand(SEED);
	for (uint32_t i = 0; i < n; i++)
		id[i] = BASE + 2 * i;
	for (uint32_t i = n; i > 1; i--) {
		const uint32_t k = (uint32_t)rand() % i, kept = id[k];

		id[k] = id[i - 1];
		id[i - 1] = kept;
	}
}

static double insert(struct kvmcore_vm *vm, const uint32_t *id, uint32_t n)
{
	const double start = now();

	for (uint32_t i = 0; i < n; i++) {
		const struct kvm_smccc_filter filter = { .base = id[i],
							 .nr_functions = 1,
							 .action = KVM_SMCCC_FILTER_DENY };
		struct kvm_device_attr attr = { .addr = (uintptr_t)&filter };

		if (kvmcore_ioctl(vm, -1, KVM_SET_DEVICE_ATTR, &attr)) {
			fputs("core_calls: a range was refused\n", stderr);
			exit(1);
		}
	}
	return now() - start;
}

static void bench_filter(uint32_t n, double unfiltered)
{
	uint32_t *id = calloc(n ? n : 1, sizeof(*id));
	struct kvmcore_vm *vm = make_vm();
	double ms, ns;

	if (!id)
		exit(1);
	id[0] = BASE;
	shuffle(id, n);
	ms = insert(vm, id, n) / 1e6;
	kvmcore_resume(vm);
	ns = call(vm, id, n ? n : 1);
	printf("{\"filter_ranges\": %" PRIu32 ", \"insert_ms\": %.2f, \"denied_call_ns\": %.1f, "
	       "\"lookup_ns\": %.1f}\n",
	       n, ms, ns, ns > unfiltered ? ns - unfiltered : 0);
	kvmcore_vm_destroy(vm);
	free(id);
}

int main(void)
{
	static const uint32_t ranges[] = { 0, 10, 1000, 65536, 131072 };
	struct kvmcore_vm *vm = make_vm();
	const uint32_t unknown = BASE;
	double unfiltered;

	bench_dispatch(lock_unlock());
	kvmcore_resume(vm);
	unfiltered = call(vm, &unknown, 1);
	kvmcore_vm_destroy(vm);
	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		bench_filter(ranges[i], unfiltered);
	return 0;
}
