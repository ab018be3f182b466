/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session_beat.h - HEARTBEAT: who waits says that it lives; who waits for something outside the session also asks
 *
 * docs/protocol.md, 6 and 3.9.
 */
#ifndef TRANSPORT_SESSION_BEAT_H
#define TRANSPORT_SESSION_BEAT_H

#include "session_link.h"

#define SESSION_BEAT_MS 250 /* between two questions */

/**
 * session_beat_until() - the source: call @ops->wait, if there is one, until @what is over, and ask the peer in between
 *
 * Return: 0; what it returns; -EOPNOTSUPP "incompatible": the peer does not wait along; -ETIMEDOUT "timeout";
 * as session_link_expect(): the peer gave up.
 */
int session_beat_until(struct session_link *link, const struct transport_source_ops *ops, void *ctx,
		       enum transport_wait what, struct transport_error *err);

/**
 * session_beat_read() - the next message
 * @wanted: a HEARTBEAT is one, too
 *
 * Otherwise they are passed over, or, where the peer waits for something and the link has alive(), answered; then the wait
 * begins anew. Where both sides have the feature, ours are sent meanwhile, and a peer that is silent for silent_ms is given up.
 */
int session_beat_read(struct session_link *link, bool wanted, int timeout_ms, struct session_in *in,
		      struct transport_error *err);

#endif
