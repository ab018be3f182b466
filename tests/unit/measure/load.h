/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load.h - a whole file in memory, for tests
 */
#ifndef TESTS_MEASURE_LOAD_H
#define TESTS_MEASURE_LOAD_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Return: the bytes, to be freed, with *@len; NULL if there is no such file. */
static inline uint8_t *file_load(const char *path, size_t *len)
{
	const size_t room = 1u << 20;
	FILE *file = fopen(path, "rb");
	uint8_t *data = file ? malloc(room) : NULL;

	if (data)
		*len = fread(data, 1, room, file);
	if (file)
		fclose(file);
	return data;
}

/* The folder with other people's test data, or NULL. */
static inline const char *third_party(void)
{
	const char *dir = getenv("SDEI_THIRD_PARTY_VECTORS");

	return dir && *dir ? dir : NULL;
}

#endif
