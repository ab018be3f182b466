/* SPDX-License-Identifier: Apache-2.0 */
/*
 * failing_heap.h - malloc() and its kin, wrapped: one of them fails, and what is not freed is counted
 *
 * For one source file of a program that links failing_heap.
 */
#ifndef TESTS_FAILING_HEAP_H
#define TESTS_FAILING_HEAP_H

#include <stdbool.h>
#include <stddef.h>

static struct {
	unsigned int until_failure; /* 1: the next allocation fails; 0: none does */
	bool failed;                /* since somebody set it to false */
	long live;
} heap;

/* Visible, so that a sanitizer's own library links against them too. */
#pragma GCC visibility push(default)
void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *at, size_t size);
void __real_free(void *at);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *at, size_t size);
void __wrap_free(void *at);
#pragma GCC visibility pop

static bool fails(void)
{
	if (heap.until_failure == 0 || --heap.until_failure)
		return false;
	heap.failed = true;
	return true;
}

static void *count(void *at)
{
	heap.live += at != NULL;
	return at;
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : count(__real_malloc(size));
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : count(__real_calloc(n, size));
}

void *__wrap_realloc(void *at, size_t size)
{
	void *grown = fails() ? NULL : __real_realloc(at, size);

	heap.live += grown && !at;
	return grown;
}

void __wrap_free(void *at)
{
	heap.live -= at != NULL;
	__real_free(at);
}

#endif
