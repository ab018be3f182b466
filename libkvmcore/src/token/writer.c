// SPDX-License-Identifier: Apache-2.0
#include "token/writer.h"

#include <cbor.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_HEAD 9u

/* Return: whether @more bytes fit behind the end. */
static bool reserve(struct writer *w, size_t more)
{
	size_t room = w->room ? w->room : 256;
	uint8_t *grown;

	if (w->failed)
		return false;
	if (w->room - w->len >= more)
		return true;
	while (room - w->len < more)
		room *= 2;
	grown = realloc(w->data, room);
	if (!grown) {
		w->failed = true;
		return false;
	}
	w->data = grown;
	w->room = room;
	return true;
}

typedef size_t encode_head(uint64_t value, unsigned char *buf, size_t size);

static void put_head(struct writer *w, encode_head *encode, uint64_t value)
{
	if (reserve(w, MAX_HEAD))
		w->len += encode(value, w->data + w->len, w->room - w->len);
}

static void put(struct writer *w, const void *data, size_t len)
{
	if (len && reserve(w, len)) {
		memcpy(w->data + w->len, data, len);
		w->len += len;
	}
}

void write_uint(struct writer *w, uint64_t value)
{
	put_head(w, cbor_encode_uint, value);
}

void write_int(struct writer *w, int64_t value)
{
	if (value < 0)
		put_head(w, cbor_encode_negint, (uint64_t)(-1 - value));
	else
		write_uint(w, (uint64_t)value);
}

void write_bytes(struct writer *w, const void *data, size_t len)
{
	put_head(w, cbor_encode_bytestring_start, len);
	put(w, data, len);
}

void write_text(struct writer *w, const void *text, size_t len)
{
	put_head(w, cbor_encode_string_start, len);
	put(w, text, len);
}

void write_array(struct writer *w, size_t n)
{
	put_head(w, cbor_encode_array_start, n);
}

void write_map(struct writer *w, size_t pairs)
{
	put_head(w, cbor_encode_map_start, pairs);
}

void write_tag(struct writer *w, uint64_t tag)
{
	put_head(w, cbor_encode_tag, tag);
}

void writer_free(struct writer *w)
{
	free(w->data);
	*w = (struct writer){ 0 };
}

int writer_take(struct writer *w, uint8_t **data, size_t *len)
{
	if (w->failed || !w->data)
		return -ENOMEM;
	*data = w->data;
	*len = w->len;
	*w = (struct writer){ 0 };
	return 0;
}
