/* SPDX-License-Identifier: Apache-2.0 */
/*
 * answer.h - one function per control verb: ask the matrix, let the VMM act, tell the matrix
 */
#ifndef TRANSPORT_ANSWER_H
#define TRANSPORT_ANSWER_H

#include "door.h"

/* A request being answered. */
struct request {
	struct connection *connection;
	struct door *door;
	const struct verb_rules *verb;
	struct transport_fields fields;
	struct verb_fds in_fds, out_fds;
	struct owner_asker who;
	struct transport_buffer reply;
	struct transport_error error;
};

/* Return: 0 with @request's reply filled; VERB_LATER; -errno with its error filled. */
typedef int (*answer_fn)(struct request *request);

/** answer_find() - the function for a message type; NULL for an unknown one */
answer_fn answer_find(uint16_t type);

int answer_read(struct request *request);
int answer_load(struct request *request);
int answer_token(struct request *request);
int answer_capture(struct request *request);
int answer_check(struct request *request);
int answer_rehearse(struct request *request);

/* What answers share. */

/** answer_lacks() - the VMM has no such callback. Return: -EOPNOTSUPP */
int answer_lacks(struct request *request, const char *callback);

/** answer_unsendable() - a reply could not be built; 0 is fine. Return: @code */
int answer_unsendable(struct request *request, int code);

/** answer_said() - what a callback returned; one that fails without a word still gets a reason. Return: @code */
int answer_said(struct request *request, int code);

/** answer_may() - ask the matrix. Return: 1 to go on, 0 if nothing is left to do; -EBUSY; -EPERM */
int answer_may(struct request *request, enum owner_event event);

/** answer_is_paused() - by this very session and connection? Return: 0; -EBUSY */
int answer_is_paused(struct request *request);

/** answer_tell() - let the VMM know what the protocol knows of its VM now */
void answer_tell(struct door *door);

#endif
