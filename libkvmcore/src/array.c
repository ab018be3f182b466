// SPDX-License-Identifier: Apache-2.0
#include "array.h"
#include "user.h"

#include <errno.h>
#include <kvmcore/uapi.h>
#include <stdlib.h>

static int read_header(uint64_t addr, struct kvmcore_array *array)
{
	if (user_read(array, addr, sizeof(*array)))
		return -EFAULT;
	return array->pad ? -EINVAL : 0;
}

int array_give(uint64_t addr, const void *entry, size_t n, size_t size)
{
	struct kvmcore_array array;
	int ret = read_header(addr, &array);

	if (ret)
		return ret;
	array.count = n;
	if (user_write(addr, &array, sizeof(array)))
		return -EFAULT;
	if (array.capacity == 0 && array.ptr == 0)
		return 0;
	if (array.capacity < n)
		return -ENOSPC;
	return user_write(array.ptr, entry, n * size);
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
