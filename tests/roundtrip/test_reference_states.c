// SPDX-License-Identifier: Apache-2.0
/*
 * The reference states, up to 512 vCPUs x 128 events (M14): they move, and they stay small on the way.
 */
#include "states.h"
#include "support/check.h"

#include <kvmcore/kvmcore.h>
#include <sdeistate/sdeistate.h>
#include <sdeistate/seal.h>
#include <stdlib.h>
#include <string.h>

static struct kvmcore_vm *make_vm(const struct bench_state *reference, enum kvmcore_profile profile,
				  struct kvm_port *port)
{
	const struct kvmcore_config config = { .profile = profile };
	struct kvmcore_vm *vm;

	if (kvmcore_vm_create(&config, &vm, NULL))
		return NULL;
	for (unsigned int i = 0; i < reference->n_vcpus; i++)
		if (kvmcore_vcpu_create(vm, bench_vcpu_id(i), bench_vcpu_mpidr(i)) < 0)
			return kvmcore_vm_destroy(vm);
	kvmcore_port(vm, port);
	return vm;
}

/* As send and snapshot do it: compressed, described, signed. */
static size_t sealed_size(const struct sdeistate_buffer *stream)
{
	struct sdeistate_key *key = NULL;
	const struct sdeistate_key *signer;
	struct sdeistate_buffer file = { NULL, 0 };
	struct sdeistate_seal_request request = {
		.kind = SDEISTATE_KIND_FINAL,
		.any_destination = true,
		.profile = "spec",
		.kernel_profile = "6.12",
		.stream = stream->data,
		.stream_len = stream->len,
		.signer = &signer,
		.n_signers = 1,
	};
	size_t size;

	CHECK(sdeistate_key_generate(SDEISTATE_KEY_ED25519, &key, NULL) == 0, "a key");
	signer = key;
	CHECK(sdeistate_seal(&request, &file, NULL) == 0, "sealed");
	size = file.data ? file.len : SIZE_MAX;
	sdeistate_buffer_free(&file);
	sdeistate_key_free(key);
	return size;
}

static void move(const struct bench_state *reference, enum kvmcore_profile profile, size_t at_most)
{
	struct sdeistate *state = NULL, *received = NULL;
	struct sdeistate_buffer stream = { .len = 0 };
	uint8_t sent[SDEISTATE_DIGEST_SIZE], proved[SDEISTATE_DIGEST_SIZE];
	struct sdeistate_error err = { 0 };
	struct kvm_port from, to;
	struct kvmcore_vm *source = make_vm(reference, profile, &from);
	struct kvmcore_vm *destination = make_vm(reference, profile, &to);

	if (CHECK(source && destination, "VMs can be made") &&
	    CHECK(bench_state_fill(reference, &from) == 0, "and filled") &&
	    CHECK(sdeistate_capture(&from, NULL, &state, &err) == 0, "captured") &&
	    CHECK(sdeistate_digest(state, sent, &err) == 0, "digested") &&
	    CHECK(sdeistate_encode(state, &stream, &err) == 0, "encoded") &&
	    CHECK(sdeistate_decode(stream.data, stream.len, &received, &err) == 0, "decoded") &&
	    CHECK(sdeistate_replay(received, &to, &err) == 0, "replayed") &&
	    CHECK(sdeistate_prove(received, &to, proved, &err) == 0, "proved"))
		CHECK(!memcmp(sent, proved, sizeof(sent)), "the same");
	else
		fprintf(stderr, "%s %s: %s, not %s\n", err.object, err.field, err.actual,
			err.expected);
	CHECK(sealed_size(&stream) < at_most, "sealed it is small enough");
	sdeistate_buffer_free(&stream);
	sdeistate_free(state);
	sdeistate_free(received);
	kvmcore_vm_destroy(source);
	kvmcore_vm_destroy(destination);
}

static void test_reference_states_move_and_stay_small(void)
{
	static const size_t at_most[BENCH_N_STATES] = { 1024, 4096, 200 << 10, 800 << 10 };

	for (unsigned int i = 0; i < BENCH_N_STATES; i++) {
		move(&bench_states[i], KVMCORE_PROFILE_SPEC, at_most[i]);
		move(&bench_states[i], KVMCORE_PROFILE_KVM_V5, at_most[i]);
	}
}

int main(void)
{
	return RUN_TESTS(test_reference_states_move_and_stay_small);
}
