// SPDX-License-Identifier: Apache-2.0
#include "fdt_writer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC          0xd00dfeedu
#define VERSION        17u
#define COMPATIBLE     16u
#define HEADER_SIZE    40u
#define RESERVE_SIZE   16u /* the terminating entry alone */
#define TOKEN_BEGIN    1u
#define TOKEN_END      2u
#define TOKEN_PROPERTY 3u
#define TOKEN_END_TREE 9u
#define MAX_BLOCK      (1u << 24)

static void put(struct fdt *f, struct fdt_block *b, const void *data, size_t len)
{
	size_t room = b->room ? b->room : 4096;
	uint8_t *grown = b->data;

	if (f->failed)
		return;
	while (room - b->len < len && room < MAX_BLOCK)
		room *= 2;
	if (room != b->room)
		grown = realloc(b->data, room);
	if (!grown || room - b->len < len) {
		f->failed = true;
		return;
	}
	b->data = grown;
	b->room = room;
	if (len)
		memcpy(b->data + b->len, data, len);
	b->len += len;
}

static void put_be32(struct fdt *f, uint32_t value)
{
	const uint8_t be[4] = { (uint8_t)(value >> 24), (uint8_t)(value >> 16),
				(uint8_t)(value >> 8), (uint8_t)value };

	put(f, &f->structure, be, sizeof(be));
}

static void pad(struct fdt *f)
{
	static const uint8_t zero[4];

	put(f, &f->structure, zero, -f->structure.len & 3);
}

/* Where the name stands in the strings, whole: a tail of another one is not used. */
static uint32_t name_offset(struct fdt *f, const char *name)
{
	struct fdt_block *s = &f->strings;
	size_t len = strlen(name) + 1;
	uint32_t end = (uint32_t)s->len;

	for (size_t at = 0; at < s->len; at += strlen((char *)s->data + at) + 1)
		if (!strcmp((char *)s->data + at, name))
			return (uint32_t)at;
	put(f, s, name, len);
	return end;
}

void fdt_node(struct fdt *f, const char *name)
{
	put_be32(f, TOKEN_BEGIN);
	put(f, &f->structure, name, strlen(name) + 1);
	pad(f);
}

void fdt_end(struct fdt *f)
{
	put_be32(f, TOKEN_END);
}

void fdt_bytes(struct fdt *f, const char *name, const void *data, size_t len)
{
	put_be32(f, TOKEN_PROPERTY);
	put_be32(f, (uint32_t)len);
	put_be32(f, name_offset(f, name));
	put(f, &f->structure, data, len);
	pad(f);
}

void fdt_cells(struct fdt *f, const char *name, const uint32_t *cell, size_t n)
{
	put_be32(f, TOKEN_PROPERTY);
	put_be32(f, (uint32_t)(4 * n));
	put_be32(f, name_offset(f, name));
	for (size_t i = 0; i < n; i++)
		put_be32(f, cell[i]);
}

void fdt_free(struct fdt *f)
{
	free(f->structure.data);
	free(f->strings.data);
	*f = (struct fdt){ 0 };
}

int fdt_take(struct fdt *f, uint8_t **data, size_t *len)
{
	uint32_t at = HEADER_SIZE + RESERVE_SIZE, structure, strings, total;
	struct fdt whole = { 0 };

	put_be32(f, TOKEN_END_TREE);
	structure = (uint32_t)f->structure.len;
	strings = (uint32_t)f->strings.len;
	total = at + structure + strings;
	if (!f->failed) {
		const uint32_t header[] = { MAGIC,       total,     at,         at + structure,
					    HEADER_SIZE, VERSION,   COMPATIBLE, 0,
					    strings,     structure, 0,          0,
					    0,           0 };

		for (size_t i = 0; i < sizeof(header) / sizeof(header[0]); i++)
			put_be32(&whole, header[i]);
		put(&whole, &whole.structure, f->structure.data, structure);
		put(&whole, &whole.structure, f->strings.data, strings);
	}
	if (f->failed || whole.failed) {
		fdt_free(&whole);
		return -ENOMEM;
	}
	*data = whole.structure.data;
	*len = whole.structure.len;
	fdt_free(f);
	return 0;
}
