// SPDX-License-Identifier: Apache-2.0
#include "state/reorder.h"

#include "plan/fields.h"
#include "plan/map.h"
#include "plan/parts.h"
#include "state/events.h"

/* order[i]: where vCPU i of @like stands in @state. */
static int find_order(const struct sdeistate *state, const struct sdeistate *like, uint32_t *order,
		      struct sdeistate_error *err)
{
	if (state->n_vcpus != like->n_vcpus)
		return error_set(err, SDEISTATE_DIFFERS, -ESTALE, "vm", "n_vcpus", "%u|%u",
				 like->n_vcpus, state->n_vcpus);
	for (unsigned int i = 0; i < like->n_vcpus; i++) {
		unsigned int j = 0;

		while (j < state->n_vcpus &&
		       state->vcpu[(i + j) % state->n_vcpus].mpidr != like->vcpu[i].mpidr)
			j++;
		if (j == state->n_vcpus)
			return error_set(err, SDEISTATE_DIFFERS, -ESTALE, OBJECT("vcpu %u", i),
					 "mpidr", "0x%" PRIx64 "|no such vCPU",
					 like->vcpu[i].mpidr);
		order[i] = (i + j) % state->n_vcpus;
	}
	return 0;
}

/* An array with one entry per vCPU; NULL stays NULL. Return: whether there was memory */
static bool move_entries(void *array, const uint32_t *order, unsigned int n, size_t size)
{
	void **at = array;
	char *moved;

	if (!*at)
		return true;
	moved = malloc((n + 1u) * size);
	if (!moved)
		return false;
	for (unsigned int i = 0; i < n; i++)
		memcpy(moved + i * size, (const char *)*at + order[i] * size, size);
	free(*at);
	*at = moved;
	return true;
}

static bool move_queues(struct sdeistate *state)
{
	struct kvm_sdei_vcpu_event_state *moved;
	unsigned int next = 0;

	if (!state->vcpu_events)
		return true;
	moved = malloc((state->n_vcpu_events + 1u) * sizeof(*moved));
	if (!moved)
		return false;
	for (unsigned int i = 0; i < state->n_vcpus; i++) {
		struct sdeistate_vcpu *vcpu = &state->vcpu[i];

		memcpy(&moved[next], &state->vcpu_events[vcpu->first_event],
		       vcpu->n_events * sizeof(*moved));
		vcpu->first_event = next;
		next += vcpu->n_events;
	}
	free(state->vcpu_events);
	state->vcpu_events = moved;
	return true;
}

static void move_bits(__u64 *bitmap, const uint32_t *order, unsigned int n)
{
	__u64 from[BITMAP_WORDS];

	memcpy(from, bitmap, sizeof(from));
	for (unsigned int i = 0; i < n; i++)
		if (bit_test(from, order[i]))
			bit_set(bitmap, i);
		else
			bit_clear(bitmap, i);
}

static void move_event(struct kvm_sdei_registered_event_state *event, const uint32_t *order,
		       unsigned int n)
{
	__u64 from[2][KVM_SDEI_MAX_VCPUS];

	memcpy(from[0], event->ep_address, sizeof(from[0]));
	memcpy(from[1], event->ep_arg, sizeof(from[1]));
	for (unsigned int i = 0; i < n; i++) {
		event->ep_address[i] = from[0][order[i]];
		event->ep_arg[i] = from[1][order[i]];
	}
	move_bits(event->registered, order, n);
	move_bits(event->enabled, order, n);
	move_bits(event->unregister_pending, order, n);
}

static void move_slots(struct sdeistate *state, const uint32_t *order)
{
	uint32_t place[KVM_SDEI_MAX_VCPUS];

	for (unsigned int i = 0; i < state->n_registered; i++)
		if (!event_kind(state, state->registered[i].num).shared)
			move_event(&state->registered[i], order, state->n_vcpus);
	for (unsigned int i = 0; i < state->n_bindings; i++)
		if (!state->bindings[i].shared)
			move_bits(state->bindings[i].active, order, state->n_vcpus);
	for (unsigned int i = 0; i < state->n_vcpus; i++)
		place[order[i]] = i;
	for (unsigned int i = 0; i < state->n_handlers; i++)
		if (state->handlers[i].vcpu < state->n_vcpus)
			state->handlers[i].vcpu = place[state->handlers[i].vcpu];
	sort_entries(&handler_layout, state->handlers, state->n_handlers);
	for (unsigned int i = 0; i < state->n_exits; i++)
		if (state->exits[i].vcpu < state->n_vcpus)
			state->exits[i].vcpu = place[state->exits[i].vcpu];
	sort_exits(state->exits, state->n_exits);
}

int reorder(struct sdeistate *state, const struct sdeistate *like, struct sdeistate_error *err)
{
	uint32_t order[KVM_SDEI_MAX_VCPUS];
	unsigned int n = state->n_vcpus;
	bool same = true;
	int ret = find_order(state, like, order, err);

	for (unsigned int i = 0; i < n && !ret; i++)
		same &= order[i] == i;
	if (ret || same)
		return ret;
	if (!move_entries(&state->vcpu, order, n, sizeof(*state->vcpu)) ||
	    !move_entries(&state->vcpu_state, order, n, sizeof(*state->vcpu_state)) ||
	    !move_entries(&state->v7, order, n, sizeof(*state->v7)) ||
	    !move_entries(&state->regs, order, n, sizeof(*state->regs)) ||
	    (state->realm &&
	     !move_entries(&state->realm->regs, order, n, sizeof(*state->realm->regs))) ||
	    !move_queues(state))
		return error_no_memory(err, "vcpus");
	move_slots(state, order);
	return 0;
}
