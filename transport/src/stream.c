// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "stream.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"

#define CHILD_PATIENCE_MS 1000

struct transport_stream *stream_new(const char *name, int fd)
{
	struct transport_stream *stream = calloc(1, sizeof(*stream));

	if (!stream)
		return NULL;
	stream->in_fd = fd;
	stream->out_fd = fd;
	stream->greeted = true;
	snprintf(stream->name, sizeof(stream->name), "%.*s", (int)sizeof(stream->name) - 1, name);
	if (fd >= 0)
		fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	return stream;
}

int stream_fail(const struct transport_stream *stream, int code, struct transport_error *err)
{
	return transport_error_fill(err, code, stream->is_file ? "io" : "peer", stream->name, "",
				    "|%s", strerror(-code));
}

int stream_wait(struct transport_stream *stream, enum stream_way way, int64_t deadline,
		struct transport_error *err)
{
	struct pollfd pfd[] = {
		{ .fd = way == STREAM_READ ? stream->in_fd : stream->out_fd,
		  .events = way == STREAM_READ ? POLLIN : POLLOUT },
		{ .fd = stream->cancel_fd > 0 ? stream->cancel_fd : -1, .events = POLLIN },
	};
	int n;

	do
		n = poll(pfd, 2, clock_left_ms(deadline));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return stream_fail(stream, -errno, err);
	if (n == 0)
		return transport_error_fill(err, -ETIMEDOUT, "timeout", stream->name,
					    way == STREAM_READ ? "read" : "write",
					    "the peer in time|silence");
	if (pfd[1].revents) {
		/* Once: what is still to be said to the peer is not cancelled, too. */
		stream->cancel_fd = 0;
		return transport_error_fill(err, -ECANCELED, "cancelled", stream->name, "", "|");
	}
	return 0;
}

int stream_await(struct transport_stream *stream, int64_t deadline, struct transport_error *err)
{
	int ret;

	if (stream->ssl && SSL_has_pending(stream->ssl))
		return 0;
	ret = stream_wait(stream, STREAM_READ, deadline, err);
	stream->ready = !ret;
	return ret;
}

void transport_stream_cancel_by(struct transport_stream *stream, int fd)
{
	stream->cancel_fd = fd;
}

/* A peer that has gone is an error here, not a signal. */
static ssize_t write_quietly(int fd, const void *data, size_t len)
{
	const ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

	return n < 0 && errno == ENOTSOCK ? write(fd, data, len) : n;
}

/* As tls_move(), on plain bytes. */
static int plain_move(struct transport_stream *stream, enum stream_way *way, void *data, size_t len,
		      size_t *moved, struct transport_error *err)
{
	ssize_t n;

	do
		n = *way != STREAM_READ ? write_quietly(stream->out_fd, data, len)
		    : stream->passes    ? stream_read_passed(stream, data, len)
					: read(stream->in_fd, data, len);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN || errno == EWOULDBLOCK ? -EAGAIN
							       : stream_fail(stream, -errno, err);
	*moved = (size_t)n;
	return n > 0;
}

int stream_count(struct transport_stream *stream, enum stream_way way, size_t moved)
{
	*(way == STREAM_READ ? &stream->traffic.received : &stream->traffic.sent) += moved;
	if (stream->told)
		stream->told(stream->told_ctx, &stream->traffic);
	return 0;
}

void transport_stream_observe(struct transport_stream *stream,
			      void (*told)(void *ctx, const struct transport_traffic *traffic),
			      void *ctx)
{
	stream->told = told;
	stream->told_ctx = ctx;
}

/* Move 1 to @len bytes; *@moved is 0 at the end. */
static int move(struct transport_stream *stream, enum stream_way way, void *data, size_t len,
		int64_t deadline, size_t *moved, struct transport_error *err)
{
	enum stream_way wait_for;
	int ret;

	for (;;) {
		wait_for = way;
		/* Of TLS one reads what was asked for: it is not there yet. */
		if (stream->ssl && way == STREAM_READ && !stream->ready &&
		    !SSL_has_pending(stream->ssl)) {
			ret = stream_wait(stream, way, deadline, err);
			if (ret)
				return ret;
		}
		stream->ready = false;
		ret = stream->ssl ? tls_move(stream, &wait_for, data, len, moved, err)
				  : plain_move(stream, &wait_for, data, len, moved, err);
		if (ret == 0)
			*moved = 0;
		if (ret >= 0)
			return stream_count(stream, way, *moved);
		if (ret != -EAGAIN)
			return ret;
		ret = stream_wait(stream, wait_for, deadline, err);
		if (ret)
			return ret;
	}
}

int transport_stream_read_some(struct transport_stream *stream, void *data, size_t len,
			       int timeout_ms, size_t *got, struct transport_error *err)
{
	return move(stream, STREAM_READ, data, len, clock_now_ms() + timeout_ms, got, err);
}

int transport_stream_read(struct transport_stream *stream, void *data, size_t len, int timeout_ms,
			  struct transport_error *err)
{
	const int64_t deadline = clock_now_ms() + timeout_ms;
	uint8_t *at = data;
	size_t left = len, got;
	int ret;

	while (left) {
		ret = move(stream, STREAM_READ, at, left, deadline, &got, err);
		if (ret)
			return ret;
		if (got == 0)
			return transport_error_fill(err, left == len ? -ENODATA : -ECONNRESET,
						    stream->is_file ? "io" : "peer", stream->name,
						    "end", "%zu bytes more|the end", left);
		at += got;
		left -= got;
	}
	return 0;
}

int transport_stream_write(struct transport_stream *stream, const void *data, size_t len,
			   int timeout_ms, struct transport_error *err)
{
	const int64_t deadline = clock_now_ms() + timeout_ms + stream_pace_ms(&stream->pace, len);
	/* Only read from: one function serves both directions. */
	uint8_t *at = (uint8_t *)(uintptr_t)data;
	size_t gone, part;
	int ret;

	while (len) {
		part = len;
		ret = stream_pace(stream, &part, deadline, err);
		if (!ret)
			ret = move(stream, STREAM_WRITE, at, part, deadline, &gone, err);
		if (!ret && gone == 0)
			ret = stream_fail(stream, -EPIPE, err);
		if (ret)
			return ret;
		at += gone;
		len -= gone;
	}
	return 0;
}

/* The name must survive a power loss as well as the bytes. */
static int sync_folder(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
	int fd, ret = 0;

	if (!folder)
		return -ENOMEM;
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) < 0)
		ret = -errno;
	if (fd >= 0)
		close(fd);
	free(folder);
	return ret;
}

static int name_file(struct transport_stream *stream, struct transport_error *err)
{
	int ret = 0;

	if (fsync(stream->out_fd) < 0 || rename(stream->temporary, stream->path) < 0)
		return stream_fail(stream, -errno, err);
	free(stream->temporary);
	stream->temporary = NULL;
	ret = sync_folder(stream->path);
	return ret ? stream_fail(stream, ret, err) : 0;
}

int transport_stream_finish(struct transport_stream *stream, struct transport_error *err)
{
	if (stream->temporary)
		return name_file(stream, err);
	if (stream->ssl)
		SSL_shutdown(stream->ssl);
	return 0;
}

/* A command that got its end of file may finish; one that does not ends with all that it started. */
static void end_child(pid_t child)
{
	const int64_t deadline = clock_now_ms() + CHILD_PATIENCE_MS;

	while (waitpid(child, NULL, WNOHANG) == 0) {
		if (clock_left_ms(deadline) == 0) {
			kill(-child, SIGKILL);
			waitpid(child, NULL, 0);
			return;
		}
		nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
	}
}

void transport_stream_cut(struct transport_stream *stream)
{
	if (stream->in_fd >= 0)
		shutdown(stream->in_fd, SHUT_RDWR);
}

struct transport_stream *transport_stream_close(struct transport_stream *stream)
{
	if (!stream)
		return NULL;
	SSL_free(stream->ssl);
	if (stream->passed)
		close(stream->passed - 1);
	if (stream->temporary)
		unlink(stream->temporary);
	if (stream->in_fd >= 0 && !stream->keep_open)
		close(stream->in_fd);
	if (stream->out_fd >= 0 && stream->out_fd != stream->in_fd && !stream->keep_open)
		close(stream->out_fd);
	if (stream->child > 0)
		end_child(stream->child);
	free(stream->temporary);
	free(stream->path);
	free(stream);
	return NULL;
}

int transport_stream_greet(struct transport_stream *stream, int timeout_ms,
			   struct transport_error *err)
{
	int ret = 0;

	if (!stream->greeted)
		ret = tls_greet(stream, clock_now_ms() + timeout_ms, err);
	if (!ret)
		stream->greeted = true;
	return ret;
}

int transport_stream_fd(const struct transport_stream *stream)
{
	return stream->in_fd;
}

bool transport_stream_is_authenticated(const struct transport_stream *stream)
{
	return stream->greeted && (stream->ssl || stream->is_unix);
}

bool transport_stream_is_tls(const struct transport_stream *stream)
{
	return stream->ssl != NULL;
}

int transport_stream_exporter(const struct transport_stream *stream,
			      uint8_t value[TRANSPORT_EXPORTER_SIZE])
{
	static const char label[] = "EXPORTER-sdei-migrate-session";

	memset(value, 0, TRANSPORT_EXPORTER_SIZE);
	if (!stream->ssl)
		return -ENOTSUP;
	return SSL_export_keying_material(stream->ssl, value, TRANSPORT_EXPORTER_SIZE, label,
					  sizeof(label) - 1, NULL, 0, 0) == 1
		       ? 0
		       : -EIO;
}

int transport_stream_peer(const struct transport_stream *stream,
			  uint8_t fingerprint[TRANSPORT_FINGERPRINT_SIZE])
{
	if (!stream->ssl || !stream->greeted || stream->is_psk)
		return -ENOTSUP;
	memcpy(fingerprint, stream->peer, TRANSPORT_FINGERPRINT_SIZE);
	return 0;
}

int transport_stream_peer_uid(const struct transport_stream *stream, uid_t *uid)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (!stream->is_unix || getsockopt(stream->in_fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		return -ENOTSUP;
	*uid = peer.uid;
	return 0;
}
