// SPDX-License-Identifier: Apache-2.0
#include "filter_index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LINE 64u /* bytes */

static uint32_t lines(uint32_t n)
{
	return (n + FILTER_INDEX_RUN - 1) / FILTER_INDEX_RUN;
}

int filter_index_new(struct filter_index *index, uint32_t n)
{
	struct filter_index new = { .n = n };
	uint32_t of_level[FILTER_INDEX_LEVELS];
	size_t n_lines = 0;
	uint32_t *at;

	for (uint32_t k = n; new.n_levels == 0 || of_level[new.n_levels - 1] > FILTER_INDEX_RUN;
	     k = lines(k)) {
		of_level[new.n_levels++] = k;
		n_lines += lines(k);
	}
	/* the keys of all levels, the last ids, the actions; and up to a line for the alignment */
	new.memory = malloc((n_lines + lines(n)) * LINE + n + LINE);
	if (!new.memory)
		return -ENOMEM;
	at = (uint32_t *)(((uintptr_t) new.memory + LINE - 1) & ~(uintptr_t)(LINE - 1));
	memset(at, 0xff, n_lines * LINE);
	for (unsigned int i = 0; i < new.n_levels; i++) {
		new.level[i].n = of_level[new.n_levels - 1 - i];
		new.level[i].key = at;
		at += (size_t)lines(new.level[i].n) * FILTER_INDEX_RUN;
	}
	new.first = new.level[new.n_levels - 1].key;
	new.last = at;
	new.action = (uint8_t *)(at + (size_t)lines(n) * FILTER_INDEX_RUN);
	*index = new;
	return 0;
}

void filter_index_finish(struct filter_index *index)
{
	for (unsigned int i = index->n_levels - 1; i > 0; i--)
		for (uint32_t k = 0; k < index->level[i - 1].n; k++)
			index->level[i - 1].key[k] = index->level[i].key[k * FILTER_INDEX_RUN];
}

uint8_t filter_index_look_up(const struct filter_index *index, uint32_t id)
{
	uint32_t at = 0;

	if (id < index->first[0])
		return 0;
	for (unsigned int i = 0; i < index->n_levels; i++)
		at = at * FILTER_INDEX_RUN +
		     filter_count_run(&index->level[i].key[(size_t)at * FILTER_INDEX_RUN], id) - 1;
	return id <= index->last[at] ? index->action[at] : 0;
}

void filter_index_free(struct filter_index *index)
{
	free(index->memory);
	*index = (struct filter_index){ 0 };
}
