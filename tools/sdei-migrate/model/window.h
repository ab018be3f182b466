/* SPDX-License-Identifier: Apache-2.0 */
/*
 * window.h - bytes whose end is the end of accessible memory
 *
 * What an ioctl's struct points to stands here, so that a count that promises more than there is ends in
 * EFAULT, as it would in a VMM that mapped too little.
 */
#ifndef SDEI_MIGRATE_MODEL_WINDOW_H
#define SDEI_MIGRATE_MODEL_WINDOW_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#define WINDOW_MAX (4u << 20)

/* All zero is empty. */
struct window {
	uint8_t *data; /* 8-byte aligned unless its length is not; NULL: empty */
	size_t len;
	void *map;
	size_t map_len;
};

/**
 * window_from_hex() - the bytes that hexadecimal digits stand for
 *
 * Return: 0; -EINVAL if @hex is no text of digits or too long; -ENOMEM.
 */
int window_from_hex(const json_t *hex, struct window *window);

/** window_zero() - @len bytes of zero. Return: 0; -ENOMEM */
int window_zero(size_t len, struct window *window);

/** window_release() - unmap; leaves an empty window */
void window_release(struct window *window);

#endif
