// SPDX-License-Identifier: Apache-2.0
#include "filter.h"
#include "kernel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * Two levels of sorted arrays: a table of chunks, found by its low ends, and inside a chunk the
 * ranges by their first id. A look-up is two short binary searches over contiguous 32-bit words; an
 * insert moves at most one chunk's worth of them.
 */
#define CHUNK_RANGES 256u

struct filter_chunk {
	uint32_t n;
	uint32_t first[CHUNK_RANGES];
	uint32_t last[CHUNK_RANGES];
	uint8_t action[CHUNK_RANGES];
};

/* Index of the last element <= @key, or -1. Written so that the compiler needs no branch in the
 * loop. */
static ptrdiff_t last_not_above(const uint32_t *key_of, size_t n, uint32_t key)
{
	const uint32_t *base = key_of;

	if (n == 0 || key < key_of[0])
		return -1;
	while (n > 1) {
		size_t half = n / 2;

		base += base[half] <= key ? half : 0;
		n -= half;
	}
	return base - key_of;
}

uint8_t filter_lookup(const struct filter *f, uint32_t id)
{
	const ptrdiff_t c = last_not_above(f->low, f->n_chunks, id);
	const struct filter_chunk *chunk;
	ptrdiff_t i;

	if (c < 0)
		return KVM_SMCCC_FILTER_HANDLE;
	chunk = f->chunk[c];
	i = last_not_above(chunk->first, chunk->n, id);
	return id <= chunk->last[i] ? chunk->action[i] : KVM_SMCCC_FILTER_HANDLE;
}

static bool is_reserved(const struct reserved_set *reserved, uint32_t first, uint32_t last)
{
	for (unsigned int i = 0; i < reserved->n_ranges; i++)
		if (first <= reserved->range[i].last && reserved->range[i].first <= last)
			return true;
	return false;
}

/* Is any id of [first, last] decided already, given the place a range with this first id would
 * take? */
static bool is_decided(const struct filter *f, ptrdiff_t c, ptrdiff_t i, uint32_t first,
		       uint32_t last)
{
	const struct filter_chunk *chunk = f->chunk[c];

	if (i >= 0 && chunk->last[i] >= first)
		return true;
	if ((uint32_t)(i + 1) < chunk->n)
		return chunk->first[i + 1] <= last;
	return (size_t)c + 1 < f->n_chunks && f->low[c + 1] <= last;
}

/* A new, empty chunk at place @at of the table. */
static int insert_chunk(struct filter *f, size_t at)
{
	struct filter_chunk *fresh;

	if (f->n_chunks == f->room) {
		const size_t room = f->room ? f->room * 2 : 4;
		uint32_t *low = realloc(f->low, room * sizeof(*low));
		struct filter_chunk **chunk;

		if (!low)
			return -ENOMEM;
		f->low = low;
		chunk = realloc(f->chunk, room * sizeof(*chunk));
		if (!chunk)
			return -ENOMEM;
		f->chunk = chunk;
		f->room = room;
	}
	fresh = malloc(sizeof(*fresh));
	if (!fresh)
		return -ENOMEM;
	fresh->n = 0;
	memmove(&f->low[at + 1], &f->low[at], (f->n_chunks - at) * sizeof(*f->low));
	memmove(&f->chunk[at + 1], &f->chunk[at],
		(f->n_chunks - at) * sizeof(struct filter_chunk *));
	f->chunk[at] = fresh;
	f->n_chunks++;
	return 0;
}

/* The upper half of a full chunk moves to a new one behind it. */
static int split(struct filter *f, size_t c)
{
	const uint32_t keep = CHUNK_RANGES / 2, move = CHUNK_RANGES - keep;
	struct filter_chunk *from, *to;
	int ret = insert_chunk(f, c + 1);

	if (ret)
		return ret;
	from = f->chunk[c];
	to = f->chunk[c + 1];
	memcpy(to->first, &from->first[keep], move * sizeof(to->first[0]));
	memcpy(to->last, &from->last[keep], move * sizeof(to->last[0]));
	memcpy(to->action, &from->action[keep], move);
	to->n = move;
	from->n = keep;
	f->low[c + 1] = to->first[0];
	return 0;
}

static void place(struct filter *f, size_t c, size_t at, const struct kvm_smccc_filter *range)
{
	struct filter_chunk *chunk = f->chunk[c];
	const size_t tail = chunk->n - at;

	memmove(&chunk->first[at + 1], &chunk->first[at], tail * sizeof(chunk->first[0]));
	memmove(&chunk->last[at + 1], &chunk->last[at], tail * sizeof(chunk->last[0]));
	memmove(&chunk->action[at + 1], &chunk->action[at], tail);
	chunk->first[at] = range->base;
	chunk->last[at] = range->base + range->nr_functions - 1;
	chunk->action[at] = range->action;
	chunk->n++;
	f->low[c] = chunk->first[0];
	f->n_ranges++;
}

int filter_add(struct filter *f, const struct kvm_smccc_filter *range,
	       const struct reserved_set *reserved)
{
	const uint32_t first = range->base, last = first + range->nr_functions - 1;
	ptrdiff_t c, i = -1;
	int ret;

	if (is_reserved(reserved, first, last))
		return -EEXIST;
	if (f->n_chunks == 0) {
		ret = insert_chunk(f, 0);
		if (ret)
			return ret;
		place(f, 0, 0, range);
		return 0;
	}
	c = last_not_above(f->low, f->n_chunks, first);
	if (c < 0)
		c = 0; /* below everything: it goes to the front of the first chunk */
	else
		i = last_not_above(f->chunk[c]->first, f->chunk[c]->n, first);
	if (is_decided(f, c, i, first, last))
		return -EEXIST;
	if (f->n_ranges == FILTER_MAX_RANGES)
		return -ENOMEM;
	if (f->chunk[c]->n == CHUNK_RANGES) {
		ret = split(f, (size_t)c);
		if (ret)
			return ret;
		if (i >= (ptrdiff_t)f->chunk[c]->n) {
			i -= (ptrdiff_t)f->chunk[c]->n;
			c++;
		}
	}
	place(f, (size_t)c, (size_t)(i + 1), range);
	return 0;
}

void filter_read(const struct filter *f, struct kvm_smccc_filter *range, uint32_t n)
{
	for (size_t c = 0; c < f->n_chunks; c++) {
		const struct filter_chunk *chunk = f->chunk[c];

		for (uint32_t i = 0; i < chunk->n; i++, n--, range++) {
			if (n == 0)
				return;
			*range = (struct kvm_smccc_filter){
				.base = chunk->first[i],
				.nr_functions = chunk->last[i] - chunk->first[i] + 1,
				.action = chunk->action[i],
			};
		}
	}
}

void filter_exit(struct filter *f)
{
	for (size_t c = 0; c < f->n_chunks; c++)
		free(f->chunk[c]);
	free(f->chunk);
	free(f->low);
	*f = (struct filter){ 0 };
}
