// SPDX-License-Identifier: Apache-2.0
#include "plan/fields.h"
#include "plan/map.h"
#include "plan/parts.h"
#include "state/events.h"
#include "state/reorder.h"

#include <stdio.h>

#define NAMED_CHANGES 3u

static void cleanup_state(struct sdeistate **state)
{
	sdeistate_free(*state);
}

int sdeistate_diff(const struct sdeistate *a, const struct sdeistate *b, sdeistate_diff_fn fn,
		   void *user)
{
	struct differ differ = { .a = a, .b = b, .fn = fn, .user = user };

	for (unsigned int i = 0; i < plan_length && !differ.ret; i++) {
		differ.record = plan[i].record;
		plan[i].diff(&differ);
	}
	return differ.ret;
}

int sdeistate_digest(const struct sdeistate *state, uint8_t digest[SDEISTATE_DIGEST_SIZE],
		     struct sdeistate_error *err)
{
	struct sdeistate_buffer stream = { .len = 0 };
	struct sdeistate_index index;
	int ret = sdeistate_encode(state, &stream, err);

	if (ret)
		return ret;
	ret = sdeistate_index_stream(stream.data, stream.len, &index, err);
	if (!ret)
		memcpy(digest, index.digest, SDEISTATE_DIGEST_SIZE);
	sdeistate_buffer_free(&stream);
	return ret;
}

/* The first changes in words, the others by number. */
struct summary {
	unsigned int n;
	char path[64];
	char expected[160], actual[160];
};

static void append(char *text, size_t size, const char *path, bool there, uint64_t value)
{
	size_t len = strlen(text);

	if (there)
		snprintf(text + len, size - len, "%s%s=0x%" PRIx64, len ? ", " : "", path, value);
	else
		snprintf(text + len, size - len, "%s%s absent", len ? ", " : "", path);
}

static int note_change(void *user, const struct sdeistate_change *change)
{
	struct summary *summary = user;

	if (summary->n++ == 0)
		snprintf(summary->path, sizeof(summary->path), "%s", change->path);
	if (summary->n > NAMED_CHANGES)
		return 0;
	append(summary->expected, sizeof(summary->expected), change->path, change->in_a, change->a);
	append(summary->actual, sizeof(summary->actual), change->path, change->in_b, change->b);
	return 0;
}

/* What describes the source and not the state: the destination has its own. */
static void take_facts(struct sdeistate_vm *again, const struct sdeistate_vm *vm)
{
	memcpy(again->uuid, vm->uuid, sizeof(again->uuid));
	memcpy(again->kernel, vm->kernel, sizeof(again->kernel));
	again->generation = vm->generation;
	again->ipa_bits = vm->ipa_bits;
	again->has_sdei_info = vm->has_sdei_info;
	again->sdei_version = vm->sdei_version;
	again->private_slots = vm->private_slots;
	again->shared_slots = vm->shared_slots;
	again->n_events = vm->n_events;
}

/* What the source's realm extended is its history: REMs begin again wherever a realm is built. */
static int take_history(struct sdeistate_realm *again, const struct sdeistate_realm *realm,
			struct sdeistate_error *err)
{
	const size_t size = realm->n_extends * sizeof(*realm->extend);
	struct kvmcore_realm_extend *extend = malloc(size + 1);

	if (!extend)
		return error_no_memory(err, "realm");
	if (size)
		memcpy(extend, realm->extend, size);
	free(again->extend);
	again->extend = extend;
	again->n_extends = realm->n_extends;
	again->has_extends = realm->has_extends;
	memcpy(again->rem, realm->rem, sizeof(again->rem));
	return 0;
}

/* What the source's kernel could not tell, and what it told though it means nothing. */
static void take_s390_facts(struct sdeistate_s390 *again, const struct sdeistate_s390 *state)
{
	if (again->uv_feat == state->uv_feat)
		again->parts = (again->parts & ~(uint32_t)SDEISTATE_S390_UV_FEAT) |
			       (state->parts & SDEISTATE_S390_UV_FEAT);
	if (state->parts & SDEISTATE_S390_SUBFUNC)
		return;
	again->parts &= ~(uint32_t)SDEISTATE_S390_SUBFUNC;
	again->subfunc = state->subfunc;
}

/* Optional records of others came along unread; they are no part of a VM. */
static int compare(const struct sdeistate *state, const struct sdeistate *again,
		   struct sdeistate_error *err)
{
	struct summary summary = { .n = 0 };

	sdeistate_diff(state, again, note_change, &summary);
	if (summary.n == 0)
		return 0;
	return error_set(err, SDEISTATE_DIFFERS, -ESTALE,
			 OBJECT("recaptured state (%u differences)", summary.n), summary.path,
			 "%s|%s", summary.expected, summary.actual);
}

static int recapture(const struct sdeistate *state, const struct kvm_port *port,
		     struct sdeistate **again, struct sdeistate_error *err)
{
	const struct sdeistate_capture_options options = {
		.kind = SDEISTATE_FINAL,
		.flags = (state->regs ? SDEISTATE_CAPTURE_REGS : 0) |
			 (state->realm ? SDEISTATE_CAPTURE_COLD : 0),
		.regions = state->regions,
		.n_regions = state->n_regions,
	};
	const struct sdeistate_capture_options given = {
		.kind = SDEISTATE_FINAL,
		.flags = options.flags,
		.profile_given = true,
		.profile = state->vm.profile,
		.regions = state->regions,
		.n_regions = state->n_regions,
	};
	struct kvm_port looking = *port;
	int ret;

	looking.run = NULL; /* an exit that was carried is not to be completed here */
	ret = sdeistate_capture(&looking, &options, again, err);
	if (ret == -EOPNOTSUPP && state->vm.profile != KVMCORE_PROFILE_SPEC)
		ret = sdeistate_capture(&looking, &given, again, err);
	return ret;
}

int sdeistate_prove(const struct sdeistate *state, const struct kvm_port *port, uint8_t *digest,
		    struct sdeistate_error *err)
{
	CLEANUP(cleanup_state) struct sdeistate *again = NULL;
	int ret = recapture(state, port, &again, err);

	if (ret)
		return ret;
	ret = reorder(again, state, err);
	if (ret)
		return ret;
	take_facts(&again->vm, &state->vm);
	if (state->s390 && again->s390)
		take_s390_facts(again->s390, state->s390);
	if (present_guard(again))
		again->guard.granule = state->guard.granule; /* ranges are in bytes */
	if (state->realm && again->realm)
		ret = take_history(again->realm, state->realm, err);
	if (!ret)
		ret = adopt_fw_regs(again, state, err);
	if (!ret)
		ret = compare(state, again, err);
	if (ret || !digest)
		return ret;
	return sdeistate_digest(again, digest, err);
}
