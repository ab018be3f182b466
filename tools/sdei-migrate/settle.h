/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settle.h - how a session that was interrupted ends (docs/session-states.md)
 */
#ifndef SDEI_MIGRATE_SETTLE_H
#define SDEI_MIGRATE_SETTLE_H

#include "mover.h"

/* What the operator says, if he has to. */
enum settle_word { SETTLE_ASK, SETTLE_RUN_ON_SOURCE, SETTLE_RUN_ON_DESTINATION };

struct settle_request {
	struct ledger *ledger;
	const struct mover *mover; /* source only: to ask the peer; NULL: do not */
	const char *peer;          /* source only: its URI */
	enum settle_word word;
	const char *reason; /* the operator's, with a word */
	int timeout_ms;
};

/* What was found. */
struct settle_report {
	bool peer_answered;
	enum transport_outcome outcome; /* the peer's, if it answered */
	struct transport_error peer_error;
	const char *vm_here; /* state of the VM on this host; "gone" if its VMM does not answer */
};

/**
 * settle_source() - end a session of this host's own VM, as far as it can be ended
 *
 * @session is read from the ledger and written back. Asks the VMM, then the peer, then counts the
 * operator's word. Without the peer's answer nothing is decided while the command that began it lives.
 * Return: 0, and @session->state says how it stands (IN_DOUBT is possible); -EBUSY
 * busy: the command that began it is still at it; -errno with @failure.
 */
int settle_source(const struct settle_request *request, struct ledger_session *session,
		  struct settle_report *report, struct failure *failure);

/**
 * settle_destination() - the same for a VM that was to come here
 *
 * Asks the VMM, then counts the operator's word. A VM that never ran for this session is thrown away.
 */
int settle_destination(const struct settle_request *request, struct ledger_session *session,
		       struct settle_report *report, struct failure *failure);

/** settle_is_over() - COMMITTED or ABORTED? */
bool settle_is_over(const struct ledger_session *session);

/** settle_json() - a session that is over and what was found, as a result with reason and exit; NULL: no memory */
json_t *settle_json(const struct ledger_session *session, const struct settle_report *report);

#endif
