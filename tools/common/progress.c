// SPDX-License-Identifier: Apache-2.0
#include "progress.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#define BAR_WIDTH   30u
#define INTERVAL_NS 100000000u

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void progress_open(struct progress *progress, const struct tool *tool, int fd)
{
	const bool terminal = isatty(STDERR_FILENO);

	*progress = (struct progress){ .fd = fd, .started = now_ns() };
	if (fd >= 0 || tool->quiet)
		return;
	progress->bar = terminal && !tool->json;
	if (terminal || tool->verbose)
		progress->fd = STDERR_FILENO;
}

static void show_bar(const struct progress *progress, uint64_t done, uint64_t total)
{
	const uint64_t filled = total ? (done < total ? done : total) * BAR_WIDTH / total : 0;
	char bar[BAR_WIDTH + 1];

	memset(bar, ' ', BAR_WIDTH);
	memset(bar, '#', filled);
	bar[BAR_WIDTH] = '\0';
	dprintf(progress->fd, "\r%-12s [%s] %" PRIu64 "/%" PRIu64 "\033[K", progress->phase, bar,
		done, total);
}

static void show_line(const struct progress *progress, uint64_t now, uint64_t done, uint64_t total)
{
	dprintf(progress->fd,
		"{\"event\":\"progress\",\"phase\":\"%s\",\"done\":%" PRIu64 ",\"total\":%" PRIu64
		",\"us\":%" PRIu64 "}\n",
		progress->phase, done, total, (now - progress->started) / 1000);
}

void progress_report(struct progress *progress, const char *phase, uint64_t done, uint64_t total)
{
	const bool new_phase = strcmp(progress->phase, phase) != 0;
	const uint64_t now = now_ns();

	if (progress->fd < 0 ||
	    (!new_phase && done != total && now - progress->shown < INTERVAL_NS))
		return;
	snprintf(progress->phase, sizeof(progress->phase), "%s", phase);
	progress->shown = now;
	if (progress->bar)
		show_bar(progress, done, total);
	else
		show_line(progress, now, done, total);
}

void progress_close(struct progress *progress)
{
	if (progress->bar && progress->phase[0])
		dprintf(progress->fd, "\n");
	progress->fd = -1;
}
