// SPDX-License-Identifier: Apache-2.0
#include "bench.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_SAMPLES 100000u

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void must(int ret, const char *what)
{
	if (ret == 0)
		return;
	fprintf(stderr, "bench: %s failed with %d\n", what, ret);
	exit(1);
}

static int compare(const void *left, const void *right)
{
	const double a = *(const double *)left, b = *(const double *)right;

	return a < b ? -1 : a > b;
}

struct bench_time bench_summary(double *sample, unsigned int n)
{
	qsort(sample, n, sizeof(*sample), compare);
	return (struct bench_time){ .p50 = sample[n / 2], .p99 = sample[(uint64_t)n * 99 / 100] };
}

static struct bench_time summarise(double *sample, unsigned int n)
{
	const struct bench_time time = bench_summary(sample, n);

	free(sample);
	return time;
}

static double *new_samples(unsigned int n)
{
	double *sample = n && n <= MAX_SAMPLES ? calloc(n, sizeof(*sample)) : NULL;

	must(sample ? 0 : -1, "memory for samples");
	return sample;
}

static double time_batch(bench_fn *step, void *ctx, unsigned int batch)
{
	const double begin = now_ns();

	for (unsigned int i = 0; i < batch; i++)
		must(step(ctx), "a step");
	return (now_ns() - begin) / batch;
}

struct bench_time bench_time(bench_fn *step, void *ctx, unsigned int samples, unsigned int batch)
{
	double *sample = new_samples(samples);

	for (unsigned int i = 0; i < samples / 10 + 1; i++)
		time_batch(step, ctx, batch);
	for (unsigned int i = 0; i < samples; i++)
		sample[i] = time_batch(step, ctx, batch);
	return summarise(sample, samples);
}

struct bench_time bench_time_with(bench_fn *before, bench_fn *step, void *ctx, unsigned int samples)
{
	double *sample = new_samples(samples);
	const unsigned int warm = samples / 10 + 1;

	for (unsigned int i = 0; i < samples + warm; i++) {
		must(before(ctx), "a preparation");
		sample[i < warm ? 0 : i - warm] = time_batch(step, ctx, 1);
	}
	return summarise(sample, samples);
}

static int wants_json(void)
{
	return getenv("BENCH_JSON") != NULL;
}

void bench_keep_memory(void)
{
	mallopt(M_MMAP_THRESHOLD, 32 << 20);
	mallopt(M_TRIM_THRESHOLD, 64 << 20);
}

void bench_title(const char *title)
{
	if (wants_json())
		printf("{\"table\":\"%s\"}\n", title);
	else
		printf("\n### %s\n\n| Step | p50 | p99 | Limit in the same run | Ratio "
		       "|\n|---|---|---|---|---|\n",
		       title);
}

static void print_time(char *buf, size_t len, double ns)
{
	if (ns < 1e3)
		snprintf(buf, len, "%.0f ns", ns);
	else if (ns < 1e6)
		snprintf(buf, len, "%.1f µs", ns / 1e3);
	else
		snprintf(buf, len, "%.2f ms", ns / 1e6);
}

void bench_row(const char *name, struct bench_time time, const char *limit, double limit_ns)
{
	char p50[32], p99[32], bound[32], ratio[32];

	if (wants_json()) {
		printf("{\"step\":\"%s\",\"p50_ns\":%.0f,\"p99_ns\":%.0f,\"limit\":\"%s\",\"limit_"
		       "ns\":%.0f}\n",
		       name, time.p50, time.p99, limit, limit_ns);
		return;
	}
	print_time(p50, sizeof(p50), time.p50);
	print_time(p99, sizeof(p99), time.p99);
	print_time(bound, sizeof(bound), limit_ns);
	snprintf(ratio, sizeof(ratio), "%.2f", limit_ns > 0 ? time.p50 / limit_ns : 1.0);
	if (limit_ns > 0)
		printf("| %s | %s | %s | %s: %s | %s |\n", name, p50, p99, limit, bound, ratio);
	else
		printf("| %s | %s | %s | %s | |\n", name, p50, p99, limit);
	fflush(stdout);
}

void bench_goal(const char *promise, double got, double wanted)
{
	if (wants_json())
		printf("{\"goal\":\"%s\",\"got\":%.3f,\"wanted\":%.3f,\"held\":%s}\n", promise, got,
		       wanted, got <= wanted ? "true" : "false");
	else
		printf("\nGoal: %s: %.2f (at most %.2f): %s\n", promise, got, wanted,
		       got <= wanted ? "held" : "NOT held");
	fflush(stdout);
}
