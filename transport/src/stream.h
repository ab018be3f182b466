/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stream.h - the insides of a stream, and of the TLS that one may carry
 */
#ifndef TRANSPORT_STREAM_INSIDE_H
#define TRANSPORT_STREAM_INSIDE_H

#include <openssl/ssl.h>
#include <transport/stream.h>

/* How fast one may write. */
struct stream_pace {
	uint64_t rate; /* bytes a second; 0: any */
	int64_t next;  /* us, monotonic: when the next byte may go */
};

struct transport_stream {
	int in_fd, out_fd; /* may be the same; -1: not in this direction */
	SSL *ssl;
	bool is_unix, is_server;
	bool wants_pass;        /* unix: large bodies may go as memory files */
	bool passes;            /* and the peer knows it, too */
	int passed;             /* a descriptor that came, plus one; 0: none */
	bool is_psk;            /* TLS without certificates */
	bool greeted;           /* or nothing to greet */
	bool ready;             /* the next read need not wait: stream_await() has seen something */
	bool answered;          /* TLS: something of the peer was read since */
	bool is_file;           /* errors are "io", not "peer" */
	bool keep_open;         /* standard input or output is not ours to close */
	int cancel_fd;          /* readable: give up the next wait; 0: none, or it was heeded */
	pid_t child;            /* of exec:, 0 otherwise */
	char *path, *temporary; /* of a file being written */
	char name[96];          /* how errors call it */
	uint8_t peer[TRANSPORT_FINGERPRINT_SIZE];
	struct stream_pace pace;
	struct transport_traffic traffic;
	void (*told)(void *ctx, const struct transport_traffic *traffic); /* may be NULL */
	void *told_ctx;
	uint64_t session_sent, session_received; /* messages of all its sessions */
};

enum stream_way { STREAM_READ, STREAM_WRITE };

/** stream_new() - over one descriptor, made non-blocking, or none (-1). NULL: no memory; @fd stays */
struct transport_stream *stream_new(const char *name, int fd);

/** stream_fail() - describe a failed system call on @stream. Return: @code */
int stream_fail(const struct transport_stream *stream, int code, struct transport_error *err);

/** stream_wait() - until ready or @deadline. Return: 0; -ETIMEDOUT; -ECANCELED; -errno */
int stream_wait(struct transport_stream *stream, enum stream_way way, int64_t deadline,
		struct transport_error *err);

/**
 * stream_pace() - wait until it is the turn of the next bytes
 * @len: how many there are; becomes how many may go now, at least one
 *
 * Return: 0; -ETIMEDOUT; -ECANCELED
 */
int stream_pace(struct transport_stream *stream, size_t *len, int64_t deadline,
		struct transport_error *err);

/** stream_pace_ms() - how much longer @len bytes take because of the limit, in ms */
int64_t stream_pace_ms(const struct stream_pace *pace, size_t len);
/** stream_await() - until something can be read, or @deadline. Return: 0; -ETIMEDOUT; -ECANCELED; -errno */
int stream_await(struct transport_stream *stream, int64_t deadline, struct transport_error *err);

/** stream_count() - so many bytes went; tells who observes. Return: 0 */
int stream_count(struct transport_stream *stream, enum stream_way way, size_t moved);

/** stream_can_pass() - may descriptors go beside its bytes, as far as this end knows? */
bool stream_can_pass(const struct transport_stream *stream);

/** stream_pass() - write @len bytes with a descriptor beside the first; @fd stays the caller's. Return: as transport_stream_write() */
int stream_pass(struct transport_stream *stream, const void *data, size_t len, int fd,
		int timeout_ms, struct transport_error *err);

/** stream_read_passed() - recv(2) that keeps a descriptor which comes along */
ssize_t stream_read_passed(struct transport_stream *stream, void *data, size_t len);

/** stream_take_passed() - the descriptor that came last, now the caller's; -1: none */
int stream_take_passed(struct transport_stream *stream);

/** tls_attach() - put TLS on a stream; the handshake is tls_greet()'s. Return: 0; -ENOMEM */
int tls_attach(const struct transport_tls *tls, struct transport_stream *stream,
	       struct transport_error *err);

/** tls_greet() - the handshake, and remember the peer. Errors as transport_stream_greet() */
int tls_greet(struct transport_stream *stream, int64_t deadline, struct transport_error *err);

/**
 * tls_move() - read or write what goes at once
 *
 * Return: 1 with *@moved bytes; 0 at the peer's goodbye; -EAGAIN with *@way to wait for; another -errno.
 */
int tls_move(struct transport_stream *stream, enum stream_way *way, void *data, size_t len,
	     size_t *moved, struct transport_error *err);

/** uri_scheme() - what follows "NAME:" in @uri; NULL if it does not begin so */
const char *uri_scheme(const char *uri, const char *name);

/** uri_split() - "host:port" or "[host]:port" into two texts. Return: 0; -EINVAL */
int uri_split(const char *text, char host[256], char port[16]);

/** stream_exec() - run a command with a socket as its standard input and output. Return: 0; -errno */
int stream_exec(const char *command, struct transport_stream **stream, struct transport_error *err);

/** stream_of_fd() - "fd:N" or "fd:IN,OUT", which become the stream's. Return: 0; -EINVAL; -ENOMEM */
int stream_of_fd(const char *uri, struct transport_stream **stream, struct transport_error *err);

/** stream_wants_tls() - attach TLS unless it is insecure on purpose. Return: 0; -EINVAL; -ENOMEM */
int stream_wants_tls(struct transport_stream *stream,
		     const struct transport_stream_options *options, struct transport_error *err);

#endif
