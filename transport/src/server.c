// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "door.h"

#define DEFAULT_TIMEOUT_MS 5000
#define EVENTS             32
#define MAX_ALLOWED        64u
#define REST_MS            200 /* of a door where no connection can be taken */

struct transport_server {
	enum watch wake; /* what epoll hands back for wake_fd */
	int epoll_fd, wake_fd;
	struct door *doors;
	struct connection *connections;
	unsigned int n_connections, max_clients;
	int64_t earliest; /* deadline of a connection, or before the first of them; 0: none has one */
	int64_t rests_until; /* some doors are not watched until then, or until a connection is gone; 0: none */
	int message_timeout_ms, hello_timeout_ms;
	mode_t socket_mode;
	uid_t allow[MAX_ALLOWED];
	size_t n_allow;
};

static void set_deadline(struct transport_server *server, struct connection *connection,
			 int timeout_ms)
{
	connection->deadline = clock_now_ms() + timeout_ms;
	if (!server->earliest || connection->deadline < server->earliest)
		server->earliest = connection->deadline;
}

static int system_error(struct transport_error *err, const char *object, const char *call)
{
	const int code = -errno;

	return transport_error_fill(err, code, "io", object, call, "success|%s", strerror(-code));
}

static int or_default(int given, int otherwise)
{
	return given > 0 ? given : otherwise;
}

static int watch_fd(const struct transport_server *server, int fd, uint32_t events, void *what)
{
	struct epoll_event event = { .events = events, .data.ptr = what };

	return epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

static void take_options(struct transport_server *server,
			 const struct transport_server_options *options)
{
	server->max_clients =
		options->max_clients ? options->max_clients : TRANSPORT_CONTROL_MAX_CLIENTS;
	server->message_timeout_ms = or_default(options->message_timeout_ms, DEFAULT_TIMEOUT_MS);
	server->hello_timeout_ms = or_default(options->hello_timeout_ms, DEFAULT_TIMEOUT_MS);
	server->socket_mode = options->socket_mode ? options->socket_mode
			      : options->n_allow   ? 0666
						   : 0600;
	server->n_allow = options->n_allow;
	for (size_t i = 0; i < options->n_allow; i++)
		server->allow[i] = options->allow[i];
}

int transport_server_new(const struct transport_server_options *options,
			 struct transport_server **server, struct transport_error *err)
{
	static const struct transport_server_options defaults;
	struct transport_server *made;
	int ret = 0;

	options = options ? options : &defaults;
	if (options->n_allow > MAX_ALLOWED)
		return transport_error_fill(err, -E2BIG, "over-limit", "allowed users", "",
					    "at most %u|%zu", MAX_ALLOWED, options->n_allow);
	made = calloc(1, sizeof(*made));
	if (!made)
		return transport_error_fill(err, -ENOMEM, "no-memory", "control server", "", "|");
	take_options(made, options);
	made->wake = WATCH_WAKE;
	made->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	made->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (made->epoll_fd < 0 || made->wake_fd < 0)
		ret = system_error(err, "control server", "epoll");
	if (!ret && watch_fd(made, made->wake_fd, EPOLLIN, &made->wake))
		ret = system_error(err, "control server", "epoll");
	if (ret)
		transport_server_free(made);
	else
		*server = made;
	return ret;
}

static void free_door(struct door *door)
{
	if (door->fd >= 0) {
		unlink(door->path);
		close(door->fd);
	}
	free(door->path);
	free(door);
}

int transport_server_add(struct transport_server *server, const char *path,
			 const struct transport_control_ops *ops, void *vm,
			 struct transport_error *err)
{
	struct door *door = calloc(1, sizeof(*door));
	int ret;

	if (door)
		*door = (struct door){ .watch = WATCH_DOOR,
				       .next = server->doors,
				       .server = server,
				       .fd = -1,
				       .path = strdup(path),
				       .ops = ops,
				       .vm = vm };
	if (!door || !door->path || transport_id_random(&door->instance)) {
		if (door)
			free(door->path);
		free(door);
		return transport_error_fill(err, -ENOMEM, "no-memory", path, "", "|");
	}
	ret = door_listen(path, server->socket_mode, &door->fd, err);
	if (!ret && watch_fd(server, door->fd, EPOLLIN, door))
		ret = system_error(err, path, "epoll");
	if (ret)
		free_door(door);
	else
		server->doors = door;
	return ret;
}

int transport_server_status(const struct transport_server *server, const char *path,
			    struct transport_vm_status *status)
{
	for (const struct door *door = server->doors; door; door = door->next) {
		if (strcmp(door->path, path) == 0) {
			*status = owner_status(&door->owner);
			return 0;
		}
	}
	return -ENOENT;
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

static void drop(struct transport_server *server, struct connection *connection)
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

/* Tell a stranger why, if the socket takes it at once; there is no second try. */
static void turn_away(struct connection *connection, int code, const char *reason,
		      const char *field, const char *text)
{
	struct transport_error error;

	transport_error_fill(&error, code, reason, "control socket", field, "%s", text);
	if (verb_refuse(connection, TRANSPORT_VERB_HELLO, 1, &error) == 0)
		channel_send(&connection->channel);
}

static void welcome(struct transport_server *server, struct door *door, int fd)
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
		stays = watch_fd(server, fd, EPOLLIN, connection) == 0;
	if (!stays) {
		channel_release(&connection->channel);
		free(connection);
		return;
	}
	set_deadline(server, connection, server->hello_timeout_ms);
	connection->next = server->connections;
	server->connections = connection;
	server->n_connections++;
}

static void watch_door(const struct transport_server *server, struct door *door, bool on)
{
	struct epoll_event event = { .events = on ? EPOLLIN : 0, .data.ptr = door };

	epoll_ctl(server->epoll_fd, EPOLL_CTL_MOD, door->fd, &event);
	door->rests = !on;
}

/* Without descriptors or memory a connection stays in the queue, and its door calls for ever. */
static void rest(struct transport_server *server, struct door *door)
{
	server->rests_until = clock_now_ms() + REST_MS;
	watch_door(server, door, false);
}

static void end_rest(struct transport_server *server)
{
	if (!server->rests_until || server->rests_until > clock_now_ms())
		return;
	server->rests_until = 0;
	for (struct door *door = server->doors; door; door = door->next)
		if (door->rests)
			watch_door(server, door, true);
}

static void open_door(struct transport_server *server, struct door *door)
{
	for (int i = 0; i < DOOR_BACKLOG; i++) {
		const int fd = accept4(door->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0 &&
		    (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM))
			rest(server, door);
		if (fd < 0)
			return;
		welcome(server, door, fd);
	}
}

static void watch_for(struct transport_server *server, struct connection *connection,
		      uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = connection };

	epoll_ctl(server->epoll_fd, EPOLL_CTL_MOD, connection->channel.fd, &event);
}

/* Send what is queued. Return: 1 when all is out; 0 to wait; -errno to drop. */
static int flush(struct transport_server *server, struct connection *connection)
{
	const int ret = channel_send(&connection->channel);

	if (connection->draining != (ret == 0))
		watch_for(server, connection, ret == 0 ? EPOLLOUT : EPOLLIN);
	connection->draining = ret == 0;
	if (ret != 1)
		return ret;
	if (!connection->greeted)
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

static int serve(struct connection *connection)
{
	const int ret = verb_serve(connection);

	channel_next(&connection->channel);
	return ret;
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
	served = serve(connection);
	/* One that was sent ahead: the mover is woken when both are answered, not in between. */
	if (!served && has_sent_ahead(connection)) {
		ret = channel_receive(&connection->channel);
		served = ret == 1 ? serve(connection) : ret < 0 ? ret : 0;
	}
	set_deadline(server, connection, server->message_timeout_ms);
	ret = flush(server, connection);
	return served ? served : ret < 0 ? ret : 0;
}

static void attend(struct transport_server *server, struct connection *connection, uint32_t events)
{
	int ret = 0;

	if (connection->channel.out.len)
		ret = events & (EPOLLERR | EPOLLHUP) ? -EPIPE : flush(server, connection);
	else
		ret = hear(server, connection);
	if (ret < 0)
		drop(server, connection);
}

static void drop_late(struct transport_server *server)
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
			drop(server, c);
		else if (c->deadline && (!server->earliest || c->deadline < server->earliest))
			server->earliest = c->deadline;
	}
}

static int64_t first_of(int64_t one, int64_t other)
{
	return !one || (other && other < one) ? other : one;
}

/* How long may epoll sleep before some client is late, or a door has rested? */
static int patience(const struct transport_server *server, int timeout_ms)
{
	const int64_t until = first_of(server->earliest, server->rests_until);
	const int left = until ? clock_left_ms(until) : timeout_ms;

	return timeout_ms < 0 || left < timeout_ms ? left : timeout_ms;
}

int transport_server_step(struct transport_server *server, int timeout_ms,
			  struct transport_error *err)
{
	struct epoll_event event[EVENTS];
	bool stopped = false;
	int n = epoll_wait(server->epoll_fd, event, EVENTS, patience(server, timeout_ms));

	if (n < 0 && errno != EINTR)
		return system_error(err, "control server", "epoll_wait");
	for (int i = 0; i < n; i++) {
		switch (*(enum watch *)event[i].data.ptr) {
		case WATCH_WAKE:
			stopped = true;
			break;
		case WATCH_DOOR:
			open_door(server, event[i].data.ptr);
			break;
		case WATCH_CONNECTION:
			attend(server, event[i].data.ptr, event[i].events);
			break;
		}
	}
	drop_late(server);
	end_rest(server);
	return stopped;
}

int transport_server_run(struct transport_server *server, struct transport_error *err)
{
	int ret;

	do
		ret = transport_server_step(server, -1, err);
	while (ret == 0);
	return ret < 0 ? ret : 0;
}

int transport_server_fd(const struct transport_server *server)
{
	return server->epoll_fd;
}

void transport_server_stop(struct transport_server *server)
{
	const uint64_t one = 1;
	const int saved = errno;

	/* Can only fail when the counter is full, and then the server is woken already. */
	if (write(server->wake_fd, &one, sizeof(one)) < 0)
		errno = saved;
}

struct transport_server *transport_server_free(struct transport_server *server)
{
	struct door *next;

	if (!server)
		return NULL;
	while (server->connections)
		drop(server, server->connections);
	for (struct door *door = server->doors; door; door = next) {
		next = door->next;
		free_door(door);
	}
	if (server->wake_fd >= 0)
		close(server->wake_fd);
	if (server->epoll_fd >= 0)
		close(server->epoll_fd);
	free(server);
	return NULL;
}
