// SPDX-License-Identifier: Apache-2.0
#include "state/events.h"

#include <string.h>

/* First entry of a sorted array whose number is @num; entries begin with their number. */
static const void *find_num(const void *array, unsigned int n, size_t size, uint64_t num)
{
	const char *base = array;
	unsigned int low = 0;

	while (n > 0) {
		unsigned int half = n / 2;
		const __u64 *middle = (const __u64 *)(base + (low + half) * size);

		if (*middle == num)
			return middle;
		if (*middle < num) {
			low += half + 1;
			n -= half + 1;
		} else {
			n = half;
		}
	}
	return NULL;
}

const struct kvm_sdei_exposed_event_state *find_exposed(const struct sdeistate *state, uint64_t num)
{
	return find_num(state->exposed, state->n_exposed, sizeof(*state->exposed), num);
}

const struct kvmcore_sdei_binding *find_binding(const struct sdeistate *state, uint64_t num)
{
	return find_num(state->bindings, state->n_bindings, sizeof(*state->bindings), num);
}

const struct kvm_sdei_registered_event_state *find_registered(const struct sdeistate *state,
							      uint64_t num)
{
	return find_num(state->registered, state->n_registered, sizeof(*state->registered), num);
}

struct event_kind event_kind(const struct sdeistate *state, uint64_t num)
{
	const struct kvm_sdei_exposed_event_state *exposed = find_exposed(state, num);
	const struct kvmcore_sdei_binding *binding;

	if (exposed)
		return (struct event_kind){ true, exposed->type == 1, exposed->priority == 1 };
	binding = find_binding(state, num);
	if (binding)
		return (struct event_kind){ true, binding->shared, false };
	return (struct event_kind){ .known = num == KVM_SDEI_DEFAULT_EVENT &&
					     state->vm.profile == KVMCORE_PROFILE_SPEC };
}

bool event_is_supported(enum kvmcore_profile profile, uint64_t num)
{
	if (num >> 32)
		return false;
	if (num == KVM_SDEI_DEFAULT_EVENT)
		return true;
	switch (profile) {
	case KVMCORE_PROFILE_SPEC: /* bit 31 and bits 29:24 are zero */
		return !(num & 0xbf000000u);
	case KVMCORE_PROFILE_KVM_V5: /* type 1 in bits 23:22 */
		return (num >> 22 & 3) == 1;
	case KVMCORE_PROFILE_KVM_V7:
		return num == 1;
	default:
		return false;
	}
}

static void index_event(struct event_index *index, const struct sdeistate *state, uint64_t num)
{
	unsigned int at = event_index_slot(index, num);

	if (index->slot[at])
		return;
	index->facts[index->n] = (struct event_facts){
		.num = num,
		.kind = event_kind(state, num),
		.registered = find_registered(state, num),
	};
	index->slot[at] = (uint16_t)++index->n;
}

void event_index_fill(struct event_index *index, const struct sdeistate *state)
{
	index->n = 0;
	memset(index->slot, 0, sizeof(index->slot));
	if (state->vm.profile == KVMCORE_PROFILE_SPEC)
		index_event(index, state, KVM_SDEI_DEFAULT_EVENT);
	for (unsigned int i = 0; i < state->n_exposed; i++)
		index_event(index, state, state->exposed[i].num);
	for (unsigned int i = 0; i < state->n_bindings; i++)
		index_event(index, state, state->bindings[i].num);
	for (unsigned int i = 0; i < state->n_handlers; i++) {
		struct event_facts *event = event_index_find(index, state->handlers[i].num);

		if (event)
			event->runs_unregistered = true;
	}
}
