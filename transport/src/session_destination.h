/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session_destination.h - the destination's driver, and what its parts share
 */
#ifndef TRANSPORT_SESSION_DESTINATION_H
#define TRANSPORT_SESSION_DESTINATION_H

#include "session_link.h"

struct destination {
	struct session_link link;
	const struct transport_destination_ops *ops;
	void *ctx;
	struct transport_progress *progress;
	struct transport_visit *visit;
	struct transport_rehearsal rehearsal; /* of the last BASE */
	bool recorded;                        /* outcome() is due */
	bool mine;                            /* ABORTING, and by this thread */
	bool only_tries;                      /* the source does not, and is to be told */
};

/** destination_fault() - tell the caller which step comes. Return: what it says */
int destination_fault(struct destination *dest, enum transport_step step,
		      struct transport_error *err);

/** destination_move() - take a transition. Return: 0; -ECANCELED if another thread was faster */
int destination_move(struct destination *dest, enum transport_session_event event,
		     struct transport_error *err);

/** destination_ready() - READY. @done: what is kept of a BASE, after @spent_us; NULL: it answers none */
int destination_ready(struct destination *dest, const struct transport_rehearsal *done,
		      uint64_t spent_us, struct transport_error *err);

/** destination_only_tries() - the end of a session that a recv --dry-run cannot take. Return: -EPERM refused */
int destination_only_tries(struct transport_error *err);

/** destination_stage() - from READY on: every BASE, then the state itself, staged; STAGED afterwards */
int destination_stage(struct destination *dest, uint8_t digest[TRANSPORT_DIGEST_SIZE],
		      struct transport_error *err);

#endif
