/* SPDX-License-Identifier: Apache-2.0 */
/*
 * progress.h - how far a long command is
 *
 * A bar on a terminal; JSON lines {"event":"progress",...} on the descriptor of --progress-fd; with
 * -v JSON lines on a stderr that is no terminal; else nothing.
 */
#ifndef TOOLS_COMMON_PROGRESS_H
#define TOOLS_COMMON_PROGRESS_H

#include "tool.h"

#include <stdint.h>

struct progress {
	int fd; /* -1: nothing is shown */
	bool bar;
	uint64_t started; /* ns, monotonic */
	uint64_t shown;   /* ns of the last line */
	char phase[32];
};

/** progress_open() - decide where to show it; @fd is --progress-fd or -1 */
void progress_open(struct progress *progress, const struct tool *tool, int fd);

/**
 * progress_report() - @done of @total (0: unknown) in @phase
 *
 * Lines of the same phase are at least 100 ms apart; a new phase and its end are always shown.
 */
void progress_report(struct progress *progress, const char *phase, uint64_t done, uint64_t total);

/** progress_close() - end the line of the bar */
void progress_close(struct progress *progress);

#endif
