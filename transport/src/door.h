/* SPDX-License-Identifier: Apache-2.0 */
/*
 * door.h - the insides of a control server: doors, connections, and the verbs behind them
 */
#ifndef TRANSPORT_DOOR_H
#define TRANSPORT_DOOR_H

#include "channel.h"
#include "owner.h"
#include "verbs.h"

#include <sys/types.h>

#define DOOR_BACKLOG 64

/* What epoll hands back; the first member of whatever is watched. */
enum watch { WATCH_WAKE, WATCH_AGAIN, WATCH_DOOR, WATCH_CONNECTION };

struct door {
	enum watch watch;
	struct door *next;
	struct transport_server *server;
	int fd;
	bool rests; /* it is not watched for a while */
	char *path;
	const struct transport_control_ops *ops;
	void *vm;
	struct owner owner;
	struct transport_id instance; /* nobody else's, and no former VMM's */
};

struct connection {
	enum watch watch;
	struct connection *next;
	struct door *door;
	struct channel channel;
	int64_t deadline; /* 0: idle, may wait for ever */
	bool greeted;
	bool waits;       /* its request is kept until the VMM can answer it */
	uint32_t watched; /* events of epoll */
};

/**
 * door_listen() - a socket of @mode that listens at @path; a file whose server is gone is replaced
 *
 * Return: 0; -ENAMETOOLONG "usage"; -EEXIST "io" for what is no socket; -EADDRINUSE "busy"; -errno "io".
 */
int door_listen(const char *path, mode_t mode, int *fd, struct transport_error *err);

#define VERB_LATER 1

/**
 * verb_serve() - answer the request a connection has received
 *
 * Return: 0 with a reply queued, also when the answer is an error object; VERB_LATER with none: the VMM has to
 * be asked again, with the same request; a negative errno when the peer
 * broke the protocol and the connection must be dropped after what is queued has been sent.
 */
int verb_serve(struct connection *connection);

/** verb_refuse() - queue an error object as the reply to @type. Return: 0; -ENOMEM */
int verb_refuse(struct connection *connection, uint16_t type, uint64_t id,
		const struct transport_error *error);

/** verb_drop() - the connection is gone: what it had paused and not relinquished runs again */
void verb_drop(struct connection *connection);

#endif
