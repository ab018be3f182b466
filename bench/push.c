// SPDX-License-Identifier: Apache-2.0
/*
 * A push and a pull, each beside curl doing the same with the same server. They take turns, so that a busy machine
 * slows both.
 *
 *	bench_push SDEI-MIGRATE URL AUTHORITY FOLDER SIZE
 */
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RUNS 9u
#define GOAL (1 / 0.9) /* time over curl's */

static void die(const char *what)
{
	fprintf(stderr, "bench_push: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* Runs one command to its end. Return: nanoseconds */
static double time_of(const char *const *command)
{
	const double began = now_ns();
	const pid_t child = fork();
	int status;

	if (child == 0) {
		const int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

		dup2(null, STDOUT_FILENO);
		execvp(command[0], (char *const *)command);
		_exit(127);
	}
	if (child < 0 || waitpid(child, &status, 0) < 0 || status)
		die(command[0]);
	return now_ns() - began;
}

/* Both in turn, one round beforehand. Return: how much longer ours takes */
static double compare(const char *name, const char *limit, const char *const *ours,
		      const char *const *curls)
{
	double our[RUNS], curl[RUNS];
	struct bench_time our_time, curl_time;

	time_of(ours);
	time_of(curls);
	for (unsigned int i = 0; i < RUNS; i++) {
		our[i] = time_of(ours);
		curl[i] = time_of(curls);
	}
	our_time = bench_summary(our, RUNS);
	curl_time = bench_summary(curl, RUNS);
	bench_row(name, our_time, limit, curl_time.p50);
	return our_time.p50 / curl_time.p50;
}

static void make_file(const char *path, unsigned long mebibytes)
{
	static unsigned char block[1u << 20];
	FILE *random = fopen("/dev/urandom", "re"), *out = fopen(path, "we");

	if (!random || !out)
		die(path);
	while (mebibytes--)
		if (fread(block, sizeof(block), 1, random) != 1 ||
		    fwrite(block, sizeof(block), 1, out) != 1)
			die(path);
	fclose(random);
	if (fclose(out))
		die(path);
}

int main(int argc, char **argv)
{
	char title[64], ours[512], theirs[512], here[512], there[512];
	double push, pull;

	if (argc != 6 || !strtoul(argv[5], NULL, 10)) {
		fputs("usage: bench_push SDEI-MIGRATE URL AUTHORITY FOLDER MIB\n", stderr);
		return 2;
	}
	snprintf(ours, sizeof(ours), "%s/a", argv[2]);
	snprintf(theirs, sizeof(theirs), "%s/b", argv[2]);
	snprintf(here, sizeof(here), "%s/file", argv[4]);
	snprintf(there, sizeof(there), "%s/copy", argv[4]);
	make_file(here, strtoul(argv[5], NULL, 10));
	snprintf(title, sizeof(title), "%s MiB over HTTPS on loopback", argv[5]);
	bench_title(title);
	push = compare("push", "curl -T",
		       (const char *const[]){ argv[1], "push", "--any-file", "--overwrite", "-q",
					      "--ca", argv[3], here, ours, NULL },
		       (const char *const[]){ "curl", "-sSf", "--cacert", argv[3], "-T", here,
					      theirs, NULL });
	pull = compare("pull", "curl -o",
		       (const char *const[]){ argv[1], "pull", "--any-file", "--overwrite", "-q",
					      "--ca", argv[3], ours, there, NULL },
		       (const char *const[]){ "curl", "-sSf", "--cacert", argv[3], "-o", there,
					      theirs, NULL });
	bench_goal("push: time over curl's", push, GOAL);
	bench_goal("pull: time over curl's", pull, GOAL);
	return 0;
}
