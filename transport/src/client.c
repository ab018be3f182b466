// SPDX-License-Identifier: Apache-2.0
/* The clients of a control server: each is heard, answered and dropped by itself. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "server.h"

#define AGAIN_MS 1000 /* between two looks at a request that waits for its VMM */

static void set_deadline(struct transport_server *server, struct connection *connection,
			 int timeout_ms)
{
	connection->deadline = clock_now_ms() + timeout_ms;
	if (!server->earliest || connection->deadline < server->earliest)
		server->earliest = connection->deadline;
}

void client_drop(struct transport_server *server, struct connection *connection)
{
	struct connection **at = &server->connections;

	while (*at != connection)
		at = &(*at)->next;
	*at = connection->next;
	server->n_connections--;
	if (server->rests_until)
		server->rests_until = clock_now_ms();
	/* A child that was forked meanwhile may hold the socket open, and with it the watch. */
	epoll_ctl(server->epoll_fd, EPOLL_CTL_DEL, connection->channel.fd, NULL);
	verb_drop(connection);
	channel_release(&connection->channel);
	free(connection);
}

static bool is_allowed(const struct transport_server *server, int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		return false;
	if (peer.uid == 0 || peer.uid == geteuid())
		return true;
	for (size_t i = 0; i < server->n_allow; i++)
		if (server->allow[i] == peer.uid)
			return true;
	return false;
}

/* Tell a stranger why, if the socket takes it at once; there is no second try. */
static void turn_away(struct connection *connection, int code, const char *reason,
		      const char *field, const char *text)
{
	struct transport_error error;

	transport_error_fill(&error, code, reason, "control socket", field, "%s", text);
	if (verb_refuse(connection, TRANSPORT_VERB_HELLO, 1, &error) == 0)
		channel_send(&connection->channel);
}

void client_welcome(struct transport_server *server, struct door *door, int fd)
{
	struct connection *connection = calloc(1, sizeof(*connection));
	bool stays = false;

	if (!connection) {
		close(fd);
		return;
	}
	connection->watch = WATCH_CONNECTION;
	connection->door = door;
	channel_init(&connection->channel, fd);
	if (!is_allowed(server, fd))
		turn_away(connection, -EACCES, "refused", "user", "an allowed user|another");
	else if (server->n_connections >= server->max_clients)
		turn_away(connection, -EAGAIN, "temporary", "clients", "a free place|none");
	else
		stays = server_watch(server, fd, EPOLLIN, connection) == 0;
	if (!stays) {
		channel_release(&connection->channel);
		free(connection);
		return;
	}
	connection->watched = EPOLLIN;
	set_deadline(server, connection, server->hello_timeout_ms);
	connection->next = server->connections;
	server->connections = connection;
	server->n_connections++;
}

/* What comes next: room for the reply; its end, while it waits for the VMM; its next request. */
static void watch_next(const struct transport_server *server, struct connection *connection)
{
	struct epoll_event event = { .events = connection->channel.out.len ? EPOLLOUT
					       : connection->waits         ? EPOLLRDHUP
									   : EPOLLIN,
				     .data.ptr = connection };

	if (event.events == connection->watched)
		return;
	epoll_ctl(server->epoll_fd, EPOLL_CTL_MOD, connection->channel.fd, &event);
	connection->watched = event.events;
}

/* Send what is queued. Return: 1 when all is out; 0 to wait; -errno to drop. */
static int flush(struct transport_server *server, struct connection *connection)
{
	const int ret = channel_send(&connection->channel);

	if (ret >= 0)
		watch_next(server, connection);
	if (ret != 1)
		return ret;
	if (connection->waits)
		connection->deadline = 0;
	else if (!connection->greeted)
		set_deadline(server, connection, server->hello_timeout_ms);
	else if (channel_is_receiving(&connection->channel))
		set_deadline(server, connection, server->message_timeout_ms);
	else
		connection->deadline = 0;
	return 1;
}

static bool has_sent_ahead(const struct connection *connection)
{
	int n = 0;

	return connection->channel.n_out_fds == 0 &&
	       ioctl(connection->channel.fd, FIONREAD, &n) == 0 && n > 0;
}

/* Return: 0 with a reply queued, or with the request kept until the VMM can answer; -errno */
static int serve(struct transport_server *server, struct connection *connection)
{
	const int ret = verb_serve(connection);

	connection->waits = ret == VERB_LATER;
	if (!connection->waits)
		channel_next(&connection->channel);
	else if (!server->again_at)
		server->again_at = clock_now_ms() + AGAIN_MS;
	return connection->waits ? 0 : ret;
}

/* Send what serve() has led to. Return: @served; -errno to drop */
static int reply(struct transport_server *server, struct connection *connection, int served)
{
	int ret;

	set_deadline(server, connection, server->message_timeout_ms);
	ret = flush(server, connection);
	return served ? served : ret < 0 ? ret : 0;
}

/* Assemble and answer one request. A client that breaks the protocol hears why and is dropped. */
static int hear(struct transport_server *server, struct connection *connection)
{
	int ret = channel_receive(&connection->channel), served;

	if (ret == 0) {
		if (connection->deadline == 0 && channel_is_receiving(&connection->channel))
			set_deadline(server, connection, server->message_timeout_ms);
		return 0;
	}
	if (ret < 0)
		return ret;
	served = serve(server, connection);
	/* One that was sent ahead: the mover is woken when both are answered, not in between. */
	if (!served && !connection->waits && has_sent_ahead(connection)) {
		ret = channel_receive(&connection->channel);
		served = ret == 1 ? serve(server, connection) : ret < 0 ? ret : 0;
	}
	return reply(server, connection, served);
}

/* Ask again for those whose VMM had no answer yet. */
void client_serve_again(struct transport_server *server)
{
	struct connection *next;

	if (!server->again_at || server->again_at > clock_now_ms())
		return;
	server->again_at = 0;
	for (struct connection *c = server->connections; c; c = next) {
		next = c->next;
		if (!c->waits)
			continue;
		if (reply(server, c, serve(server, c)) < 0)
			client_drop(server, c);
	}
}

void client_attend(struct transport_server *server, struct connection *connection, uint32_t events)
{
	int ret = 0;

	if (connection->channel.out.len)
		ret = events & (EPOLLERR | EPOLLHUP) ? -EPIPE : flush(server, connection);
	else if (connection->waits)
		ret = -EPIPE; /* nobody is there any more to be answered */
	else
		ret = hear(server, connection);
	if (ret < 0)
		client_drop(server, connection);
}

void client_drop_late(struct transport_server *server)
{
	const int64_t now = clock_now_ms();
	struct connection *next;

	/* With a thousand connections that sit idle nobody is looked at for each message. */
	if (!server->earliest || server->earliest > now)
		return;
	server->earliest = 0;
	for (struct connection *c = server->connections; c; c = next) {
		next = c->next;
		if (c->deadline && c->deadline <= now)
			client_drop(server, c);
		else if (c->deadline && (!server->earliest || c->deadline < server->earliest))
			server->earliest = c->deadline;
	}
}
