/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spans.h - a set of numbers kept as sorted, disjoint, never touching runs
 *
 * Memory is by run, not by number: 262,144 pages mapped one after the other cost one run. Every
 * operation is O(log runs).
 */
#ifndef KVMCORE_SPANS_H
#define KVMCORE_SPANS_H

#include <stdbool.h>
#include <stdint.h>

#define SPANS_MAX 262144u /* runs; one more gives -ENOMEM. 64 bytes each */

struct span {
	uint64_t first, count; /* count > 0, first + count does not wrap */
};

/* Embedded; all zero is the empty set. */
struct spans {
	void *root; /* a tsearch(3) tree of struct span */
	uint32_t n; /* runs */
};

/** spans_has() - is @number in the set? */
bool spans_has(const struct spans *set, uint64_t number);

/** spans_meets() - is any of the @count numbers from @first on in the set? */
bool spans_meets(const struct spans *set, uint64_t first, uint64_t count);

/** spans_add() - put @number in; joins runs that now touch. Return: 0, also if it is there; -ENOMEM, unchanged */
int spans_add(struct spans *set, uint64_t number);

/** spans_add_run() - put in a run that meets none of the set. Return: 0; -EEXIST; -ENOMEM; unchanged on failure */
int spans_add_run(struct spans *set, uint64_t first, uint64_t count);

/** spans_remove() - take @number out, splitting its run. Return: 0; -ENOENT; -ENOMEM, unchanged */
int spans_remove(struct spans *set, uint64_t number);

/** spans_list() - the runs in ascending order, into @span with room for set->n of them */
void spans_list(const struct spans *set, struct span *span);

/** spans_clear() - the empty set, nothing allocated */
void spans_clear(struct spans *set);

#endif
