/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fill.h - columns out of a member that repeats every @size bytes, for the wire functions
 *
 * All memory is the scratch's. Return NULL (bytes: .data NULL) without memory.
 */
#ifndef SDEISTATE_FILL_H
#define SDEISTATE_FILL_H

#include "wire/column.h"

uint64_t *fill_fixed64(struct scratch *scratch, const void *structs, size_t n, size_t size,
		       size_t offset);
uint32_t *fill_uint32(struct scratch *scratch, const void *structs, size_t n, size_t size,
		      size_t offset);
ProtobufCBinaryData fill_bytes(struct scratch *scratch, const void *structs, size_t n, size_t size,
			       size_t offset);
Sdeistate__Column *fill_column64(struct scratch *scratch, const void *structs, size_t n,
				 size_t size, size_t offset);
/* Of a 32-bit member. */
Sdeistate__Column *fill_column32(struct scratch *scratch, const void *structs, size_t n,
				 size_t size, size_t offset);

/* A member of an array of structs, as the arguments of the functions above. */
#define MEMBER(array, n, member) \
	(array), (n), sizeof(*(array)), offsetof(__typeof__(*(array)), member)

#endif
