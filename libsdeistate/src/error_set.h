/* SPDX-License-Identifier: Apache-2.0 */
/*
 * error_set.h - how the library fills a struct sdeistate_error
 */
#ifndef SDEISTATE_ERROR_SET_H
#define SDEISTATE_ERROR_SET_H

#include <sdeistate/error.h>

struct error_object {
	char text[96];
};

/**
 * error_set() - describe a failure and return its code
 * @err: may be NULL
 * @code: negative errno
 * @object: which thing; OBJECT() formats one
 * @field: which part of it; may be ""
 * @format: printf format of "EXPECTED|ACTUAL"; without a bar there is no actual value
 *
 * Return: @code, so that a caller can write `return error_set(...)`.
 */
int error_set(struct sdeistate_error *err, enum sdeistate_reason reason, int code,
	      const char *object, const char *field, const char *format, ...)
	__attribute__((format(printf, 6, 7)));

/** error_no_memory() - the one way to say it. Return: -ENOMEM */
int error_no_memory(struct sdeistate_error *err, const char *object);

/** error_object() - format the name of a thing into @object. Return: its text */
const char *error_object(struct error_object *object, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Lives until the end of the enclosing block. */
#define OBJECT(...) error_object(&(struct error_object){ "" }, __VA_ARGS__)

#endif
