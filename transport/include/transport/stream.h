/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stream.h - bytes to and from somewhere: unix:, tcp:, fd:, exec:, file: and standard input and output
 *
 *	unix:/path	the other end's user is known to the kernel
 *	tcp:host:port	TLS 1.3, both ends show a pinned certificate; port 0 listens at a free one
 *	fd:N		one open, bidirectional descriptor; carries TLS
 *			a listener takes a socket that listens, too: every connection of one that is TCP carries TLS,
 *			one of AF_UNIX is as unix:
 *	fd:IN,OUT	two, as a program that ssh starts has them: fd:0,1; carries TLS
 *	exec:COMMAND	COMMAND, run by /bin/sh in a session of its own, copies its standard input and output to
 *			the peer; carries TLS; killed with all it started if it outlives the stream by a second
 *	file:/path	reads or writes a file; written whole under its name or not at all
 *	-		standard input or output
 *
 * Every wait has a deadline. A stream belongs to one thread. A program that uses TLS ignores SIGPIPE: the
 * TLS library writes with write(2).
 */
#ifndef TRANSPORT_STREAM_H
#define TRANSPORT_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <transport/error.h>

#define TRANSPORT_EXPORTER_SIZE    32u
#define TRANSPORT_FINGERPRINT_SIZE 32u  /* SHA-256 of a certificate's public key, DER */
#define TRANSPORT_MAX_URI          512u /* with the NUL */
#define TRANSPORT_MAX_PEERS        1024u

/* --- TLS: who we are, and whom we believe --- */

struct transport_tls;

/**
 * transport_tls_new() - load our key and certificate and the peers' certificates
 * @key: PEM private key, no permission bits beyond 0600
 * @certificate: PEM certificate of that key
 * @peers: a PEM certificate or public key, or a folder: every *.crt, *.pem and *.pub in it
 *
 * Both ends must show a certificate whose public key is pinned: by a certificate that is valid now, or by itself alone;
 * no authority is believed and no name is compared. TLS 1.3 only, no tickets, no early data.
 * Return: 0; -EACCES "key-permissions"; -errno "no-key" for a key or certificate of ours that cannot be read, "io" for a peer's;
 * -EINVAL "no-key" for a file that is no key or certificate, or a certificate of another key; -ENOKEY "no-key" for a folder without any;
 * -E2BIG "over-limit" for more than TRANSPORT_MAX_PEERS; -ENOMEM.
 */
TRANSPORT_API int transport_tls_new(const char *key, const char *certificate, const char *peers,
				    struct transport_tls **tls, struct transport_error *err);
/**
 * transport_tls_new_psk() - load keys that both ends were given, instead of certificates
 * @path: lines NAME:HEX, 32 to 64 bytes of key, at most 64 lines; empty ones and those that begin with # are skipped. No
 *	  permission bits beyond 0600, owned by this user or root
 *
 * The client offers the first key, the server takes any. TLS 1.3 with external keys and an ephemeral exchange, SHA-256; who
 * does not know a key fails the handshake. transport_stream_peer() does not know such a peer.
 * Return: 0; -EACCES "key-permissions"; -errno or -EINVAL "no-key", which never repeats what is in the file; -ENOKEY "no-key"
 * for a file without a key; -E2BIG "over-limit"; -ENOMEM.
 */
TRANSPORT_API int transport_tls_new_psk(const char *path, struct transport_tls **tls,
					struct transport_error *err);
/** transport_tls_free() - give the keys back; takes NULL. Return: NULL */
TRANSPORT_API struct transport_tls *transport_tls_free(struct transport_tls *tls);

/* --- opening --- */

struct transport_stream;

struct transport_stream_options {
	const struct transport_tls *tls; /* needed by tcp:, fd: and exec: unless insecure */
	bool insecure_no_tls;            /* plain bytes on purpose */
	bool local; /* connect: unix: only, to a process of this user or root; large state goes as memory files */
	int timeout_ms; /* for connecting and the handshake; 0: 10000 */
	int cancel_fd;  /* readable: the wait that is on ends with -ECANCELED, once; 0: none */
};

/**
 * transport_stream_connect() - open the client's end of @uri
 *
 * Return: 0; -EINVAL "usage" for no URI of ours or one that cannot be connected to, no TLS where it is
 * needed, or another carrier than unix: with local; -ENAMETOOLONG "usage" for a path; -EACCES "refused" for a peer of
 * another user with local; -EHOSTUNREACH "peer" for a name that nobody knows, another -errno "peer" of the network or
 * of starting the command; -ETIMEDOUT "timeout"; -ECANCELED "cancelled"; -EPROTO "peer" for a failed handshake;
 * -EACCES "peer-untrusted" if the peer's certificate is not pinned or ours was refused; -ENOMEM "no-memory".
 */
TRANSPORT_API int transport_stream_connect(const char *uri,
					   const struct transport_stream_options *options,
					   struct transport_stream **stream,
					   struct transport_error *err);

/** transport_stream_open_read() - the reading end of file:, a plain path or "-". Return: 0; -errno "io"; -ENOMEM */
TRANSPORT_API int transport_stream_open_read(const char *uri, struct transport_stream **stream,
					     struct transport_error *err);
/**
 * transport_stream_open_write() - the writing end of file:, a plain path or "-"
 *
 * A regular file appears under its name only with transport_stream_finish(), mode 0600.
 * Return: 0; -errno "io"; -ENOMEM.
 */
TRANSPORT_API int transport_stream_open_write(const char *uri, struct transport_stream **stream,
					      struct transport_error *err);

struct transport_listener;

/**
 * transport_listener_open() - listen at unix:, tcp:, fd: or exec:
 *
 * fd: and exec: bring one stream. A socket file that nobody listens at is replaced.
 * Return: 0; -EINVAL or -ENAMETOOLONG "usage" as transport_stream_connect(); -EAFNOSUPPORT "usage" for a socket that is neither
 * TCP nor AF_UNIX; -EADDRINUSE "busy"; -EADDRNOTAVAIL "peer" for a name that is no address of this host; another -errno
 * "peer" of the network; of unix: -EEXIST "io" for a path that is no socket, another -errno "io"; -ENOMEM "no-memory".
 */
TRANSPORT_API int transport_listener_open(const char *uri,
					  const struct transport_stream_options *options,
					  struct transport_listener **listener,
					  struct transport_error *err);
/** transport_listener_uri() - where it listens, with the port chosen; borrowed */
TRANSPORT_API const char *transport_listener_uri(const struct transport_listener *listener);
/** transport_listener_fd() - to poll for a connection; -1 if there will be none any more */
TRANSPORT_API int transport_listener_fd(const struct transport_listener *listener);
/**
 * transport_listener_accept() - take one connection without waiting and without talking to it
 *
 * transport_stream_greet() does the talking, so that a silent client holds up nobody else.
 * Return: 0; -EAGAIN if there is none; -ENODATA if there will be none; -EINVAL "usage" for no TLS where it is needed,
 * the connection is closed; -ENOMEM "no-memory", the same; -EMFILE, -ENFILE or another -errno "io" while none can be
 * taken: it goes on waiting, and the descriptor polls readable, so that a caller has to pause.
 */
TRANSPORT_API int transport_listener_accept(struct transport_listener *listener,
					    struct transport_stream **stream,
					    struct transport_error *err);
/**
 * transport_stream_greet() - the TLS handshake of an accepted stream, if any
 *
 * Return: 0; -ETIMEDOUT "timeout"; -ECANCELED "cancelled"; -EPROTO, -ECONNRESET or another -errno "peer"; -EACCES "peer-untrusted".
 */
TRANSPORT_API int transport_stream_greet(struct transport_stream *stream, int timeout_ms,
					 struct transport_error *err);
/** transport_listener_use() - other keys for who is accepted from now on; must outlive those streams */
TRANSPORT_API void transport_listener_use(struct transport_listener *listener,
					  const struct transport_tls *tls);
/** transport_listener_close() - close, and unlink a unix socket. Return: NULL */
TRANSPORT_API struct transport_listener *transport_listener_close(
	struct transport_listener *listener);

/* --- using --- */

/**
 * transport_stream_read() - read exactly @len bytes
 * @timeout_ms: for all of them
 *
 * Return: 0; -ENODATA "peer" at an end before the first byte; -ECONNRESET "peer" at an end inside;
 * -ETIMEDOUT "timeout"; -ECANCELED "cancelled"; -EACCES "peer-untrusted" and -EPROTO "peer" of TLS, where the peer refuses us
 * after its handshake; another -errno "peer" (network). Of a file every error is "io".
 */
TRANSPORT_API int transport_stream_read(struct transport_stream *stream, void *data, size_t len,
					int timeout_ms, struct transport_error *err);
/** transport_stream_read_some() - read 1 to @len bytes; *@got is 0 at the end. Errors as read */
TRANSPORT_API int transport_stream_read_some(struct transport_stream *stream, void *data,
					     size_t len, int timeout_ms, size_t *got,
					     struct transport_error *err);
/** transport_stream_write() - write all @len bytes; errors as read, -EPIPE "peer" */
TRANSPORT_API int transport_stream_write(struct transport_stream *stream, const void *data,
					 size_t len, int timeout_ms, struct transport_error *err);
/**
 * transport_stream_fd() - to poll for input
 *
 * TLS may have read ahead what the descriptor does not show any more. A read with a timeout of 0 takes what is there.
 * Return: the stream's own descriptor; -1 if it is not read from.
 */
TRANSPORT_API int transport_stream_fd(const struct transport_stream *stream);
/**
 * transport_stream_finish() - nothing more will be written
 *
 * A file is flushed to the disk and takes its name; TLS says goodbye, and whether that arrives is not waited for.
 * Return: 0; -errno "io" of a file.
 */
TRANSPORT_API int transport_stream_finish(struct transport_stream *stream,
					  struct transport_error *err);
/** transport_stream_cancel_by() - another cancel_fd, of the options, from now on; 0: none */
TRANSPORT_API void transport_stream_cancel_by(struct transport_stream *stream, int fd);
/**
 * transport_stream_limit() - from now on write no faster than this
 * @rate: bytes a second, as the caller counts them (TLS adds less than a hundredth); 0: as fast as it goes
 *
 * A write's timeout grows by what its bytes take at that rate.
 */
TRANSPORT_API void transport_stream_limit(struct transport_stream *stream, uint64_t rate);

/* What has gone over a stream, in bytes as its user counts them. */
struct transport_traffic {
	uint64_t received, sent;
};

/**
 * transport_stream_observe() - have somebody told after every piece that came or went
 * @told: must be quick; NULL ends it
 */
TRANSPORT_API void transport_stream_observe(struct transport_stream *stream,
					    void (*told)(void *ctx,
							 const struct transport_traffic *traffic),
					    void *ctx);
/** transport_stream_cut() - break it in both directions without a goodbye; close() is still needed */
TRANSPORT_API void transport_stream_cut(struct transport_stream *stream);
/** transport_stream_close() - an unfinished file is gone. Return: NULL */
TRANSPORT_API struct transport_stream *transport_stream_close(struct transport_stream *stream);

/** transport_stream_is_authenticated() - do TLS or the kernel vouch for every byte's sender? */
TRANSPORT_API bool transport_stream_is_authenticated(const struct transport_stream *stream);
/** transport_stream_is_tls() - does it carry TLS? */
TRANSPORT_API bool transport_stream_is_tls(const struct transport_stream *stream);
/**
 * transport_stream_exporter() - a value that only the two ends of this TLS connection know (RFC 8446 §7.5)
 *
 * Return: 0; -ENOTSUP without TLS, and @value is zero then; -EIO if the TLS library has none.
 */
TRANSPORT_API int transport_stream_exporter(const struct transport_stream *stream,
					    uint8_t value[TRANSPORT_EXPORTER_SIZE]);
/** transport_stream_peer() - the peer's public key (SHA-256 of its DER form); -ENOTSUP without TLS or with a pre-shared key */
TRANSPORT_API int transport_stream_peer(const struct transport_stream *stream,
					uint8_t fingerprint[TRANSPORT_FINGERPRINT_SIZE]);
/** transport_stream_peer_uid() - the user at the other end of unix:; -ENOTSUP elsewhere */
TRANSPORT_API int transport_stream_peer_uid(const struct transport_stream *stream, uid_t *uid);

#endif
