// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "support/check.h"

#include "memfd.h"
#include "session_wire.h"
#include "stream.h"
#include "support/descriptors.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define BODY    (200u << 10)
#define WAIT_MS 60000 /* longer than any machine is slow */

struct ends {
	struct transport_stream *near, *far;
};

static struct ends open_ends(void)
{
	struct ends ends = { .near = NULL };
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0) {
		ends.near = stream_new("near", pair[0]);
		ends.far = stream_new("far", pair[1]);
	}
	CHECK(ends.near && ends.far, "a pair of sockets is two streams");
	ends.near->passes = ends.far->passes = true;
	return ends;
}

static void close_ends(struct ends *ends)
{
	transport_stream_close(ends->near);
	transport_stream_close(ends->far);
}

/* BLOB's one field: tag 17. */
static void fill(struct transport_buffer *body)
{
	static uint8_t bytes[BODY];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7 + i / 251);
	REQUIRE(transport_wire_put(body, S_TAG_BLOB, bytes, sizeof(bytes)) == 0, "there is a body");
}

static void test_a_large_body_is_one_head_and_a_file(void)
{
	struct transport_buffer body = { .max = 1u << 20 };
	const unsigned int before = count_descriptors();
	struct ends ends = open_ends();
	struct session_in in;
	uint64_t sent = 0, received = 0;
	uint8_t head[64];

	fill(&body);
	REQUIRE(session_write(ends.near, MESSAGE_BLOB, &sent, &body, WAIT_MS, NULL) == 0,
		"it is written");
	CHECK(recv(ends.far->in_fd, head, sizeof(head), MSG_PEEK) == TRANSPORT_WIRE_HEADER_SIZE,
	      "nothing but the head goes over the socket");
	REQUIRE(session_read(ends.far, &received, 1u << 20, WAIT_MS, &in, NULL) == 0, "it is read");
	CHECK(in.body.mapped && in.body.len == body.len &&
		      memcmp(in.body.data, body.data, body.len) == 0,
	      "where it is, byte for byte");
	CHECK(ends.near->traffic.sent == TRANSPORT_WIRE_HEADER_SIZE + body.len &&
		      ends.far->traffic.received == ends.near->traffic.sent,
	      "and is counted as what it is");
	session_in_release(&in);
	transport_buffer_free(&body);
	close_ends(&ends);
	CHECK(count_descriptors() == before, "no descriptor is left");
}

static void test_a_small_body_goes_as_ever(void)
{
	struct transport_buffer body = { .max = 1u << 20 };
	struct ends ends = open_ends();
	struct session_in in;
	uint64_t sent = 0, received = 0;

	REQUIRE(transport_wire_put(&body, S_TAG_BLOB, "state", 5) == 0 &&
			session_write(ends.near, MESSAGE_BLOB, &sent, &body, WAIT_MS, NULL) == 0,
		"it is written");
	CHECK(session_read(ends.far, &received, 1u << 20, WAIT_MS, &in, NULL) == 0 &&
		      !in.body.mapped,
	      "and read");
	session_in_release(&in);
	transport_buffer_free(&body);
	close_ends(&ends);
}

enum lie { NO_FILE, NOT_SEALED, ANOTHER_SIZE, NO_MEMORY_FILE, SMALL, NOT_AGREED, N_LIES };

static int make_file(enum lie lie, const struct transport_buffer *body)
{
	int fd = -1;

	if (lie == ANOTHER_SIZE)
		return memfd_make(body->data, body->len - 1, &fd) ? -1 : fd;
	if (lie == NO_MEMORY_FILE)
		return fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	if (lie != NOT_SEALED)
		return memfd_make(body->data, body->len, &fd) ? -1 : fd;
	fd = memfd_create("open", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	return fd >= 0 && ftruncate(fd, (off_t)body->len) == 0 ? fd : -1;
}

static void test_lies_are_found(void)
{
	struct transport_buffer body = { .max = 1u << 20 };
	const unsigned int before = count_descriptors();

	fill(&body);
	for (enum lie lie = 0; lie < N_LIES; lie++) {
		const uint32_t len = lie == SMALL ? 100 : (uint32_t)body.len;
		const struct transport_header header = { len, MESSAGE_BLOB, 1, 1 };
		uint8_t head[TRANSPORT_WIRE_HEADER_SIZE];
		struct ends ends = open_ends();
		const int fd = make_file(lie, &body);
		struct transport_error err;
		struct session_in in;
		uint64_t received = 0;

		transport_wire_put_header(&header, head);
		ends.far->passes = lie != NOT_AGREED;
		REQUIRE(fd >= 0, "there is a file");
		REQUIRE((lie == NO_FILE ? transport_stream_write(ends.near, head, sizeof(head),
								 WAIT_MS, NULL)
					: stream_pass(ends.near, head, sizeof(head), fd, WAIT_MS,
						      NULL)) == 0,
			"the head is written");
		close(fd);
		CHECK(session_read(ends.far, &received, 1u << 20, WAIT_MS, &in, &err) == -EBADMSG &&
			      strcmp(err.reason, "protocol") == 0,
		      "no file, an open one, another size, no memory, too small, not agreed: a "
		      "breach");
		close_ends(&ends);
	}
	transport_buffer_free(&body);
	CHECK(count_descriptors() == before, "what came with them is closed");
}

static ssize_t send_two(int to, int fd, char byte)
{
	union {
		char bytes[CMSG_SPACE(2 * sizeof(int))];
		struct cmsghdr align;
	} room = { .bytes = { 0 } };
	struct iovec part = { &byte, 1 };
	const struct msghdr message = { .msg_iov = &part,
					.msg_iovlen = 1,
					.msg_control = room.bytes,
					.msg_controllen = sizeof(room.bytes) };
	struct cmsghdr *head = CMSG_FIRSTHDR(&message);

	*head = (struct cmsghdr){ .cmsg_level = SOL_SOCKET,
				  .cmsg_type = SCM_RIGHTS,
				  .cmsg_len = CMSG_LEN(2 * sizeof(int)) };
	memcpy(CMSG_DATA(head), (const int[]){ fd, fd }, 2 * sizeof(fd));
	return sendmsg(to, &message, MSG_NOSIGNAL);
}

/* Who may not even be known yet could otherwise fill the table of descriptors. */
static void test_more_than_one_descriptor_leaves_none(void)
{
	const unsigned int before = count_descriptors();
	struct ends ends = open_ends();
	char byte;

	for (int i = 0; i < 20; i++) {
		REQUIRE(send_two(ends.near->out_fd, STDIN_FILENO, 'x') == 1, "two go at a time");
		REQUIRE(stream_read_passed(ends.far, &byte, 1) == 1 && byte == 'x',
			"their byte is read");
	}
	close_ends(&ends);
	CHECK(count_descriptors() == before, "no descriptor is left");
}

int main(void)
{
	return RUN_TESTS(test_a_large_body_is_one_head_and_a_file, test_a_small_body_goes_as_ever,
			 test_lies_are_found, test_more_than_one_descriptor_leaves_none);
}
