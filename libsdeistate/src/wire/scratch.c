// SPDX-License-Identifier: Apache-2.0
#include "wire/scratch.h"

#include <stdint.h>
#include <stdlib.h>

struct scratch_block {
	struct scratch_block *next;
	_Alignas(max_align_t) unsigned char data[];
};

static void *take(struct scratch *scratch, size_t n, size_t size, bool zeroed)
{
	struct scratch_block *block;
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes) || bytes > SIZE_MAX / 2 - scratch->used)
		return NULL;
	if (scratch->ceiling && scratch->used + bytes > scratch->ceiling) {
		scratch->over = true;
		return NULL;
	}
	block = zeroed ? calloc(1, sizeof(*block) + bytes) : malloc(sizeof(*block) + bytes);
	if (!block) {
		scratch->failed = true;
		return NULL;
	}
	block->next = scratch->blocks;
	scratch->blocks = block;
	scratch->used += bytes;
	return block->data;
}

void *scratch_alloc(struct scratch *scratch, size_t n, size_t size)
{
	return take(scratch, n, size, true);
}

void *scratch_raw(struct scratch *scratch, size_t n, size_t size)
{
	return take(scratch, n, size, false);
}

void scratch_free(struct scratch *scratch)
{
	while (scratch->blocks) {
		struct scratch_block *next = scratch->blocks->next;

		free(scratch->blocks);
		scratch->blocks = next;
	}
	scratch->used = 0;
}

/* Zeroed memory: protobuf-c 1.4.1 reads a field it has not written when an unpack fails half-way.
 */
static void *allocate(void *data, size_t size)
{
	return scratch_alloc(data, 1, size);
}

static void release(void *data, void *pointer)
{
	(void)data;
	(void)pointer;
}

ProtobufCAllocator scratch_allocator(struct scratch *scratch)
{
	return (ProtobufCAllocator){ .alloc = allocate,
				     .free = release,
				     .allocator_data = scratch };
}
