/* SPDX-License-Identifier: Apache-2.0 */
/*
 * owner.h - who may do what with a VM: the one matrix behind every control server
 *
 * docs/control.md, "Ownership". Pure: it neither talks to a VMM nor to a client. A command first asks
 * owner_may(), then lets the VMM act, then tells owner_did(), so that a refusing VMM leaves no trace.
 */
#ifndef TRANSPORT_OWNER_H
#define TRANSPORT_OWNER_H

#include <transport/control.h>

enum owner_event {
	OWNER_PAUSE,
	OWNER_CAPTURE, /* final */
	OWNER_RESUME,
	OWNER_RELINQUISH,
	OWNER_RECLAIM,
	OWNER_RESERVE,
	OWNER_STAGE,
	OWNER_PREPARED, /* everything is loaded */
	OWNER_COMMIT,
	OWNER_ABORT,
	OWNER_END,
	OWNER_LOAD,  /* bytes for what will be staged */
	OWNER_TOKEN, /* of what is staged */
	OWNER_REHEARSE,
	OWNER_DROP, /* the connection is gone */
	OWNER_NR_EVENTS
};

/* All zero: a VM that nobody has touched. */
struct owner {
	enum transport_vm_state state;
	bool held; /* stay paused when no session pauses it any more */
	struct transport_id session;
	struct transport_id committed;
	const void *connection; /* of a session's pause; NULL otherwise */
};

/* Who asks. A zero session is the operator. */
struct owner_asker {
	struct transport_id session;
	const void *connection;
};

enum owner_answer {
	OWNER_GO,      /* let the VMM act, then owner_did() */
	OWNER_NOTHING, /* allowed, and there is nothing left to do */
	OWNER_BUSY,    /* another session has the VM */
	OWNER_REFUSED, /* not in this state, or not by this asker */
};

/** owner_may() - may @who do this now? */
enum owner_answer owner_may(const struct owner *owner, enum owner_event event,
			    const struct owner_asker *who);

/** owner_did() - the VMM has done what owner_may() let go; @stay_paused counts for COMMIT only */
void owner_did(struct owner *owner, enum owner_event event, const struct owner_asker *who,
	       bool stay_paused);

/** owner_keep() - the VMM could not resume: from now on the pause is the operator's */
void owner_keep(struct owner *owner);

/** owner_status() - what STATUS says */
struct transport_vm_status owner_status(const struct owner *owner);

#endif
