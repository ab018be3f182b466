/* SPDX-License-Identifier: Apache-2.0 */
/*
 * detach.h - a command that goes on in the background once the worst is over
 *
 * A child does the work. Until it leaves it has the terminal, and its exit code is the command's; then the command ends, and
 * what the child says goes to a file of JSON lines, STATE/send-ID.log.
 */
#ifndef SDEI_MIGRATE_DETACH_H
#define SDEI_MIGRATE_DETACH_H

#include "common/tool.h"

#include <transport/control.h>

struct detach {
	bool wanted; /* the command line's word */
	int tell_fd; /* the child's, to the command that waits */
};

/**
 * detach_begin() - become two; call it before the first thread
 *
 * Return: 0 in the child, which goes on; 1 in the command that has waited for it, with its exit code in *@code; -errno with
 * @failure.
 */
int detach_begin(struct detach *detach, struct tool *tool, int *code, struct failure *failure);

/** detach_leave() - the child: from now on alone; once. Return: 0; -errno with @failure */
int detach_leave(struct detach *detach, struct tool *tool, const char *state,
		 const struct transport_id *session, struct failure *failure);

/** detach_log() - where a detached session's lines are; owned by the caller. NULL: no memory */
char *detach_log(const char *state, const struct transport_id *session);

#endif
