// SPDX-License-Identifier: Apache-2.0
/*
 * Deltas. The first byte says how the rest is used:
 *
 *	even: the rest is a delta for the base below, whose digest is put in; whatever it does, it does it
 *	      within the base, and what comes out can be encoded
 *	odd:  the rest is the length (u32) of an encoded state, that state, and another; the delta between
 *	      them, applied to the first, is the second
 */
#include "util.h"

#include <sdeistate/sdeistate.h>
#include <stdlib.h>
#include <string.h>

#define N_VCPUS 3u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int look(void *user, const struct sdeistate_delta_change *change)
{
	uint64_t *sum = user;

	if (!change->path || (change->what == SDEISTATE_DELTA_SET && !change->count))
		abort();
	for (uint32_t i = 0; change->what == SDEISTATE_DELTA_SET && i < change->count; i++)
		*sum += change->value[i];
	return 0;
}

/* A little of everything that has a list. */
static struct sdeistate_buffer fixed_stream(void)
{
	struct sdeistate_vcpu vcpu[N_VCPUS] = { { 0 } };
	struct kvm_sdei_exposed_event_state exposed[2] = { { .num = 0x400000 },
							   { .num = 0x400002, .type = 1 } };
	struct kvm_sdei_registered_event_state *registered = calloc(2, sizeof(*registered));
	struct kvm_sdei_vcpu_event_state queue[2] = { { 0x400000, 1, 0 }, { 0x400002, 1, 0 } };
	struct kvmcore_sdei_pending pending[1] = { { 0x400002, KVMCORE_SDEI_NO_VCPU, 1 } };
	struct kvm_sdei_vcpu_state vcpu_state[N_VCPUS] = { { 0 } };
	struct kvm_smccc_filter filter[2] = { { 0xc2000000, 1, 1, { 0 } },
					      { 0xc2000010, 9, 2, { 0 } } };
	struct kvmcore_guard_range guarded[2] = { { 0x9000000, 0x1000 }, { 0x9002000, 0x1000 } };
	struct sdeistate_regs regs[N_VCPUS] = { { { 0 } } };
	uint8_t memory[100] = { 1 };
	struct sdeistate_region region = { 0x80000000, sizeof(memory), memory };
	struct sdeistate state = { .vm = { .has_sdei_info = true },
				   .vcpu = vcpu,
				   .n_vcpus = N_VCPUS,
				   .exposed = exposed,
				   .n_exposed = 2,
				   .registered = registered,
				   .n_registered = 2,
				   .vcpu_events = queue,
				   .n_vcpu_events = 2,
				   .pending = pending,
				   .n_pending = 1,
				   .vcpu_state = vcpu_state,
				   .filter = filter,
				   .n_filter = 2,
				   .guarded = guarded,
				   .n_guarded = 2,
				   .regs = regs,
				   .regions = &region,
				   .n_regions = 1 };
	struct sdeistate_buffer stream = { .len = 0 };

	for (unsigned int i = 0; i < N_VCPUS; i++) {
		vcpu[i].vcpu_id = i;
		vcpu[i].mpidr = i;
		vcpu[i].first_event = i ? 2 : 0;
		vcpu_state[i].critical_num = vcpu_state[i].normal_num = KVM_SDEI_INVALID_EVENT;
	}
	vcpu[0].n_events = 2;
	registered[0].num = 0x400000;
	registered[0].registered[0] = 7;
	registered[1].num = 0x400002;
	registered[1].registered[0] = 1;
	state.guard.enrolled = true;
	state.guard.granule = 4096;
	if (sdeistate_encode(&state, &stream, NULL))
		abort();
	free(registered);
	return stream;
}

/* What stands in the base afterwards is a state, whatever became of the delta. */
static void apply(const uint8_t *data, size_t size)
{
	static struct sdeistate_buffer stream;
	struct sdeistate_buffer again = { .len = 0 };
	struct sdeistate_base *base = NULL;
	uint8_t *delta = malloc(size + 1);
	uint64_t sum = 0;

	if (!stream.data)
		stream = fixed_stream();
	if (!delta || sdeistate_base_new(stream.data, stream.len, &base, NULL))
		abort();
	memcpy(delta, data, size);
	if (size >= 50)
		memcpy(delta + 18, sdeistate_base_digest(base), SDEISTATE_DIGEST_SIZE);
	sdeistate_delta_list(delta, size, look, &sum, NULL);
	sdeistate_delta_apply(base, delta, size, NULL);
	if (sdeistate_base_state(base) &&
	    sdeistate_encode(sdeistate_base_state(base), &again, NULL))
		abort();
	sdeistate_buffer_free(&again);
	sdeistate_base_free(base);
	free(delta);
}

static void check_same(const struct sdeistate *a, const struct sdeistate *b)
{
	struct sdeistate_buffer x = { .len = 0 }, y = { .len = 0 };

	if (!a || sdeistate_encode(a, &x, NULL) || sdeistate_encode(b, &y, NULL) ||
	    x.len != y.len || memcmp(x.data, y.data, x.len))
		abort();
	sdeistate_buffer_free(&x);
	sdeistate_buffer_free(&y);
}

static void compute(const uint8_t *data, size_t size)
{
	struct sdeistate_buffer delta = { .len = 0 };
	struct sdeistate_base *source = NULL, *destination = NULL;
	struct sdeistate *state = NULL;
	size_t len = size < 4 ? 0 : get_le32(data);

	if (size < 4 || len > size - 4)
		return;
	if (sdeistate_base_new(data + 4, len, &source, NULL) ||
	    sdeistate_base_new(data + 4, len, &destination, NULL) ||
	    sdeistate_decode(data + 4 + len, size - 4 - len, &state, NULL))
		goto out;
	if (sdeistate_delta_compute(source, state, &delta, NULL) ||
	    sdeistate_delta_apply(destination, delta.data, delta.len, NULL))
		abort(); /* what can be decoded can be told by its difference */
	check_same(sdeistate_base_state(destination), state);
out:
	sdeistate_buffer_free(&delta);
	sdeistate_base_free(source);
	sdeistate_base_free(destination);
	sdeistate_free(state);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size || size > 1u << 18)
		return 0;
	if (data[0] & 1)
		compute(data + 1, size - 1);
	else
		apply(data + 1, size - 1);
	return 0;
}
