// SPDX-License-Identifier: Apache-2.0
/*
 * state_path - what each step of the way costs for the reference states, beside what their bytes cost
 *
 * One JSON object per state on stdout; times are p50 in microseconds. ratio: capture and encode against
 * memcpy and protobuf-c's pack of the raw bytes; ratio_fresh: with a copy into memory that has to be
 * allocated, as a capture has to.
 */
#include "states.h"

#include <inttypes.h>
#include <kvmcore/kvmcore.h>
#include <protobuf-c/protobuf-c.h>
#include <sdeistate.pb-c.h>
#include <sdeistate/sdeistate.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zstd.h>

#define ROUNDS  101u
#define MAX_RAW (4u << 20)

enum step {
	MEMCPY,
	FRESH_MEMCPY,
	PACK,
	CAPTURE,
	VALIDATE,
	ENCODE,
	DECODE,
	DIGEST,
	CHECK,
	REPLAY,
	PROVE,
	N_STEPS
};

static const char *const step_name[N_STEPS] = { "memcpy",   "memcpy_fresh", "pack",   "capture",
						"validate", "encode",       "decode", "digest",
						"check",    "replay",       "prove" };

struct run {
	const struct bench_state *reference;
	struct kvmcore_vm *source;
	struct kvm_port port;
	double us[N_STEPS][ROUNDS];
	size_t encoded, compressed;
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static struct kvmcore_vm *make_vm(const struct bench_state *reference, struct kvm_port *port)
{
	const struct kvmcore_config config = { .profile = KVMCORE_PROFILE_SPEC };
	struct kvmcore_vm *vm;

	if (kvmcore_vm_create(&config, &vm, NULL))
		return NULL;
	for (unsigned int i = 0; i < reference->n_vcpus; i++)
		if (kvmcore_vcpu_create(vm, bench_vcpu_id(i), bench_vcpu_mpidr(i)) < 0)
			return kvmcore_vm_destroy(vm);
	kvmcore_port(vm, port);
	return vm;
}

/* The yardstick: the raw bytes copied, and packed by protobuf-c as one array of fixed64; all warm. */
static void measure_limits(struct run *run, unsigned int round)
{
	static uint64_t raw[MAX_RAW / 8], copy[MAX_RAW / 8];
	static uint8_t packed[MAX_RAW + 64];
	size_t size = bench_state_raw_size(run->reference);
	Sdeistate__Column column = SDEISTATE__COLUMN__INIT;
	double start;
	void *fresh;

	if (round == 0) {
		memset(raw, 0x5a, sizeof(raw));
		memset(copy, 0xa5, sizeof(copy));
		memset(packed, 1, sizeof(packed));
	}
	start = now();
	memcpy(copy, raw, size);
	run->us[MEMCPY][round] = now() - start;
	start = now();
	fresh = malloc(size);
	if (fresh)
		memcpy(fresh, raw, size);
	run->us[FRESH_MEMCPY][round] = now() - start;
	__asm__ volatile("" : : "r"(fresh) : "memory"); /* the copy is not to be left out */
	free(fresh);
	column.n_value = size / sizeof(uint64_t);
	column.value = copy;
	start = now();
	protobuf_c_message_get_packed_size(&column.base);
	protobuf_c_message_pack(&column.base, packed);
	run->us[PACK][round] = now() - start;
}

#define MEASURE(step, call)                                                          \
	({                                                                           \
		double start_ = now();                                               \
		int ret_ = (call);                                                   \
		run->us[step][round] = now() - start_;                               \
		if (ret_)                                                            \
			fprintf(stderr, "%s %s: %s %s %s\n", run->reference->name,   \
				step_name[step], err.object, err.field, err.actual); \
		ret_;                                                                \
	})

static int measure_destination(struct run *run, unsigned int round, const struct sdeistate *state)
{
	struct sdeistate_error err = { 0 };
	struct sdeistate_obstacles obstacles = { 0 };
	uint8_t digest[SDEISTATE_DIGEST_SIZE];
	struct kvm_port to;
	struct kvmcore_vm *vm = make_vm(run->reference, &to);
	int ret = vm ? MEASURE(CHECK, sdeistate_check(state, &to, &obstacles, &err)) : -1;

	sdeistate_obstacles_free(&obstacles);
	if (!ret)
		ret = MEASURE(REPLAY, sdeistate_replay(state, &to, &err));
	if (!ret)
		ret = MEASURE(PROVE, sdeistate_prove(state, &to, digest, &err));
	kvmcore_vm_destroy(vm);
	return ret;
}

static int measure(struct run *run, unsigned int round)
{
	struct sdeistate_error err = { 0 };
	struct sdeistate *state = NULL, *received = NULL;
	struct sdeistate_buffer stream = { .len = 0 };
	uint8_t digest[SDEISTATE_DIGEST_SIZE];
	int ret;

	measure_limits(run, round);
	ret = MEASURE(CAPTURE, sdeistate_capture(&run->port, NULL, &state, &err));
	if (!ret)
		ret = MEASURE(VALIDATE, sdeistate_validate(state, &err));
	if (!ret)
		ret = MEASURE(ENCODE, sdeistate_encode(state, &stream, &err));
	if (!ret)
		ret = MEASURE(DECODE, sdeistate_decode(stream.data, stream.len, &received, &err));
	if (!ret)
		ret = MEASURE(DIGEST, sdeistate_digest(received, digest, &err));
	if (!ret)
		ret = measure_destination(run, round, received);
	run->encoded = stream.len;
	if (!ret && round == 0) {
		void *out = malloc(ZSTD_compressBound(stream.len));

		run->compressed = ZSTD_compress(out, ZSTD_compressBound(stream.len), stream.data,
						stream.len, 1);
		free(out);
	}
	sdeistate_buffer_free(&stream);
	sdeistate_free(state);
	sdeistate_free(received);
	return ret;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void print(struct run *run)
{
	double ours;

	for (unsigned int step = 0; step < N_STEPS; step++)
		qsort(run->us[step], ROUNDS, sizeof(double), compare);
	printf("{\"state\": \"%s\", \"raw\": %zu, \"encoded\": %zu, \"zstd1\": %zu",
	       run->reference->name, bench_state_raw_size(run->reference), run->encoded,
	       run->compressed);
	for (unsigned int step = 0; step < N_STEPS; step++)
		printf(", \"%s\": %.1f", step_name[step], run->us[step][ROUNDS / 2]);
	ours = run->us[CAPTURE][ROUNDS / 2] + run->us[ENCODE][ROUNDS / 2];
	printf(", \"ratio\": %.2f, \"ratio_fresh\": %.2f}\n",
	       ours / (run->us[MEMCPY][ROUNDS / 2] + run->us[PACK][ROUNDS / 2]),
	       ours / (run->us[FRESH_MEMCPY][ROUNDS / 2] + run->us[PACK][ROUNDS / 2]));
}

int main(void)
{
	static struct run run;
	int ret = 0;

	for (unsigned int i = 0; i < BENCH_N_STATES && !ret; i++) {
		memset(&run, 0, sizeof(run));
		run.reference = &bench_states[i];
		run.source = make_vm(run.reference, &run.port);
		ret = run.source ? bench_state_fill(run.reference, &run.port) : -1;
		for (unsigned int round = 0; round < ROUNDS && !ret; round++)
			ret = measure(&run, round);
		if (!ret)
			print(&run);
		kvmcore_vm_destroy(run.source);
	}
	return ret ? 1 : 0;
}
