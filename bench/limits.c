// SPDX-License-Identifier: Apache-2.0
/* What this machine cannot do faster, measured each run with the same libraries the toolkit uses. */
#include "bench.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MESSAGE 512u /* bytes that are signed: about a manifest */

struct buffers {
	uint8_t *from, *to;
	size_t len;
	uint8_t digest[32];
};

static int copy(void *ctx)
{
	struct buffers *b = ctx;

	memcpy(b->to, b->from, b->len);
	__asm__ volatile(""
			 :
			 : "r"(b->to)
			 : "memory"); /* the copy is wanted though nobody reads it */
	return 0;
}

static int hash(void *ctx)
{
	struct buffers *b = ctx;

	return EVP_Digest(b->from, b->len, b->digest, NULL, EVP_sha256(), NULL) == 1 ? 0 : -1;
}

static double time_buffers(bench_fn *step, size_t bytes)
{
	struct buffers b = { .from = malloc(bytes), .to = malloc(bytes), .len = bytes };
	double ns = 0;

	if (b.from && b.to) {
		memset(b.from, 0x5a, bytes);
		memset(b.to, 0, bytes);
		ns = bench_time(step, &b, 200, bytes < 65536 ? 50 : 2).p50;
	}
	free(b.from);
	free(b.to);
	return ns;
}

double bench_memcpy(size_t bytes)
{
	return time_buffers(copy, bytes);
}

double bench_sha256(size_t bytes)
{
	return time_buffers(hash, bytes);
}

struct signing {
	EVP_PKEY *key;
	uint8_t message[MESSAGE], signature[64];
	size_t len;
};

static int sign(void *ctx)
{
	struct signing *s = ctx;
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	int ok = md && EVP_DigestSignInit(md, NULL, NULL, NULL, s->key) == 1;

	s->len = sizeof(s->signature);
	ok = ok && EVP_DigestSign(md, s->signature, &s->len, s->message, sizeof(s->message)) == 1;
	EVP_MD_CTX_free(md);
	return ok ? 0 : -1;
}

static int verify(void *ctx)
{
	struct signing *s = ctx;
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	int ok = md && EVP_DigestVerifyInit(md, NULL, NULL, NULL, s->key) == 1;

	ok = ok && EVP_DigestVerify(md, s->signature, s->len, s->message, sizeof(s->message)) == 1;
	EVP_MD_CTX_free(md);
	return ok ? 0 : -1;
}

static double time_signing(bench_fn *step)
{
	struct signing s = { .key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519") };
	double ns = 0;

	if (s.key && sign(&s) == 0)
		ns = bench_time(step, &s, 500, 1).p50;
	EVP_PKEY_free(s.key);
	return ns;
}

int bench_ed25519_verify_times(unsigned int n)
{
	struct signing s = { .key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519") };
	int ret = s.key ? sign(&s) : -1;

	for (unsigned int i = 0; i < n && ret == 0; i++)
		ret = verify(&s);
	EVP_PKEY_free(s.key);
	return ret ? 1 : 0;
}

double bench_ed25519_sign(void)
{
	return time_signing(sign);
}

double bench_ed25519_verify(void)
{
	return time_signing(verify);
}

static void *echo(void *arg)
{
	const int fd = *(int *)arg;
	char byte;

	while (read(fd, &byte, 1) == 1 && write(fd, &byte, 1) == 1)
		;
	return NULL;
}

static int ping(void *ctx)
{
	const int fd = *(int *)ctx;
	char byte = 0;

	return write(fd, &byte, 1) == 1 && read(fd, &byte, 1) == 1 ? 0 : -1;
}

static double time_pair(int fd[2])
{
	pthread_t thread;
	double ns = 0;

	if (pthread_create(&thread, NULL, echo, &fd[1]) == 0) {
		ns = bench_time(ping, &fd[0], 2000, 1).p50;
		shutdown(fd[0], SHUT_RDWR);
		pthread_join(thread, NULL);
	}
	close(fd[0]);
	close(fd[1]);
	return ns;
}

double bench_unix_round_trip(void)
{
	int fd[2];

	return socketpair(AF_UNIX, SOCK_STREAM, 0, fd) ? 0 : time_pair(fd);
}

double bench_tcp_round_trip(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	const int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1;
	socklen_t len = sizeof(at);
	int fd[2] = { socket(AF_INET, SOCK_STREAM, 0), -1 };

	if (bind(listener, (struct sockaddr *)&at, sizeof(at)) || listen(listener, 1) ||
	    getsockname(listener, (struct sockaddr *)&at, &len) ||
	    connect(fd[0], (struct sockaddr *)&at, sizeof(at)))
		return 0;
	fd[1] = accept(listener, NULL, NULL);
	close(listener);
	setsockopt(fd[0], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(fd[1], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return time_pair(fd);
}
