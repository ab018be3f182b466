/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session_beat.h - HEARTBEAT: who waits for something outside the session asks whether the peer lives
 *
 * docs/protocol.md, 3.9.
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
 * Otherwise they are passed over, or, once the peer is known and where the link has alive(), answered; then the wait begins anew.
 */
int session_beat_read(struct session_link *link, bool wanted, int timeout_ms, struct session_in *in,
		      struct transport_error *err);

#endif
