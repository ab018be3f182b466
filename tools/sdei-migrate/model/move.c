// SPDX-License-Identifier: Apache-2.0
#include "move.h"

#include "../vmm.h"
#include "common/cleanup.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define OWNED_STATE  CLEANUP(free_state)
#define OWNED_STREAM CLEANUP(sdeistate_buffer_free)

static void free_state(struct sdeistate **state)
{
	sdeistate_free(*state);
}

static void free_machine(struct machine **machine)
{
	machine_free(*machine);
}

void move_forget(struct model *model)
{
	model->given = sdeistate_base_free(model->given);
	model->kept = sdeistate_base_free(model->kept);
	model->spare = machine_free(model->spare);
}

/* --- out ------------------------------------------------------------------------------------------ */

static int read_state(struct model *model, enum transport_capture_kind kind,
		      struct sdeistate **state, struct transport_error *err)
{
	struct sdeistate_region region[SDEISTATE_MAX_REGIONS];
	const struct sdeistate_capture_options options = {
		.kind = kind == TRANSPORT_CAPTURE_BASE ? SDEISTATE_BASE : SDEISTATE_FINAL,
		.flags = SDEISTATE_CAPTURE_REGS |
			 (kind == TRANSPORT_CAPTURE_COLD ? SDEISTATE_CAPTURE_COLD : 0),
		.regions = region,
		.n_regions = machine_written(model->machine, region),
	};

	return vmm_read(&model->machine->port, &options, state, err);
}

/* All of it. A base is kept as well, so that what changes since can be told. */
static int give_whole(struct model *model, const struct sdeistate *state,
		      struct transport_buffer *out, struct transport_error *err)
{
	OWNED_STREAM struct sdeistate_buffer stream = { 0 };
	struct sdeistate_error error;

	if (sdeistate_encode(state, &stream, &error))
		return vmm_error(err, &error);
	if (state->kind == SDEISTATE_BASE) {
		model->given = sdeistate_base_free(model->given);
		if (sdeistate_base_new(stream.data, stream.len, &model->given, &error))
			return vmm_error(err, &error);
		model->given_size = stream.len;
	}
	return vmm_give(out, &stream, err);
}

int move_capture(void *vm, enum transport_capture_kind kind, const struct transport_state *base,
		 struct transport_buffer *out, struct transport_error *err)
{
	struct model *model = vm;
	OWNED_STATE struct sdeistate *state = NULL;
	int ret;

	if (base && base->len)
		return transport_error_fill(err, -EOPNOTSUPP, "port-lacks", "capture", "base",
					    "a full capture|a delta was asked for");
	ret = read_state(model, kind, &state, err);
	return ret ? ret : give_whole(model, state, out, err);
}

/* A delta that is not much shorter costs both sides more than it saves. */
static bool is_worth_it(const struct model *model, const struct sdeistate_buffer *delta)
{
	return delta->len < model->given_size / 2;
}

int move_capture_since(void *vm, enum transport_capture_kind kind,
		       const uint8_t base[TRANSPORT_DIGEST_SIZE], struct transport_buffer *out,
		       struct transport_error *err)
{
	struct model *model = vm;
	OWNED_STATE struct sdeistate *state = NULL;
	OWNED_STREAM struct sdeistate_buffer delta = { 0 };
	struct sdeistate_error error;
	int ret = read_state(model, kind, &state, err);

	if (ret)
		return ret;
	if (!model->given || kind == TRANSPORT_CAPTURE_COLD ||
	    memcmp(sdeistate_base_digest(model->given), base, TRANSPORT_DIGEST_SIZE) != 0 ||
	    sdeistate_delta_compute(model->given, state, &delta, &error) ||
	    !is_worth_it(model, &delta))
		return give_whole(model, state, out, err);
	/* The next delta is told from here. One that does not apply leaves nothing to tell it from. */
	if (kind == TRANSPORT_CAPTURE_BASE &&
	    sdeistate_delta_apply(model->given, delta.data, delta.len, &error)) {
		model->given = sdeistate_base_free(model->given);
		return give_whole(model, state, out, err);
	}
	return vmm_give(out, &delta, err);
}

/* --- in ------------------------------------------------------------------------------------------- */

/* A VM that was described without a UUID becomes whoever moves in. */
static struct machine_identity become(const struct model *model, const struct sdeistate *state,
				      uint64_t generation)
{
	const struct model_description *description = model->description;
	struct machine_identity identity = { .generation = generation };

	memcpy(identity.uuid, description->has_uuid ? description->config.uuid : state->vm.uuid,
	       sizeof(identity.uuid));
	return identity;
}

static bool has_spare(const struct model *model, const struct machine_identity *identity)
{
	return model->spare && model->spare_identity.generation == identity->generation &&
	       memcmp(model->spare_identity.uuid, identity->uuid, sizeof(identity->uuid)) == 0;
}

/* The VM that a session will want is built ahead of time. */
static void keep_spare(struct model *model, const struct machine_identity *identity)
{
	struct transport_error ignored;

	if (has_spare(model, identity))
		return;
	model->spare = machine_free(model->spare);
	model->spare_identity = *identity;
	if (model->status.state == TRANSPORT_VM_RESERVED &&
	    machine_new(model->description, identity, &model->spare, &ignored))
		model->spare = NULL;
}

static int take_spare(struct model *model, const struct machine_identity *identity,
		      struct machine **fresh, struct transport_error *err)
{
	if (!has_spare(model, identity))
		return machine_new(model->description, identity, fresh, err);
	*fresh = model->spare;
	model->spare = NULL;
	return 0;
}

static uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000u + (uint64_t)ts.tv_nsec / 1000u;
}

/*
 * A base is tried out in a VM that is thrown away: replay and prove as STAGE will, so that nothing is done for
 * the first time while the VM that moves in stands still. What comes of it does not matter, it may be torn.
 */
static int try_out(struct model *model, const struct sdeistate *base,
		   struct transport_issues *issues, uint64_t *took_us, struct transport_error *err)
{
	CLEANUP(free_machine) struct machine *fresh = NULL;
	/* What a move would put it into, whatever the VM of now has become. */
	struct machine_identity identity = become(model, base, base->vm.generation);
	struct sdeistate as_final = *base;
	struct transport_error ignored;
	uint64_t began;
	int ret = machine_new(model->description, &identity, &fresh, err);

	if (ret)
		return ret;
	as_final.kind = SDEISTATE_FINAL;
	as_final.torn = false;
	began = now_us();
	if (vmm_check(&fresh->port, &as_final, issues, &ignored) == 0 && issues->n_issues == 0)
		vmm_stage(&fresh->port, &as_final, NULL, NULL, &ignored);
	*took_us = now_us() - began;
	identity.generation++;
	keep_spare(model, &identity);
	return 0;
}

int move_check(void *vm, const struct transport_state *records, struct transport_issues *issues,
	       struct transport_error *err)
{
	struct model *model = vm;
	OWNED_STATE struct sdeistate *state = NULL;
	CLEANUP(free_machine) struct machine *fresh = NULL;
	struct machine_identity identity;
	uint64_t took_us;
	int ret = vmm_decode(records, &state, err);

	if (ret)
		return ret;
	if (state->kind == SDEISTATE_BASE)
		return try_out(model, state, issues, &took_us, err);
	identity = become(model, state, state->vm.generation);
	ret = machine_new(model->description, &identity, &fresh, err);
	return ret ? ret : vmm_check(&fresh->port, state, issues, err);
}

static bool is_delta(const struct transport_state *records)
{
	struct sdeistate_delta_ends ends;

	return sdeistate_delta_peek(records->data, records->len, &ends, NULL) == 0;
}

/* Make of what is kept what the records say: by itself, or by what changed. Without success nothing is kept. */
static int keep(struct model *model, const struct transport_state *records,
		struct transport_error *err)
{
	struct sdeistate_error error;
	int ret;

	if (!is_delta(records)) {
		model->kept = sdeistate_base_free(model->kept);
		ret = sdeistate_base_new(records->data, records->len, &model->kept, &error);
	} else if (model->kept) {
		ret = sdeistate_delta_apply(model->kept, records->data, records->len, &error);
	} else {
		return transport_error_fill(err, -ESTALE, "wrong-base", "delta", "base",
					    "one that was kept|none");
	}
	if (!ret)
		ret = sdeistate_validate(sdeistate_base_state(model->kept), &error);
	if (ret)
		model->kept = sdeistate_base_free(model->kept);
	return ret ? vmm_error(err, &error) : 0;
}

int move_rehearse(void *vm, const struct transport_state *records, struct transport_issues *issues,
		  struct transport_rehearsal *done, struct transport_error *err)
{
	struct model *model = vm;
	const uint64_t began = now_us();
	uint64_t kept_us, took_us = 0;
	int ret = keep(model, records, err);

	if (ret)
		return ret;
	kept_us = now_us() - began;
	ret = try_out(model, sdeistate_base_state(model->kept), issues, &took_us, err);
	if (ret)
		return ret;
	*done = (struct transport_rehearsal){ .kept = true, .took_us = kept_us + took_us };
	memcpy(done->base, sdeistate_base_digest(model->kept), sizeof(done->base));
	return 0;
}

/* Replay and prove in a fresh VM; @digest: NULL if it is known already. */
static int stage(struct model *model, const struct sdeistate *state, uint64_t generation,
		 uint8_t *digest, struct transport_error *err)
{
	const struct machine_identity identity = become(model, state, generation);
	const struct sdeistate_realm_source source = realm_spool_source(&model->spool);
	struct machine *fresh;
	int ret = take_spare(model, &identity, &fresh, err);

	if (ret)
		return ret;
	ret = vmm_stage(&fresh->port, state, &source, digest, err);
	if (ret) {
		machine_free(fresh);
		return ret;
	}
	machine_free(model->staged);
	model->staged = fresh;
	realm_spool_clear(&model->spool);
	return 0;
}

/* D11: only what changed is decoded and hashed. What was captured again is equal, and so is its digest. */
static int stage_delta(struct model *model, const struct transport_stage *request,
		       uint8_t digest[TRANSPORT_DIGEST_SIZE], struct transport_error *err)
{
	int ret = keep(model, &request->records, err);

	if (!ret)
		ret = stage(model, sdeistate_base_state(model->kept), request->generation, NULL,
			    err);
	if (!ret)
		memcpy(digest, sdeistate_base_digest(model->kept), TRANSPORT_DIGEST_SIZE);
	return ret;
}

int move_stage(void *vm, const struct transport_stage *request,
	       uint8_t digest[TRANSPORT_DIGEST_SIZE], struct transport_error *err)
{
	struct model *model = vm;
	OWNED_STATE struct sdeistate *state = NULL;
	int ret;

	if (request->base.len)
		return transport_error_fill(err, -EOPNOTSUPP, "port-lacks", "stage", "base",
					    "a full state|a delta");
	if (is_delta(&request->records))
		return stage_delta(model, request, digest, err);
	ret = vmm_decode(&request->records, &state, err);
	return ret ? ret : stage(model, state, request->generation, digest, err);
}
