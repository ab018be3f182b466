/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resolve.h - end a session by its id, with what the ledger knows of it
 */
#ifndef SDEI_MIGRATE_RESOLVE_H
#define SDEI_MIGRATE_RESOLVE_H

#include "common/tool.h"
#include "settle.h"

/* What the command line says. */
struct resolve_args {
	const char *id, *run_on, *reason, *state;
	struct mover_options mover;
};

/**
 * resolve_session() - find it, ask whoever can tell, and let this host's VM follow
 *
 * Return: 0, and settle_is_over() tells whether it came to an end; -ENOENT and what settle_source() returns.
 */
int resolve_session(const struct resolve_args *args, struct ledger_session *session,
		    struct settle_report *report, struct failure *failure);

/** resolve_in_doubt() - say that nobody knows, and who has to decide. Return: exit code */
int resolve_in_doubt(const struct tool *tool, const struct ledger_session *session,
		     const struct settle_report *report);

#endif
