// SPDX-License-Identifier: Apache-2.0
#include "queue.h"

#include <string.h>

void queue_init(struct sdei_vcpu *queue)
{
	static const struct sdei_entry none[SDEI_NR_SLOTS] = {
		[0 ... SDEI_NR_SLOTS - 1] = { 0, SDEI_NO_SLOT, SDEI_NO_SLOT },
	};

	memcpy(queue->entry, none, sizeof(none));
	for (unsigned int class = 0; class < SDEI_NR_CLASSES; class ++)
		queue->entry[queue_head(class)] =
			(struct sdei_entry){ 0, queue_head(class), queue_head(class) };
	queue->n_queued = 0;
}

static void link_last(struct sdei_vcpu *queue, uint16_t slot, enum sdei_class class)
{
	const uint16_t head = queue_head(class), last = queue->entry[head].prev;

	queue->entry[slot].prev = last;
	queue->entry[slot].next = head;
	queue->entry[last].next = slot;
	queue->entry[head].prev = slot;
}

static void unlink_entry(struct sdei_vcpu *queue, uint16_t slot)
{
	struct sdei_entry *entry = &queue->entry[slot];

	queue->entry[entry->prev].next = entry->next;
	queue->entry[entry->next].prev = entry->prev;
}

void queue_put(struct sdei_vcpu *queue, struct sdei_event *event, uint32_t count)
{
	if (!queue_has(queue, event)) {
		link_last(queue, event->slot, event_class(event));
		queue->n_queued++;
		event->n_entries++;
	}
	queue->entry[event->slot].count = count;
}

void queue_remove(struct sdei_vcpu *queue, struct sdei_event *event)
{
	if (!queue_has(queue, event))
		return;
	unlink_entry(queue, event->slot);
	queue->entry[event->slot] = (struct sdei_entry){ 0, SDEI_NO_SLOT, SDEI_NO_SLOT };
	queue->n_queued--;
	event->n_entries--;
}

void queue_to_end(struct sdei_vcpu *queue, const struct sdei_event *event)
{
	unlink_entry(queue, event->slot);
	link_last(queue, event->slot, event_class(event));
}
