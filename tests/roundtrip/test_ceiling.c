// SPDX-License-Identifier: Apache-2.0
/*
 * How much memory decoding and deltas take at their highest, counted: malloc() and its kin of this program
 * count for every library underneath, protobuf-c, zstd and OpenSSL too. Good states of every reference size,
 * the largest among them, and bombs.
 */
#include "states.h"
#include "support/check.h"

#include <kvmcore/kvmcore.h>
#include <malloc.h>
#include <sdeistate/delta.h>
#include <sdeistate/sdeistate.h>
#include <sdeistate/seal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define ALLOWANCE (256u << 10) /* what does not grow with a state: contexts, tables, the window */
#define STATES    2u           /* raw states: one as records and protobuf, one decoded */
#define N_TYPES   20u
#define N_FIELDS  15u
#define HOSTILE   (1u << 20)
#define HEADER    16u

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
static struct {
	atomic_size_t live, peak;
} heap;

/* Seen by the libraries, too: test_the_libraries_are_counted(). */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *at, size_t size);
void __libc_free(void *at);

static void *count(void *at)
{
	const size_t size = at ? malloc_usable_size(at) : 0;
	const size_t live = atomic_fetch_add(&heap.live, size) + size;

	if (live > heap.peak)
		heap.peak = live;
	return at;
}

static void forget(void *at)
{
	if (at)
		atomic_fetch_sub(&heap.live, malloc_usable_size(at));
}

#pragma GCC visibility push(default)
void *malloc(size_t size)
{
	return count(__libc_malloc(size));
}

/* The C library declares them with names that are its own. NOLINTBEGIN(readability-inconsistent-declaration-parameter-name) */
void *calloc(size_t n, size_t size)
{
	return count(__libc_calloc(n, size));
}

void *realloc(void *at, size_t size)
{
	void *grown;

	forget(at);
	grown = __libc_realloc(at, size);
	return grown || !size ? count(grown) : (count(at), NULL);
}

void free(void *at)
{
	forget(at);
	__libc_free(at);
}
/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */
#pragma GCC visibility pop

/* Bytes at the highest, above what was there before. */
static size_t begin(void)
{
	heap.peak = heap.live;
	return heap.live;
}

static bool within(const char *what, size_t before, size_t ceiling)
{
	const size_t more = heap.peak - before;

	if (more <= ceiling)
		return true;
	fprintf(stderr, "%s: %zu bytes at the highest, %zu allowed\n", what, more, ceiling);
	return false;
}

static void test_the_libraries_are_counted(void)
{
	const size_t before = begin();
	struct sdeistate_workspace *workspace = sdeistate_workspace_new();

	CHECK(workspace && heap.live > before + (64u << 10), "zstd's context is");
	sdeistate_workspace_free(workspace);
	CHECK(heap.live == before, "and its end");
}

static struct sdeistate *capture(const struct bench_state *reference)
{
	const struct kvmcore_config config = { .profile = KVMCORE_PROFILE_SPEC };
	struct sdeistate *state = NULL;
	struct kvmcore_vm *vm = NULL;
	struct kvm_port port;

	if (kvmcore_vm_create(&config, &vm, NULL))
		return NULL;
	for (unsigned int i = 0; i < reference->n_vcpus; i++)
		kvmcore_vcpu_create(vm, bench_vcpu_id(i), bench_vcpu_mpidr(i));
	kvmcore_port(vm, &port);
	CHECK(bench_state_fill(reference, &port) == 0 &&
		      sdeistate_capture(&port, NULL, &state, NULL) == 0,
	      "a reference state");
	kvmcore_vm_destroy(vm);
	return state;
}

static void check_open(const struct sdeistate_buffer *stream, size_t raw)
{
	const struct sdeistate_open_options options = { .flags = SDEISTATE_OPEN_ANY_SIGNER };
	struct sdeistate_buffer file = { NULL, 0 };
	struct sdeistate_opened *opened = NULL;
	struct sdeistate_key *key = NULL;
	struct sdeistate *state = NULL;
	const struct sdeistate_key *signer;
	size_t before;

	REQUIRE(sdeistate_key_generate(SDEISTATE_KEY_ED25519, &key, NULL) == 0, "a key");
	signer = key;
	CHECK(sdeistate_seal(&(struct sdeistate_seal_request){ .kind = SDEISTATE_KIND_FINAL,
							       .any_destination = true,
							       .profile = "spec",
							       .stream = stream->data,
							       .stream_len = stream->len,
							       .signer = &signer,
							       .n_signers = 1 },
			     &file, NULL) == 0,
	      "sealed");
	before = begin();
	CHECK(sdeistate_open(file.data, file.len, &options, &opened, NULL) == 0 &&
		      sdeistate_decode(opened->stream.data, opened->stream.len, &state, NULL) ==
			      0 &&
		      sdeistate_validate(state, NULL) == 0,
	      "opened");
	sdeistate_opened_free(opened);
	sdeistate_free(state);
	CHECK(within("open and decode", before, STATES * raw + ALLOWANCE),
	      "to open and decode stays below its ceiling");
	sdeistate_buffer_free(&file);
	sdeistate_key_free(key);
}

static void check_delta(const struct sdeistate_buffer *stream, struct sdeistate *state, size_t raw)
{
	struct sdeistate_buffer delta = { NULL, 0 };
	struct sdeistate_base *base = NULL;
	const size_t before = begin();

	state->vcpu_state[0].masked ^= 1;
	CHECK(sdeistate_base_new(stream->data, stream->len, &base, NULL) == 0 &&
		      sdeistate_delta_compute(base, state, &delta, NULL) == 0 &&
		      sdeistate_delta_apply(base, delta.data, delta.len, NULL) == 0,
	      "a delta is made and applied");
	CHECK(within("delta", before, STATES * raw + ALLOWANCE),
	      "base and delta stay below their ceiling");
	sdeistate_buffer_free(&delta);
	sdeistate_base_free(base);
}

static void test_every_reference_state(void)
{
	for (unsigned int i = 0; i < BENCH_N_STATES; i++) {
		const size_t raw = bench_state_raw_size(&bench_states[i]);
		struct sdeistate *state = capture(&bench_states[i]);
		struct sdeistate_buffer stream = { NULL, 0 };

		REQUIRE(state && sdeistate_encode(state, &stream, NULL) == 0, "a stream");
		check_open(&stream, raw);
		check_delta(&stream, state, raw);
		sdeistate_buffer_free(&stream);
		sdeistate_free(state);
	}
}

static void refuse(const uint8_t *stream, size_t len, const char *promise)
{
	struct sdeistate_base *base = NULL;
	struct sdeistate *state = NULL;
	const size_t before = begin();

	CHECK(sdeistate_decode(stream, len, &state, NULL) != 0 && !state, "refused as a state");
	CHECK(sdeistate_base_new(stream, len, &base, NULL) != 0 && !base, "and as a base");
	CHECK(sdeistate_delta_list(stream, len, NULL, NULL, NULL) != 0, "and as a delta");
	CHECK(within("a bomb", before, 4 * len + ALLOWANCE), promise);
	CHECK(heap.live == before, "and what is refused leaves nothing");
}

static void test_bombs(void)
{
	uint8_t *stream = calloc(1, HEADER + HOSTILE);
	const uint64_t len = HOSTILE;

	REQUIRE(stream, "memory for the bomb");
	memcpy(stream + 8, &len, sizeof(len));
	refuse(stream, HEADER, "a first refusal, which loads what stays");
	for (unsigned int type = 1; type <= N_TYPES; type++) {
		stream[0] = (uint8_t)type;
		for (unsigned int field = 1; field <= N_FIELDS; field++) {
			for (size_t i = 0; i < HOSTILE; i += 2) {
				stream[HEADER + i] = (uint8_t)(field << 3 | 2);
				stream[HEADER + i + 1] = 0;
			}
			refuse(stream, HEADER + HOSTILE, "empty things cost what bytes cost");
		}
		for (size_t i = 0; i < HOSTILE; i += 8)
			memcpy(stream + HEADER + i, "\x08\xff\xff\xff\xff\xff\xff\x0f", 8);
		refuse(stream, HEADER + HOSTILE, "nothing is made as large as a number says");
	}
	free(stream);
}
#endif

int main(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	return SKIP_TESTS("a sanitizer has its own malloc()");
#else
	return RUN_TESTS(test_the_libraries_are_counted, test_every_reference_state, test_bombs);
#endif
}
