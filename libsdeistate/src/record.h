/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record.h - inside the library: one record's place in a stream
 */
#ifndef SDEISTATE_RECORD_INTERNAL_H
#define SDEISTATE_RECORD_INTERNAL_H

#include <sdeistate/record.h>

/** record_padded() - the bytes a body of @len takes behind its header; @len <= SDEISTATE_MAX_STREAM
 */
static inline size_t record_padded(size_t len)
{
	return (len + 7u) & ~(size_t)7u;
}

/** record_put_header() - write the 16 bytes in front of a body */
void record_put_header(uint8_t *header, uint32_t type, size_t len);

/** record_digest() - SHA-256. Return: 0; -ENOMEM with reason internal if the crypto library fails
 */
int record_digest(const void *data, size_t len, uint8_t digest[SDEISTATE_DIGEST_SIZE],
		  struct sdeistate_error *err);

/**
 * record_split() - find the records of a stream without hashing them: for bytes that are known already
 *
 * Return: as sdeistate_index_stream(); @index holds no digests, and after a failure nothing.
 */
int record_split(const uint8_t *stream, size_t len, struct sdeistate_index *index,
		 struct sdeistate_error *err);

/** record_index_digest() - fill @index->digest from its entries. Return: as record_digest() */
int record_index_digest(struct sdeistate_index *index, struct sdeistate_error *err);

/** record_find() - the entry of a type, optional bit included; NULL if there is none */
const struct sdeistate_record *record_find(const struct sdeistate_index *index, uint32_t type);

#endif
