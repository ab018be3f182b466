/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fdt_writer.h - write a flattened device tree whose every byte is known (Devicetree Specification v0.4 §5)
 *
 * Header, empty reservation map, structure, strings: each property name once, in the order of first
 * use, nothing between or behind. libfdt orders strings otherwise, and the bytes are measured.
 */
#ifndef REALM_MEASURE_FDT_WRITER_H
#define REALM_MEASURE_FDT_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fdt_block {
	uint8_t *data;
	size_t len, room;
};

/* A failed allocation is remembered; fdt_take() tells. All zero to begin with. */
struct fdt {
	struct fdt_block structure, strings;
	bool failed;
};

void fdt_node(struct fdt *f, const char *name);
void fdt_end(struct fdt *f);
void fdt_bytes(struct fdt *f, const char *name, const void *data, size_t len);
void fdt_cells(struct fdt *f, const char *name, const uint32_t *cell, size_t n);

/** fdt_free() - all zero is allowed */
void fdt_free(struct fdt *f);

/** fdt_take() - end the root node's tree and give its bytes. Return: 0, *@data owned; -ENOMEM */
int fdt_take(struct fdt *f, uint8_t **data, size_t *len);

#endif
