// SPDX-License-Identifier: Apache-2.0
#include "session_beat.h"

#include <errno.h>

#include "clock.h"
#include "stream.h"

#define BEATS_PER_SILENCE 4 /* so that one may be late */

bool session_link_both(const struct session_link *link, uint64_t feature)
{
	return (link->features & link->peers_features & feature) == feature;
}

static int beat_ms(const struct session_link *link)
{
	const int every = link->wait.message_ms / BEATS_PER_SILENCE;

	return every > 0 ? every : 1;
}

void session_link_beat(struct session_link *link)
{
	const struct transport_buffer nothing = { .max = 0 };

	if (session_link_both(link, TRANSPORT_FEATURE_BEAT) &&
	    clock_now_ms() >= link->last_sent + beat_ms(link))
		session_link_send(link, MESSAGE_HEARTBEAT, &nothing, NULL);
}

void transport_session_beat(struct transport_progress *progress)
{
	if (progress->link)
		session_link_beat(progress->link);
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int too_late(const char *field, int ms, struct transport_error *err)
{
	return transport_error_fill(err, -ETIMEDOUT, "timeout", "peer", field, "within %d ms|none",
				    ms);
}

/* Until there is something to read. @silence: when a peer that has said nothing since is given up */
static int wait_beating(struct session_link *link, int64_t deadline, int64_t silence,
			struct transport_error *err)
{
	int64_t now;
	int ret;

	do {
		session_link_beat(link);
		ret = stream_await(link->stream,
				   earlier(earlier(deadline, silence),
					   link->last_sent + beat_ms(link)),
				   err);
		now = clock_now_ms();
	} while (ret == -ETIMEDOUT && now < deadline && now < silence);
	if (ret == -ETIMEDOUT && now < deadline)
		return too_late("silence", link->silent_ms, err);
	return ret;
}

static int send_beat(struct session_link *link, struct transport_error *err)
{
	const struct transport_buffer nothing = { .max = 0 };

	return session_link_send(link, MESSAGE_HEARTBEAT, &nothing, err);
}

/* One HEARTBEAT, and the peer's. */
static int ask(struct session_link *link, struct transport_error *err)
{
	struct session_in in = { .body.len = 0 };
	int ret = send_beat(link, err);

	if (!ret)
		ret = session_link_expect(link, MESSAGE_HEARTBEAT, link->wait.message_ms, &in, err);
	session_in_release(&in);
	return ret;
}

int session_beat_until(struct session_link *link, const struct transport_source_ops *ops, void *ctx,
		       enum transport_wait what, struct transport_error *err)
{
	bool over = !ops->wait;
	int ret = 0;

	if (!over && !(link->peers_features & TRANSPORT_FEATURE_HEARTBEAT))
		return transport_error_fill(err, -EOPNOTSUPP, "incompatible", "peer", "HEARTBEAT",
					    "one that waits along|one that takes a VM alone");
	/* PREPARED has just come; READY may be older than what the peer has learned since. */
	if (!over && what == TRANSPORT_WAIT_STOP)
		ret = ask(link, err);
	while (!ret && !over) {
		ret = ops->wait(ctx, what, SESSION_BEAT_MS, &over, err);
		if (!ret && !over)
			ret = ask(link, err);
	}
	return ret;
}

/* Who waits along is asked by each HEARTBEAT of such a source, and waits as if from then on. */
static bool waits_along(const struct session_link *link)
{
	return link->alive && link->known &&
	       (link->peers_features & TRANSPORT_FEATURE_HEARTBEAT) != 0;
}

static int answer_beat(struct session_link *link, struct transport_error *err)
{
	int ret = link->alive(link->alive_ctx, err);

	return ret ? ret : send_beat(link, err);
}

/* One message, HEARTBEAT included. */
static int read_next(struct session_link *link, int64_t deadline, struct session_in *in,
		     struct transport_error *err)
{
	int64_t until = deadline;
	int ret = 0;

	if (session_link_both(link, TRANSPORT_FEATURE_BEAT)) {
		ret = wait_beating(link, deadline, clock_now_ms() + link->silent_ms, err);
		until = earlier(deadline, clock_now_ms() + link->silent_ms);
	}
	return ret ? ret
		   : session_read(link->stream, link->received, link->max_blob,
				  clock_left_ms(until), in, err);
}

int session_beat_read(struct session_link *link, bool wanted, int timeout_ms, struct session_in *in,
		      struct transport_error *err)
{
	int64_t deadline = clock_now_ms() + timeout_ms;
	int ret;

	for (;;) {
		ret = read_next(link, deadline, in, err);
		if (ret || wanted || in->type != MESSAGE_HEARTBEAT)
			return ret;
		session_in_release(in);
		if (!waits_along(link))
			continue;
		ret = answer_beat(link, err);
		if (ret)
			return ret;
		deadline = clock_now_ms() + timeout_ms;
	}
}
