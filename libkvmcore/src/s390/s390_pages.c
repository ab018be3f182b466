// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE /* twalk_r(), tdestroy(), reallocarray() */
#include "s390_pages.h"

#include <errno.h>
#include <search.h>
#include <stdlib.h>

#define CHUNK_PAGES 256u

struct chunk {
	uint64_t number; /* gfn / CHUNK_PAGES */
	struct s390_page page[CHUNK_PAGES];
};

static int compare(const void *left, const void *right)
{
	const struct chunk *a = left, *b = right;

	return a->number < b->number ? -1 : a->number > b->number;
}

static struct chunk *find(const struct s390_pages *pages, uint64_t gfn)
{
	const uint64_t number = gfn / CHUNK_PAGES; /* the first member is all compare() reads */
	struct chunk *const *node = tfind(&number, &pages->root, compare);

	return node ? *node : NULL;
}

struct s390_page s390_page_peek(const struct s390_pages *pages, uint64_t gfn)
{
	const struct chunk *chunk = find(pages, gfn);

	return chunk ? chunk->page[gfn % CHUNK_PAGES] : (struct s390_page){ 0 };
}

struct s390_page *s390_page_get(struct s390_pages *pages, uint64_t gfn)
{
	struct chunk *chunk = find(pages, gfn);

	if (!chunk) {
		chunk = calloc(1, sizeof(*chunk));
		if (!chunk)
			return NULL;
		chunk->number = gfn / CHUNK_PAGES;
		if (!tsearch(chunk, &pages->root, compare)) {
			free(chunk);
			return NULL;
		}
	}
	return &chunk->page[gfn % CHUNK_PAGES];
}

int s390_page_soil(struct s390_pages *pages, uint64_t gfn)
{
	struct s390_page *page = s390_page_get(pages, gfn);

	if (!page)
		return -ENOMEM;
	pages->n_dirty += !page->dirty;
	page->dirty = true;
	return 0;
}

void s390_page_clean(struct s390_pages *pages, uint64_t gfn)
{
	struct chunk *chunk = find(pages, gfn);

	if (chunk && chunk->page[gfn % CHUNK_PAGES].dirty) {
		chunk->page[gfn % CHUNK_PAGES].dirty = false;
		pages->n_dirty--;
	}
}

uint64_t s390_pages_next_dirty(const struct s390_pages *pages, uint64_t gfn, uint64_t end)
{
	while (gfn < end) {
		const struct chunk *chunk = find(pages, gfn);
		const uint64_t next = (gfn / CHUNK_PAGES + 1) * CHUNK_PAGES;

		for (; chunk && gfn < next && gfn < end; gfn++)
			if (chunk->page[gfn % CHUNK_PAGES].dirty)
				return gfn;
		gfn = next;
	}
	return end;
}

static void clear_cmma(const void *node, VISIT visit, void *unused)
{
	struct chunk *chunk = *(struct chunk *const *)node;

	(void)unused;
	if (visit == postorder || visit == leaf)
		for (unsigned int i = 0; i < CHUNK_PAGES; i++)
			chunk->page[i].cmma = 0;
}

void s390_pages_clear_cmma(struct s390_pages *pages)
{
	twalk_r(pages->root, clear_cmma, NULL);
}

void s390_pages_clear(struct s390_pages *pages)
{
	tdestroy(pages->root, free);
	*pages = (struct s390_pages){ 0 };
}
