/* SPDX-License-Identifier: Apache-2.0 */
/*
 * encode.h - a record at a time, for those who need fewer than all
 */
#ifndef SDEISTATE_ENCODE_H
#define SDEISTATE_ENCODE_H

#include "plan/plan.h"

/** encode_check() - is there nothing in @state that a message could not give back as it was? */
int encode_check(const struct sdeistate *state, struct sdeistate_error *err);

/** encode_append() - header and padding of a record behind what @stream holds, @body for the caller
 * to fill. Return: 0; -ENOMEM; -E2BIG over-limit */
int encode_append(struct sdeistate_buffer *stream, uint32_t type, size_t len, uint8_t **body,
		  struct sdeistate_error *err);

/** encode_part() - append one part's record. @state has passed encode_check() and has the part */
int encode_part(const struct part *part, const struct sdeistate *state,
		struct sdeistate_buffer *stream, struct sdeistate_error *err);

#endif
