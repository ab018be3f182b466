// SPDX-License-Identifier: Apache-2.0
/*
 * What the 13 commands and group 0x5344 tell.
 */
#include "sdeistate.pb-c.h"
#include "state/events.h"
#include "util.h"
#include "wire/fill.h"
#include "wire/new.h"
#include "wire/wire.h"

ProtobufCMessage *wire_encode_exposed(const struct sdeistate *state, struct scratch *scratch)
{
	Sdeistate__Exposed *m = NEW(Sdeistate__Exposed, sdeistate__exposed__init);
	unsigned int n = state->n_exposed;

	if (!m)
		return NULL;
	SET(m, n_events, n);
	m->n_num = n;
	m->num = fill_fixed64(scratch, MEMBER(state->exposed, n, num));
	m->has_type = m->has_signaled = m->has_priority = true;
	m->type = fill_bytes(scratch, MEMBER(state->exposed, n, type));
	m->signaled = fill_bytes(scratch, MEMBER(state->exposed, n, signaled));
	m->priority = fill_bytes(scratch, MEMBER(state->exposed, n, priority));
	return m->num && m->type.data && m->signaled.data && m->priority.data ? &m->base : NULL;
}

/* One bitmap of every event, @words of each. */
static Sdeistate__Column *fill_bitmaps(struct scratch *scratch, const struct sdeistate *state,
				       unsigned int words, size_t offset)
{
	struct column column;

	if (column_begin(&column, scratch, (size_t)words * state->n_registered))
		return NULL;
	for (unsigned int i = 0; i < state->n_registered; i++)
		if (column_push(&column, (const char *)&state->registered[i] + offset, words))
			return NULL;
	return column_finish(&column);
}

static size_t count_slots(const struct sdeistate *state, unsigned int words)
{
	size_t n = 0;

	for (unsigned int i = 0; i < state->n_registered; i++)
		for (unsigned int word = 0; word < words; word++)
			n += (size_t)__builtin_popcountll(slots_used(&state->registered[i], word));
	return n;
}

/* An event's used slots of one array; where all 64 of a word are used, at once. */
static int push_slots(struct column *column, const struct kvm_sdei_registered_event_state *event,
		      const __u64 *array, unsigned int words)
{
	int ret = 0;

	for (unsigned int word = 0; word < words && !ret; word++) {
		uint64_t used = slots_used(event, word);

		if (used == ~UINT64_C(0)) {
			ret = column_push(column, &array[64 * word], 64);
			continue;
		}
		for (; used && !ret; used &= used - 1)
			ret = column_push(column,
					  &array[64 * word + (unsigned int)__builtin_ctzll(used)],
					  1);
	}
	return ret;
}

static Sdeistate__Column *fill_slots(struct scratch *scratch, const struct sdeistate *state,
				     unsigned int words, size_t n_slots, bool arguments)
{
	struct column column;

	if (column_begin(&column, scratch, n_slots))
		return NULL;
	for (unsigned int i = 0; i < state->n_registered; i++) {
		const struct kvm_sdei_registered_event_state *event = &state->registered[i];

		if (push_slots(&column, event, arguments ? event->ep_arg : event->ep_address,
			       words))
			return NULL;
	}
	return column_finish(&column);
}

#define BITMAP(member)                      \
	fill_bitmaps(scratch, state, words, \
		     offsetof(struct kvm_sdei_registered_event_state, member))

ProtobufCMessage *wire_encode_registered(const struct sdeistate *state, struct scratch *scratch)
{
	Sdeistate__Registered *m = NEW(Sdeistate__Registered, sdeistate__registered__init);
	unsigned int n = state->n_registered;
	unsigned int n_bits = state->n_vcpus ? state->n_vcpus : 1;
	unsigned int words = (n_bits + 63) / 64;
	size_t n_slots = count_slots(state, words);

	if (!m)
		return NULL;
	SET(m, n_events, n);
	SET(m, n_bits, n_bits);
	m->n_num = n;
	m->num = fill_fixed64(scratch, MEMBER(state->registered, n, num));
	m->has_route_mode = true;
	m->route_mode = fill_bytes(scratch, MEMBER(state->registered, n, route_mode));
	m->route_affinity = fill_column64(scratch, MEMBER(state->registered, n, route_affinity));
	m->registered = BITMAP(registered);
	m->enabled = BITMAP(enabled);
	m->unregister_pending = BITMAP(unregister_pending);
	m->ep_address = fill_slots(scratch, state, words, n_slots, false);
	m->ep_arg = fill_slots(scratch, state, words, n_slots, true);
	return m->num && m->route_mode.data && m->route_affinity && m->registered && m->enabled &&
			       m->unregister_pending && m->ep_address && m->ep_arg
		       ? &m->base
		       : NULL;
}

ProtobufCMessage *wire_encode_bindings(const struct sdeistate *state, struct scratch *scratch)
{
	Sdeistate__Bindings *m = NEW(Sdeistate__Bindings, sdeistate__bindings__init);
	unsigned int n = state->n_bindings;
	unsigned int n_bits = state->n_vcpus ? state->n_vcpus : 1;
	struct column active;

	if (!m || column_begin(&active, scratch, (size_t)n * ((n_bits + 63) / 64)))
		return NULL;
	SET(m, n_bindings, n);
	SET(m, n_bits, n_bits);
	m->n_num = m->n_intid = n;
	m->num = fill_fixed64(scratch, MEMBER(state->bindings, n, num));
	m->intid = fill_uint32(scratch, MEMBER(state->bindings, n, intid));
	m->has_shared = m->has_slot = true;
	m->shared = fill_bytes(scratch, MEMBER(state->bindings, n, shared));
	m->slot = fill_bytes(scratch, MEMBER(state->bindings, n, slot));
	for (unsigned int i = 0; i < n; i++)
		if (column_push(&active, state->bindings[i].active, (n_bits + 63) / 64))
			return NULL;
	m->active = column_finish(&active);
	return m->num && m->intid && m->shared.data && m->slot.data && m->active ? &m->base : NULL;
}

ProtobufCMessage *wire_encode_handlers(const struct sdeistate *state, struct scratch *scratch)
{
	Sdeistate__Handlers *m = NEW(Sdeistate__Handlers, sdeistate__handlers__init);
	unsigned int n = state->n_handlers;

	if (!m)
		return NULL;
	SET(m, n_handlers, n);
	m->n_num = m->n_vcpu = n;
	m->num = fill_fixed64(scratch, MEMBER(state->handlers, n, num));
	m->vcpu = fill_uint32(scratch, MEMBER(state->handlers, n, vcpu));
	m->has_shared = m->has_route_mode = true;
	m->shared = fill_bytes(scratch, MEMBER(state->handlers, n, shared));
	m->route_mode = fill_bytes(scratch, MEMBER(state->handlers, n, route_mode));
	m->affinity = fill_column64(scratch, MEMBER(state->handlers, n, affinity));
	m->ep_address = fill_column64(scratch, MEMBER(state->handlers, n, ep_address));
	m->ep_arg = fill_column64(scratch, MEMBER(state->handlers, n, ep_arg));
	return m->num && m->vcpu && m->shared.data && m->route_mode.data && m->affinity &&
			       m->ep_address && m->ep_arg
		       ? &m->base
		       : NULL;
}

ProtobufCMessage *wire_encode_vcpu_events(const struct sdeistate *state, struct scratch *scratch)
{
	Sdeistate__VcpuEvents *m = NEW(Sdeistate__VcpuEvents, sdeistate__vcpu_events__init);
	unsigned int n = state->n_vcpu_events;

	if (!m)
		return NULL;
	SET(m, n_vcpus, state->n_vcpus);
	m->n_events = fill_column32(scratch, MEMBER(state->vcpu, state->n_vcpus, n_events));
	m->num = fill_column64(scratch, MEMBER(state->vcpu_events, n, num));
	m->event_count = fill_column32(scratch, MEMBER(state->vcpu_events, n, event_count));
	return m->n_events && m->num && m->event_count ? &m->base : NULL;
}

ProtobufCMessage *wire_encode_pending(const struct sdeistate *state, struct scratch *scratch)
{
	Sdeistate__Pending *m = NEW(Sdeistate__Pending, sdeistate__pending__init);
	unsigned int n = state->n_pending;

	if (!m)
		return NULL;
	SET(m, n_pending, n);
	m->n_num = m->n_vcpu = m->n_count = n;
	m->num = fill_fixed64(scratch, MEMBER(state->pending, n, num));
	m->vcpu = fill_uint32(scratch, MEMBER(state->pending, n, vcpu));
	m->count = fill_uint32(scratch, MEMBER(state->pending, n, count));
	return m->num && m->vcpu && m->count ? &m->base : NULL;
}

/* The handlers of one class that run: where, which, and what they interrupted. */
struct contexts {
	size_t n;
	uint32_t *vcpu;
	uint64_t *num;
	Sdeistate__Column *regs;
};

static bool fill_contexts(struct scratch *scratch, const struct sdeistate *state, bool critical,
			  struct contexts *out)
{
	const size_t per_context = sizeof(struct kvm_sdei_vcpu_regs_state) / sizeof(uint64_t);
	uint64_t *regs;
	size_t n = 0;

	out->vcpu = scratch_alloc(scratch, state->n_vcpus, sizeof(*out->vcpu));
	out->num = scratch_alloc(scratch, state->n_vcpus, sizeof(*out->num));
	if (!out->vcpu || !out->num)
		return false;
	for (unsigned int i = 0; i < state->n_vcpus; i++) {
		const struct kvm_sdei_vcpu_state *vcpu = &state->vcpu_state[i];
		uint64_t num = critical ? vcpu->critical_num : vcpu->normal_num;

		if (num == KVM_SDEI_INVALID_EVENT)
			continue;
		out->vcpu[n] = i;
		out->num[n++] = num;
	}
	regs = scratch_alloc(scratch, n * per_context, sizeof(*regs));
	for (size_t i = 0; i < n && regs; i++) {
		const struct kvm_sdei_vcpu_state *vcpu = &state->vcpu_state[out->vcpu[i]];

		memcpy(&regs[i * per_context], critical ? &vcpu->critical_regs : &vcpu->normal_regs,
		       sizeof(vcpu->normal_regs));
	}
	out->n = n;
	out->regs = regs ? column_write(scratch, regs, n * per_context) : NULL;
	return out->regs != NULL;
}

ProtobufCMessage *wire_encode_vcpu_state(const struct sdeistate *state, struct scratch *scratch)
{
	Sdeistate__VcpuState *m = NEW(Sdeistate__VcpuState, sdeistate__vcpu_state__init);
	struct contexts critical, normal;

	if (!m || !fill_contexts(scratch, state, true, &critical) ||
	    !fill_contexts(scratch, state, false, &normal))
		return NULL;
	SET(m, n_vcpus, state->n_vcpus);
	m->has_masked = true;
	m->masked.len = (state->n_vcpus + 7u) / 8;
	m->masked.data = scratch_alloc(scratch, m->masked.len, 1);
	for (unsigned int i = 0; i < state->n_vcpus && m->masked.data; i++)
		if (state->vcpu_state[i].masked)
			m->masked.data[i / 8] |= (uint8_t)(1u << (i % 8));
	m->n_critical_vcpu = m->n_critical_num = critical.n;
	m->critical_vcpu = critical.vcpu;
	m->critical_num = critical.num;
	m->critical_regs = critical.regs;
	m->n_normal_vcpu = m->n_normal_num = normal.n;
	m->normal_vcpu = normal.vcpu;
	m->normal_num = normal.num;
	m->normal_regs = normal.regs;
	return m->masked.data ? &m->base : NULL;
}
