/* SPDX-License-Identifier: Apache-2.0 */
/*
 * payload.h - images that go into a realm's memory
 *
 * Files are mapped, and what comes through a pipe or gzip goes to an unnamed file first, so that
 * memory does not grow with an image.
 */
#ifndef REALM_MEASURE_PAYLOAD_H
#define REALM_MEASURE_PAYLOAD_H

#include "common/failure.h"
#include "common/realm/steps.h"

#define PAYLOAD_MAX (UINT64_C(1) << 40)

/* What the header of an arm64 Linux Image says (Documentation/arch/arm64/booting.rst). */
struct image_header {
	uint64_t text_offset; /* from a 2 MiB boundary */
	uint64_t image_size;  /* memory it needs; never less than the file */
};

/**
 * payload_open() - map @path ("-": stdin), as it is
 * @name: what messages and steps call it
 *
 * Return: 0, *@blob owned; -errno with @failure.
 */
int payload_open(const char *path, const char *name, struct blob **blob, struct failure *failure);

/** payload_open_kernel() - the same, unpacked if it is gzip */
int payload_open_kernel(const char *path, struct blob **blob, struct failure *failure);

/** payload_from_bytes() - a blob that takes @bytes (malloc'ed), also on failure */
int payload_from_bytes(const char *name, uint8_t *bytes, size_t size, struct blob **blob);

/** payload_unnamed() - an empty file without a name, for what memory shall not hold. Return: fd; -errno */
int payload_unnamed(void);

/** payload_image_header() - read the Image header. Return: 0; -EINVAL if there is none */
int payload_image_header(const struct blob *blob, struct image_header *header);

#endif
