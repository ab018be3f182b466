/* SPDX-License-Identifier: Apache-2.0 */
/*
 * s390_pages.h - storage keys and CMMA values, by guest page
 *
 * Kept sparsely: a page nobody wrote has key 0 and CMMA value 0.
 */
#ifndef KVMCORE_S390_PAGES_H
#define KVMCORE_S390_PAGES_H

#include <stdbool.h>
#include <stdint.h>

struct s390_page {
	uint8_t key, cmma;
	bool dirty;
};

struct s390_pages {
	void *root; /* a tsearch(3) tree of chunks */
	uint64_t n_dirty;
	bool uses_keys, uses_cmm;
};

/** s390_page_peek() - what is known of page @gfn; zero if nobody wrote it */
struct s390_page s390_page_peek(const struct s390_pages *pages, uint64_t gfn);

/** s390_page_get() - the same, to be changed; NULL without memory */
struct s390_page *s390_page_get(struct s390_pages *pages, uint64_t gfn);

/** s390_page_soil() - mark one page dirty, keeping the count. -ENOMEM */
int s390_page_soil(struct s390_pages *pages, uint64_t gfn);

/** s390_page_clean() - the reverse */
void s390_page_clean(struct s390_pages *pages, uint64_t gfn);

/** s390_pages_next_dirty() - the first dirty page of [@gfn, @end), or @end */
uint64_t s390_pages_next_dirty(const struct s390_pages *pages, uint64_t gfn, uint64_t end);

/** s390_pages_clear_cmma() - all CMMA values 0 */
void s390_pages_clear_cmma(struct s390_pages *pages);

void s390_pages_clear(struct s390_pages *pages);

#endif
