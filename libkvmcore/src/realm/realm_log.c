// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE /* reallocarray() */
#include "realm_log.h"

#include <stdlib.h>
#include <string.h>

static bool make_room(struct realm_log *log)
{
	const uint32_t room = log->room ? log->room * 2 : 16;
	struct realm_step *step;

	if (log->n < log->room)
		return true;
	if (log->n >= REALM_LOG_MAX_STEPS)
		return false;
	step = reallocarray(log->step, room, sizeof(*step));
	if (!step)
		return false;
	log->step = step;
	log->room = room;
	return true;
}

void realm_log_add(struct realm_log *log, const struct kvmcore_realm_step *step,
		   struct kvmcore_digest *content)
{
	if (!make_room(log)) {
		log->overflowed = true;
		free(content);
		return;
	}
	log->step[log->n++] = (struct realm_step){ .step = *step, .content = content };
}

static bool make_extend_room(struct realm_log *log)
{
	const uint32_t room = log->extends_room ? log->extends_room * 2 : 16;
	struct kvmcore_realm_extend *extend;

	if (log->n_extends < log->extends_room)
		return true;
	if (log->n_extends >= REALM_LOG_MAX_EXTENDS)
		return false;
	extend = reallocarray(log->extend, room, sizeof(*extend));
	if (!extend)
		return false;
	log->extend = extend;
	log->extends_room = room;
	return true;
}

void realm_log_extend(struct realm_log *log, uint32_t index, const void *value, uint32_t size)
{
	struct kvmcore_realm_extend *extend;

	if (log->extends_overflowed || !make_extend_room(log)) {
		log->extends_overflowed = true;
		return;
	}
	extend = &log->extend[log->n_extends++];
	*extend = (struct kvmcore_realm_extend){ .index = index, .size = size };
	memcpy(extend->value, value, size);
}

struct realm_log *realm_log_free(struct realm_log *log)
{
	if (!log)
		return NULL;
	for (uint32_t i = 0; i < log->n; i++)
		free(log->step[i].content);
	free(log->step);
	free(log->extend);
	free(log);
	return NULL;
}
