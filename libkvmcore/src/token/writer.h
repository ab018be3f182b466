/* SPDX-License-Identifier: Apache-2.0 */
/*
 * token/writer.h - CBOR into a buffer that grows
 *
 * A failed allocation is remembered; the last call tells.
 */
#ifndef TOKEN_WRITER_H
#define TOKEN_WRITER_H

#include <kvmcore/token.h>
#include <stdbool.h>

struct writer {
	uint8_t *data;
	size_t len, room;
	bool failed;
};

void write_uint(struct writer *w, uint64_t value);
void write_int(struct writer *w, int64_t value);
void write_bytes(struct writer *w, const void *data, size_t len);
void write_text(struct writer *w, const void *text, size_t len);
void write_array(struct writer *w, size_t n);
void write_map(struct writer *w, size_t pairs);
void write_tag(struct writer *w, uint64_t tag);

/** writer_free() - all zero is allowed */
void writer_free(struct writer *w);

#define writer_cleanup __attribute__((cleanup(writer_free)))

/** writer_take() - the bytes go to the caller. Return: 0; -ENOMEM */
int writer_take(struct writer *w, uint8_t **data, size_t *len);

#endif
