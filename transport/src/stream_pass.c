// SPDX-License-Identifier: Apache-2.0
/* Descriptors beside the bytes of a unix socket: unix(7), SCM_RIGHTS. */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "stream.h"

union room {
	char bytes[CMSG_SPACE(sizeof(int))];
	struct cmsghdr align;
};

bool stream_can_pass(const struct transport_stream *stream)
{
	return stream->is_unix && stream->wants_pass;
}

int stream_take_passed(struct transport_stream *stream)
{
	const int fd = stream->passed - 1;

	stream->passed = 0;
	return fd;
}

static void keep(struct transport_stream *stream, const struct msghdr *message)
{
	struct cmsghdr *head = CMSG_FIRSTHDR(message);
	int fd;

	if (!head || head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS ||
	    head->cmsg_len != CMSG_LEN(sizeof(fd)))
		return;
	memcpy(&fd, CMSG_DATA(head), sizeof(fd));
	/* One that nobody asked for is of no use. */
	if (stream->passed)
		close(stream->passed - 1);
	stream->passed = fd + 1;
}

ssize_t stream_read_passed(struct transport_stream *stream, void *data, size_t len)
{
	union room room;
	struct iovec part = { data, len };
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = room.bytes,
		/* CMSG_SPACE would have room for two; one that is not looked for stays open. */
		.msg_controllen = CMSG_LEN(sizeof(int))
	};
	const ssize_t n = recvmsg(stream->in_fd, &message, MSG_CMSG_CLOEXEC);

	if (n > 0)
		keep(stream, &message);
	return n;
}

int stream_pass(struct transport_stream *stream, const void *data, size_t len, int fd,
		int timeout_ms, struct transport_error *err)
{
	const int64_t deadline = clock_now_ms() + timeout_ms;
	union room room = { .bytes = { 0 } };
	struct iovec part = { (void *)(uintptr_t)data, len };
	struct msghdr message = { .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = room.bytes,
				  .msg_controllen = sizeof(room.bytes) };
	struct cmsghdr *head = CMSG_FIRSTHDR(&message);
	ssize_t n;
	int ret;

	*head = (struct cmsghdr){ .cmsg_level = SOL_SOCKET,
				  .cmsg_type = SCM_RIGHTS,
				  .cmsg_len = CMSG_LEN(sizeof(fd)) };
	memcpy(CMSG_DATA(head), &fd, sizeof(fd));
	do {
		n = sendmsg(stream->out_fd, &message, MSG_NOSIGNAL);
		if (n >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR))
			break;
		ret = stream_wait(stream, STREAM_WRITE, deadline, err);
		if (ret)
			return ret;
	} while (true);
	if (n < 0)
		return stream_fail(stream, -errno, err);
	stream_count(stream, STREAM_WRITE, (size_t)n);
	return (size_t)n == len
		       ? 0
		       : transport_stream_write(stream, (const char *)data + n, len - (size_t)n,
						clock_left_ms(deadline), err);
}
