/* SPDX-License-Identifier: Apache-2.0 */
/* noise.h - numbers that look random, the same in every run */
#ifndef TESTS_SUPPORT_NOISE_H
#define TESTS_SUPPORT_NOISE_H

#include <stdint.h>

static uint64_t noise_state = 7; /* the seed; not 0 */

/* xorshift64, its bits mixed by a multiplication */
static inline uint64_t noise(void)
{
	noise_state ^= noise_state << 13;
	noise_state ^= noise_state >> 7;
	noise_state ^= noise_state << 17;
	return noise_state * 0x2545f4914f6cdd1dull;
}

/* Return: less than @n */
static inline unsigned int pick(unsigned int n)
{
	return (unsigned int)(noise() >> 33) % n;
}

#endif
