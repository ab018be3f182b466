/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SDEI_WATCH_H
#define SDEI_WATCH_H

/* What x(n) holds in the loop, n 2..30; x0 counts down and x1 up. No two are equal. */
#define WATCH_VALUE(n) ((n)*0x0001000100000000 + (n)*0x101 + 0x5de10000)
#define WATCH_NZCV     0x60000000

#ifndef __ASSEMBLY__
#include <linux/types.h>

/* loops.S: known values in every general register and the flags, for @turns turns. Return: 0 if they held */
u64 sdei_watch_loop(u64 turns);
extern const char sdei_watch_hold[], sdei_watch_hold_end[];
#endif

#endif
