/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SDEI_WATCH_H
#define SDEI_WATCH_H

/* What x(n) holds in the loop, n 2..30; x0 counts down and x1 up. No two are equal. */
#define WATCH_VALUE(n) ((n)*0x0001000100000000 + (n)*0x101 + 0x5de10000)
#define WATCH_NZCV     0x60000000

#ifndef __ASSEMBLY__
#include <linux/arm-smccc.h>
#include <linux/seq_file.h>
#include <linux/types.h>

static inline unsigned long smccc(u32 function, u64 a, u64 b)
{
	struct arm_smccc_res res;

	arm_smccc_1_1_invoke(function, a, b, &res);
	return res.a0;
}

/* loops.S: known values in every general register and the flags, for @turns turns. Return: 0 if they held */
u64 sdei_watch_loop(u64 turns);
/* sdei_watch_wait() - in an exit until the event source raises its next, for a second at most. Return: how many it has raised */
u32 sdei_watch_wait(void);
extern const char sdei_watch_hold[], sdei_watch_hold_end[];

/* --- pose.c: CPUs that stay where they seldom are, so that a hand-over finds them there --- */

/* pose_begin() - until pose_end(): CPU 1 masked and in an exit, the others but CPU 0 in a critical handler in a normal one. Sleeps.
 * Return: 0; -EAGAIN: they could not be brought there; -errno */
int pose_begin(void);
void pose_end(void);
/* pose_linger() - in a handler: stay there while posing; @critical: of a critical event; @depth: handlers on this CPU */
void pose_linger(bool critical, int depth);
/* pose_signal() - whether @cpu may be sent a signal now; then until pose_signalled(). DEN0054 §5.1.16: not when masked */
bool pose_signal(unsigned int cpu);
void pose_signalled(void);
/* pose_show() - how many CPUs are where they are to be ("posed", 0 when nobody poses) of how many; the exits that took
 * their time so far, and how many of them loaded less than one before */
void pose_show(struct seq_file *file);

/* --- bench.c --- */

/* bench_calls() - how many such calls this CPU makes in a second, by @n of them */
u64 bench_calls(u32 function, u64 a, u64 b, unsigned int n);

/* --- guard.c --- */

/* guard_devices() - guard what the host emulates, and have it refuse every other access without memory. Return: 0; -errno */
int guard_devices(void);
#endif

#endif
