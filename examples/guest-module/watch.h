/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SDEI_WATCH_H
#define SDEI_WATCH_H

/* What x(n) holds in the loop, n 2..30; x0 counts down and x1 up. No two are equal. */
#define WATCH_VALUE(n) ((n)*0x0001000100000000 + (n)*0x101 + 0x5de10000)
#define WATCH_NZCV     0x60000000

#ifndef __ASSEMBLY__
#include <linux/arm-smccc.h>
#include <linux/types.h>

static inline unsigned long smccc(u32 function, u64 a, u64 b)
{
	struct arm_smccc_res res;

	arm_smccc_1_1_invoke(function, a, b, &res);
	return res.a0;
}

/* loops.S: known values in every general register and the flags, for @turns turns. Return: 0 if they held */
u64 sdei_watch_loop(u64 turns);
extern const char sdei_watch_hold[], sdei_watch_hold_end[];

/* --- pose.c: CPUs that stay where they seldom are, so that a hand-over finds them there --- */

/* pose_begin() - until pose_end(): CPU 1 masked, the others but CPU 0 in a critical handler in a normal one. Sleeps.
 * Return: 0; -EAGAIN: they could not be brought there; -errno */
int pose_begin(void);
void pose_end(void);
/* pose_linger() - in a handler: stay there while posing; @critical: of a critical event; @depth: handlers on this CPU */
void pose_linger(bool critical, int depth);
/* pose_signal() - whether @cpu may be sent a signal now; then until pose_signalled(). DEN0054 §5.1.16: not when masked */
bool pose_signal(unsigned int cpu);
void pose_signalled(void);
/* pose_count() - how many CPUs are where they are to be, of how many: 0 of them when nobody poses */
unsigned int pose_count(void);
unsigned int pose_size(void);

/* --- guard.c --- */

/* guard_devices() - guard what the host emulates, and have it refuse every other access without memory. Return: 0; -errno */
int guard_devices(void);
#endif

#endif
