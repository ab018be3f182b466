/* SPDX-License-Identifier: Apache-2.0 */
/*
 * events.h - what a state knows about an event number
 */
#ifndef SDEISTATE_EVENTS_H
#define SDEISTATE_EVENTS_H

#include <sdeistate/state.h>

#define BITMAP_WORDS (KVM_SDEI_MAX_VCPUS / 64u)

/* What kind of event a number names; all from where the state says it, nothing stored. */
struct event_kind {
	bool known;
	bool shared;
	bool critical;
};

/** event_kind() - exposed, bound, or event 0, which in profile spec exists by itself */
struct event_kind event_kind(const struct sdeistate *state, uint64_t num);

/** find_exposed() - by number; NULL if not exposed. The array is sorted, as capture leaves it. */
const struct kvm_sdei_exposed_event_state *find_exposed(const struct sdeistate *state,
							uint64_t num);
/** find_binding() - by event number; NULL if nothing is bound */
const struct kvmcore_sdei_binding *find_binding(const struct sdeistate *state, uint64_t num);
/** find_registered() - by number; NULL if no vCPU has a handler */
const struct kvm_sdei_registered_event_state *find_registered(const struct sdeistate *state,
							      uint64_t num);

/* One event of the index: what it is, and where it stands. */
struct event_facts {
	uint64_t num;
	struct event_kind kind;
	const struct kvm_sdei_registered_event_state *registered; /* NULL: nowhere */
	bool runs_unregistered;
	uint32_t seen_on;   /* for whoever walks the queues: last vCPU + 1 */
	uint32_t n_running; /* for whoever walks the contexts: on how many vCPUs */
};

/* All events of a state by number, for those who ask once per queue entry. */
#define EVENT_INDEX_SLOTS 1024u /* more than twice as many as there can be events */
struct event_index {
	struct event_facts facts[1 + KVM_SDEI_MAX_EVENTS + SDEISTATE_MAX_BINDINGS];
	unsigned int n;
	uint16_t slot[EVENT_INDEX_SLOTS];
};

/** event_index_fill() - the index borrows from @state, whose lists are within their limits */
void event_index_fill(struct event_index *index, const struct sdeistate *state);

/** event_index_slot() - where @num stands or would stand */
static inline unsigned int event_index_slot(const struct event_index *index, uint64_t num)
{
	unsigned int at = (unsigned int)((num * 0x9e3779b97f4a7c15u) >> 54);

	while (index->slot[at] && index->facts[index->slot[at] - 1].num != num)
		at = (at + 1) % EVENT_INDEX_SLOTS;
	return at;
}

/** event_index_find() - NULL for a number that names no event */
static inline struct event_facts *event_index_find(struct event_index *index, uint64_t num)
{
	unsigned int at = event_index_slot(index, num);

	return index->slot[at] ? &index->facts[index->slot[at] - 1] : NULL;
}

/** event_is_supported() - the number rule of a profile (KVM SDEI v5, patch 02/22; DEN0054 §4.1) */
bool event_is_supported(enum kvmcore_profile profile, uint64_t num);

static inline bool bit_test(const __u64 *bitmap, unsigned int bit)
{
	return bitmap[bit / 64] >> (bit % 64) & 1;
}

static inline void bit_set(__u64 *bitmap, unsigned int bit)
{
	bitmap[bit / 64] |= UINT64_C(1) << (bit % 64);
}

static inline void bit_clear(__u64 *bitmap, unsigned int bit)
{
	bitmap[bit / 64] &= ~(UINT64_C(1) << (bit % 64));
}

/** slots_used() - word @word of the slots that hold an address and argument that mean something */
static inline uint64_t slots_used(const struct kvm_sdei_registered_event_state *event,
				  unsigned int word)
{
	return event->registered[word] | event->enabled[word] | event->unregister_pending[word];
}

#endif
