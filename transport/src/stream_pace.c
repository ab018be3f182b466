// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "clock.h"
#include "stream.h"

/* Pieces of a twentieth of a second: short enough to look even, long enough for whole packets. */
#define PIECES_A_SECOND 20u
#define SMALLEST_PIECE  1024u

static int64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t stream_pace_ms(const struct stream_pace *pace, size_t len)
{
	return pace->rate
		       ? (int64_t)(len / pace->rate * 1000 + len % pace->rate * 1000 / pace->rate)
		       : 0;
}

static size_t piece_of(uint64_t rate)
{
	const uint64_t piece = rate / PIECES_A_SECOND;

	return piece < SMALLEST_PIECE ? SMALLEST_PIECE : (size_t)piece;
}

/* Nothing is expected on the line meanwhile; only the cancel descriptor ends the wait. */
static int wait_until(struct transport_stream *stream, int64_t when, int64_t deadline,
		      struct transport_error *err)
{
	struct pollfd pfd = { .fd = stream->cancel_fd > 0 ? stream->cancel_fd : -1,
			      .events = POLLIN };
	int64_t left;

	while ((left = when - now_us()) > 0) {
		if (clock_left_ms(deadline) == 0)
			return transport_error_fill(err, -ETIMEDOUT, "timeout", stream->name,
						    "write", "a turn under the rate limit|none");
		if (poll(&pfd, 1, (int)((left + 999) / 1000)) > 0 && pfd.revents) {
			stream->cancel_fd = 0;
			return transport_error_fill(err, -ECANCELED, "cancelled", stream->name, "",
						    "|");
		}
	}
	return 0;
}

int stream_pace(struct transport_stream *stream, size_t *len, int64_t deadline,
		struct transport_error *err)
{
	struct stream_pace *pace = &stream->pace;
	size_t piece;
	int ret;

	if (!pace->rate)
		return 0;
	ret = wait_until(stream, pace->next, deadline, err);
	if (ret)
		return ret;
	piece = piece_of(pace->rate);
	if (*len > piece)
		*len = piece;
	/* What was not used is lost: a pause earns no burst. */
	if (pace->next < now_us())
		pace->next = now_us();
	pace->next += (int64_t)(*len * 1000000 / pace->rate);
	return 0;
}

void transport_stream_limit(struct transport_stream *stream, uint64_t rate)
{
	stream->pace = (struct stream_pace){ .rate = rate };
}
