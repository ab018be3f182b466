/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filter_index.h - the ranges of a filter that will not change any more, laid out for looking up
 *
 * Levels of sorted keys, sixteen to a cache line: the lowest has the first id of each range, each one above every
 * sixteenth key of the one below. A look-up reads one line per level and counts; 65,536 ranges are four levels.
 */
#ifndef KVMCORE_FILTER_INDEX_H
#define KVMCORE_FILTER_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FILTER_INDEX_RUN    16u /* keys of a line */
#define FILTER_INDEX_LEVELS 6u  /* 16^5 = FILTER_MAX_RANGES, and the root */

/* Embedded in struct filter. n 0: there is none. */
struct filter_index {
	void *memory;
	uint32_t n; /* ranges */
	unsigned int n_levels;
	struct {
		uint32_t *key; /* whole lines; FREE_KEY behind the last */
		uint32_t n;
	} level[FILTER_INDEX_LEVELS]; /* from the root down */
	uint32_t *first, *last;       /* of each range; first is the lowest level's keys */
	uint8_t *action;
};

#define FILTER_FREE_KEY UINT32_MAX

/** filter_index_new() - room for @n ranges, 1 to 16^5; the caller fills first, last and action. -ENOMEM */
int filter_index_new(struct filter_index *index, uint32_t n);

/** filter_index_finish() - first, last and action are there: make the levels above */
void filter_index_finish(struct filter_index *index);

/** filter_index_look_up() - the action of the range that holds @id, which is not FILTER_FREE_KEY; 0: none does */
uint8_t filter_index_look_up(const struct filter_index *index, uint32_t id);

/** filter_index_free() - leaves none */
void filter_index_free(struct filter_index *index);

/** filter_count_run() - how many of 16 sorted keys are <= @key; no branch depends on the data */
static inline uint32_t filter_count_run(const uint32_t *key_of, uint32_t key)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < FILTER_INDEX_RUN; i++)
		n += key_of[i] <= key;
	return n;
}

#endif
