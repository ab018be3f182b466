/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock.h - deadlines on the monotonic clock, in milliseconds
 */
#ifndef TRANSPORT_CLOCK_H
#define TRANSPORT_CLOCK_H

#include <stdint.h>
#include <time.h>

#define CLOCK_LONGEST_MS 3600000

static inline int64_t clock_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* What poll() should wait for until then: never negative. */
static inline int clock_left_ms(int64_t deadline)
{
	const int64_t left = deadline - clock_now_ms();

	return left < 0 ? 0 : left > CLOCK_LONGEST_MS ? CLOCK_LONGEST_MS : (int)left;
}

#endif
