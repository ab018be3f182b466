/* SPDX-License-Identifier: Apache-2.0 */
/*
 * event.h - the events of one VM: which there are, where, and in which state
 */
#ifndef KVMCORE_SDEI_EVENT_H
#define KVMCORE_SDEI_EVENT_H

#include "bits.h"
#include "profile.h"
#include "sdei.h"

static inline bool event_is_shared(const struct sdei_event *event)
{
	return event->exposed.type == 1;
}

static inline enum sdei_class event_class(const struct sdei_event *event)
{
	return event->exposed.priority ? SDEI_CRITICAL : SDEI_NORMAL;
}

/** event_is_bound_slot() - a slot of SDEI_INTERRUPT_BIND, bound or not? */
static inline bool event_is_bound_slot(const struct sdei_event *event)
{
	return event->slot >= SDEI_FIRST_BOUND;
}

/** event_routes_any() - a shared event that any PE may take? */
static inline bool event_routes_any(const struct sdei_event *event)
{
	return event_is_shared(event) && event->instance.route_mode == 0;
}

/** event_find() - the event numbered @num, or NULL; a bound slot is there whether bound or not */
struct sdei_event *event_find(const struct sdei *sdei, uint64_t num);

/** event_create() - an event in a free @slot. Return: NULL without memory */
struct sdei_event *event_create(struct sdei *sdei, uint16_t slot,
				const struct kvm_sdei_exposed_event_state *exposed);

/** event_list() - GET_EXPOSED_EVENT shows @event from now on */
void event_list(struct sdei *sdei, struct sdei_event *event);

/** event_instance_add() - GET_REGISTERED_EVENT shows @event from now on */
void event_instance_add(struct sdei *sdei, struct sdei_event *event);

/** event_index() - which instance of @event belongs to the vCPU */
uint32_t event_index(const struct sdei_event *event, const struct vcpu *vcpu);

/** event_state() - the STATE_ bits of the instance that belongs to @vcpu */
unsigned int event_state(const struct sdei_event *event, const struct vcpu *vcpu);

/** event_state_put() - registered, enabled and stored unregister-pending bits become those of @state */
void event_state_put(struct sdei *sdei, struct sdei_event *event, const struct vcpu *vcpu,
		     unsigned int state);

/** event_cell() - what @op does to the instance of @vcpu */
const struct sdei_cell *event_cell(const struct sdei *sdei, const struct sdei_event *event,
				   const struct vcpu *vcpu, enum sdei_op op);

/** event_runs_on() - does a handler of it run on @vcpu? */
static inline bool event_runs_on(const struct sdei_event *event, uint32_t vcpu_index)
{
	return bit_has(event->running, vcpu_index);
}

/** event_forget() - entry point and argument of one instance, which is gone */
void event_forget(struct sdei_event *event, uint32_t index);

#endif
