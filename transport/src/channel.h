/* SPDX-License-Identifier: Apache-2.0 */
/*
 * channel.h - whole messages, with descriptors, over one non-blocking unix socket
 *
 * Used by both ends of the control protocol. Never reads beyond the message it is assembling, so that
 * descriptors belong to the message whose bytes they came with. One message in, one message out.
 */
#ifndef TRANSPORT_CHANNEL_H
#define TRANSPORT_CHANNEL_H

#include <transport/control.h>

#define CHANNEL_MAX_FDS 2u

struct channel {
	int fd;
	uint8_t head[TRANSPORT_WIRE_HEADER_SIZE];
	size_t head_len;
	struct transport_header header; /* valid once head_len is the whole */
	struct transport_buffer body;
	int in_fd[CHANNEL_MAX_FDS];
	unsigned int n_in_fds;
	struct transport_buffer out;
	size_t out_done;
	int out_fd[CHANNEL_MAX_FDS];
	unsigned int n_out_fds;
};

/** channel_init() - take over a connected, non-blocking socket */
void channel_init(struct channel *channel, int fd);

/** channel_release() - close the socket and all descriptors, wipe the buffers */
void channel_release(struct channel *channel);

/**
 * channel_receive() - go on assembling a message
 *
 * Return: 1 when it is whole; 0 when the socket has no more now; -ENODATA at an end between messages;
 * -ECONNRESET at one inside; -E2BIG for a body above TRANSPORT_CONTROL_MAX_BODY; -EBADMSG for too many
 * descriptors; -ENOMEM; -errno of recvmsg.
 */
int channel_receive(struct channel *channel);

/** channel_is_receiving() - has a message begun and not ended? */
bool channel_is_receiving(const struct channel *channel);

/** channel_next() - drop the message that was received */
void channel_next(struct channel *channel);

/**
 * channel_queue() - make a message the one to send; nothing may be queued already
 * @body: its bytes are copied
 * @fd: descriptors, which belong to the channel from now on, also on failure
 *
 * Return: 0; -ENOMEM.
 */
int channel_queue(struct channel *channel, const struct transport_header *header,
		  const struct transport_buffer *body, const int *fd, unsigned int n_fds);

/** channel_send() - go on sending. Return: 1 when nothing is left; 0 when full; -errno of sendmsg */
int channel_send(struct channel *channel);

#endif
