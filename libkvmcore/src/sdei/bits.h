/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bits.h - sets of small numbers in 64-bit words
 */
#ifndef KVMCORE_SDEI_BITS_H
#define KVMCORE_SDEI_BITS_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool bit_has(const __u64 *set, uint32_t n)
{
	return set[n / 64] >> n % 64 & 1;
}

static inline void bit_add(__u64 *set, uint32_t n)
{
	set[n / 64] |= 1ULL << n % 64;
}

static inline void bit_drop(__u64 *set, uint32_t n)
{
	set[n / 64] &= ~(1ULL << n % 64);
}

static inline void bit_put(__u64 *set, uint32_t n, bool on)
{
	if (on)
		bit_add(set, n);
	else
		bit_drop(set, n);
}

/** bit_count() - how many members */
static inline uint32_t bit_count(const __u64 *set, size_t words)
{
	uint32_t n = 0;

	for (size_t i = 0; i < words; i++)
		n += (uint32_t)__builtin_popcountll(set[i]);
	return n;
}

/** bit_next() - the smallest member >= @from, or 64 * @words if there is none */
static inline uint32_t bit_next(const __u64 *set, size_t words, uint32_t from)
{
	__u64 word;

	for (size_t i = from / 64; i < words; i++) {
		word = set[i];
		if (i == from / 64)
			word &= ~0ULL << from % 64;
		if (word)
			return (uint32_t)(i * 64 + (size_t)__builtin_ctzll(word));
	}
	return (uint32_t)(words * 64);
}

/** bit_all_below() - has the set no member >= @n? */
static inline bool bit_all_below(const __u64 *set, size_t words, uint32_t n)
{
	return n >= words * 64 || bit_next(set, words, n) == words * 64;
}

#endif
