/* SPDX-License-Identifier: Apache-2.0 */
/*
 * changes.h - runs of changed elements, column by column, as record 18 has them
 */
#ifndef SDEISTATE_CHANGES_H
#define SDEISTATE_CHANGES_H

#include <stddef.h>
#include <stdint.h>

/* All zero is empty. Room is kept until changes_free(). */
struct changes {
	size_t n, room;
	uint32_t *list, *field, *first, *count;
	uint64_t *key;
	size_t n_values, value_room;
	uint64_t *value;
};

/* Where a record's changes begin, to take them back. */
struct changes_mark {
	size_t n, n_values;
};

/** changes_reserve() - make room before it counts. Return: 0; -ENOMEM */
int changes_reserve(struct changes *changes, size_t n, size_t n_values);

/** changes_run() - begin a run of no elements. Return: 0; -ENOMEM; -E2BIG too many runs */
int changes_run(struct changes *changes, uint32_t list, uint64_t key, uint32_t field,
		uint32_t first);

/** changes_value() - one more element of the run that was begun last. Return: 0; -ENOMEM */
int changes_value(struct changes *changes, uint64_t value);

/** changes_free() - wipe and give back all room; leaves it empty */
void changes_free(struct changes *changes);

#endif
