// SPDX-License-Identifier: Apache-2.0
#include "progress.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#define BAR_WIDTH   30u
#define INTERVAL_NS 100000000u
#define LINE_SIZE   512u /* below PIPE_BUF: a line goes whole or not at all */

/* What is shown of one moment. */
struct moment {
	uint64_t now, done, total;
	uint64_t rate; /* a second; 0: not known yet */
};

struct line {
	char text[LINE_SIZE];
	size_t len;
};

uint64_t progress_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

int progress_check(const struct option_number *given, struct failure *failure)
{
	char text[24];

	if (!given->given || fcntl((int)given->value, F_GETFD) >= 0)
		return 0;
	snprintf(text, sizeof(text), "%d", (int)given->value);
	return failure_set(failure, SDEISTATE_USAGE, -EINVAL, "command line", "--progress-fd",
			   "an open descriptor", text);
}

void progress_open(struct progress *progress, const struct tool *tool, int fd)
{
	const bool terminal = isatty(STDERR_FILENO);

	*progress = (struct progress){ .fd = fd, .started = progress_now() };
	if (fd >= 0 || tool->quiet)
		return;
	progress->bar = terminal && !tool->json;
	if (terminal || tool->verbose)
		progress->fd = STDERR_FILENO;
}

static void add(struct line *line, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct line *line, const char *format, ...)
{
	va_list list;
	int len;

	va_start(list, format);
	len = vsnprintf(line->text + line->len, sizeof(line->text) - line->len, format, list);
	va_end(list);
	if (len > 0)
		line->len += (size_t)len;
	if (line->len >= sizeof(line->text))
		line->len = sizeof(line->text) - 1;
}

/* Who does not read misses something; a VM that stands still does not wait for him. */
static void put(const struct progress *progress, const struct line *line)
{
	struct pollfd pfd = { .fd = progress->fd, .events = POLLOUT };

	if (poll(&pfd, 1, 0) == 1 && (pfd.revents & POLLOUT))
		while (write(progress->fd, line->text, line->len) < 0 && errno == EINTR)
			;
}

static uint64_t left_us(const struct moment *moment)
{
	if (!moment->rate || moment->done >= moment->total)
		return 0;
	return (moment->total - moment->done) * 1000000u / moment->rate;
}

static void show_bar(const struct progress *progress, const struct moment *moment)
{
	const uint64_t done = moment->done, total = moment->total;
	const uint64_t filled = total ? (done < total ? done : total) * BAR_WIDTH / total : 0;
	struct line line = { .len = 0 };
	char bar[BAR_WIDTH + 1];

	memset(bar, ' ', BAR_WIDTH);
	memset(bar, '#', filled);
	bar[BAR_WIDTH] = '\0';
	add(&line, "\r%-12s ", progress->phase);
	if (total)
		add(&line, "[%s] %" PRIu64 "/%" PRIu64, bar, done, total);
	if (moment->rate)
		add(&line, " %" PRIu64 "/s", moment->rate);
	if (left_us(moment))
		add(&line, " %.1f s left", (double)left_us(moment) / 1e6);
	if (progress->stopped)
		add(&line, " VM stopped for %.1f ms",
		    (double)(moment->now - progress->stopped) / 1e6);
	if (progress->deadline_ms)
		add(&line, ", gives up after %.1f s", progress->deadline_ms / 1e3);
	add(&line, "\033[K");
	put(progress, &line);
}

static void show_line(const struct progress *progress, const struct moment *moment)
{
	struct line line = { .len = 0 };

	add(&line, "{\"event\":\"progress\",");
	if (progress->session[0])
		add(&line, "\"session\":\"%s\",", progress->session);
	add(&line, "\"phase\":\"%s\",\"done\":%" PRIu64 ",\"total\":%" PRIu64, progress->phase,
	    moment->done, moment->total);
	if (moment->rate)
		add(&line, ",\"rate\":%" PRIu64, moment->rate);
	if (left_us(moment))
		add(&line, ",\"left_us\":%" PRIu64, left_us(moment));
	if (progress->stopped)
		add(&line, ",\"blackout_us\":%" PRIu64, (moment->now - progress->stopped) / 1000);
	if (progress->deadline_ms)
		add(&line, ",\"deadline_ms\":%d", progress->deadline_ms);
	add(&line, ",\"us\":%" PRIu64 "}\n", (moment->now - progress->started) / 1000);
	put(progress, &line);
}

/* Units a second since the phase began. */
static uint64_t rate_of(const struct progress *progress, uint64_t now, uint64_t done)
{
	const uint64_t ns = now - progress->entered;

	if (done <= progress->first || ns < 1000)
		return 0;
	return (uint64_t)((double)(done - progress->first) * 1e9 / (double)ns);
}

void progress_report(struct progress *progress, const char *phase, uint64_t done, uint64_t total)
{
	const bool new_phase = strcmp(progress->phase, phase) != 0;
	const uint64_t now = progress->fd < 0 ? 0 : progress_now();
	struct moment moment = { .now = now, .done = done, .total = total };

	if (progress->fd < 0 ||
	    (!new_phase && done != total && now - progress->shown < INTERVAL_NS))
		return;
	if (new_phase) {
		snprintf(progress->phase, sizeof(progress->phase), "%s", phase);
		progress->entered = now;
		progress->first = done;
	}
	progress->shown = now;
	moment.rate = rate_of(progress, now, done);
	if (progress->bar)
		show_bar(progress, &moment);
	else
		show_line(progress, &moment);
}

void progress_close(struct progress *progress)
{
	if (progress->bar && progress->phase[0])
		dprintf(progress->fd, "\n");
	progress->fd = -1;
}
