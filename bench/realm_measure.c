// SPDX-License-Identifier: Apache-2.0
/*
 * The RIM of large images by `realm-measure compute`, beside `openssl dgst` of the same file in the same run.
 *
 *	bench_realm_measure REALM-MEASURE [MIB...]
 *
 * The limit of a row is what openssl needs on one core, divided by the cores; padding and descriptors make
 * 1.10 of it for SHA-256 and 1.12 for SHA-512. Other work on the machine counts against us and hardly against
 * the one thread of openssl: the rows of processor time do not see it.
 */
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SAMPLES    5u
#define WANTED     (1 / 0.8)
#define ANON_MIB   64.0
#define MAX_WORDS  8
#define POLL_NS    2000000L
#define CHUNK      (1u << 20)
#define SMALL_MIB  256u /* below this starting a process is part of the figure */
#define NS_PER_SEC 1e9

struct measured {
	double wall[SAMPLES], cpu[SAMPLES];
	long anon_kib; /* the most that was seen */
};

static void die(const char *what)
{
	fprintf(stderr, "bench_realm_measure: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * NS_PER_SEC + (double)t.tv_nsec;
}

static double ns_of(struct timeval t)
{
	return (double)t.tv_sec * NS_PER_SEC + (double)t.tv_usec * 1e3;
}

/* Random bytes, so that nothing can be guessed; the file grows from size to size. */
static void grow(int fd, size_t from_mib, size_t to_mib)
{
	static uint64_t state = 88172645463325252u;
	uint64_t *chunk = malloc(CHUNK);

	for (size_t i = from_mib; chunk && i < to_mib; i++) {
		for (size_t k = 0; k < CHUNK / sizeof(*chunk); k++) {
			state ^= state << 13;
			state ^= state >> 7;
			state ^= state << 17;
			chunk[k] = state;
		}
		if (write(fd, chunk, CHUNK) != CHUNK)
			die("the image");
	}
	free(chunk);
}

static long anonymous_kib(pid_t pid)
{
	char path[64], line[128];
	long kib = 0;
	FILE *status;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	status = fopen(path, "re");
	while (status && fgets(line, sizeof(line), status))
		if (sscanf(line, "RssAnon: %ld", &kib) == 1)
			break;
	if (status)
		fclose(status);
	return kib;
}

static pid_t start(char *const words[])
{
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (pid)
		return pid;
	if (dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDOUT_FILENO) >= 0)
		execvp(words[0], words);
	_exit(127);
}

static void sample(char *const words[], unsigned int i, struct measured *m)
{
	const struct timespec pause = { .tv_nsec = POLL_NS };
	double began = now_ns();
	pid_t pid = start(words), done = 0;
	struct rusage used;
	int status = 0;

	while (!done) {
		long kib = anonymous_kib(pid);

		if (kib > m->anon_kib)
			m->anon_kib = kib;
		nanosleep(&pause, NULL);
		done = wait4(pid, &status, WNOHANG, &used);
	}
	if (done < 0 || status) {
		fprintf(stderr, "bench_realm_measure: %s failed\n", words[0]);
		exit(1);
	}
	m->wall[i] = now_ns() - began;
	m->cpu[i] = ns_of(used.ru_utime) + ns_of(used.ru_stime);
}

static void write_description(const char *path, const char *image, const char *hash)
{
	FILE *out = fopen(path, "we");

	if (!out)
		die(path);
	fprintf(out,
		"{\"steps\":[{\"op\":\"realm_create\",\"params\":{\"s2sz\":40,\"num_bps\":1,"
		"\"num_wps\":1,\"algo\":\"%s\"}},{\"op\":\"data_create\",\"ipa\":\"0x80000000\","
		"\"file\":\"%s\"}]}",
		hash, image);
	if (fclose(out))
		die(path);
}

static void rows(size_t mib, const char *hash, struct measured *ours, struct measured *theirs)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	char name[64], limit[64];
	double wall, cpu;

	wall = bench_summary(theirs->wall, SAMPLES).p50;
	cpu = bench_summary(theirs->cpu, SAMPLES).p50;
	snprintf(name, sizeof(name), "%zu MiB, %s", mib, hash);
	snprintf(limit, sizeof(limit), "openssl dgst / %ld cores", cores);
	bench_row(name, bench_summary(ours->wall, SAMPLES), limit, wall / (double)cores);
	snprintf(name, sizeof(name), "%zu MiB, %s, processor time", mib, hash);
	bench_row(name, bench_summary(ours->cpu, SAMPLES), "openssl dgst", cpu);
}

static void goals(size_t mib, const char *hash, struct measured *ours, struct measured *theirs)
{
	double cores = (double)sysconf(_SC_NPROCESSORS_ONLN);
	double wall = bench_summary(ours->wall, SAMPLES).p50 /
		      bench_summary(theirs->wall, SAMPLES).p50 * cores;
	double cpu =
		bench_summary(ours->cpu, SAMPLES).p50 / bench_summary(theirs->cpu, SAMPLES).p50;
	char promise[96];

	if (mib < SMALL_MIB)
		return;
	snprintf(promise, sizeof(promise), "%zu MiB, %s: times openssl on all cores", mib, hash);
	bench_goal(promise, wall, WANTED);
	snprintf(promise, sizeof(promise), "%zu MiB, %s: the same in processor time", mib, hash);
	bench_goal(promise, cpu, WANTED);
	snprintf(promise, sizeof(promise), "%zu MiB, %s: peak of anonymous memory in MiB", mib,
		 hash);
	bench_goal(promise, (double)ours->anon_kib / 1024, ANON_MIB);
}

static void run(const char *program, const char *image, const char *description, size_t mib)
{
	static const char *const hashes[] = { "sha256", "sha512" };
	struct measured ours[2] = { 0 }, theirs[2] = { 0 };

	for (int h = 0; h < 2; h++) {
		char option[16];
		char *openssl[MAX_WORDS] = { (char[]){ "openssl" }, (char[]){ "dgst" }, option,
					     (char *)image };
		char *measure[MAX_WORDS] = { (char *)program, (char[]){ "compute" },
					     (char[]){ "-q" }, (char[]){ "--json-input" },
					     (char *)description };

		snprintf(option, sizeof(option), "-%s", hashes[h]);
		write_description(description, image, hashes[h]);
		for (unsigned int i = 0; i < SAMPLES; i++) {
			sample(openssl, i, &theirs[h]);
			sample(measure, i, &ours[h]);
		}
		rows(mib, hashes[h], &ours[h], &theirs[h]);
	}
	for (int h = 0; h < 2; h++)
		goals(mib, hashes[h], &ours[h], &theirs[h]);
}

int main(int argc, char **argv)
{
	static const char *const sizes[] = { "64", "256", "1024", NULL };
	const char *const *mib = argc > 2 ? (const char *const *)argv + 2 : sizes;
	char image[] = "/tmp/realm-measure-bench-XXXXXX", description[64];
	int fd = mkstemp(image);
	size_t before = 0;

	if (argc < 2 || fd < 0)
		die("usage: bench_realm_measure REALM-MEASURE [MIB...]");
	snprintf(description, sizeof(description), "%s.json", image);
	for (; *mib; mib++) {
		size_t now = strtoul(*mib, NULL, 10);
		char title[64];

		snprintf(title, sizeof(title), "RIM of an image of %zu MiB", now);
		bench_title(title);
		grow(fd, before, now);
		before = now;
		run(argv[1], image, description, now);
	}
	close(fd);
	unlink(image);
	unlink(description);
	return 0;
}
