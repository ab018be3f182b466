// SPDX-License-Identifier: Apache-2.0
#include "support/check.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <transport/stream.h>
#include <unistd.h>

#define RATE    (1u << 20)
#define AMOUNT  (RATE / 4)
#define WAIT_MS 60000       /* longer than any machine is slow */
#define PIECE   (RATE / 20) /* what may go at once */

static uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000u + (uint64_t)ts.tv_nsec / 1000u;
}

/* One end reads, and looks at the clock after each piece: being slow can only make it see less. */
struct reader {
	int fd;
	uint64_t began, got, too_much;
};

static void *drain(void *arg)
{
	static char bytes[65536];
	struct reader *reader = arg;
	ssize_t n;

	while ((n = read(reader->fd, bytes, sizeof(bytes))) > 0) {
		const uint64_t us = now_us() - reader->began;
		const uint64_t may = us * RATE / 1000000 + PIECE;

		reader->got += (uint64_t)n;
		if (reader->got > may && reader->got - may > reader->too_much)
			reader->too_much = reader->got - may;
	}
	return NULL;
}

static struct transport_stream *open_fd(int fd)
{
	const struct transport_stream_options options = { .insecure_no_tls = true };
	struct transport_stream *stream = NULL;
	char uri[24];

	snprintf(uri, sizeof(uri), "fd:%d", fd);
	return transport_stream_connect(uri, &options, &stream, NULL) ? NULL : stream;
}

static void note(void *ctx, const struct transport_traffic *traffic)
{
	*(struct transport_traffic *)ctx = *traffic;
}

static void test_the_bytes_that_came_never_exceed_the_rate(void)
{
	static const char bytes[AMOUNT];
	struct transport_traffic traffic = { 0 };
	struct transport_stream *stream;
	struct reader reader = { 0 };
	pthread_t thread;
	int pair[2];

	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "there is a pair of sockets");
	stream = open_fd(pair[0]);
	REQUIRE(stream, "one end is a stream");
	reader = (struct reader){ .fd = pair[1], .began = now_us() };
	REQUIRE(pthread_create(&thread, NULL, drain, &reader) == 0, "somebody reads");
	transport_stream_observe(stream, note, &traffic);
	transport_stream_limit(stream, RATE);
	CHECK(transport_stream_write(stream, bytes, sizeof(bytes), WAIT_MS, NULL) == 0,
	      "what the limit makes slow is no time-out");
	transport_stream_close(stream);
	pthread_join(thread, NULL);
	close(pair[1]);
	CHECK(reader.got == AMOUNT, "all of it comes");
	CHECK(reader.too_much == 0, "at no moment more than rate times time, and one piece");
	CHECK(traffic.sent == AMOUNT && traffic.received == 0, "who observes is told of each byte");
}

static void test_a_limit_is_heeded_and_taken_away(void)
{
	static const char bytes[AMOUNT];
	struct transport_stream *stream;
	struct transport_error err;
	const uint64_t one = 1;
	int pair[2], event = eventfd(0, 0);

	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 && event > 0, "there are sockets");
	stream = open_fd(pair[0]);
	REQUIRE(stream, "one end is a stream");
	transport_stream_limit(stream, 1024);
	transport_stream_cancel_by(stream, event);
	REQUIRE(write(event, &one, sizeof(one)) == sizeof(one), "it is cancelled");
	CHECK(transport_stream_write(stream, bytes, sizeof(bytes), WAIT_MS, &err) == -ECANCELED &&
		      strcmp(err.reason, "cancelled") == 0,
	      "a wait for the next turn can be cancelled");
	transport_stream_limit(stream, 0);
	CHECK(transport_stream_write(stream, bytes, 4096, WAIT_MS, NULL) == 0,
	      "without a limit it goes at once");
	transport_stream_close(stream);
	close(pair[1]);
	close(event);
}

int main(void)
{
	return RUN_TESTS(test_the_bytes_that_came_never_exceed_the_rate,
			 test_a_limit_is_heeded_and_taken_away);
}
