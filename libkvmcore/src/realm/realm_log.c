// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE /* twalk_r(), tdestroy(), reallocarray() */
#include "realm_log.h"

#include <stdlib.h>

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

struct realm_log *realm_log_free(struct realm_log *log)
{
	if (!log)
		return NULL;
	for (uint32_t i = 0; i < log->n; i++)
		free(log->step[i].content);
	free(log->step);
	free(log);
	return NULL;
}
