// SPDX-License-Identifier: Apache-2.0
/*
 * The MMIO guard through group 0x4D47 (docs/abi-guard.md): which addresses the guest gave out as
 * devices, and which memory it shared.
 */
#include "plan/fields.h"
#include "plan/parts.h"

#include <kvmcore/uapi.h>
#include <stdio.h>

#define SHARED     "MMIO guard, shared"
#define MAX_SLOTS  65536u     /* a kernel has at most 32767 */
#define MAX_PROBES (1u << 20) /* reads of guest memory, one for each granule */

/* In ABI U every guest is enrolled from the start, which is nothing to carry. */
bool present_guard(const struct sdeistate *state)
{
	return (state->guard.enrolled && state->guard.abi != KVMCORE_GUARD_U) || state->n_guarded ||
	       state->n_shared;
}

int capture_guard(struct capture *capture)
{
	struct sdeistate *state = capture->state;
	struct kvmcore_guard_state info = { .count = 0 };
	void *guarded = NULL, *shared = NULL;
	int ret = access_attr_get(capture->port, KVMCORE_GROUP_GUARD, KVMCORE_GUARD_INFO, &info);

	if (ret == -ENXIO)
		return 0;
	if (ret < 0)
		return capture_failed(capture, ret, "MMIO guard");
	ret = capture_array(capture, KVMCORE_GROUP_GUARD, KVMCORE_GUARD_RANGES, "MMIO guard",
			    sizeof(*state->guarded), SDEISTATE_MAX_GUARD, &guarded,
			    &state->n_guarded);
	state->guarded = guarded;
	if (ret)
		return ret;
	ret = capture_array(capture, KVMCORE_GROUP_GUARD, KVMCORE_GUARD_SHARED, SHARED,
			    sizeof(*state->shared), SDEISTATE_MAX_GUARD, &shared, &state->n_shared);
	state->shared = shared;
	if (ret)
		return ret;
	state->guard.abi = info.abi;
	state->guard.enrolled = info.flags & 1;
	state->guard.granule = info.granule;
	if (!present_guard(state))
		memset(&state->guard, 0, sizeof(state->guard));
	return 0;
}

static int validate_ranges(const struct sdeistate *state, const char *object,
			   const struct kvmcore_guard_range *range, unsigned int n,
			   struct sdeistate_error *err)
{
	const uint64_t mask = state->guard.granule - 1;
	uint64_t next = 0;

	if (n > SDEISTATE_MAX_GUARD)
		return inconsistent(err, object, "ranges", "at most %u|%u", SDEISTATE_MAX_GUARD, n);
	for (unsigned int i = 0; i < n; i++) {
		if (range[i].size == 0 || range[i].size > UINT64_MAX - range[i].base)
			return inconsistent(err, object, "size",
					    "1 up to the end of addresses|%" PRIu64,
					    (uint64_t)range[i].size);
		if ((range[i].base | range[i].size) & mask)
			return inconsistent(err, object, "base", "whole granules|0x%" PRIx64,
					    (uint64_t)range[i].base);
		if (i > 0 && range[i].base <= next)
			return inconsistent(err, object, "base",
					    "ascending ranges apart|0x%" PRIx64,
					    (uint64_t)range[i].base);
		next = range[i].base + range[i].size;
	}
	return 0;
}

int validate_guard(const struct sdeistate *state, struct sdeistate_error *err)
{
	const uint64_t granule = state->guard.granule;
	int ret;

	if (granule < PAGE || granule > 16 * PAGE || granule & (granule - 1))
		return inconsistent(err, "MMIO guard", "granule", "4, 16 or 64 KiB|%" PRIu64,
				    granule);
	ret = validate_ranges(state, "MMIO guard", state->guarded, state->n_guarded, err);
	return ret ? ret : validate_ranges(state, SHARED, state->shared, state->n_shared, err);
}

/* A larger granule takes what is whole in it; a smaller one takes all. */
static void check_ranges(struct target *target, const char *object, uint64_t granule,
			 const struct kvmcore_guard_range *range, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		if ((range[i].base | range[i].size) & (granule - 1)) {
			obstacle(target, SDEISTATE_INCOMPATIBLE, object, "granule",
				 "one that divides 0x%" PRIx64 " and its size|%" PRIu64,
				 (uint64_t)range[i].base, granule);
			return;
		}
}

static int compare_base(const void *a, const void *b)
{
	const struct kvmcore_vm_memory *x = a, *y = b;

	return (x->base > y->base) - (x->base < y->base);
}

static void obstacle_memory(struct target *target, const struct kvmcore_guard_range *range,
			    uint64_t at)
{
	obstacle(target, SDEISTATE_INCOMPATIBLE,
		 OBJECT("MMIO guard range 0x%" PRIx64, (uint64_t)range->base), "memory",
		 "none|guest memory at 0x%" PRIx64, at);
}

/* Both ascending: the first slot that ends behind a range's begin meets it, or none does. */
static void compare_slots(struct target *target, const struct kvmcore_vm_memory *slot,
			  unsigned int n)
{
	const struct sdeistate *state = target->state;
	unsigned int at = 0;

	for (unsigned int i = 0; i < state->n_guarded; i++) {
		const struct kvmcore_guard_range *range = &state->guarded[i];

		while (at < n &&
		       (slot[at].size == 0 || slot[at].base + (slot[at].size - 1) < range->base))
			at++;
		if (at < n && slot[at].base < range->base + range->size)
			obstacle_memory(target, range, slot[at].base);
	}
}

static bool is_memory(const struct kvm_port *port, uint64_t ipa)
{
	uint8_t byte;

	return port->mem_read(port->vm, ipa, &byte, 1) == 0;
}

/* A VMM that does not tell its slots is asked granule by granule, up to MAX_PROBES of them. */
static void probe_memory(struct target *target, uint64_t granule)
{
	const struct sdeistate *state = target->state;
	const struct kvm_port *port = target->port;
	uint64_t left = MAX_PROBES;

	for (unsigned int i = 0; i < state->n_guarded && port->mem_read; i++) {
		const struct kvmcore_guard_range *range = &state->guarded[i];
		const uint64_t end = range->base + range->size, n = range->size / granule;
		uint64_t at = range->base;

		if (n > left && is_memory(port, end - 1))
			at = end - 1;
		while (n <= left && end - at > granule && !is_memory(port, at))
			at += granule;
		left -= n <= left ? n : 0;
		if (is_memory(port, at))
			obstacle_memory(target, range, at);
	}
}

/* Where the destination has memory no device can be (docs/abi-guard.md, STATE: EEXIST). */
static void check_memory_there(struct target *target, uint64_t granule)
{
	struct sdeistate_error err = { .code = 0 };
	struct capture look = { .port = target->port, .err = &err };
	CLEANUP(cleanup_free) void *slots = NULL;
	unsigned int n = 0;
	int ret = capture_array(&look, KVMCORE_GROUP_VM, KVMCORE_VM_MEMORY, "memory slots",
				sizeof(struct kvmcore_vm_memory), MAX_SLOTS, &slots, &n);

	if (ret == -ENXIO) {
		probe_memory(target, granule < PAGE ? PAGE : granule);
	} else if (ret == -ENOMEM) {
		target->no_memory = ret;
	} else if (ret) {
		obstacle(target, err.reason, err.object, err.field, "%s|%s", err.expected,
			 err.actual);
	} else if (n) {
		qsort(slots, n, sizeof(struct kvmcore_vm_memory), compare_base);
		compare_slots(target, slots, n);
	}
}

void check_guard(struct target *target)
{
	const struct sdeistate *state = target->state;
	struct kvmcore_guard_state info = { .count = 0 };
	int ret = access_attr_get(target->port, KVMCORE_GROUP_GUARD, KVMCORE_GUARD_INFO, &info);

	if (ret == -ENXIO) {
		obstacle(target, SDEISTATE_PORT_LACKS, "device attribute group 0x4d47", "info",
			 "present|absent");
		return;
	}
	if (ret < 0) {
		obstacle(target, SDEISTATE_CAPTURE_FAILED, "MMIO guard", "", "success|%s",
			 strerror(-ret));
		return;
	}
	if (info.abi != state->guard.abi)
		obstacle(target, SDEISTATE_INCOMPATIBLE, "MMIO guard", "abi", "%u|%u",
			 state->guard.abi, info.abi);
	if (info.granule != state->guard.granule) {
		check_ranges(target, "MMIO guard", info.granule, state->guarded, state->n_guarded);
		check_ranges(target, SHARED, info.granule, state->shared, state->n_shared);
	}
	check_memory_there(target, info.granule);
}

int replay_guard(struct target *target)
{
	const struct sdeistate *state = target->state;
	const struct kvmcore_array shared = { .capacity = state->n_shared,
					      .count = state->n_shared,
					      .ptr = (uintptr_t)state->shared };
	struct kvmcore_guard_state wanted = { .count = 0 };
	int ret = access_attr_get(target->port, KVMCORE_GROUP_GUARD, KVMCORE_GUARD_INFO, &wanted);

	if (ret < 0)
		return replayed(target, ret, "MMIO guard", "KVM_GET_DEVICE_ATTR");
	wanted.abi = state->guard.abi; /* the granule stays the destination's */
	wanted.flags = state->guard.enrolled;
	wanted.count = state->n_guarded;
	wanted.ptr = (uintptr_t)state->guarded;
	ret = access_attr_set(target->port, KVMCORE_GROUP_GUARD, KVMCORE_GUARD_STATE, &wanted);
	ret = replayed(target, ret, "MMIO guard", "KVM_SET_DEVICE_ATTR");
	if (ret || state->n_shared == 0)
		return ret;
	ret = access_attr_set(target->port, KVMCORE_GROUP_GUARD, KVMCORE_GUARD_SHARED, &shared);
	return replayed(target, ret, SHARED, "KVM_SET_DEVICE_ATTR");
}

void diff_guard(struct differ *differ)
{
	static const struct field fields[] = {
		FIELD(kvmcore_guard_range, base),
		FIELD(kvmcore_guard_range, size),
	};
	static const struct layout guarded = { "guard.range", sizeof(struct kvmcore_guard_range),
					       NULL,          false,
					       fields,        ARRAY_SIZE(fields) };
	static const struct layout shared = { "guard.shared", sizeof(struct kvmcore_guard_range),
					      NULL,           false,
					      fields,         ARRAY_SIZE(fields) };
	const struct sdeistate *a = differ->a, *b = differ->b;

	diff_value(differ, "guard.enrolled", a->guard.enrolled, b->guard.enrolled);
	if (present_guard(a) && present_guard(b)) {
		diff_value(differ, "guard.abi", a->guard.abi, b->guard.abi);
		diff_value(differ, "guard.granule", a->guard.granule, b->guard.granule);
	}
	diff_indexed(differ, &guarded, a->guarded, a->n_guarded, b->guarded, b->n_guarded);
	diff_indexed(differ, &shared, a->shared, a->n_shared, b->shared, b->n_shared);
}
