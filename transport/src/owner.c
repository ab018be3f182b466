// SPDX-License-Identifier: Apache-2.0
#include "owner.h"

#include <string.h>

/* What a cell says beside a next state. */
enum cell {
	NO = 0, /* forbidden */
	SAME,   /* allowed, the state stays */
	REST,   /* running, or paused if the pause is held */
	TO_PAUSED,
	TO_RELINQUISHED,
	TO_RESERVED,
	TO_STAGED,
	TO_PREPARED,
	TO_ENDED,
};

/* docs/control.md, "Ownership"; a test compares the two. */
/* clang-format off */
static const uint8_t matrix[TRANSPORT_VM_NR_STATES][OWNER_NR_EVENTS] = {
/*			 pause	    capture resume relinquish	    reclaim    reserve	    stage      prepared	    commit abort     end       load  token rehearse drop */
[TRANSPORT_VM_RUNNING]	    = { TO_PAUSED, NO,	 NO,   NO,		NO,	   TO_RESERVED, NO,	   NO,		NO,   NO,	NO,	  NO,   NO,   NO,   SAME },
[TRANSPORT_VM_PAUSED]	    = { TO_PAUSED, SAME, REST, TO_RELINQUISHED, NO,	   TO_RESERVED, NO,	   NO,		NO,   NO,	NO,	  NO,   NO,   NO,   REST },
[TRANSPORT_VM_RELINQUISHED] = { NO,	   NO,	 NO,   SAME,		TO_PAUSED, NO,		NO,	   NO,		NO,   NO,	TO_ENDED, NO,   NO,   NO,   SAME },
[TRANSPORT_VM_RESERVED]	    = { NO,	   NO,	 NO,   NO,		NO,	   SAME,	TO_STAGED, NO,		NO,   TO_ENDED, NO,	  SAME, NO,   SAME, SAME },
[TRANSPORT_VM_STAGED]	    = { NO,	   NO,	 NO,   NO,		NO,	   NO,		NO,	   TO_PREPARED, NO,   TO_ENDED, NO,	  NO,   SAME, NO,   SAME },
[TRANSPORT_VM_PREPARED]	    = { NO,	   NO,	 NO,   NO,		NO,	   NO,		NO,	   SAME,	REST, TO_ENDED, NO,	  NO,   SAME, NO,   SAME },
[TRANSPORT_VM_ENDED]	    = { NO,	   NO,	 NO,   NO,		NO,	   TO_RESERVED, NO,	   NO,		NO,   SAME,	SAME,	  NO,   NO,   NO,   SAME },
};
/* clang-format on */

static bool is_owned(const struct owner *owner)
{
	return owner->state != TRANSPORT_VM_ENDED && !transport_id_is_zero(&owner->session);
}

static bool is_owner(const struct owner *owner, const struct owner_asker *who)
{
	return transport_id_equal(&owner->session, &who->session) &&
	       (!owner->connection || owner->connection == who->connection);
}

static bool takes_ownership(enum owner_event event)
{
	return event == OWNER_PAUSE || event == OWNER_RESERVE;
}

/* Work for the VMM that leaves the state as it is. */
static bool changes_nothing_here(enum owner_event event)
{
	return event == OWNER_CAPTURE || event == OWNER_LOAD || event == OWNER_TOKEN ||
	       event == OWNER_REHEARSE;
}

/* A repetition after a lost reply, of what does not show in the state. */
static bool is_repeated(const struct owner *owner, enum owner_event event,
			const struct owner_asker *who)
{
	if (event == OWNER_COMMIT)
		return transport_id_equal(&owner->committed, &who->session);
	return owner->state == TRANSPORT_VM_PAUSED && event == OWNER_PAUSE && is_owner(owner, who);
}

enum owner_answer owner_may(const struct owner *owner, enum owner_event event,
			    const struct owner_asker *who)
{
	const enum cell cell = matrix[owner->state][event];
	const bool by_operator = transport_id_is_zero(&who->session);

	if (event == OWNER_DROP)
		return cell == REST && owner->connection == who->connection && who->connection
			       ? OWNER_GO
			       : OWNER_NOTHING;
	if (by_operator && event != OWNER_PAUSE && event != OWNER_RESUME)
		return OWNER_REFUSED;
	if (is_repeated(owner, event, who))
		return OWNER_NOTHING;
	if (takes_ownership(event) && is_owned(owner) && !is_owner(owner, who))
		return OWNER_BUSY;
	if (cell == NO ||
	    (event == OWNER_RESERVE && owner->state == TRANSPORT_VM_PAUSED && is_owned(owner)))
		return OWNER_REFUSED;
	if (!takes_ownership(event) && !is_owner(owner, who))
		return is_owned(owner) ? OWNER_BUSY : OWNER_REFUSED;
	if (cell == SAME && !changes_nothing_here(event))
		return OWNER_NOTHING;
	return OWNER_GO;
}

static enum transport_vm_state next_state(const struct owner *owner, enum cell cell)
{
	static const enum transport_vm_state next[] = {
		[TO_PAUSED] = TRANSPORT_VM_PAUSED,
		[TO_RELINQUISHED] = TRANSPORT_VM_RELINQUISHED,
		[TO_RESERVED] = TRANSPORT_VM_RESERVED,
		[TO_STAGED] = TRANSPORT_VM_STAGED,
		[TO_PREPARED] = TRANSPORT_VM_PREPARED,
		[TO_ENDED] = TRANSPORT_VM_ENDED,
	};

	if (cell == SAME || cell == NO)
		return owner->state;
	if (cell == REST)
		return owner->held ? TRANSPORT_VM_PAUSED : TRANSPORT_VM_RUNNING;
	return next[cell];
}

static void forget_session(struct owner *owner)
{
	memset(&owner->session, 0, sizeof(owner->session));
	owner->connection = NULL;
}

void owner_did(struct owner *owner, enum owner_event event, const struct owner_asker *who,
	       bool stay_paused)
{
	const bool by_operator = transport_id_is_zero(&who->session);

	if (by_operator && event == OWNER_PAUSE)
		owner->held = true;
	if (by_operator && event == OWNER_RESUME)
		owner->held = false;
	if (event == OWNER_COMMIT) {
		owner->committed = who->session;
		owner->held = stay_paused;
	}
	owner->state = next_state(owner, matrix[owner->state][event]);
	if (takes_ownership(event) || event == OWNER_RECLAIM) {
		owner->session = who->session;
		owner->connection = NULL;
	}
	if (event == OWNER_RESERVE)
		owner->held = false;
	if ((event == OWNER_PAUSE || event == OWNER_RECLAIM) && !by_operator)
		owner->connection = who->connection;
	if (event == OWNER_RELINQUISH)
		owner->connection = NULL;
	if (event == OWNER_RESUME || event == OWNER_DROP || event == OWNER_COMMIT)
		forget_session(owner);
}

void owner_keep(struct owner *owner)
{
	owner->held = true;
	owner->state = TRANSPORT_VM_PAUSED;
	forget_session(owner);
}

struct transport_vm_status owner_status(const struct owner *owner)
{
	return (struct transport_vm_status){
		.state = owner->state,
		.may_run = owner->state == TRANSPORT_VM_RUNNING,
		.held = owner->held,
		.session = owner->session,
		.committed = owner->committed,
	};
}
