/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server.h - the insides of a control server: server.c has its doors and its loop, client.c who came through them
 */
#ifndef TRANSPORT_SERVER_H
#define TRANSPORT_SERVER_H

#include "door.h"

#define MAX_ALLOWED 64u

struct transport_server {
	enum watch wake, again; /* what epoll hands back for the two below */
	int epoll_fd, wake_fd, again_fd;
	struct door *doors;
	struct connection *connections;
	unsigned int n_connections, max_clients;
	int64_t earliest; /* deadline of a connection, or before the first of them; 0: none has one */
	int64_t rests_until; /* some doors are not watched until then, or until a connection is gone; 0: none */
	int64_t again_at; /* when those that wait for their VMM are served again; 0: nobody waits */
	int message_timeout_ms, hello_timeout_ms;
	mode_t socket_mode;
	uid_t allow[MAX_ALLOWED];
	size_t n_allow;
};

/** server_watch() - have epoll hand back @what, whose first member is an enum watch. Return: 0; -errno */
int server_watch(const struct transport_server *server, int fd, uint32_t events, void *what);

/** client_welcome() - take over a socket that was accepted at @door, or turn it away */
void client_welcome(struct transport_server *server, struct door *door, int fd);

/** client_attend() - something happened at its socket: hear it, answer it, or drop it */
void client_attend(struct transport_server *server, struct connection *connection, uint32_t events);

/** client_drop() - close and free a connection; what it had paused runs again */
void client_drop(struct transport_server *server, struct connection *connection);

/** client_drop_late() - drop those whose deadline has passed */
void client_drop_late(struct transport_server *server);

/** client_serve_again() - ask again for those whose VMM had no answer yet, if it is time */
void client_serve_again(struct transport_server *server);

#endif
