// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "server.h"

#define DEFAULT_TIMEOUT_MS 5000
#define EVENTS             32
#define REST_MS            200 /* of a door where no connection can be taken */

static int system_error(struct transport_error *err, const char *object, const char *call)
{
	const int code = -errno;

	return transport_error_fill(err, code, "io", object, call, "success|%s", strerror(-code));
}

static int or_default(int given, int otherwise)
{
	return given > 0 ? given : otherwise;
}

int server_watch(const struct transport_server *server, int fd, uint32_t events, void *what)
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
	made->again = WATCH_AGAIN;
	made->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	made->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	made->again_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (made->epoll_fd < 0 || made->wake_fd < 0 || made->again_fd < 0 ||
	    server_watch(made, made->wake_fd, EPOLLIN, &made->wake) ||
	    server_watch(made, made->again_fd, EPOLLIN, &made->again))
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

static int add(struct transport_server *server, const char *path,
	       const struct transport_control_ops *ops, void *vm, enum transport_vm_state state,
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
				       .vm = vm,
				       .owner.state = state };
	if (!door || !door->path || transport_id_random(&door->instance)) {
		if (door)
			free(door->path);
		free(door);
		return transport_error_fill(err, -ENOMEM, "no-memory", path, "", "|");
	}
	ret = door_listen(path, server->socket_mode, &door->fd, err);
	if (!ret && server_watch(server, door->fd, EPOLLIN, door))
		ret = system_error(err, path, "epoll");
	if (ret)
		free_door(door);
	else
		server->doors = door;
	return ret;
}

int transport_server_add(struct transport_server *server, const char *path,
			 const struct transport_control_ops *ops, void *vm,
			 struct transport_error *err)
{
	return add(server, path, ops, vm, TRANSPORT_VM_RUNNING, err);
}

int transport_server_add_empty(struct transport_server *server, const char *path,
			       const struct transport_control_ops *ops, void *vm,
			       struct transport_error *err)
{
	return add(server, path, ops, vm, TRANSPORT_VM_ENDED, err);
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
		client_welcome(server, door, fd);
	}
}

static int64_t first_of(int64_t one, int64_t other)
{
	return !one || (other && other < one) ? other : one;
}

/* How long may epoll sleep before some client is late or has waited, or a door has rested? */
static int patience(const struct transport_server *server, int timeout_ms)
{
	const int64_t until =
		first_of(first_of(server->earliest, server->rests_until), server->again_at);
	const int left = until ? clock_left_ms(until) : timeout_ms;

	return timeout_ms < 0 || left < timeout_ms ? left : timeout_ms;
}

static void take_wakes(struct transport_server *server)
{
	uint64_t drained;

	if (read(server->again_fd, &drained, sizeof(drained)) > 0 && server->again_at)
		server->again_at = clock_now_ms();
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
		case WATCH_AGAIN:
			take_wakes(server);
			break;
		case WATCH_DOOR:
			open_door(server, event[i].data.ptr);
			break;
		case WATCH_CONNECTION:
			client_attend(server, event[i].data.ptr, event[i].events);
			break;
		}
	}
	client_serve_again(server);
	client_drop_late(server);
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

/* Can only fail when the counter is full, and then the server is woken already. */
static void signal_event(int fd)
{
	const uint64_t one = 1;
	const int saved = errno;

	if (write(fd, &one, sizeof(one)) < 0)
		errno = saved;
}

void transport_server_wake(struct transport_server *server)
{
	signal_event(server->again_fd);
}

void transport_server_stop(struct transport_server *server)
{
	signal_event(server->wake_fd);
}

struct transport_server *transport_server_free(struct transport_server *server)
{
	struct door *next;

	if (!server)
		return NULL;
	while (server->connections)
		client_drop(server, server->connections);
	for (struct door *door = server->doors; door; door = next) {
		next = door->next;
		free_door(door);
	}
	if (server->wake_fd >= 0)
		close(server->wake_fd);
	if (server->again_fd >= 0)
		close(server->again_fd);
	if (server->epoll_fd >= 0)
		close(server->epoll_fd);
	free(server);
	return NULL;
}
