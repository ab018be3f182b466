/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench.h - time a step many times, beside what it cannot be faster than
 *
 * A figure alone says little: every row names a limit measured in the same run, and the ratio to it. Rows are printed as
 * Markdown, or as JSON lines with BENCH_JSON=1.
 */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <stddef.h>
#include <stdint.h>

/* One timed step. Return: 0; anything else ends the program, since a wrong step has no time. */
typedef int bench_fn(void *ctx);

struct bench_time {
	double p50, p99; /* nanoseconds for one step */
};

/** bench_time() - @samples samples of @batch steps each, after a tenth of that as warm-up */
struct bench_time bench_time(bench_fn *step, void *ctx, unsigned int samples, unsigned int batch);

/** bench_time_with() - the same with @before run, untimed, before each sample of one step */
struct bench_time bench_time_with(bench_fn *before, bench_fn *step, void *ctx,
				  unsigned int samples);

/** bench_summary() - of @n samples that were taken elsewhere, at least one; sorts them */
struct bench_time bench_summary(double *sample, unsigned int n);

/** bench_keep_memory() - what is freed stays in the process, as sdei-migrate has it for a hand-over */
void bench_keep_memory(void);

/** bench_title() - begin a table */
void bench_title(const char *title);

/** bench_row() - one line; @limit_ns 0 for a row that is itself a limit */
void bench_row(const char *name, struct bench_time time, const char *limit, double limit_ns);

/** bench_goal() - say under the last table what was promised and whether it held */
void bench_goal(const char *promise, double got, double wanted);

/* Limits of this machine, each measured once per run. Nanoseconds. */
double bench_memcpy(size_t bytes);
double bench_sha256(size_t bytes);
double bench_ed25519_sign(void);
double bench_ed25519_verify(void);

/** bench_ed25519_verify_times() - @n verifications, and nothing timed. Return: 0; 1 if one failed */
int bench_ed25519_verify_times(unsigned int n);
double bench_unix_round_trip(void);
double bench_tcp_round_trip(void);

#endif
