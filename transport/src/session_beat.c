// SPDX-License-Identifier: Apache-2.0
#include "session_beat.h"

#include <errno.h>

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

int session_beat_read(struct session_link *link, bool wanted, int timeout_ms, struct session_in *in,
		      struct transport_error *err)
{
	int ret;

	if (!wanted && !(link->alive && link->known))
		return session_read(link->stream, link->received, link->max_blob, timeout_ms, in,
				    err);
	do {
		ret = session_next(link->stream, link->received, link->max_blob, timeout_ms, in,
				   err);
		if (ret || wanted || in->type != MESSAGE_HEARTBEAT)
			return ret;
		session_in_release(in);
		ret = link->alive(link->alive_ctx, err);
		if (!ret)
			ret = send_beat(link, err);
	} while (!ret);
	return ret;
}
