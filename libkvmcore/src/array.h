/* SPDX-License-Identifier: Apache-2.0 */
/*
 * array.h - struct kvmcore_array, the way lists travel through this project's attribute groups
 */
#ifndef KVMCORE_ARRAY_H
#define KVMCORE_ARRAY_H

#include <stddef.h>
#include <stdint.h>

/**
 * array_give() - answer a GET with @n entries of @size bytes at @entry
 * @addr: the caller's struct kvmcore_array
 *
 * Return: 0; -EFAULT; -EINVAL for padding; -ENOSPC if the capacity is too small, with count filled
 * and nothing copied. Capacity 0 with ptr 0 asks for the count alone.
 */
int array_give(uint64_t addr, const void *entry, size_t n, size_t size);

/* Write as many entries as array_fill() was told to @out. */
typedef void array_fill_fn(const void *from, void *out);

/**
 * array_fill() - the same for entries that stand nowhere yet: @fill writes them when there is room
 * @from: what @fill makes them of
 *
 * Return: as array_give(); -ENOMEM.
 */
int array_fill(uint64_t addr, array_fill_fn *fill, const void *from, size_t n, size_t size);

/**
 * array_take() - read what a SET brings; free() it
 * @max: more entries than that are -E2BIG
 *
 * Return: 0, with @entry (NULL if there are none) and @n; -EFAULT; -EINVAL for padding; -E2BIG;
 * -ENOMEM.
 */
int array_take(uint64_t addr, size_t size, size_t max, void **entry, size_t *n);

#endif
