// SPDX-License-Identifier: Apache-2.0
/*
 * bench_evacuation limit FOLDER VMS PARALLEL: how long two cores need for what no evacuation can leave out
 * bench_evacuation table VMS < SAMPLES: the table of evacuations beside that
 *
 * A line of SAMPLES is "evacuation", "evacuation_cpu", "limit" or "limit_cpu" and microseconds.
 */
#include "bench.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CORES 2u
#define SIGNATURES \
	4u /* of a session: WELCOME, PREFLIGHT, the sealed state, DONE; each made and verified */
#define FLUSHES       2u /* of a session in each ledger: its record, its outcome */
#define PAGE          4096u
#define MESSAGE       512u
#define MAX_SAMPLES   1000u

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* What one core does; the two hosts' ledgers are one each. */
struct share {
	pthread_t thread;
	unsigned int sessions, handshakes, flushes;
	const char *folder;
	unsigned int number;
	EVP_PKEY *key;
	SSL_CTX *ctx;
	int ret;
};

static double now_us(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static int sign_and_verify(EVP_PKEY *key)
{
	uint8_t message[MESSAGE] = { 0 }, signature[64];
	size_t len = sizeof(signature);
	EVP_MD_CTX *out = EVP_MD_CTX_new(), *in = EVP_MD_CTX_new();
	const int ok = out && in && EVP_DigestSignInit(out, NULL, NULL, NULL, key) == 1 &&
		       EVP_DigestSign(out, signature, &len, message, sizeof(message)) == 1 &&
		       EVP_DigestVerifyInit(in, NULL, NULL, NULL, key) == 1 &&
		       EVP_DigestVerify(in, signature, len, message, sizeof(message)) == 1;

	EVP_MD_CTX_free(out);
	EVP_MD_CTX_free(in);
	return ok ? 0 : -1;
}

/* Both ends in one thread, over a pair of memory buffers. */
static int shake_hands(SSL_CTX *ctx)
{
	SSL *server = SSL_new(ctx), *client = SSL_new(ctx);
	BIO *left = NULL, *right = NULL;
	int ret = -1;

	if (server && client && BIO_new_bio_pair(&left, 0, &right, 0) == 1) {
		SSL_set_bio(server, left, left);
		SSL_set_bio(client, right, right);
		SSL_set_accept_state(server);
		SSL_set_connect_state(client);
		for (int i = 0; i < 10 && ret; i++) {
			const int one = SSL_do_handshake(client), other = SSL_do_handshake(server);

			ret = one == 1 && other == 1 ? 0 : -1;
		}
	}
	SSL_free(server);
	SSL_free(client);
	return ret;
}

static int flush(const struct share *share)
{
	static const uint8_t page[PAGE];
	char path[512];
	int fd, ret = 0;

	snprintf(path, sizeof(path), "%s/flush-%u", share->folder, share->number);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	for (unsigned int i = 0; fd >= 0 && i < share->flushes && !ret; i++)
		ret = pwrite(fd, page, sizeof(page), (off_t)i * PAGE) != (ssize_t)sizeof(page) ||
		      fdatasync(fd) < 0;
	if (fd < 0 || close(fd) < 0 || unlink(path) < 0)
		ret = -1;
	return ret;
}

static void *do_share(void *arg)
{
	struct share *share = arg;

	for (unsigned int i = 0; i < share->handshakes && !share->ret; i++)
		share->ret = shake_hands(share->ctx);
	for (unsigned int i = 0; i < share->sessions * SIGNATURES && !share->ret; i++)
		share->ret = sign_and_verify(share->key);
	if (!share->ret)
		share->ret = flush(share);
	return NULL;
}

static int believe(int verified, X509_STORE_CTX *store)
{
	(void)verified;
	(void)store;
	return 1;
}

/* TLS 1.3 with a certificate on both sides, as the movers have it; whom to believe is not timed. */
static SSL_CTX *make_context(EVP_PKEY *key)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_method());
	X509 *certificate = X509_new();
	int ok = ctx && certificate && X509_set_pubkey(certificate, key) == 1 &&
		 X509_gmtime_adj(X509_getm_notBefore(certificate), 0) &&
		 X509_gmtime_adj(X509_getm_notAfter(certificate), 3600) &&
		 X509_sign(certificate, key, NULL) > 0;

	ok = ok && SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) == 1 &&
	     SSL_CTX_set_num_tickets(ctx, 0) == 1 &&
	     SSL_CTX_use_certificate(ctx, certificate) == 1 &&
	     SSL_CTX_use_PrivateKey(ctx, key) == 1;
	if (ok)
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, believe);
	X509_free(certificate);
	if (!ok) {
		SSL_CTX_free(ctx);
		return NULL;
	}
	return ctx;
}

static int print_limit(const char *folder, unsigned int vms, unsigned int parallel)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	SSL_CTX *ctx = key ? make_context(key) : NULL;
	struct share share[CORES];
	const double began = now_us(CLOCK_MONOTONIC), cpu = now_us(CLOCK_PROCESS_CPUTIME_ID);
	int ret = ctx ? 0 : -1;

	for (unsigned int i = 0; i < CORES && !ret; i++) {
		share[i] = (struct share){ .sessions = vms / CORES,
					   .handshakes = parallel / CORES,
					   .flushes = FLUSHES * vms / parallel,
					   .folder = folder,
					   .number = i,
					   .key = key,
					   .ctx = ctx };
		ret = pthread_create(&share[i].thread, NULL, do_share, &share[i]);
	}
	for (unsigned int i = 0; i < CORES && !ret; i++)
		ret = pthread_join(share[i].thread, NULL) | share[i].ret;
	if (!ret)
		printf("limit %.0f\nlimit_cpu %.0f\n", now_us(CLOCK_MONOTONIC) - began,
		       now_us(CLOCK_PROCESS_CPUTIME_ID) - cpu);
	SSL_CTX_free(ctx);
	EVP_PKEY_free(key);
	return ret ? 1 : 0;
}

static const char *const kind[] = { "evacuation", "limit", "evacuation_cpu", "limit_cpu" };

/* The median of each kind, for one VM. Return: how many samples the least of them has. */
static unsigned int read_samples(unsigned int vms, struct bench_time time[ARRAY_SIZE(kind)])
{
	static double ns[ARRAY_SIZE(kind)][MAX_SAMPLES];
	unsigned int n[ARRAY_SIZE(kind)] = { 0 }, least = MAX_SAMPLES;
	char name[32];
	double us;

	while (scanf("%31s %lf", name, &us) == 2)
		for (size_t i = 0; i < ARRAY_SIZE(kind); i++)
			if (strcmp(name, kind[i]) == 0 && n[i] < MAX_SAMPLES)
				ns[i][n[i]++] = us * 1e3 / vms;
	for (size_t i = 0; i < ARRAY_SIZE(kind); i++) {
		if (n[i])
			time[i] = bench_summary(ns[i], n[i]);
		least = n[i] < least ? n[i] : least;
	}
	return least;
}

static int print_table(unsigned int vms)
{
	struct bench_time time[ARRAY_SIZE(kind)] = { { 0 } };
	const unsigned int n = read_samples(vms, time);
	char title[96];

	if (!n)
		return 1;
	snprintf(title, sizeof(title), "Evacuation of %u VMs of 4 vCPUs: %u samples", vms, n);
	bench_title(title);
	bench_row("one VM of them", time[0],
		  "two cores: 4 sign, 4 verify, its part of handshakes and flushes", time[1].p50);
	bench_row("one VM of them, of the CPU", time[2], "the same", time[3].p50);
	bench_goal("evacuation: its time over the limit", time[0].p50 / time[1].p50, 2);
	bench_goal("evacuation: its CPU over the limit's", time[2].p50 / time[3].p50, 2);
	return 0;
}

static unsigned int number_of(const char *text)
{
	const unsigned long number = strtoul(text, NULL, 10);

	return number <= 1u << 20 ? (unsigned int)number : 0;
}

int main(int argc, char **argv)
{
	const unsigned int vms = argc > 2 ? number_of(argv[argc == 5 ? 3 : 2]) : 0;
	const unsigned int parallel = argc == 5 ? number_of(argv[4]) : CORES;

	if (argc == 5 && strcmp(argv[1], "limit") == 0 && vms && parallel >= CORES)
		return print_limit(argv[2], vms, parallel);
	if (argc == 3 && strcmp(argv[1], "table") == 0 && vms)
		return print_table(vms);
	fputs("usage: bench_evacuation limit FOLDER VMS PARALLEL | table VMS < SAMPLES\n", stderr);
	return 2;
}
