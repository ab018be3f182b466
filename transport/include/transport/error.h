/* SPDX-License-Identifier: Apache-2.0 */
/*
 * error.h - why a call of libsdeitransport failed, for a program and for a person
 *
 * The caller owns the object and may pass NULL. It is written on failure only. @reason is one of the
 * stable names of docs/control.md, "Reasons"; it crosses process and host borders as text, so that this
 * library need not know what the state it carries means.
 */
#ifndef TRANSPORT_ERROR_H
#define TRANSPORT_ERROR_H

#define TRANSPORT_API __attribute__((visibility("default")))

struct transport_error {
	int code;           /* negative errno, the call's own result */
	char reason[32];    /* e.g. "protocol" */
	char object[96];    /* e.g. "control message STAGE" */
	char field[64];     /* e.g. "records" */
	char expected[160]; /* may be empty */
	char actual[160];   /* may be empty */
};

/**
 * transport_error_fill() - describe a failure and return its code
 * @err: may be NULL
 * @code: negative errno
 * @reason: a name of docs/control.md, "Reasons"
 * @object: which thing
 * @field: which part of it; may be ""
 * @format: printf format of "EXPECTED|ACTUAL"; without a bar there is no actual value
 *
 * What does not fit is cut. Return: @code, so that a caller can write `return transport_error_fill(...)`.
 */
TRANSPORT_API int transport_error_fill(struct transport_error *err, int code, const char *reason,
				       const char *object, const char *field, const char *format,
				       ...) __attribute__((format(printf, 6, 7)));

#endif
