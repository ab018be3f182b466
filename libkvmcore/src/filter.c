// SPDX-License-Identifier: Apache-2.0
#include "filter.h"
#include "kernel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * Two levels of sorted arrays: a table of chunks, found by its low ends, and inside a chunk the ranges
 * by their first id. A look-up is a binary search that ends in short runs which are simply counted;
 * an insert moves at most one chunk's worth of words. filter_index.h is what becomes of it once no range can come.
 */
#define CHUNK_RANGES 256u
#define RUN          FILTER_INDEX_RUN /* keys counted at once */
#define N_RUNS       (CHUNK_RANGES / RUN)
#define FREE_KEY     FILTER_FREE_KEY

struct filter_chunk {
	uint32_t n;
	uint32_t head[N_RUNS];        /* first[0], first[16], ... */
	uint32_t first[CHUNK_RANGES]; /* FREE_KEY behind the last */
	struct {
		uint32_t last;
		uint32_t action;
	} rest[CHUNK_RANGES];
};

_Static_assert(N_RUNS == RUN, "a chunk's heads are one run themselves");

/* Index of the last chunk that begins at @id or below, or -1. */
static ptrdiff_t find_chunk(const struct filter *f, uint32_t id)
{
	const uint32_t *base = f->low;
	size_t n = f->n_chunks, count = 0;

	while (n > RUN) {
		const size_t half = n / 2;

		base += base[half] <= id ? half : 0;
		n -= half;
	}
	for (size_t i = 0; i < n; i++)
		count += base[i] <= id;
	return base - f->low + (ptrdiff_t)count - 1;
}

/* Index of the last range of @chunk that begins at @id or below, or -1. */
static ptrdiff_t find_range(const struct filter_chunk *chunk, uint32_t id)
{
	const uint32_t runs =
		chunk->n > RUN ? filter_count_run(chunk->head, id) : chunk->head[0] <= id;
	uint32_t count;

	if (runs == 0)
		return -1;
	count = (runs - 1) * RUN + filter_count_run(&chunk->first[(runs - 1) * RUN], id);
	/* only the id FREE_KEY itself meets free keys */
	return (ptrdiff_t)(count < chunk->n ? count : chunk->n) - 1;
}

_Static_assert(KVM_SMCCC_FILTER_HANDLE == 0, "what the index says of an id in no range");

uint8_t filter_lookup(const struct filter *f, uint32_t id)
{
	const struct filter_chunk *chunk;
	ptrdiff_t c, i;

	if (f->n_chunks == 0)
		return KVM_SMCCC_FILTER_HANDLE;
	if (f->index.n && id != FREE_KEY)
		return filter_index_look_up(&f->index, id);
	c = find_chunk(f, id);
	if (c < 0)
		return KVM_SMCCC_FILTER_HANDLE;
	chunk = f->chunk[c];
	i = find_range(chunk, id);
	return id <= chunk->rest[i].last ? (uint8_t)chunk->rest[i].action : KVM_SMCCC_FILTER_HANDLE;
}

void filter_freeze(struct filter *f)
{
	uint32_t at = 0;

	if (f->index.n || !f->n_ranges || filter_index_new(&f->index, f->n_ranges))
		return;
	for (size_t c = 0; c < f->n_chunks; c++) {
		const struct filter_chunk *chunk = f->chunk[c];

		for (uint32_t i = 0; i < chunk->n; i++, at++) {
			f->index.first[at] = chunk->first[i];
			f->index.last[at] = chunk->rest[i].last;
			f->index.action[at] = (uint8_t)chunk->rest[i].action;
		}
	}
	filter_index_finish(&f->index);
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

	if (i >= 0 && chunk->rest[i].last >= first)
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
	memset(fresh->first, 0xff, sizeof(fresh->first));
	memset(fresh->head, 0xff, sizeof(fresh->head));
	memmove(&f->low[at + 1], &f->low[at], (f->n_chunks - at) * sizeof(*f->low));
	memmove(&f->chunk[at + 1], &f->chunk[at],
		(f->n_chunks - at) * sizeof(struct filter_chunk *));
	f->chunk[at] = fresh;
	f->n_chunks++;
	return 0;
}

static void set_heads(struct filter_chunk *chunk, size_t from)
{
	for (size_t run = from / RUN; run < N_RUNS; run++)
		chunk->head[run] = chunk->first[run * RUN];
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
	memcpy(to->rest, &from->rest[keep], move * sizeof(to->rest[0]));
	memset(&from->first[keep], 0xff, move * sizeof(from->first[0]));
	to->n = move;
	from->n = keep;
	set_heads(from, 0);
	set_heads(to, 0);
	f->low[c + 1] = to->first[0];
	return 0;
}

static void place(struct filter *f, size_t c, size_t at, const struct kvm_smccc_filter *range)
{
	struct filter_chunk *chunk = f->chunk[c];
	const size_t tail = chunk->n - at;

	memmove(&chunk->first[at + 1], &chunk->first[at], tail * sizeof(chunk->first[0]));
	memmove(&chunk->rest[at + 1], &chunk->rest[at], tail * sizeof(chunk->rest[0]));
	chunk->first[at] = range->base;
	chunk->rest[at].last = range->base + range->nr_functions - 1;
	chunk->rest[at].action = range->action;
	chunk->n++;
	set_heads(chunk, at);
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
	filter_index_free(&f->index);
	if (f->n_chunks == 0) {
		ret = insert_chunk(f, 0);
		if (ret)
			return ret;
		place(f, 0, 0, range);
		return 0;
	}
	c = find_chunk(f, first);
	if (c < 0)
		c = 0; /* below everything: it goes to the front of the first chunk */
	else
		i = find_range(f->chunk[c], first);
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
				.nr_functions = chunk->rest[i].last - chunk->first[i] + 1,
				.action = (uint8_t)chunk->rest[i].action,
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
	filter_index_free(&f->index);
	*f = (struct filter){ 0 };
}
