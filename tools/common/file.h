/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file.h - whole files in, whole files out
 *
 * "-" is stdin or stdout.
 */
#ifndef TOOLS_COMMON_FILE_H
#define TOOLS_COMMON_FILE_H

#include "failure.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * file_read() - the bytes of @path, at most @max of them
 *
 * One zero byte stands behind the data. Return: 0, *@data owned; -errno with @failure; -E2BIG if
 * there is more.
 */
int file_read(const char *path, size_t max, uint8_t **data, size_t *len, struct failure *failure);

/** file_is_replaced() - does file_write() put a new file at @path? Not where it is "-", a device or a pipe */
bool file_is_replaced(const char *path);

/**
 * file_write() - replace @path by @data, all or nothing, on disk before it returns
 *
 * A new name beside the old one, fsync, rename, fsync of the directory. What is not replaced is written
 * to as it comes, and may block for as long as nobody reads. Return: 0; -errno.
 */
int file_write(const char *path, const void *data, size_t len, unsigned int mode,
	       struct failure *failure);

#endif
