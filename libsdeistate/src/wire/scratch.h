/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scratch.h - memory that lives as long as one encode or decode, with a ceiling
 */
#ifndef SDEISTATE_SCRATCH_H
#define SDEISTATE_SCRATCH_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>

struct scratch_block;

/* All zero is an empty scratch without a ceiling. */
struct scratch {
	struct scratch_block *blocks;
	size_t used;
	size_t ceiling; /* bytes; 0: none */
	bool over;      /* the ceiling refused an allocation */
	bool failed;    /* the heap did */
};

/** scratch_alloc() - zeroed, freed with the scratch. Return: NULL without memory or over the
 * ceiling */
void *scratch_alloc(struct scratch *scratch, size_t n, size_t size);

/** scratch_raw() - the same, not zeroed: whoever asks fills it */
void *scratch_raw(struct scratch *scratch, size_t n, size_t size);

/** scratch_free() - release all of it; leaves an empty scratch */
void scratch_free(struct scratch *scratch);

/** scratch_allocator() - for protobuf-c, which thus stays under the ceiling; its frees do nothing
 */
ProtobufCAllocator scratch_allocator(struct scratch *scratch);

#endif
