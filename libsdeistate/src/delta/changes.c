// SPDX-License-Identifier: Apache-2.0
#include "delta/changes.h"

#include "util.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <sdeistate/delta.h>

static int grow(void *column, size_t room, size_t size)
{
	void **at = column;
	void *grown = realloc(*at, room * size);

	if (!grown)
		return -ENOMEM;
	*at = grown;
	return 0;
}

static int grow_runs(struct changes *changes, size_t room)
{
	if (grow(&changes->list, room, sizeof(*changes->list)) ||
	    grow(&changes->field, room, sizeof(*changes->field)) ||
	    grow(&changes->first, room, sizeof(*changes->first)) ||
	    grow(&changes->count, room, sizeof(*changes->count)) ||
	    grow(&changes->key, room, sizeof(*changes->key)))
		return -ENOMEM;
	changes->room = room;
	return 0;
}

int changes_reserve(struct changes *changes, size_t n, size_t n_values)
{
	if (n > changes->room && grow_runs(changes, n))
		return -ENOMEM;
	if (n_values <= changes->value_room)
		return 0;
	if (grow(&changes->value, n_values, sizeof(*changes->value)))
		return -ENOMEM;
	changes->value_room = n_values;
	return 0;
}

int changes_run(struct changes *changes, uint32_t list, uint64_t key, uint32_t field,
		uint32_t first)
{
	const size_t n = changes->n;

	if (n == SDEISTATE_MAX_DELTA_RUNS)
		return -E2BIG;
	if (n == changes->room && changes_reserve(changes, 2 * n + 64, 0))
		return -ENOMEM;
	changes->list[n] = list;
	changes->key[n] = key;
	changes->field[n] = field;
	changes->first[n] = first;
	changes->count[n] = 0;
	changes->n++;
	return 0;
}

int changes_value(struct changes *changes, uint64_t value)
{
	const size_t n = changes->n_values;

	if (n == changes->value_room && changes_reserve(changes, 0, 2 * n + 64))
		return -ENOMEM;
	changes->value[n] = value;
	changes->n_values++;
	changes->count[changes->n - 1]++;
	return 0;
}

void changes_free(struct changes *changes)
{
	if (changes->value)
		OPENSSL_cleanse(changes->value, changes->value_room * sizeof(*changes->value));
	free(changes->list);
	free(changes->field);
	free(changes->first);
	free(changes->count);
	free(changes->key);
	free(changes->value);
	*changes = (struct changes){ .n = 0 };
}
