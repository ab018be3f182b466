/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue.h - the triggers one vCPU holds
 *
 * An entry counts the run in progress too, as the posted ABI does, so that a running handler always
 * has an entry. Entries keep the order of arrival; critical and normal events have a list each.
 */
#ifndef KVMCORE_SDEI_QUEUE_H
#define KVMCORE_SDEI_QUEUE_H

#include "event.h"

/* 128 in the series. Checked profiles add handlers that run without being registered any more. */
static inline uint32_t queue_limit(const struct sdei_profile *profile)
{
	return KVM_SDEI_MAX_EVENTS + (profile->set_checked ? SDEI_NR_CLASSES : 0);
}

/** queue_init() - empty lists */
void queue_init(struct sdei_vcpu *queue);

/* Where a list begins and ends. */
static inline uint16_t queue_head(enum sdei_class class)
{
	return (uint16_t)(SDEI_NR_SLOTS + class);
}

/** queue_next() - slot of the entry behind @slot, or SDEI_NO_SLOT */
static inline uint16_t queue_next(const struct sdei_vcpu *queue, uint16_t slot)
{
	const uint16_t next = queue->entry[slot].next;

	return next < SDEI_NR_SLOTS ? next : SDEI_NO_SLOT;
}

/** queue_first() - slot of the first entry of a class, or SDEI_NO_SLOT */
static inline uint16_t queue_first(const struct sdei_vcpu *queue, enum sdei_class class)
{
	return queue_next(queue, queue_head(class));
}

/** queue_has() - is there an entry, whatever its count? */
static inline bool queue_has(const struct sdei_vcpu *queue, const struct sdei_event *event)
{
	return queue->entry[event->slot].next != SDEI_NO_SLOT;
}

/** queue_count() - the entry's count; 0 if there is none */
static inline uint32_t queue_count(const struct sdei_vcpu *queue, const struct sdei_event *event)
{
	return queue_has(queue, event) ? queue->entry[event->slot].count : 0;
}

/** queue_put() - an entry with @count, at the end of its list if it is new */
void queue_put(struct sdei_vcpu *queue, struct sdei_event *event, uint32_t count);

/** queue_remove() - drop the entry, if any */
void queue_remove(struct sdei_vcpu *queue, struct sdei_event *event);

/** queue_to_end() - as if it had arrived last */
void queue_to_end(struct sdei_vcpu *queue, const struct sdei_event *event);

#endif
