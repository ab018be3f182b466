/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base.h - inside of a base
 */
#ifndef SDEISTATE_BASE_INTERNAL_H
#define SDEISTATE_BASE_INTERNAL_H

#include "delta/changes.h"
#include "wire/scratch.h"

#include <sdeistate/delta.h>

struct sdeistate_base {
	struct sdeistate *state;      /* NULL after a failure half-way */
	struct sdeistate_index index; /* of the state; bodies are not kept */
	struct changes changes;       /* room */
	struct sdeistate_buffer
		body; /* room for records while they are hashed; len is what is used */
};

/** base_is_usable() - Return: 0; -EINVAL usage */
int base_is_usable(const struct sdeistate_base *base, struct sdeistate_error *err);

/**
 * base_add_record() - encode and hash one part, as the next entry of @index
 * @body: gets the record appended; @body->len may be put back afterwards
 */
int base_add_record(struct sdeistate_index *index, uint32_t number, const struct sdeistate *state,
		    struct sdeistate_buffer *body, struct sdeistate_error *err);

#endif
