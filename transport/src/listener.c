// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "stream.h"

#define BACKLOG 128

struct transport_listener {
	int fd;
	char uri[TRANSPORT_MAX_URI];
	char *unix_path;
	struct transport_stream *only; /* of fd: and exec: */
	bool is_tcp;
	struct transport_stream_options options;
};

static int listen_error(const char *uri, int code, struct transport_error *err)
{
	return transport_error_fill(err, code, code == -EADDRINUSE ? "busy" : "peer", uri,
				    "listening", "|%s", strerror(-code));
}

/* Port 0 became a number; the host stays as it was asked for. */
static void name_port(struct transport_listener *listener, const char *host)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} address = { .any.sa_family = AF_UNSPEC };
	socklen_t len = sizeof(address);
	const bool bracket = strchr(host, ':') != NULL;
	unsigned int port = 0;

	if (getsockname(listener->fd, &address.any, &len) == 0)
		port = ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port
							       : address.v4.sin_port);
	snprintf(listener->uri, sizeof(listener->uri), "tcp:%s%s%s:%u", bracket ? "[" : "", host,
		 bracket ? "]" : "", port);
}

static int listen_address(const struct addrinfo *address, int *fd)
{
	const int on = 1;
	int made = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), ret;

	if (made < 0)
		return -errno;
	setsockopt(made, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(made, address->ai_addr, address->ai_addrlen) < 0 || listen(made, BACKLOG) < 0) {
		ret = -errno;
		close(made);
		return ret;
	}
	*fd = made;
	return 0;
}

static int listen_tcp(struct transport_listener *listener, const char *rest,
		      struct transport_error *err)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE };
	struct addrinfo *found;
	char host[256], port[16];
	int ret;

	if (uri_split(rest, host, port))
		return transport_error_fill(err, -EINVAL, "usage", listener->uri, "address",
					    "tcp:HOST:PORT|%s", rest);
	ret = getaddrinfo(host[0] ? host : NULL, port, &hints, &found);
	if (ret)
		return transport_error_fill(err, -EADDRNOTAVAIL, "peer", listener->uri, "host",
					    "an address of this host|%s", gai_strerror(ret));
	ret = -EADDRNOTAVAIL;
	for (const struct addrinfo *a = found; a && ret; a = a->ai_next)
		ret = listen_address(a, &listener->fd);
	freeaddrinfo(found);
	if (ret)
		return listen_error(listener->uri, ret, err);
	listener->is_tcp = true;
	name_port(listener, host);
	return 0;
}

static bool is_stale(const struct sockaddr_un *address)
{
	struct stat st;
	int fd, ret;

	if (lstat(address->sun_path, &st) < 0 || !S_ISSOCK(st.st_mode))
		return false;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return false;
	ret = connect(fd, (const struct sockaddr *)address, sizeof(*address));
	close(fd);
	return ret < 0;
}

/* Here it is this host's files that fail, and not the network. */
static int listen_unix_error(const char *uri, const char *path, int code,
			     struct transport_error *err)
{
	struct stat st;

	if (code == -EADDRINUSE && lstat(path, &st) == 0 && !S_ISSOCK(st.st_mode))
		return transport_error_fill(err, -EEXIST, "io", uri, "path",
					    "a free name, or a socket|%s",
					    S_ISDIR(st.st_mode) ? "a folder" : "another file");
	return code == -EADDRINUSE
		       ? listen_error(uri, code, err)
		       : transport_error_fill(err, code, "io", uri, "path", "|%s", strerror(-code));
}

static int listen_unix(struct transport_listener *listener, const char *path,
		       struct transport_error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (!path[0] || strlen(path) >= sizeof(address.sun_path))
		return transport_error_fill(err, -ENAMETOOLONG, "usage", listener->uri, "path",
					    "1 to %zu bytes|%zu", sizeof(address.sun_path) - 1,
					    strlen(path));
	memcpy(address.sun_path, path, strlen(path) + 1);
	if (is_stale(&address))
		unlink(path);
	listener->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (listener->fd < 0 ||
	    bind(listener->fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return listen_unix_error(listener->uri, path, -errno, err);
	listener->unix_path = strdup(path);
	if (!listener->unix_path) {
		unlink(path);
		return transport_error_fill(err, -ENOMEM, "no-memory", listener->uri, "", "|");
	}
	if (chmod(path, 0600) < 0 || listen(listener->fd, BACKLOG) < 0)
		return listen_unix_error(listener->uri, path, -errno, err);
	return 0;
}

/* "fd:N" of a socket that listens, as a service manager hands it over (sd_listen_fds(3)); -1 for another. */
static int find_listening(const char *rest)
{
	const long fd = rest[0] >= '0' && rest[0] <= '9' && strspn(rest, "0123456789") < 6 &&
					!rest[strspn(rest, "0123456789")]
				? strtol(rest, NULL, 10)
				: -1;
	int listens = 0;
	socklen_t len = sizeof(listens);

	if (fd < 0 || getsockopt((int)fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) < 0)
		return -1;
	return listens ? (int)fd : -1;
}

/* It belongs to who made it, so that a path is not removed here. */
static int listen_given(struct transport_listener *listener, int fd, struct transport_error *err)
{
	int family = AF_UNSPEC;
	socklen_t len = sizeof(family);

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &len) < 0)
		return listen_error(listener->uri, -errno, err);
	/* What is no TCP would pass for AF_UNIX, which carries no TLS because it does not leave this host. */
	if (family != AF_UNIX && family != AF_INET && family != AF_INET6)
		return transport_error_fill(err, -EAFNOSUPPORT, "usage", listener->uri, "socket",
					    "one of TCP or AF_UNIX|family %d", family);
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
		return listen_error(listener->uri, -errno, err);
	listener->fd = fd;
	listener->is_tcp = family != AF_UNIX;
	return 0;
}

static int start(struct transport_listener *listener, struct transport_error *err)
{
	const char *rest;

	if ((rest = uri_scheme(listener->uri, "tcp")))
		return listen_tcp(listener, rest, err);
	if ((rest = uri_scheme(listener->uri, "unix")))
		return listen_unix(listener, rest, err);
	if ((rest = uri_scheme(listener->uri, "fd")))
		return find_listening(rest) >= 0
			       ? listen_given(listener, find_listening(rest), err)
			       : stream_of_fd(listener->uri, &listener->only, err);
	if ((rest = uri_scheme(listener->uri, "exec")))
		return stream_exec(rest, &listener->only, err);
	return transport_error_fill(err, -EINVAL, "usage", listener->uri, "scheme",
				    "tcp:, unix:, fd: or exec:|another");
}

int transport_listener_open(const char *uri, const struct transport_stream_options *options,
			    struct transport_listener **listener, struct transport_error *err)
{
	struct transport_listener *made;
	int ret;

	if (strlen(uri) >= TRANSPORT_MAX_URI)
		return transport_error_fill(err, -EINVAL, "usage", "URI", "length",
					    "below %u bytes|%zu", TRANSPORT_MAX_URI, strlen(uri));
	if (!uri_scheme(uri, "unix") && !options->tls && !options->insecure_no_tls)
		return transport_error_fill(err, -EINVAL, "usage", uri, "TLS",
					    "a key and the peer's certificate|none");
	made = calloc(1, sizeof(*made));
	if (!made)
		return transport_error_fill(err, -ENOMEM, "no-memory", uri, "", "|");
	made->fd = -1;
	made->options = *options;
	snprintf(made->uri, sizeof(made->uri), "%s", uri);
	ret = start(made, err);
	if (ret)
		transport_listener_close(made);
	else
		*listener = made;
	return ret;
}

const char *transport_listener_uri(const struct transport_listener *listener)
{
	return listener->uri;
}

int transport_listener_fd(const struct transport_listener *listener)
{
	return listener->only ? listener->only->in_fd : listener->fd;
}

/* accept(2): an error of the connection that waited, which is gone with it. */
static bool is_the_connections(int code)
{
	static const int own[] = { EWOULDBLOCK,  ECONNABORTED, EINTR,       ENETDOWN,
				   EPROTO,       ENOPROTOOPT,  EHOSTDOWN,   ENONET,
				   EHOSTUNREACH, EOPNOTSUPP,   ENETUNREACH, EPERM };

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (own[i] == code)
			return true;
	return false;
}

static int accept_error(const struct transport_listener *listener, int code,
			struct transport_error *err)
{
	if (is_the_connections(code))
		return -EAGAIN;
	/* This host's files and memory, not the network. */
	return transport_error_fill(err, -code, "io", listener->uri, "accepting", "|%s",
				    strerror(code));
}

static int take_socket(struct transport_listener *listener, struct transport_stream **stream,
		       struct transport_error *err)
{
	const int on = 1;
	int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return accept_error(listener, errno, err);
	if (listener->is_tcp) {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	}
	*stream = stream_new(listener->uri, fd);
	if (!*stream) {
		close(fd);
		return transport_error_fill(err, -ENOMEM, "no-memory", listener->uri, "", "|");
	}
	(*stream)->is_unix = !listener->is_tcp;
	(*stream)->wants_pass = true;
	return 0;
}

int transport_listener_accept(struct transport_listener *listener, struct transport_stream **stream,
			      struct transport_error *err)
{
	struct transport_stream *made = listener->only;
	int ret = 0;

	listener->only = NULL;
	if (!made && listener->fd < 0)
		return -ENODATA;
	if (!made)
		ret = take_socket(listener, &made, err);
	if (ret)
		return ret;
	made->is_server = true;
	ret = stream_wants_tls(made, &listener->options, err);
	if (ret)
		transport_stream_close(made);
	else
		*stream = made;
	return ret;
}

void transport_listener_use(struct transport_listener *listener, const struct transport_tls *tls)
{
	listener->options.tls = tls;
}

struct transport_listener *transport_listener_close(struct transport_listener *listener)
{
	if (!listener)
		return NULL;
	transport_stream_close(listener->only);
	if (listener->unix_path)
		unlink(listener->unix_path);
	if (listener->fd >= 0)
		close(listener->fd);
	free(listener->unix_path);
	free(listener);
	return NULL;
}
