// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "clock.h"
#include "stream.h"

#define DEFAULT_TIMEOUT_MS 10000

static int net_error(const char *uri, int code, struct transport_error *err)
{
	return transport_error_fill(err, code, code == -ETIMEDOUT ? "timeout" : "peer", uri,
				    "connection", "a listening peer|%s", strerror(-code));
}

static int wrap(const char *uri, int fd, struct transport_stream **stream,
		struct transport_error *err)
{
	struct transport_stream *made = stream_new(uri, fd);

	if (!made) {
		close(fd);
		return transport_error_fill(err, -ENOMEM, "no-memory", uri, "", "|");
	}
	*stream = made;
	return 0;
}

/* Finish a non-blocking connect. Return: 0; -errno. */
static int wait_connected(int fd, int64_t deadline)
{
	struct pollfd pfd = { .fd = fd, .events = POLLOUT };
	int error = 0, n;
	socklen_t len = sizeof(error);

	do
		n = poll(&pfd, 1, clock_left_ms(deadline));
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n < 0 ? -errno : -ETIMEDOUT;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		return -errno;
	return -error;
}

static int try_address(const struct sockaddr *address, socklen_t len, int family, int64_t deadline,
		       int *fd)
{
	int made = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), ret = 0;

	if (made < 0)
		return -errno;
	if (connect(made, address, len) < 0)
		ret = errno == EINPROGRESS ? wait_connected(made, deadline) : -errno;
	if (ret)
		close(made);
	else
		*fd = made;
	return ret;
}

static void make_prompt(int fd)
{
	const int on = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
}

static int connect_tcp(const char *uri, const char *rest, int64_t deadline,
		       struct transport_stream **stream, struct transport_error *err)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *found;
	char host[256], port[16];
	int fd = -1, ret;

	if (uri_split(rest, host, port))
		return transport_error_fill(err, -EINVAL, "usage", uri, "address",
					    "tcp:HOST:PORT|%s", rest);
	ret = getaddrinfo(host, port, &hints, &found);
	if (ret)
		return transport_error_fill(err, -EHOSTUNREACH, "peer", uri, "host",
					    "a known host|%s", gai_strerror(ret));
	ret = -EHOSTUNREACH;
	for (const struct addrinfo *a = found; a && ret; a = a->ai_next)
		ret = try_address(a->ai_addr, a->ai_addrlen, a->ai_family, deadline, &fd);
	freeaddrinfo(found);
	if (ret)
		return net_error(uri, ret, err);
	make_prompt(fd);
	return wrap(uri, fd, stream, err);
}

static int connect_unix(const char *uri, const char *path, int64_t deadline,
			struct transport_stream **stream, struct transport_error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd, ret;

	if (strlen(path) >= sizeof(address.sun_path))
		return transport_error_fill(err, -ENAMETOOLONG, "usage", uri, "path",
					    "at most %zu bytes|%zu", sizeof(address.sun_path) - 1,
					    strlen(path));
	memcpy(address.sun_path, path, strlen(path) + 1);
	ret = try_address((const struct sockaddr *)&address, sizeof(address), AF_UNIX, deadline,
			  &fd);
	if (ret)
		return net_error(uri, ret, err);
	ret = wrap(uri, fd, stream, err);
	if (!ret)
		(*stream)->is_unix = true;
	return ret;
}

int stream_of_fd(const char *uri, struct transport_stream **stream, struct transport_error *err)
{
	const char *text = uri_scheme(uri, "fd");
	char *end;
	const long fd = strtol(text, &end, 10);

	if (end == text || *end || fd < 0 || fd > 1 << 20 || fcntl((int)fd, F_GETFD) < 0)
		return transport_error_fill(err, -EINVAL, "usage", uri, "descriptor",
					    "the number of an open one|%s", text);
	fcntl((int)fd, F_SETFD, FD_CLOEXEC);
	return wrap(uri, (int)fd, stream, err);
}

static int spawn_shell(const char *command, int fd, pid_t *child)
{
	char *const argv[] = { (char[]){ "sh" }, (char[]){ "-c" }, (char *)(uintptr_t)command,
			       NULL };
	posix_spawn_file_actions_t actions;
	int ret = posix_spawn_file_actions_init(&actions);

	if (ret)
		return -ret;
	ret = posix_spawn_file_actions_adddup2(&actions, fd, STDIN_FILENO);
	if (!ret)
		ret = posix_spawn_file_actions_adddup2(&actions, fd, STDOUT_FILENO);
	if (!ret)
		ret = posix_spawn(child, "/bin/sh", &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	return -ret;
}

int stream_exec(const char *command, struct transport_stream **stream, struct transport_error *err)
{
	int pair[2], ret;
	pid_t child = 0;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return net_error(command, -errno, err);
	ret = spawn_shell(command, pair[1], &child);
	close(pair[1]);
	if (ret) {
		close(pair[0]);
		return net_error(command, ret, err);
	}
	ret = wrap("exec:", pair[0], stream, err);
	if (!ret)
		(*stream)->child = child;
	return ret;
}

int stream_wants_tls(struct transport_stream *stream,
		     const struct transport_stream_options *options, struct transport_error *err)
{
	if (stream->is_unix || options->insecure_no_tls)
		return 0;
	if (!options->tls)
		return transport_error_fill(err, -EINVAL, "usage", stream->name, "TLS",
					    "a key and the peer's certificate|none");
	return tls_attach(options->tls, stream, err);
}

static int open_uri(const char *uri, int64_t deadline, struct transport_stream **stream,
		    struct transport_error *err)
{
	const char *rest;

	if ((rest = uri_scheme(uri, "tcp")))
		return connect_tcp(uri, rest, deadline, stream, err);
	if ((rest = uri_scheme(uri, "unix")))
		return connect_unix(uri, rest, deadline, stream, err);
	if (uri_scheme(uri, "fd"))
		return stream_of_fd(uri, stream, err);
	if ((rest = uri_scheme(uri, "exec")))
		return stream_exec(rest, stream, err);
	return transport_error_fill(err, -EINVAL, "usage", uri, "scheme",
				    "tcp:, unix:, fd: or exec:|another");
}

int transport_stream_connect(const char *uri, const struct transport_stream_options *options,
			     struct transport_stream **stream, struct transport_error *err)
{
	const int64_t deadline = clock_now_ms() + (options->timeout_ms > 0 ? options->timeout_ms
									   : DEFAULT_TIMEOUT_MS);
	struct transport_stream *made = NULL;
	int ret;

	if (strlen(uri) >= TRANSPORT_MAX_URI)
		return transport_error_fill(err, -EINVAL, "usage", "URI", "length",
					    "below %u bytes|%zu", TRANSPORT_MAX_URI, strlen(uri));
	ret = open_uri(uri, deadline, &made, err);
	if (!ret)
		ret = stream_wants_tls(made, options, err);
	if (!ret)
		ret = transport_stream_greet(made, clock_left_ms(deadline), err);
	if (ret)
		transport_stream_close(made);
	else
		*stream = made;
	return ret;
}
