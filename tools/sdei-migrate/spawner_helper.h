/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spawner_helper.h - the process that starts VMMs, and what it is told
 */
#ifndef SDEI_MIGRATE_SPAWNER_HELPER_H
#define SDEI_MIGRATE_SPAWNER_HELPER_H

#include "spawner.h"

enum spawn_verb { SPAWN_START, SPAWN_SHARE, SPAWN_LOOK, SPAWN_END, SPAWN_KEEP };

/* One packet each way. */
struct spawn_order {
	enum spawn_verb verb;
	pid_t pid;                    /* all but START and SHARE */
	struct spawn_request request; /* START and SHARE */
};

struct spawn_answer {
	int ret;    /* 0 or -errno */
	pid_t pid;  /* START and SHARE */
	int status; /* LOOK with -ECHILD: as of waitpid(2) */
};

/** spawn_help() - serve orders from @fd until it ends. Never returns */
void spawn_help(int fd, char *const *word) __attribute__((noreturn));

#endif
