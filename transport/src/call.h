/* SPDX-License-Identifier: Apache-2.0 */
/*
 * call.h - one request of a mover and its reply
 */
#ifndef TRANSPORT_CALL_H
#define TRANSPORT_CALL_H

#include "channel.h"
#include "verbs.h"

struct transport_control {
	struct channel channel;
	int timeout_ms;
	uint64_t last_id;
	/* Sent ahead, its reply not yet taken; NULL: none. */
	const struct verb_rules *ahead;
	uint64_t ahead_id;
	/* Told now and then while a reply is awaited; NULL: nobody. */
	void (*waiting)(void *ctx);
	void *waiting_ctx;
};

/* What goes out, and what came back; the reply is borrowed from the channel until the next call. */
struct call {
	const struct verb_rules *verb;
	struct transport_buffer body;
	struct verb_fds fds, reply_fds;
	struct transport_fields reply;
	int64_t deadline;
	uint64_t id;
};

#define OWNED_CALL __attribute__((cleanup(call_release)))

/** call_open() - an empty request */
void call_open(struct call *call, enum transport_verb verb);

/** call_release() - wipe the request, close what was not sent */
void call_release(struct call *call);

/** call_unsendable() - the request could not be built: why. Return: @code */
int call_unsendable(const struct call *call, int code, struct transport_error *err);

/** call_make() - send, wait, understand. Return: as transport/control.h says of every call */
int call_make(struct transport_control *control, struct call *call, struct transport_error *err);

/**
 * call_make_two() - as call_make(), with @next sent right behind so that the VMM goes on by itself
 *
 * The next call_take() takes the reply to @next; another call drops it first.
 */
int call_make_two(struct transport_control *control, struct call *call, struct call *next,
		  struct transport_error *err);

/** call_is_ahead() - has @verb been sent by call_make_two(), its reply not taken yet? */
bool call_is_ahead(const struct transport_control *control, enum transport_verb verb);

/** call_take() - wait for the reply to what was sent ahead. @call must be open for the same verb */
int call_take(struct transport_control *control, struct call *call, struct transport_error *err);

/** call_large() - append the large field of a reply to @out. Return: 0; -ENOMEM; -E2BIG; -EBADMSG */
int call_large(struct call *call, uint16_t tag, struct transport_buffer *out,
	       struct transport_error *err);

/** call_for_session() - open and make a call that says nothing but its session */
int call_for_session(struct transport_control *control, enum transport_verb verb,
		     const struct transport_id *session, struct call *call,
		     struct transport_error *err);

#endif
