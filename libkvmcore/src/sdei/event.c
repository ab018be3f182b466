// SPDX-License-Identifier: Apache-2.0
#include "event.h"
#include "vm.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static uint32_t hash_of(uint64_t num)
{
	return (uint32_t)num * 0x9e3779b1u >> 23; /* 9 bits: SDEI_HASH_SIZE */
}

_Static_assert(SDEI_HASH_SIZE == 512u, "hash_of() has as many bits as the table");
_Static_assert(SDEI_HASH_SIZE > 2u * KVM_SDEI_MAX_EVENTS, "probing always ends");

static struct sdei_event *find_bound(const struct sdei *sdei, uint64_t num)
{
	if (num >= SDEI_BOUND_PRIVATE && num < SDEI_BOUND_PRIVATE + sdei->n_slots[0])
		return sdei->event[SDEI_FIRST_BOUND + (num - SDEI_BOUND_PRIVATE)];
	if (num >= SDEI_BOUND_SHARED && num < SDEI_BOUND_SHARED + sdei->n_slots[1])
		return sdei->event[SDEI_FIRST_BOUND + SDEI_MAX_SLOTS_PER_TYPE +
				   (num - SDEI_BOUND_SHARED)];
	return NULL;
}

struct sdei_event *event_find(const struct sdei *sdei, uint64_t num)
{
	if (num == 0)
		return sdei->event[0];
	for (uint32_t i = hash_of(num); sdei->hash[i].slot; i = (i + 1) % SDEI_HASH_SIZE)
		if (sdei->hash[i].num == num)
			return sdei->event[sdei->hash[i].slot];
	return find_bound(sdei, num);
}

static void hash_add(struct sdei *sdei, uint64_t num, uint16_t slot)
{
	uint32_t i = hash_of(num);

	while (sdei->hash[i].slot)
		i = (i + 1) % SDEI_HASH_SIZE;
	sdei->hash[i].num = num;
	sdei->hash[i].slot = slot;
}

struct sdei_event *event_create(struct sdei *sdei, uint16_t slot,
				const struct kvm_sdei_exposed_event_state *exposed)
{
	struct sdei_event *event = calloc(1, sizeof(*event));

	if (!event)
		return NULL;
	event->exposed = *exposed;
	event->instance.num = exposed->num;
	event->slot = slot;
	event->announced_on = SDEI_NO_VCPU;
	event->designee = SDEI_NO_VCPU;
	sdei->event[slot] = event;
	if (slot != 0 && slot < SDEI_FIRST_BOUND)
		hash_add(sdei, exposed->num, slot);
	return event;
}

void event_list(struct sdei *sdei, struct sdei_event *event)
{
	assert(!event->listed && sdei->n_exposed < KVM_SDEI_MAX_EVENTS);
	event->listed = true;
	sdei->exposed[sdei->n_exposed++] = event->slot;
}

uint32_t event_index(const struct sdei_event *event, const struct vcpu *vcpu)
{
	return event_is_shared(event) ? 0 : vcpu->index;
}

unsigned int event_state(const struct sdei_event *event, const struct vcpu *vcpu)
{
	const uint32_t index = event_index(event, vcpu);
	const bool runs =
		event_is_shared(event) ? event->n_running > 0 : event_runs_on(event, vcpu->index);
	unsigned int state = runs ? STATE_RUNNING : 0;

	if (bit_has(event->instance.registered, index))
		state |= STATE_REGISTERED;
	if (bit_has(event->instance.enabled, index))
		state |= STATE_ENABLED;
	if (vcpu->vm->sdei.profile->unregister_pending_stored &&
	    bit_has(event->instance.unregister_pending, index))
		state |= STATE_UNREGISTER;
	return state;
}

void event_instance_add(struct sdei *sdei, struct sdei_event *event)
{
	assert(!event->has_instance && sdei->n_registered < KVM_SDEI_MAX_EVENTS);
	event->has_instance = true;
	sdei->registered[sdei->n_registered++] = event->slot;
}

/* The list keeps the order of registration. Most recent first: that is who leaves most often. */
static void instance_remove(struct sdei *sdei, struct sdei_event *event)
{
	uint32_t i = sdei->n_registered;

	event->has_instance = false;
	while (sdei->registered[--i] != event->slot)
		assert(i > 0);
	sdei->n_registered--;
	memmove(&sdei->registered[i], &sdei->registered[i + 1],
		(sdei->n_registered - i) * sizeof(sdei->registered[0]));
}

static void registered_put(struct sdei *sdei, struct sdei_event *event, uint32_t index, bool on)
{
	if (bit_has(event->instance.registered, index) == on)
		return;
	bit_put(event->instance.registered, index, on);
	if (!on && --event->n_registered == 0)
		instance_remove(sdei, event);
	if (!on)
		return;
	event->n_registered++;
	if (!event->has_instance)
		event_instance_add(sdei, event);
}

void event_state_put(struct sdei *sdei, struct sdei_event *event, const struct vcpu *vcpu,
		     unsigned int state)
{
	const uint32_t index = event_index(event, vcpu);

	registered_put(sdei, event, index, state & STATE_REGISTERED);
	bit_put(event->instance.enabled, index, state & STATE_ENABLED);
	if (!sdei->profile->unregister_pending_stored)
		return;
	bit_put(event->instance.unregister_pending, index, state & STATE_UNREGISTER);
	if (event->n_registered == 0) /* the series frees the instance, and the bit with it */
		memset(event->instance.unregister_pending, 0,
		       sizeof(event->instance.unregister_pending));
}

const struct sdei_cell *event_cell(const struct sdei *sdei, const struct sdei_event *event,
				   const struct vcpu *vcpu, enum sdei_op op)
{
	return &sdei->profile->matrix->cell[event_state(event, vcpu)][op];
}

void event_forget(struct sdei_event *event, uint32_t index)
{
	event->instance.ep_address[index] = 0;
	event->instance.ep_arg[index] = 0;
	if (event->n_registered == 0) {
		event->instance.route_mode = 0;
		event->instance.route_affinity = 0;
	}
}
