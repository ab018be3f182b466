/* SPDX-License-Identifier: Apache-2.0 */
/*
 * encode_delta.h - a delta as its record
 */
#ifndef SDEISTATE_ENCODE_DELTA_H
#define SDEISTATE_ENCODE_DELTA_H

#include "delta/changes.h"

#include <sdeistate/delta.h>

/* What it consists of; all borrowed. */
struct delta_parts {
	uint8_t *base, *result; /* digests */
	uint32_t *gone;         /* types, ascending */
	size_t n_gone;
	const struct sdeistate_buffer *whole; /* records, as a stream */
	const struct changes *changes;
};

/** encode_delta() - Return: 0 with *@delta owned by the caller; -E2BIG over-limit; -ENOMEM */
int encode_delta(const struct delta_parts *parts, struct sdeistate_buffer *delta,
		 struct sdeistate_error *err);

#endif
