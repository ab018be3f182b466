// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "channel.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHUNK 16384u

union ancillary {
	struct cmsghdr align;
	/* Room for one more than we take, so that too many are seen and not just cut. */
	char bytes[CMSG_SPACE(sizeof(int) * (CHANNEL_MAX_FDS + 1))];
};

static void close_all(int *fd, unsigned int *n_fds)
{
	for (unsigned int i = 0; i < *n_fds; i++)
		if (fd[i] >= 0)
			close(fd[i]);
	*n_fds = 0;
}

void channel_init(struct channel *channel, int fd)
{
	*channel = (struct channel){
		.fd = fd,
		.body.max = TRANSPORT_CONTROL_MAX_BODY,
		.out.max = TRANSPORT_CONTROL_MAX_BODY + TRANSPORT_WIRE_HEADER_SIZE,
	};
}

void channel_release(struct channel *channel)
{
	close_all(channel->in_fd, &channel->n_in_fds);
	close_all(channel->out_fd, &channel->n_out_fds);
	transport_buffer_free(&channel->body);
	transport_buffer_free(&channel->out);
	if (channel->fd >= 0)
		close(channel->fd);
	channel->fd = -1;
}

/* Keep the descriptors that came; surplus ones are closed and make the message bad. */
static int keep_fds(struct channel *channel, struct msghdr *message)
{
	int ret = message->msg_flags & MSG_CTRUNC ? -EBADMSG : 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		const size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (channel->n_in_fds < CHANNEL_MAX_FDS) {
				channel->in_fd[channel->n_in_fds++] = fd;
			} else {
				close(fd);
				ret = -EBADMSG;
			}
		}
	}
	return ret;
}

/* 1 to @len bytes into @out; 0: none now. */
static ssize_t receive(struct channel *channel, void *out, size_t len)
{
	union ancillary ancillary;
	struct iovec part = { out, len };
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = ancillary.bytes,
		.msg_controllen = sizeof(ancillary.bytes),
	};
	ssize_t got;
	int ret;

	do
		got = recvmsg(channel->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -errno;
	ret = keep_fds(channel, &message);
	if (ret)
		return ret;
	if (got == 0)
		return channel_is_receiving(channel) ? -ECONNRESET : -ENODATA;
	return got;
}

static ssize_t receive_head(struct channel *channel)
{
	const ssize_t got = receive(channel, channel->head + channel->head_len,
				    sizeof(channel->head) - channel->head_len);

	if (got <= 0)
		return got;
	channel->head_len += (size_t)got;
	if (channel->head_len < sizeof(channel->head))
		return got;
	transport_wire_get_header(channel->head, &channel->header);
	return channel->header.length > TRANSPORT_CONTROL_MAX_BODY ? -E2BIG : got;
}

static ssize_t receive_body(struct channel *channel)
{
	uint8_t chunk[CHUNK];
	const size_t left = channel->header.length - channel->body.len;
	const ssize_t got = receive(channel, chunk, left < sizeof(chunk) ? left : sizeof(chunk));
	int ret;

	if (got <= 0)
		return got;
	ret = transport_buffer_append(&channel->body, chunk, (size_t)got);
	return ret ? ret : got;
}

int channel_receive(struct channel *channel)
{
	ssize_t got;

	while (channel->head_len < sizeof(channel->head)) {
		got = receive_head(channel);
		if (got <= 0)
			return (int)got;
	}
	while (channel->body.len < channel->header.length) {
		got = receive_body(channel);
		if (got <= 0)
			return (int)got;
	}
	return 1;
}

bool channel_is_receiving(const struct channel *channel)
{
	return channel->head_len > 0;
}

void channel_next(struct channel *channel)
{
	close_all(channel->in_fd, &channel->n_in_fds);
	transport_buffer_free(&channel->body);
	channel->head_len = 0;
}

int channel_queue(struct channel *channel, const struct transport_header *header,
		  const struct transport_buffer *body, const int *fd, unsigned int n_fds)
{
	uint8_t head[TRANSPORT_WIRE_HEADER_SIZE];
	int ret;

	/* Descriptors come with the first byte of their message: what stands before it goes first. */
	if (n_fds && channel->out.len) {
		ret = channel_send(channel);
		if (ret != 1) {
			while (n_fds--)
				close(fd[n_fds]);
			return ret ? ret : -EAGAIN;
		}
	}
	for (unsigned int i = 0; i < n_fds; i++)
		channel->out_fd[channel->n_out_fds++] = fd[i];
	transport_wire_put_header(header, head);
	ret = transport_buffer_append(&channel->out, head, sizeof(head));
	if (!ret)
		ret = transport_buffer_append(&channel->out, body->data, body->len);
	return ret;
}

static void attach_fds(const struct channel *channel, struct msghdr *message,
		       union ancillary *ancillary)
{
	struct cmsghdr *c;

	memset(ancillary, 0, sizeof(*ancillary));
	message->msg_control = ancillary->bytes;
	message->msg_controllen = CMSG_SPACE(sizeof(int) * channel->n_out_fds);
	c = CMSG_FIRSTHDR(message);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int) * channel->n_out_fds);
	memcpy(CMSG_DATA(c), channel->out_fd, sizeof(int) * channel->n_out_fds);
}

int channel_send(struct channel *channel)
{
	union ancillary ancillary;
	ssize_t sent;

	while (channel->out_done < channel->out.len) {
		struct iovec part = { channel->out.data + channel->out_done,
				      channel->out.len - channel->out_done };
		struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

		if (channel->n_out_fds)
			attach_fds(channel, &message, &ancillary);
		sent = sendmsg(channel->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -errno;
		channel->out_done += (size_t)sent;
		close_all(channel->out_fd, &channel->n_out_fds);
	}
	transport_buffer_free(&channel->out);
	channel->out_done = 0;
	return 1;
}
