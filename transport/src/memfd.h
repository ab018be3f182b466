/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memfd.h - large state in sealed memory files (docs/control.md, "Large fields")
 */
#ifndef TRANSPORT_MEMFD_H
#define TRANSPORT_MEMFD_H

#include <stddef.h>
#include <stdint.h>

/** memfd_make() - a sealed memory file of these bytes. Return: 0 and an owned *@fd; -errno */
int memfd_make(const void *data, size_t len, int *fd);

/**
 * memfd_map() - map a memory file that nobody can change or shrink any more
 *
 * Return: 0 and *@data, to be given to memfd_unmap(); -EPERM if seals are missing or it is no memory
 * file; -EMSGSIZE if its size is not @len; -errno of mmap.
 */
int memfd_map(int fd, size_t len, const uint8_t **data);

/** memfd_unmap() - give a mapping back; NULL is none */
void memfd_unmap(const uint8_t *data, size_t len);

#endif
