// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
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
	if (code == -ECANCELED)
		return transport_error_fill(err, code, "cancelled", uri, "connection", "|");
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

/* How long a connection may take, and what ends the wait before. */
struct patience {
	int64_t deadline;
	int cancel_fd;
};

/* Finish a non-blocking connect. Return: 0; -errno. */
static int wait_connected(int fd, const struct patience *patience)
{
	struct pollfd pfd[] = {
		{ .fd = fd, .events = POLLOUT },
		{ .fd = patience->cancel_fd > 0 ? patience->cancel_fd : -1, .events = POLLIN },
	};
	int error = 0, n;
	socklen_t len = sizeof(error);

	do
		n = poll(pfd, 2, clock_left_ms(patience->deadline));
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n < 0 ? -errno : -ETIMEDOUT;
	if (pfd[1].revents)
		return -ECANCELED;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		return -errno;
	return -error;
}

static int try_address(const struct sockaddr *address, socklen_t len, int family,
		       const struct patience *patience, int *fd)
{
	int made = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), ret = 0;

	if (made < 0)
		return -errno;
	if (connect(made, address, len) < 0)
		ret = errno == EINPROGRESS ? wait_connected(made, patience) : -errno;
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

static int connect_tcp(const char *uri, const char *rest, const struct patience *patience,
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
	for (const struct addrinfo *a = found; a && ret && ret != -ECANCELED; a = a->ai_next)
		ret = try_address(a->ai_addr, a->ai_addrlen, a->ai_family, patience, &fd);
	freeaddrinfo(found);
	if (ret)
		return net_error(uri, ret, err);
	make_prompt(fd);
	return wrap(uri, fd, stream, err);
}

static int connect_unix(const char *uri, const char *path, const struct patience *patience,
			struct transport_stream **stream, struct transport_error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd, ret;

	if (strlen(path) >= sizeof(address.sun_path))
		return transport_error_fill(err, -ENAMETOOLONG, "usage", uri, "path",
					    "at most %zu bytes|%zu", sizeof(address.sun_path) - 1,
					    strlen(path));
	memcpy(address.sun_path, path, strlen(path) + 1);
	ret = try_address((const struct sockaddr *)&address, sizeof(address), AF_UNIX, patience,
			  &fd);
	if (ret)
		return net_error(uri, ret, err);
	ret = wrap(uri, fd, stream, err);
	if (!ret)
		(*stream)->is_unix = true;
	return ret;
}

/* The kernel's word on who is there takes the place of TLS: this user, or root. */
static int check_local(struct transport_stream *stream, struct transport_error *err)
{
	uid_t uid;

	if (transport_stream_peer_uid(stream, &uid))
		return transport_error_fill(
			err, -EINVAL, "usage", stream->name, "carrier",
			"unix:PATH, because it is to stay on this host|another");
	if (uid != geteuid() && uid != 0)
		return transport_error_fill(err, -EACCES, "refused", stream->name, "peer",
					    "a process of this user or of root|of user %u", uid);
	stream->wants_pass = true;
	return 0;
}

/* "N" or ",N" at *@text, which moves behind it. Return: an open descriptor; -1 */
static int take_fd(const char **text)
{
	char *end;
	const long fd = **text >= '0' && **text <= '9' ? strtol(*text, &end, 10) : -1;

	if (fd < 0 || fd > 1 << 20 || fcntl((int)fd, F_GETFD) < 0)
		return -1;
	*text = end;
	return (int)fd;
}

int stream_of_fd(const char *uri, struct transport_stream **stream, struct transport_error *err)
{
	const char *text = uri_scheme(uri, "fd"), *at = text;
	const int in = take_fd(&at);
	int out = in, ret;

	if (in >= 0 && *at == ',') {
		at++;
		out = take_fd(&at);
	}
	if (in < 0 || out < 0 || *at)
		return transport_error_fill(err, -EINVAL, "usage", uri, "descriptor",
					    "the number of an open one, or IN,OUT|%s", text);
	fcntl(in, F_SETFD, FD_CLOEXEC);
	fcntl(out, F_SETFD, FD_CLOEXEC);
	ret = wrap(uri, in, stream, err);
	if (!ret && out != in) {
		(*stream)->out_fd = out;
		fcntl(out, F_SETFL, fcntl(out, F_GETFL) | O_NONBLOCK);
	}
	return ret;
}

/*
 * A session of its own: what the command starts ends with it, and Ctrl-C is for us alone, who have to say
 * goodbye through it.
 */
static int set_apart(posix_spawnattr_t *attributes)
{
	sigset_t none, normal;
	int ret;

	sigemptyset(&none);
	sigemptyset(&normal);
	sigaddset(&normal, SIGPIPE);
	ret = posix_spawnattr_setsigmask(attributes, &none);
	if (!ret)
		ret = posix_spawnattr_setsigdefault(attributes, &normal);
	if (!ret)
		ret = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSID |
								   POSIX_SPAWN_SETSIGMASK |
								   POSIX_SPAWN_SETSIGDEF);
	return ret;
}

static int spawn_shell(const char *command, int fd, pid_t *child)
{
	char *const argv[] = { (char[]){ "sh" }, (char[]){ "-c" }, (char *)(uintptr_t)command,
			       NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int ret = posix_spawn_file_actions_init(&actions);

	if (ret)
		return -ret;
	ret = posix_spawnattr_init(&attributes);
	if (ret) {
		posix_spawn_file_actions_destroy(&actions);
		return -ret;
	}
	ret = set_apart(&attributes);
	if (!ret)
		ret = posix_spawn_file_actions_adddup2(&actions, fd, STDIN_FILENO);
	if (!ret)
		ret = posix_spawn_file_actions_adddup2(&actions, fd, STDOUT_FILENO);
	if (!ret)
		ret = posix_spawn(child, "/bin/sh", &actions, &attributes, argv, environ);
	posix_spawnattr_destroy(&attributes);
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

static int open_uri(const char *uri, const struct patience *patience,
		    struct transport_stream **stream, struct transport_error *err)
{
	const char *rest;

	if ((rest = uri_scheme(uri, "tcp")))
		return connect_tcp(uri, rest, patience, stream, err);
	if ((rest = uri_scheme(uri, "unix")))
		return connect_unix(uri, rest, patience, stream, err);
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
	const int timeout_ms = options->timeout_ms > 0 ? options->timeout_ms : DEFAULT_TIMEOUT_MS;
	const struct patience patience = { clock_now_ms() + timeout_ms, options->cancel_fd };
	struct transport_stream *made = NULL;
	int ret;

	if (strlen(uri) >= TRANSPORT_MAX_URI)
		return transport_error_fill(err, -EINVAL, "usage", "URI", "length",
					    "below %u bytes|%zu", TRANSPORT_MAX_URI, strlen(uri));
	ret = open_uri(uri, &patience, &made, err);
	if (!ret) {
		made->cancel_fd = options->cancel_fd;
		ret = options->local ? check_local(made, err)
				     : stream_wants_tls(made, options, err);
	}
	if (!ret)
		ret = transport_stream_greet(made, clock_left_ms(patience.deadline), err);
	if (ret)
		transport_stream_close(made);
	else
		*stream = made;
	return ret;
}
