// SPDX-License-Identifier: Apache-2.0
/*
 * What a sealed file may cost whoever opens it: at most four times its raw state and 16 MiB, good or
 * hostile. Each is opened, decoded and validated in a process of its own, whose largest resident size the
 * kernel tells; that counts the libraries underneath as well. Its time is bounded, too.
 */
#define _GNU_SOURCE
#include "states.h"
#include "support/check.h"

#include <kvmcore/kvmcore.h>
#include <sdeistate/sdeistate.h>
#include <sdeistate/seal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define ALLOWANCE   (16u << 20)
#define N_TYPES     20u /* of records; unknown ones are hostile, too */
#define N_FIELDS    15u
#define HOSTILE     (1u << 20)
#define CPU_SECONDS 5u /* more than enough; a signal ends what takes longer */
#define HEADER      16u
#define NOT_OPENED  1
#define NOT_DECODED 2
#define GOOD        0

struct notary {
	struct sdeistate_key *key;
	struct sdeistate_trust *trust;
};

static void open_it(const struct notary *notary, int fd, bool in_full)
{
	const struct sdeistate_open_options options = { .trust = notary->trust };
	const struct rlimit seconds = { CPU_SECONDS, CPU_SECONDS };
	struct sdeistate_opened *opened = NULL;
	struct sdeistate *state = NULL;

	if (!in_full)
		_exit(GOOD);
	setrlimit(RLIMIT_CPU, &seconds);
	if (sdeistate_open_fd(fd, &options, &opened, NULL))
		_exit(NOT_OPENED);
	if (sdeistate_decode(opened->stream.data, opened->stream.len, &state, NULL) ||
	    sdeistate_validate(state, NULL))
		_exit(NOT_DECODED);
	_exit(GOOD);
}

/* Largest resident size in bytes of a process that opens @fd, or does nothing. */
static size_t cost(const struct notary *notary, int fd, bool in_full, int *verdict)
{
	struct rusage usage = { .ru_maxrss = 0 };
	int status = -1;
	pid_t pid;

	lseek(fd, 0, SEEK_SET);
	pid = fork();
	if (pid == 0)
		open_it(notary, fd, in_full);
	CHECK(pid > 0 && wait4(pid, &status, 0, &usage) == pid && WIFEXITED(status),
	      "it is opened or refused, in time, and nothing else");
	*verdict = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	return (size_t)usage.ru_maxrss * 1024;
}

static bool within(const struct notary *notary, const void *file, size_t len, size_t raw, int want)
{
	const int fd = memfd_create("sealed", MFD_CLOEXEC);
	size_t nothing, all;
	int verdict;
	bool held;

	if (fd < 0 || write(fd, file, len) != (ssize_t)len)
		return false;
	nothing = cost(notary, fd, false, &verdict);
	all = cost(notary, fd, true, &verdict);
	close(fd);
	held = verdict == want && all <= nothing + 4 * raw + ALLOWANCE;
	if (!held)
		fprintf(stderr, "raw %zu, file %zu: verdict %d (want %d), %zu bytes more\n", raw,
			len, verdict, want, all - nothing);
	return held;
}

static int seal(const struct notary *notary, const void *stream, size_t len,
		struct sdeistate_buffer *file)
{
	const struct sdeistate_key *signer = notary->key;
	const struct sdeistate_seal_request request = {
		.kind = SDEISTATE_KIND_FINAL,
		.any_destination = true,
		.profile = "spec",
		.kernel_profile = "6.12",
		.stream = stream,
		.stream_len = len,
		.signer = &signer,
		.n_signers = 1,
	};

	return sdeistate_seal(&request, file, NULL);
}

static bool notary_open(struct notary *notary)
{
	struct sdeistate_buffer pem = { NULL, 0 };
	struct sdeistate_pub *pub = NULL;
	bool made;

	*notary = (struct notary){ .trust = sdeistate_trust_new() };
	made = notary->trust &&
	       sdeistate_key_generate(SDEISTATE_KEY_ED25519, &notary->key, NULL) == 0 &&
	       sdeistate_pub_pem(sdeistate_key_pub(notary->key), &pem, NULL) == 0 &&
	       sdeistate_pub_parse(pem.data, pem.len, NULL, &pub, NULL) == 0 &&
	       sdeistate_trust_add(notary->trust, pub, NULL) == 0;
	sdeistate_pub_free(pub);
	sdeistate_buffer_free(&pem);
	return made;
}

static void notary_close(struct notary *notary)
{
	sdeistate_trust_free(notary->trust);
	sdeistate_key_free(notary->key);
}

static void check_stream(const struct notary *notary, const void *stream, size_t len, size_t raw,
			 int want, const char *promise)
{
	struct sdeistate_buffer file = { NULL, 0 };

	REQUIRE(seal(notary, stream, len, &file) == 0, "a signature like any other");
	CHECK(within(notary, file.data, file.len, raw, want), promise);
	sdeistate_buffer_free(&file);
}

static void check_reference(const struct notary *notary, const struct bench_state *reference)
{
	const struct kvmcore_config config = { .profile = KVMCORE_PROFILE_SPEC };
	struct sdeistate_buffer stream = { NULL, 0 };
	struct sdeistate *state = NULL;
	struct kvmcore_vm *vm = NULL;
	struct kvm_port port;

	REQUIRE(kvmcore_vm_create(&config, &vm, NULL) == 0, "a VM");
	for (unsigned int i = 0; i < reference->n_vcpus; i++)
		kvmcore_vcpu_create(vm, bench_vcpu_id(i), bench_vcpu_mpidr(i));
	kvmcore_port(vm, &port);
	CHECK(bench_state_fill(reference, &port) == 0 &&
		      sdeistate_capture(&port, NULL, &state, NULL) == 0 &&
		      sdeistate_encode(state, &stream, NULL) == 0,
	      "a reference state");
	kvmcore_vm_destroy(vm);
	sdeistate_free(state);
	check_stream(notary, stream.data, stream.len, bench_state_raw_size(reference), GOOD,
		     "a good file costs what its state is");
	sdeistate_buffer_free(&stream);
}

static void test_good_files(void)
{
	struct notary notary;

	REQUIRE(notary_open(&notary), "a key");
	for (unsigned int i = 0; i < BENCH_N_STATES; i++)
		check_reference(&notary, &bench_states[i]);
	notary_close(&notary);
}

/* A megabyte of @type's field @field, empty each time: two bytes that become an object, where one can. */
static void test_many_empty_things(void)
{
	uint8_t *stream = calloc(1, HEADER + HOSTILE);
	const uint64_t len = HOSTILE;
	struct notary notary;

	REQUIRE(notary_open(&notary) && stream, "a key, and memory for the bomb");
	memcpy(stream + 8, &len, sizeof(len));
	for (unsigned int type = 1; type <= N_TYPES; type++)
		for (unsigned int field = 1; field <= N_FIELDS; field++) {
			stream[0] = (uint8_t)type;
			for (size_t i = 0; i < HOSTILE; i += 2)
				stream[HEADER + i] = (uint8_t)(field << 3 | 2);
			check_stream(&notary, stream, HEADER + HOSTILE, HEADER + HOSTILE,
				     NOT_DECODED,
				     "a bomb of empty things costs no more than honest bytes");
		}
	free(stream);
	notary_close(&notary);
}

/* A megabyte of one varint: counts and numbers beyond every limit, as many as there is room for. */
static void test_many_absurd_numbers(void)
{
	uint8_t *stream = calloc(1, HEADER + HOSTILE);
	const uint64_t len = HOSTILE;
	struct notary notary;

	REQUIRE(notary_open(&notary) && stream, "a key, and memory for the bomb");
	memcpy(stream + 8, &len, sizeof(len));
	for (unsigned int type = 1; type <= N_TYPES; type++) {
		stream[0] = (uint8_t)type;
		for (size_t i = 0; i < HOSTILE; i += 8)
			memcpy(stream + HEADER + i, "\x08\xff\xff\xff\xff\xff\xff\x0f", 8);
		check_stream(&notary, stream, HEADER + HOSTILE, HEADER + HOSTILE, NOT_DECODED,
			     "nothing is made as large as a number says");
	}
	free(stream);
	notary_close(&notary);
}

static void test_files_that_do_not_open(void)
{
	const size_t size = 20u << 20;
	struct sdeistate_buffer file = { NULL, 0 };
	uint8_t *bytes = calloc(1, size), record[HEADER + 8] = { 1, [8] = 8 };
	struct notary notary;

	REQUIRE(notary_open(&notary) && bytes, "a key");
	REQUIRE(seal(&notary, record, sizeof(record), &file) == 0 && file.len < size, "a file");
	CHECK(within(&notary, bytes, size, 0, NOT_OPENED), "20 MiB of nothing");
	memcpy(bytes, file.data, file.len);
	CHECK(within(&notary, bytes, size, 0, NOT_OPENED), "a good file with 20 MiB behind it");
	for (size_t at = 0; at < SDEISTATE_PREFIX_SIZE; at++) {
		memcpy(bytes, file.data, file.len);
		bytes[at] = 0xff;
		CHECK(within(&notary, bytes, size, 0, NOT_OPENED),
		      "whatever its first bytes say of its size");
	}
	sdeistate_buffer_free(&file);
	free(bytes);
	notary_close(&notary);
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED true
#else
#define SANITIZED false
#endif

int main(void)
{
	if (SANITIZED)
		return SKIP_TESTS("a sanitizer's own memory would be counted");
	return RUN_TESTS(test_good_files, test_many_empty_things, test_many_absurd_numbers,
			 test_files_that_do_not_open);
}
