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

/* Return: 0 with @request's reply filled; -errno with its error filled. */
typedef int (*answer_fn)(struct request *request);

/** answer_find() - the function for a message type; NULL for an unknown one */
answer_fn answer_find(uint16_t type);

/** answer_tell() - let the VMM know what the protocol knows of its VM now */
void answer_tell(struct door *door);

#endif
