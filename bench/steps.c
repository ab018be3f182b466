// SPDX-License-Identifier: Apache-2.0
/* What each step on a state costs for the four reference states, beside what its bytes cost. */
#include "bench.h"
#include "limits_pack.h"
#include "states.h"

#include <kvmcore/kvmcore.h>
#include <sdeistate/key.h>
#include <sdeistate/sdeistate.h>
#include <sdeistate/seal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#define SAMPLES      1000u
#define MAX_RATIO    3.0
#define MAX_DELTA    512.0 /* bytes */
#define MAX_DELTA_MS 0.5
#define LEVEL        1 /* of zstd, where a seal request names none */

struct run {
	const struct bench_state *reference;
	struct kvmcore_vm *source, *vm; /* the destination */
	struct kvm_port port, to;
	struct sdeistate *state, *changed; /* the state, and the same with a few fields changed */
	struct sdeistate_base *base, *other;
	struct sdeistate_buffer stream, packed, file, delta;
	struct sdeistate_key *key;
	struct sdeistate_trust *trust;
	ZSTD_CCtx *zstd;
};

static int make_vm(const struct bench_state *reference, struct kvmcore_vm **made,
		   struct kvm_port *port)
{
	const struct kvmcore_config config = { .profile = KVMCORE_PROFILE_SPEC };

	if (kvmcore_vm_create(&config, made, NULL))
		return -1;
	for (unsigned int i = 0; i < reference->n_vcpus; i++)
		if (kvmcore_vcpu_create(*made, bench_vcpu_id(i), bench_vcpu_mpidr(i)) < 0)
			return -1;
	kvmcore_port(*made, port);
	return 0;
}

static int drop_state(void *ctx)
{
	struct run *run = ctx;

	run->state = sdeistate_free(run->state);
	return 0;
}

static int capture(void *ctx)
{
	struct run *run = ctx;

	return sdeistate_capture(&run->port, NULL, &run->state, NULL);
}

static int drop_stream(void *ctx)
{
	struct run *run = ctx;

	sdeistate_buffer_free(&run->stream);
	return 0;
}

static int encode(void *ctx)
{
	struct run *run = ctx;

	return sdeistate_encode(run->state, &run->stream, NULL);
}

/* As the sealer does it: a context of its own each time, level 1, with checksum. */
static int compress(void *ctx)
{
	struct run *run = ctx;
	ZSTD_CCtx *zstd = ZSTD_createCCtx();
	size_t size;

	ZSTD_CCtx_setParameter(zstd, ZSTD_c_compressionLevel, LEVEL);
	ZSTD_CCtx_setParameter(zstd, ZSTD_c_checksumFlag, 1);
	size = ZSTD_compress2(zstd, run->packed.data, run->packed.len, run->stream.data,
			      run->stream.len);
	ZSTD_freeCCtx(zstd);
	return ZSTD_isError(size) ? -1 : 0;
}

static int recompress(void *ctx)
{
	struct run *run = ctx;
	size_t size = ZSTD_compressCCtx(run->zstd, run->packed.data, run->packed.len,
					run->stream.data, run->stream.len, LEVEL);

	return ZSTD_isError(size) ? -1 : 0;
}

static int sign(void *ctx)
{
	static const uint8_t message[512];
	struct run *run = ctx;
	struct sdeistate_buffer signature = { 0 };
	int ret = sdeistate_sign(run->key, "sdei-migrate/bench", message, sizeof(message),
				 &signature, NULL);

	sdeistate_buffer_free(&signature);
	return ret;
}

static int drop_file(void *ctx)
{
	struct run *run = ctx;

	sdeistate_buffer_free(&run->file);
	return 0;
}

static int seal(void *ctx)
{
	struct run *run = ctx;
	const struct sdeistate_key *signer = run->key;
	const struct sdeistate_seal_request request = {
		.kind = SDEISTATE_KIND_FINAL,
		.vm_uuid = { 1 },
		.generation = 1,
		.sequence = 1,
		.any_destination = true,
		.profile = "spec",
		.kernel_profile = "6.12",
		.stream = run->stream.data,
		.stream_len = run->stream.len,
		.signer = &signer,
		.n_signers = 1,
	};

	return sdeistate_seal(&request, &run->file, NULL);
}

static int open_file(void *ctx)
{
	struct run *run = ctx;
	const struct sdeistate_open_options options = { .trust = run->trust };
	struct sdeistate_opened *opened = NULL;
	int ret = sdeistate_open(run->file.data, run->file.len, &options, &opened, NULL);

	sdeistate_opened_free(opened);
	return ret;
}

static int renew(void *ctx)
{
	struct run *run = ctx;

	run->vm = kvmcore_vm_destroy(run->vm);
	return make_vm(run->reference, &run->vm, &run->to);
}

static int check(void *ctx)
{
	struct run *run = ctx;
	struct sdeistate_obstacles obstacles = { 0 };
	int ret = sdeistate_check(run->state, &run->to, &obstacles, NULL);

	sdeistate_obstacles_free(&obstacles);
	return ret;
}

static int replay(void *ctx)
{
	struct run *run = ctx;

	return sdeistate_replay(run->state, &run->to, NULL);
}

static int renew_and_replay(void *ctx)
{
	return renew(ctx) || replay(ctx);
}

static int prove(void *ctx)
{
	struct run *run = ctx;
	uint8_t digest[SDEISTATE_DIGEST_SIZE];

	return sdeistate_prove(run->state, &run->to, digest, NULL);
}

/* What happens in a few milliseconds between a base and the stop: 15 fields in 5 records. */
static void change(struct sdeistate *state)
{
	const unsigned int n = state->n_vcpus, events = state->n_registered;

	state->vm.generation++;
	for (unsigned int i = 0; i < 4; i++) {
		struct kvm_sdei_registered_event_state *event = &state->registered[i * events / 4];

		event->enabled[0] ^= UINT64_C(1) << i;
		event->ep_arg[i * n / 4] += 64;
	}
	for (unsigned int i = 0; i < 4; i++)
		state->vcpu_state[i * n / 4 + 1].masked ^= 1;
	state->vcpu[1].mp_state = KVM_MP_STATE_STOPPED;
	state->vcpu_events[0].event_count++;
}

static int drop_delta(void *ctx)
{
	struct run *run = ctx;

	sdeistate_buffer_free(&run->delta);
	return 0;
}

static int compute_delta(void *ctx)
{
	struct run *run = ctx;

	return sdeistate_delta_compute(run->base, run->changed, &run->delta, NULL);
}

static int renew_base(void *ctx)
{
	struct run *run = ctx;

	run->other = sdeistate_base_free(run->other);
	return sdeistate_base_new(run->stream.data, run->stream.len, &run->other, NULL);
}

static int apply_delta(void *ctx)
{
	struct run *run = ctx;

	return sdeistate_delta_apply(run->other, run->delta.data, run->delta.len, NULL);
}

static int prepare_delta(struct run *run)
{
	int ret = sdeistate_decode(run->stream.data, run->stream.len, &run->changed, NULL);

	if (ret)
		return ret;
	change(run->changed);
	return sdeistate_base_new(run->stream.data, run->stream.len, &run->base, NULL);
}

/* Both raw states are read; what is encoded and hashed is little, and not counted. */
static void measure_delta(struct run *run, double copy)
{
	const bool goal = strcmp(run->reference->name, "512/64") == 0;
	struct bench_time computed;

	computed = bench_time_with(drop_delta, compute_delta, run, SAMPLES);
	bench_row("delta of 15 fields", computed, "2 x memcpy of raw size", 2 * copy);
	bench_row("delta, applied", bench_time_with(renew_base, apply_delta, run, SAMPLES),
		  "2 x memcpy of raw size", 2 * copy);
	if (!goal)
		return;
	bench_goal("512/64: bytes of a delta of 15 fields", (double)run->delta.len, MAX_DELTA);
	bench_goal("512/64: milliseconds to compute it", computed.p50 / 1e6, MAX_DELTA_MS);
}

static int setup(struct run *run, const struct bench_state *reference)
{
	*run = (struct run){ .reference = reference };
	run->trust = sdeistate_trust_new();
	run->zstd = ZSTD_createCCtx();
	if (!run->trust || !run->zstd ||
	    sdeistate_key_generate(SDEISTATE_KEY_ED25519, &run->key, NULL) ||
	    sdeistate_trust_add(run->trust,
				(struct sdeistate_pub *)(uintptr_t)sdeistate_key_pub(run->key),
				NULL) ||
	    make_vm(reference, &run->source, &run->port) ||
	    bench_state_fill(reference, &run->port) || capture(run) || encode(run) || seal(run) ||
	    prepare_delta(run))
		return -1;
	run->packed.len = ZSTD_compressBound(run->stream.len);
	run->packed.data = malloc(run->packed.len);
	return run->packed.data ? 0 : -1;
}

static void cleanup(struct run *run)
{
	kvmcore_vm_destroy(run->source);
	kvmcore_vm_destroy(run->vm);
	sdeistate_free(run->state);
	sdeistate_free(run->changed);
	sdeistate_base_free(run->base);
	sdeistate_base_free(run->other);
	sdeistate_buffer_free(&run->delta);
	sdeistate_buffer_free(&run->stream);
	free(run->packed.data);
	sdeistate_buffer_free(&run->file);
	sdeistate_trust_free(run->trust);
	sdeistate_key_free(run->key);
	ZSTD_freeCCtx(run->zstd);
}

/* The seal's: compress, hash the records and what is stored, sign. */
static void measure_sealing(struct run *run)
{
	const double zstd = bench_time(recompress, run, SAMPLES, 1).p50,
		     signing = bench_ed25519_sign(), verifying = bench_ed25519_verify(),
		     hash = bench_sha256(run->stream.len) + bench_sha256(run->file.len);

	bench_row("compress", bench_time(compress, run, SAMPLES, 1), "zstd, context kept", zstd);
	bench_row("sign", bench_time(sign, run, SAMPLES, 1), "Ed25519 sign", signing);
	bench_row("seal", bench_time_with(drop_file, seal, run, SAMPLES), "zstd + SHA-256 + sign",
		  zstd + hash + signing);
	bench_row("open", bench_time(open_file, run, SAMPLES, 1), "SHA-256 + verify",
		  hash + verifying);
}

static void measure(struct run *run)
{
	const size_t raw = bench_state_raw_size(run->reference);
	const double copy = bench_memcpy(raw), pack = bench_pack(raw);
	struct bench_time captured, encoded;
	char title[96];

	snprintf(title, sizeof(title), "State %s: %zu bytes raw, %zu encoded, %zu sealed",
		 run->reference->name, raw, run->stream.len, run->file.len);
	bench_title(title);
	captured = bench_time_with(drop_state, capture, run, SAMPLES);
	bench_row("capture", captured, "memcpy of raw size", copy);
	encoded = bench_time_with(drop_stream, encode, run, SAMPLES);
	bench_row("encode", encoded, "protobuf-c pack of raw size", pack);
	measure_sealing(run);
	bench_row("check", bench_time_with(renew, check, run, SAMPLES), "memcpy of raw size", copy);
	bench_row("replay", bench_time_with(renew, replay, run, SAMPLES), "memcpy of raw size",
		  copy);
	bench_row("prove", bench_time_with(renew_and_replay, prove, run, SAMPLES),
		  "memcpy + pack + SHA-256", copy + pack + bench_sha256(run->stream.len));
	measure_delta(run, copy);
	if (strcmp(run->reference->name, "512/64") == 0)
		bench_goal("512/64: capture + encode over memcpy + pack",
			   (captured.p50 + encoded.p50) / (copy + pack), MAX_RATIO);
}

int main(void)
{
	static struct run run;
	int ret = 0;

	bench_keep_memory();
	for (unsigned int i = 0; i < BENCH_N_STATES && !ret; i++) {
		ret = setup(&run, &bench_states[i]);
		if (ret)
			fprintf(stderr, "bench_steps: state %s cannot be set up\n",
				bench_states[i].name);
		else
			measure(&run);
		cleanup(&run);
	}
	return ret ? 1 : 0;
}
