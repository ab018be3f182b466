/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file.h - whole small files in, whole files out
 */
#ifndef SDEISTATE_SEAL_FILE_H
#define SDEISTATE_SEAL_FILE_H

#include <sdeistate/error.h>
#include <sdeistate/record.h>
#include <sys/types.h>

/**
 * file_read() - a regular file of at most @max bytes
 *
 * Return: 0, and @content is the caller's to free; -ENOENT no-key; -EFBIG over-limit; -errno io;
 * -ENOMEM.
 */
int file_read(const char *path, size_t max, struct sdeistate_buffer *content,
	      struct sdeistate_error *err);

/**
 * file_read_secret() - the same for what nobody else may know
 *
 * Return: also -ELOOP io for a symbolic link; -EPERM key-permissions.
 */
int file_read_secret(const char *path, size_t max, struct sdeistate_buffer *content,
		     struct sdeistate_error *err);

/** file_write_all() - write() until done. Return: 0; -errno */
int file_write_all(int fd, const void *bytes, size_t len);

/** file_read_some() - read() that survives signals and fills as much as there is. Return: count;
 * -errno */
ssize_t file_read_some(int fd, void *buf, size_t len);

#endif
