/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decode_delta.h - a delta's record as a message that is right in itself
 */
#ifndef SDEISTATE_DECODE_DELTA_H
#define SDEISTATE_DECODE_DELTA_H

#include "wire/scratch.h"

#include <sdeistate/delta.h>

/* The columns of a delta; everything in it is borrowed from the message. */
struct delta_runs {
	size_t n; /* runs */
	const uint32_t *list, *field, *first, *count;
	const uint64_t *key;
	size_t n_values;
	const uint64_t *value;
};

/* All zero is empty. The message lives in the scratches. */
struct delta_message {
	struct scratch limited, scratch;
	struct delta_runs runs;
	const uint32_t *gone; /* types */
	size_t n_gone;
	struct sdeistate_index whole; /* records that come whole */
	struct sdeistate_delta_ends ends;
};

/**
 * delta_message_read() - decode, and check everything that needs no base
 * @base: digest that the delta must name, compared before anything is decoded; NULL: any
 * @message: released by delta_message_free() in either case
 *
 * Return: 0; -EBADMSG damaged; -ESTALE wrong-base; -E2BIG over-limit; -EOPNOTSUPP unknown-record;
 * -ENOMEM
 */
int delta_message_read(const uint8_t *delta, size_t len, const uint8_t *base,
		       struct delta_message *message, struct sdeistate_error *err);

/** delta_is_gone() - does the result lack this type of record? */
bool delta_is_gone(const struct delta_message *message, uint32_t type);

void delta_message_free(struct delta_message *message);

#endif
