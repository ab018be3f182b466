/* SPDX-License-Identifier: Apache-2.0 */
/*
 * error_fill.h - how the library fills a struct kvmcore_error
 */
#ifndef KVMCORE_ERROR_FILL_H
#define KVMCORE_ERROR_FILL_H

#include <kvmcore/error.h>

/**
 * error_fill() - describe a failure and return its code
 * @err: may be NULL
 * @code: negative errno
 * @object: which thing
 * @field: which part of it; may be ""
 * @format: printf format of "EXPECTED|ACTUAL"; without a bar there is no actual value
 *
 * Return: @code, so that a caller can write `return error_fill(...)`.
 */
int error_fill(struct kvmcore_error *err, int code, const char *object, const char *field,
	       const char *format, ...) __attribute__((format(printf, 5, 6)));

#endif
