// SPDX-License-Identifier: Apache-2.0
#include "identity.h"
#include "support/check.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/vm_sockets.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <transport/stream.h>

#define WAIT_MS  60000 /* longer than any machine is slow */
#define SHORT_MS 150

/* Two ends that know each other, a stranger, one whose certificate has run out. */
struct cast {
	char folder[32];
	struct identity server, client, stranger, late;
};

static bool cast_open(struct cast *cast)
{
	snprintf(cast->folder, sizeof(cast->folder), "/tmp/sdei-test-XXXXXX");
	return mkdtemp(cast->folder) &&
	       identity_make(&cast->server, cast->folder, "server", -60, 3600) &&
	       identity_make(&cast->client, cast->folder, "client", -60, 3600) &&
	       identity_make(&cast->stranger, cast->folder, "stranger", -60, 3600) &&
	       identity_make(&cast->late, cast->folder, "late", -3600, -60);
}

static void cast_close(struct cast *cast)
{
	identity_remove(&cast->server);
	identity_remove(&cast->client);
	identity_remove(&cast->stranger);
	identity_remove(&cast->late);
	rmdir(cast->folder);
}

/* A server for one connection that sends back what it gets, once. */
struct echo {
	struct transport_listener *listener;
	pthread_t thread;
	struct transport_error error;
	uint8_t exporter[TRANSPORT_EXPORTER_SIZE], peer[TRANSPORT_FINGERPRINT_SIZE];
	int greet_ms; /* 0: WAIT_MS */
	int ret;
	bool joined;
};

static void *serve_echo(void *arg)
{
	struct echo *echo = arg;
	struct transport_stream *stream = NULL;
	struct pollfd pfd = { .fd = transport_listener_fd(echo->listener), .events = POLLIN };
	char bytes[4];

	poll(&pfd, 1, WAIT_MS);
	echo->ret = transport_listener_accept(echo->listener, &stream, &echo->error);
	if (!echo->ret)
		echo->ret =
			transport_stream_greet(stream, echo->greet_ms ? echo->greet_ms : WAIT_MS,
					       &echo->error);
	if (!echo->ret)
		echo->ret =
			transport_stream_read(stream, bytes, sizeof(bytes), WAIT_MS, &echo->error);
	if (!echo->ret)
		echo->ret =
			transport_stream_write(stream, bytes, sizeof(bytes), WAIT_MS, &echo->error);
	if (!echo->ret) {
		transport_stream_exporter(stream, echo->exporter);
		transport_stream_peer(stream, echo->peer);
		transport_stream_finish(stream, NULL);
	}
	transport_stream_close(stream);
	return NULL;
}

static bool echo_start(struct echo *echo, const char *uri, const struct transport_tls *tls)
{
	const struct transport_stream_options options = { .tls = tls };

	*echo = (struct echo){ .greet_ms = echo->greet_ms };
	return transport_listener_open(uri, &options, &echo->listener, &echo->error) == 0 &&
	       pthread_create(&echo->thread, NULL, serve_echo, echo) == 0;
}

static void echo_stop(struct echo *echo)
{
	if (!echo->joined)
		pthread_join(echo->thread, NULL);
	transport_listener_close(echo->listener);
}

/* Four bytes there and back. */
static int ask(const char *uri, const struct transport_tls *tls, struct echo *echo,
	       struct transport_error *err)
{
	const struct transport_stream_options options = { .tls = tls, .timeout_ms = WAIT_MS };
	uint8_t exporter[TRANSPORT_EXPORTER_SIZE];
	struct transport_stream *stream = NULL;
	char bytes[4] = "";
	int ret = transport_stream_connect(uri, &options, &stream, err);

	if (!ret)
		ret = transport_stream_write(stream, "ping", 4, WAIT_MS, err);
	if (!ret)
		ret = transport_stream_read(stream, bytes, 4, WAIT_MS, err);
	if (!ret) {
		CHECK(memcmp(bytes, "ping", 4) == 0, "what was sent comes back");
		CHECK(transport_stream_is_authenticated(stream), "both ends are known");
		CHECK(transport_stream_read(stream, bytes, 1, WAIT_MS, NULL) == -ENODATA,
		      "a goodbye is an end");
		transport_stream_exporter(stream, exporter);
		pthread_join(echo->thread, NULL);
		echo->joined = true;
		CHECK(memcmp(exporter, echo->exporter, sizeof(exporter)) == 0,
		      "both ends export the same value");
	}
	transport_stream_close(stream);
	return ret;
}

static struct transport_tls *tls_of(const struct identity *own, const char *peers)
{
	struct transport_tls *tls = NULL;

	CHECK(transport_tls_new(own->key, own->crt, peers, &tls, NULL) == 0, "an identity loads");
	return tls;
}

static void test_only_pinned_keys_talk(void)
{
	static const struct {
		const char *promise;
		int shows, expects, server_expects; /* 0 server, 1 client, 2 stranger, 3 late */
		bool passes;
	} row[] = {
		{ "pinned both ways passes", 1, 0, 1, true },
		{ "an unknown client is refused", 2, 0, 1, false },
		{ "an unknown server is refused", 1, 2, 1, false },
		{ "a pin that has run out is refused", 3, 0, 3, false },
	};
	struct cast cast;
	const struct identity *who[] = { &cast.server, &cast.client, &cast.stranger, &cast.late };

	REQUIRE(cast_open(&cast), "certificates can be made");
	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		struct transport_tls *server = tls_of(who[0], who[row[i].server_expects]->crt);
		struct transport_tls *client = tls_of(who[row[i].shows], who[row[i].expects]->crt);
		struct transport_error err = { .code = 0 };
		struct echo echo = { 0 };
		int ret;

		REQUIRE(echo_start(&echo, "tcp:127.0.0.1:0", server), "a server listens");
		CHECK(strcmp(transport_listener_uri(echo.listener), "tcp:127.0.0.1:0") != 0,
		      "and says at which port");
		ret = ask(transport_listener_uri(echo.listener), client, &echo, &err);
		CHECK((ret == 0) == row[i].passes, row[i].promise);
		if (!row[i].passes)
			CHECK(!strcmp(err.reason, "peer-untrusted") ||
				      !strcmp(echo.error.reason, "peer-untrusted"),
			      "and the reason is trust");
		echo_stop(&echo);
		transport_tls_free(client);
		transport_tls_free(server);
	}
	cast_close(&cast);
}

/* A TLS client of its own making: OpenSSL without our rules. */
static int raw_client(const char *uri, int max_version, const struct identity *own)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	struct sockaddr_in address = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM, 0), ret;
	char byte;
	SSL *ssl;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	address.sin_port = htons((uint16_t)strtol(strrchr(uri, ':') + 1, NULL, 10));
	SSL_CTX_set_max_proto_version(ctx, max_version);
	if (own) {
		SSL_CTX_use_PrivateKey_file(ctx, own->key, SSL_FILETYPE_PEM);
		SSL_CTX_use_certificate_file(ctx, own->crt, SSL_FILETYPE_PEM);
	}
	ssl = SSL_new(ctx);
	SSL_set_fd(ssl, fd);
	ret = connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
			      SSL_connect(ssl) == 1 && SSL_write(ssl, "ping", 4) == 4 &&
			      SSL_read(ssl, &byte, 1) == 1
		      ? 0
		      : -1;
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	close(fd);
	return ret;
}

static void test_other_clients_are_refused(void)
{
	struct cast cast;
	struct echo echo = { 0 };
	struct transport_tls *server;

	REQUIRE(cast_open(&cast), "certificates can be made");
	server = tls_of(&cast.server, cast.client.crt);
	REQUIRE(echo_start(&echo, "tcp:127.0.0.1:0", server), "a server listens");
	CHECK(raw_client(transport_listener_uri(echo.listener), TLS1_3_VERSION, &cast.client) == 0,
	      "a client with the pinned certificate is served");
	echo_stop(&echo);
	REQUIRE(echo_start(&echo, "tcp:127.0.0.1:0", server), "a server listens");
	CHECK(raw_client(transport_listener_uri(echo.listener), TLS1_3_VERSION, NULL) < 0,
	      "one without a certificate is not");
	echo_stop(&echo);
	CHECK(echo.ret == -EACCES && !strcmp(echo.error.reason, "peer-untrusted"), "and why");
	REQUIRE(echo_start(&echo, "tcp:127.0.0.1:0", server), "a server listens");
	CHECK(raw_client(transport_listener_uri(echo.listener), TLS1_2_VERSION, &cast.client) < 0,
	      "TLS 1.2 is not spoken");
	echo_stop(&echo);
	CHECK(echo.ret == -EPROTO && !strcmp(echo.error.reason, "peer"), "and why");
	transport_tls_free(server);
	cast_close(&cast);
}

static void test_a_silent_client_is_given_up(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct transport_tls *server;
	struct cast cast;
	struct echo echo = { .greet_ms = SHORT_MS };

	REQUIRE(cast_open(&cast), "certificates can be made");
	server = tls_of(&cast.server, cast.client.crt);
	REQUIRE(echo_start(&echo, "tcp:127.0.0.1:0", server), "a server listens");
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	address.sin_port = htons((
		uint16_t)strtol(strrchr(transport_listener_uri(echo.listener), ':') + 1, NULL, 10));
	CHECK(connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0, "it connects");
	echo_stop(&echo);
	CHECK(echo.ret == -ETIMEDOUT && !strcmp(echo.error.reason, "timeout"),
	      "a handshake that does not come has a deadline");
	close(fd);
	transport_tls_free(server);
	cast_close(&cast);
}

static void test_tcp_without_tls_must_be_asked_for(void)
{
	const struct transport_stream_options none = { .tls = NULL };
	struct transport_listener *listener = NULL;
	struct transport_stream *stream = NULL;
	struct transport_error err;

	CHECK(transport_listener_open("tcp:127.0.0.1:0", &none, &listener, &err) == -EINVAL &&
		      !strcmp(err.reason, "usage") && !strcmp(err.field, "TLS"),
	      "no listener without TLS");
	CHECK(transport_stream_connect("fd:0", &none, &stream, &err) == -EINVAL, "no fd: either");
	CHECK(transport_stream_connect("tcp:127.0.0.1", &none, &stream, &err) == -EINVAL,
	      "a port is needed");
	CHECK(transport_stream_connect("ftp://x", &none, &stream, &err) == -EINVAL,
	      "no scheme of others");
}

static void test_a_peer_that_stops_reading_has_a_deadline(void)
{
	const struct transport_stream_options plain = { .insecure_no_tls = true };
	static char bytes[4u << 20];
	struct transport_stream *stream = NULL;
	struct transport_error err;
	char uri[32];
	int pair[2];

	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "a pair of sockets");
	snprintf(uri, sizeof(uri), "fd:%d", pair[0]);
	REQUIRE(transport_stream_connect(uri, &plain, &stream, &err) == 0, "fd: opens");
	CHECK(transport_stream_write(stream, bytes, sizeof(bytes), SHORT_MS, &err) == -ETIMEDOUT &&
		      !strcmp(err.reason, "timeout"),
	      "writing ends in time");
	CHECK(!transport_stream_is_authenticated(stream), "and nobody vouches for plain bytes");
	transport_stream_close(stream);
	close(pair[1]);
}

static void test_exec_carries_bytes(void)
{
	const struct transport_stream_options plain = { .insecure_no_tls = true };
	struct transport_stream *stream = NULL;
	char bytes[5] = "";

	REQUIRE(transport_stream_connect("exec:exec cat", &plain, &stream, NULL) == 0, "it starts");
	CHECK(transport_stream_write(stream, "hello", 5, WAIT_MS, NULL) == 0 &&
		      transport_stream_read(stream, bytes, 5, WAIT_MS, NULL) == 0 &&
		      !memcmp(bytes, "hello", 5),
	      "a command passes bytes on");
	transport_stream_close(stream);
}

static void test_exec_ends_with_all_it_started(void)
{
	const struct transport_stream_options plain = { .insecure_no_tls = true };
	struct transport_stream *stream = NULL;
	struct pollfd pfd;
	int held[2];
	char byte;

	/* Whoever the command starts has the pipe's end, too, until it is dead. */
	REQUIRE(pipe(held) == 0, "a pipe");
	REQUIRE(transport_stream_connect("exec:sleep 90 & echo; wait", &plain, &stream, NULL) == 0,
		"it starts");
	CHECK(transport_stream_read(stream, &byte, 1, WAIT_MS, NULL) == 0, "and has a child");
	close(held[1]);
	transport_stream_close(stream);
	pfd = (struct pollfd){ .fd = held[0], .events = POLLIN };
	CHECK(poll(&pfd, 1, WAIT_MS) == 1 && read(held[0], &byte, 1) == 0,
	      "a command that does not end is killed with what it started");
	close(held[0]);
}

static void test_two_descriptors_are_one_stream(void)
{
	const struct transport_stream_options plain = { .insecure_no_tls = true };
	struct transport_stream *stream = NULL;
	struct transport_error err;
	int in[2], out[2];
	char uri[32], byte = 0;

	REQUIRE(pipe(in) == 0 && pipe(out) == 0, "two pipes");
	snprintf(uri, sizeof(uri), "fd:%d,%d", in[0], out[1]);
	REQUIRE(transport_stream_connect(uri, &plain, &stream, &err) == 0, "fd:IN,OUT opens");
	CHECK(write(in[1], "i", 1) == 1 &&
		      transport_stream_read(stream, &byte, 1, WAIT_MS, &err) == 0 && byte == 'i',
	      "reads from the first");
	CHECK(transport_stream_write(stream, "o", 1, WAIT_MS, &err) == 0 &&
		      read(out[0], &byte, 1) == 1 && byte == 'o',
	      "and writes to the second");
	transport_stream_close(stream);
	snprintf(uri, sizeof(uri), "fd:%d,%d", in[1], 9999);
	CHECK(transport_stream_connect(uri, &plain, &stream, &err) == -EINVAL &&
		      !strcmp(err.field, "descriptor"),
	      "both must be open");
	CHECK(transport_stream_connect("fd:1,", &plain, &stream, &err) == -EINVAL, "and named");
	close(in[1]);
	close(out[0]);
}

static void test_a_wait_is_cancelled_once(void)
{
	const uint64_t one = 1;
	struct transport_stream_options plain = { .insecure_no_tls = true };
	struct transport_stream *stream = NULL;
	struct transport_error err;
	char uri[32], byte;
	int pair[2];

	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "a pair of sockets");
	snprintf(uri, sizeof(uri), "fd:%d", pair[0]);
	REQUIRE(transport_stream_connect(uri, &plain, &stream, &err) == 0, "fd: opens");
	plain.cancel_fd = fcntl(eventfd(0, 0), F_DUPFD, 3);
	transport_stream_cancel_by(stream, plain.cancel_fd);
	CHECK(write(plain.cancel_fd, &one, sizeof(one)) == sizeof(one), "somebody cancels");
	CHECK(transport_stream_read(stream, &byte, 1, WAIT_MS, &err) == -ECANCELED &&
		      !strcmp(err.reason, "cancelled"),
	      "a wait ends");
	CHECK(transport_stream_read(stream, &byte, 1, SHORT_MS, &err) == -ETIMEDOUT,
	      "the next one does not: there may be something to say to the peer");
	transport_stream_close(stream);
	close(pair[1]);
	close(plain.cancel_fd);
}

static void test_a_file_appears_whole_or_not_at_all(void)
{
	char folder[] = "/tmp/sdei-test-XXXXXX", path[64], uri[72], back[3];
	struct transport_stream *stream = NULL;
	struct stat st;

	REQUIRE(mkdtemp(folder), "a folder");
	snprintf(path, sizeof(path), "%s/state", folder);
	snprintf(uri, sizeof(uri), "file:%s", path);
	REQUIRE(transport_stream_open_write(uri, &stream, NULL) == 0, "a file opens");
	CHECK(transport_stream_write(stream, "abc", 3, WAIT_MS, NULL) == 0, "and takes bytes");
	CHECK(access(path, F_OK) < 0, "unfinished it has no name");
	transport_stream_close(stream);
	CHECK(access(path, F_OK) < 0, "given up it never gets one");
	REQUIRE(transport_stream_open_write(path, &stream, NULL) == 0, "a file opens again");
	CHECK(transport_stream_write(stream, "abc", 3, WAIT_MS, NULL) == 0 &&
		      transport_stream_finish(stream, NULL) == 0,
	      "finished");
	transport_stream_close(stream);
	CHECK(stat(path, &st) == 0 && st.st_size == 3 && (st.st_mode & 0777) == 0600,
	      "it is there, for us alone");
	REQUIRE(transport_stream_open_read(uri, &stream, NULL) == 0, "and can be read");
	CHECK(transport_stream_read(stream, back, 3, WAIT_MS, NULL) == 0 &&
		      !memcmp(back, "abc", 3) &&
		      transport_stream_read(stream, back, 1, WAIT_MS, NULL) == -ENODATA,
	      "to its end");
	transport_stream_close(stream);
	unlink(path);
	CHECK(rmdir(folder) == 0, "and nothing is left beside it");
}

static void test_keys_are_looked_at_before_use(void)
{
	struct transport_tls *tls = NULL;
	struct transport_error err;
	struct cast cast;

	REQUIRE(cast_open(&cast), "certificates can be made");
	CHECK(transport_tls_new(cast.server.key, cast.client.crt, cast.client.crt, &tls, &err) ==
			      -EINVAL &&
		      !strcmp(err.reason, "no-key"),
	      "a certificate of another key is refused");
	CHECK(transport_tls_new(cast.server.key, cast.server.crt, "/nonexistent", &tls, &err) ==
		      -ENOENT,
	      "missing peers are named");
	chmod(cast.server.key, 0644);
	CHECK(transport_tls_new(cast.server.key, cast.server.crt, cast.client.crt, &tls, &err) ==
			      -EACCES &&
		      !strcmp(err.reason, "key-permissions"),
	      "a key that others may read is refused");
	chmod(cast.server.key, 0600);
	CHECK(transport_tls_new(cast.server.key, cast.server.crt, cast.folder, &tls, &err) == 0,
	      "a folder of certificates pins each of them");
	transport_tls_free(tls);
	cast_close(&cast);
}

/* Only AF_UNIX goes without TLS; whatever else a service manager hands over is not taken for it. */
static void test_a_listening_socket_of_another_family_is_refused(void)
{
	const struct sockaddr_vm address = { .svm_family = AF_VSOCK,
					     .svm_port = VMADDR_PORT_ANY,
					     .svm_cid = VMADDR_CID_ANY };
	const struct transport_stream_options plain = { .insecure_no_tls = true };
	const int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct transport_listener *listener = NULL;
	struct transport_error err;
	char uri[16];

	if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) ||
	    listen(fd, 1)) {
		printf("SKIP this kernel has no AF_VSOCK\n");
		close(fd);
		return;
	}
	snprintf(uri, sizeof(uri), "fd:%d", fd);
	CHECK(transport_listener_open(uri, &plain, &listener, &err) == -EAFNOSUPPORT &&
		      strcmp(err.reason, "usage") == 0,
	      "it is named");
	CHECK(fcntl(fd, F_GETFD) >= 0, "and left to who made it");
	transport_listener_close(listener);
	close(fd);
}

int main(void)
{
	return RUN_TESTS(test_a_listening_socket_of_another_family_is_refused,
			 test_only_pinned_keys_talk, test_other_clients_are_refused,
			 test_a_silent_client_is_given_up, test_tcp_without_tls_must_be_asked_for,
			 test_a_peer_that_stops_reading_has_a_deadline, test_exec_carries_bytes,
			 test_exec_ends_with_all_it_started, test_two_descriptors_are_one_stream,
			 test_a_wait_is_cancelled_once, test_a_file_appears_whole_or_not_at_all,
			 test_keys_are_looked_at_before_use);
}
