// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE /* twalk_r(), tdestroy(), reallocarray() */
#include "spans.h"

#include <errno.h>
#include <search.h>
#include <stdlib.h>

/*
 * Runs that overlap compare equal, so a run of one number finds the run that holds it. The order of
 * the tree survives every change in place made here, since runs stay disjoint.
 */
static int compare(const void *left, const void *right)
{
	const struct span *a = left, *b = right;

	if (a->first + (a->count - 1) < b->first)
		return -1;
	return b->first + (b->count - 1) < a->first;
}

static struct span *find(const struct spans *set, uint64_t first, uint64_t count)
{
	const struct span key = { first, count };
	struct span *const *node = tfind(&key, &set->root, compare);

	return node ? *node : NULL;
}

static int insert(struct spans *set, uint64_t first, uint64_t count)
{
	struct span *run;

	if (set->n == SPANS_MAX)
		return -ENOMEM;
	run = malloc(sizeof(*run));
	if (!run)
		return -ENOMEM;
	*run = (struct span){ first, count };
	if (!tsearch(run, &set->root, compare)) {
		free(run);
		return -ENOMEM;
	}
	set->n++;
	return 0;
}

static void delete_run(struct spans *set, struct span *run)
{
	tdelete(run, &set->root, compare);
	free(run);
	set->n--;
}

/* @left and @right touch: @right's numbers become @left's. */
static void join(struct spans *set, struct span *left, struct span *right)
{
	const uint64_t count = right->count;

	delete_run(set, right);
	left->count += count;
}

bool spans_has(const struct spans *set, uint64_t number)
{
	return find(set, number, 1) != NULL;
}

bool spans_meets(const struct spans *set, uint64_t first, uint64_t count)
{
	return count && find(set, first, count) != NULL;
}

int spans_add_run(struct spans *set, uint64_t first, uint64_t count)
{
	struct span *left, *right;

	if (count == 0 || find(set, first, count))
		return -EEXIST;
	left = first ? find(set, first - 1, 1) : NULL;
	right = first + count ? find(set, first + count, 1) : NULL;
	if (!left && !right)
		return insert(set, first, count);
	if (left) {
		left->count += count;
		if (right)
			join(set, left, right);
	} else {
		right->first = first;
		right->count += count;
	}
	return 0;
}

int spans_add(struct spans *set, uint64_t number)
{
	const int ret = spans_add_run(set, number, 1);

	return ret == -EEXIST ? 0 : ret;
}

int spans_remove(struct spans *set, uint64_t number)
{
	struct span *run = find(set, number, 1);
	uint64_t before, after;
	int ret;

	if (!run)
		return -ENOENT;
	before = number - run->first;
	after = run->count - before - 1;
	if (!before && !after) {
		delete_run(set, run);
		return 0;
	}
	if (!before) {
		run->first++;
		run->count--;
		return 0;
	}
	run->count = before;
	if (!after)
		return 0;
	ret = insert(set, number + 1, after);
	if (ret)
		run->count = before + 1 + after;
	return ret;
}

static void copy_run(const void *node, VISIT visit, void *cursor)
{
	struct span **next = cursor;

	if (visit == postorder || visit == leaf) /* glibc's names for "in order" */
		*(*next)++ = **(struct span *const *)node;
}

void spans_list(const struct spans *set, struct span *span)
{
	twalk_r(set->root, copy_run, &span);
}

void spans_clear(struct spans *set)
{
	tdestroy(set->root, free);
	*set = (struct spans){ 0 };
}
