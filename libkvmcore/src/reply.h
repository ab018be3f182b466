/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reply.h - how a step fills its struct kvmcore_reply
 *
 * The kick set is large and rarely needed: it is meaningful only while any_kick is set, so that a
 * plain call does not pay for clearing it.
 */
#ifndef KVMCORE_REPLY_H
#define KVMCORE_REPLY_H

#include <kvmcore/kvmcore.h>

/* Every register a step can change; see KVMCORE_MASK_PC and its neighbours. */
#define CHANGED_ALL ((KVMCORE_MASK_SPSR_EL1 << 1) - 1)

/** reply_start() - a step that changed nothing and returns to its caller */
static inline void reply_start(struct kvmcore_reply *reply)
{
	reply->changed = 0;
	reply->cleared = 0;
	reply->returned = true;
	reply->delivered = false;
	reply->exit = KVMCORE_EXIT_NONE;
	reply->nr = 0;
	reply->flags = 0;
	reply->event_type = 0;
	reply->event_data = 0;
	reply->power = KVMCORE_POWER_NONE;
	reply->power_vcpu = 0;
	reply->power_entry = 0;
	reply->power_context = 0;
	reply->any_kick = false;
}

/** reply_change() - registers of @mask were written, and what is in them counts */
static inline void reply_change(struct kvmcore_reply *reply, uint32_t mask)
{
	reply->changed |= mask;
	reply->cleared &= ~mask;
}

/** reply_kick() - the vCPU with creation index @index has to leave the guest and enter again */
void reply_kick(struct kvmcore_reply *reply, uint32_t index);

#endif
