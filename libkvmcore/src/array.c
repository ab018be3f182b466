// SPDX-License-Identifier: Apache-2.0
#include "array.h"
#include "user.h"

#include <errno.h>
#include <kvmcore/uapi.h>
#include <stdbool.h>
#include <stdlib.h>

static int read_header(uint64_t addr, struct kvmcore_array *array)
{
	if (user_read(array, addr, sizeof(*array)))
		return -EFAULT;
	return array->pad ? -EINVAL : 0;
}

static bool asks_count(const struct kvmcore_array *array)
{
	return array->capacity == 0 && array->ptr == 0;
}

/* Say how many there are, and whether they have room. */
static int give_count(uint64_t addr, size_t n, struct kvmcore_array *array)
{
	int ret = read_header(addr, array);

	if (ret)
		return ret;
	array->count = n;
	if (user_write(addr, array, sizeof(*array)))
		return -EFAULT;
	return asks_count(array) || array->capacity >= n ? 0 : -ENOSPC;
}

int array_give(uint64_t addr, const void *entry, size_t n, size_t size)
{
	struct kvmcore_array array;
	int ret = give_count(addr, n, &array);

	return ret || asks_count(&array) ? ret : user_write(array.ptr, entry, n * size);
}

int array_fill(uint64_t addr, array_fill_fn *fill, const void *from, size_t n, size_t size)
{
	struct kvmcore_array array;
	void *place, *copy;
	int ret = give_count(addr, n, &array);

	if (ret || asks_count(&array) || n == 0)
		return ret;
	place = user_borrow(array.ptr, n * size);
	if (place) {
		fill(from, place);
		return 0;
	}
	copy = malloc(n * size);
	if (!copy)
		return -ENOMEM;
	fill(from, copy);
	ret = user_write(array.ptr, copy, n * size);
	free(copy);
	return ret;
}

int array_take(uint64_t addr, size_t size, size_t max, void **entry, size_t *n)
{
	struct kvmcore_array array;
	void *copy = NULL;
	int ret = read_header(addr, &array);

	if (ret)
		return ret;
	if (array.count > max)
		return -E2BIG;
	if (array.count) {
		copy = malloc(array.count * size);
		if (!copy)
			return -ENOMEM;
		if (user_read(copy, array.ptr, array.count * size)) {
			free(copy);
			return -EFAULT;
		}
	}
	*entry = copy;
	*n = array.count;
	return 0;
}
