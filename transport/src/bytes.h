/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bytes.h - little-endian numbers of 1 to 8 bytes
 */
#ifndef TRANSPORT_BYTES_H
#define TRANSPORT_BYTES_H

#include <stddef.h>
#include <stdint.h>

static inline void bytes_put(uint8_t *out, uint64_t value, size_t size)
{
	for (size_t i = 0; i < size; i++)
		out[i] = (uint8_t)(value >> (8 * i));
}

static inline uint64_t bytes_get(const uint8_t *in, size_t size)
{
	uint64_t value = 0;

	for (size_t i = 0; i < size; i++)
		value |= (uint64_t)in[i] << (8 * i);
	return value;
}

#endif
