/* SPDX-License-Identifier: Apache-2.0 */
/*
 * side.h - what a helper is on either side: one VM, one migration, one outcome
 *
 *	waiting	 nothing was saved or loaded yet
 *	given	 source: the state left, and its VM may not run here
 *	proved	 destination: loaded and proved; it may not run yet
 *	over	 nothing is left to do
 */
#ifndef SDEI_MIGRATE_HOOK_SIDE_H
#define SDEI_MIGRATE_HOOK_SIDE_H

#include "../ledger.h"
#include "args.h"
#include "parts.h"

#include <time.h>
#include <transport/control.h>

enum side_state { SIDE_WAITING, SIDE_GIVEN, SIDE_PROVED, SIDE_OVER };

struct side {
	const struct tool *tool;
	const struct hook_args *args;
	struct transport_control *control;
	struct ledger *ledger;
	struct ledger_live
		live; /* source: while this helper lives nobody settles by the VM's word alone */
	struct ledger_session session;
	enum side_state state;
	bool recorded; /* the ledger has the session */
	bool unseen;   /* a migration began, and QEMU did not say in time with which capabilities */
	bool failed;   /* it came to nothing, and why: */
	struct failure why;
};

/** side_open() - connect to the VMM, open the ledger, choose a session. Return: 0; -errno with @failure */
int side_open(const struct tool *tool, const struct hook_args *args, enum transport_role role,
	      struct side *side, struct failure *failure);

/** side_close() - give back what side_open() took */
void side_close(struct side *side);

/** side_fail() - it came to nothing; the first reason stays. Return: its errno */
int side_fail(struct side *side, const struct failure *failure);

/** side_settle() - write down how it ended; @note may be NULL. Return: 0; -errno with @failure */
int side_settle(struct side *side, enum transport_session_state state, const char *note,
		struct failure *failure);

/** side_deadline() - when a call that begins now must be over */
struct timespec side_deadline(const struct side *side);

/** side_wait() - let the next request to the VMM wait until @deadline. Return: 0; -ETIMEDOUT timeout */
int side_wait(const struct side *side, const struct timespec *deadline,
	      struct transport_error *err);

#endif
