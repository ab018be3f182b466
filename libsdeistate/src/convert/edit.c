// SPDX-License-Identifier: Apache-2.0
/*
 * Taking things out of a state and putting them in, so that it stays canonical.
 */
#include "convert/convert.h"
#include "state/events.h"
#include "util.h"

#include <errno.h>

int grow_array(void *array, unsigned int n, size_t size)
{
	void **at = array;
	void *grown = realloc(*at, (n + 1u) * size);

	if (!grown)
		return -ENOMEM;
	*at = grown;
	return 0;
}

/* Entries begin with their number; those of @num go. Return: how many are left */
static unsigned int drop_entries(void *array, unsigned int n, size_t size, uint64_t num)
{
	char *base = array;
	unsigned int kept = 0;

	for (unsigned int i = 0; i < n; i++) {
		if (*(const __u64 *)(base + i * size) == num)
			continue;
		if (kept != i)
			memcpy(base + kept * size, base + i * size, size);
		kept++;
	}
	return kept;
}

void remove_queued(struct sdeistate *state, unsigned int i)
{
	unsigned int vcpu = 0;

	while (state->vcpu[vcpu].first_event + state->vcpu[vcpu].n_events <= i)
		vcpu++;
	state->vcpu[vcpu].n_events--;
	for (unsigned int after = vcpu + 1; after < state->n_vcpus; after++)
		state->vcpu[after].first_event--;
	state->n_vcpu_events--;
	memmove(&state->vcpu_events[i], &state->vcpu_events[i + 1],
		(state->n_vcpu_events - i) * sizeof(*state->vcpu_events));
}

int insert_queued(struct sdeistate *state, unsigned int vcpu, uint64_t num, uint32_t count)
{
	struct sdeistate_vcpu *of = &state->vcpu[vcpu];
	unsigned int at = of->first_event + of->n_events;
	bool critical = event_kind(state, num).critical;

	if (grow_array(&state->vcpu_events, state->n_vcpu_events + 1, sizeof(*state->vcpu_events)))
		return -ENOMEM;
	while (critical && at > of->first_event &&
	       !event_kind(state, state->vcpu_events[at - 1].num).critical)
		at--;
	memmove(&state->vcpu_events[at + 1], &state->vcpu_events[at],
		(state->n_vcpu_events - at) * sizeof(*state->vcpu_events));
	state->vcpu_events[at] =
		(struct kvm_sdei_vcpu_event_state){ .num = num, .event_count = count };
	state->n_vcpu_events++;
	of->n_events++;
	for (unsigned int after = vcpu + 1; after < state->n_vcpus; after++)
		state->vcpu[after].first_event++;
	return 0;
}

static void stop_running(__u64 *running, struct kvm_sdei_vcpu_regs_state *regs, uint64_t num)
{
	if (*running != num)
		return;
	*running = KVM_SDEI_INVALID_EVENT;
	memset(regs, 0, sizeof(*regs));
}

void remove_event(struct sdeistate *state, uint64_t num)
{
	for (unsigned int i = state->n_vcpu_events; i-- > 0;)
		if (state->vcpu_events[i].num == num)
			remove_queued(state, i);
	for (unsigned int i = 0; i < state->n_vcpus; i++) {
		struct kvm_sdei_vcpu_state *vcpu = &state->vcpu_state[i];

		stop_running(&vcpu->critical_num, &vcpu->critical_regs, num);
		stop_running(&vcpu->normal_num, &vcpu->normal_regs, num);
	}
	state->n_registered = drop_entries(state->registered, state->n_registered,
					   sizeof(*state->registered), num);
	state->n_handlers =
		drop_entries(state->handlers, state->n_handlers, sizeof(*state->handlers), num);
	state->n_pending =
		drop_entries(state->pending, state->n_pending, sizeof(*state->pending), num);
	state->n_bindings =
		drop_entries(state->bindings, state->n_bindings, sizeof(*state->bindings), num);
	state->n_exposed =
		drop_entries(state->exposed, state->n_exposed, sizeof(*state->exposed), num);
}
