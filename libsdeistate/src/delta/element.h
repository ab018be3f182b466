/* SPDX-License-Identifier: Apache-2.0 */
/*
 * element.h - one number of 1, 2, 4 or 8 bytes in a struct
 */
#ifndef SDEISTATE_ELEMENT_H
#define SDEISTATE_ELEMENT_H

#include <stdint.h>
#include <string.h>

/** element_get() - both ends of the ABI are little-endian */
static inline uint64_t element_get(const char *at, unsigned int size)
{
	uint64_t value = 0;

	memcpy(&value, at, size);
	return value;
}

/** element_set() - @value fits */
static inline void element_set(char *at, unsigned int size, uint64_t value)
{
	memcpy(at, &value, size);
}

#endif
