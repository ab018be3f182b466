/* SPDX-License-Identifier: Apache-2.0 */
/*
 * progress.h - how far a long command is
 *
 * A bar on a terminal; JSON lines {"event":"progress",...} on the descriptor of --progress-fd; with
 * -v JSON lines on a stderr that is no terminal; else nothing. A reader that does not keep up misses
 * lines; it never holds the command up.
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
	uint64_t entered; /* ns: since when it is in this phase */
	uint64_t first;   /* what was done when it came into it */
	/* The caller's to set, all may stay zero: */
	char session[40]; /* which of several it is about */
	uint64_t stopped; /* ns, monotonic: since when a VM stands still for it */
	int deadline_ms;  /* how long this phase may take */
};

/** progress_now() - nanoseconds of the monotonic clock */
uint64_t progress_now(void);

#define PROGRESS_MAX_FD (1 << 20) /* of --progress-fd; Linux has no more */

/** progress_check() - is the descriptor of --progress-fd open? Return: 0; -EINVAL with @failure */
int progress_check(const struct option_number *given, struct failure *failure);

/** progress_open() - decide where to show it; @fd is --progress-fd or -1 */
void progress_open(struct progress *progress, const struct tool *tool, int fd);

/**
 * progress_report() - @done of @total (0: unknown) in @phase
 *
 * Lines of the same phase are at least 100 ms apart; a new phase and its end are always shown. Once something was done in a
 * phase its rate is shown, and with a total what time is left.
 */
void progress_report(struct progress *progress, const char *phase, uint64_t done, uint64_t total);

/** progress_close() - end the line of the bar */
void progress_close(struct progress *progress);

#endif
