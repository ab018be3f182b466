/* SPDX-License-Identifier: Apache-2.0 */
/*
 * error.h - what a failed call of libkvmcore tells its caller beside the errno
 *
 * The caller owns the object and may pass NULL. It is written on failure only.
 */
#ifndef KVMCORE_ERROR_H
#define KVMCORE_ERROR_H

struct kvmcore_error {
	int code;           /* negative errno, the call's own result */
	char object[64];    /* what was being looked at, e.g. "vcpu 3" */
	char field[64];     /* which part of it, e.g. "mpidr" */
	char expected[128]; /* may be empty */
	char actual[128];   /* may be empty */
};

#endif
