/* SPDX-License-Identifier: Apache-2.0 */
/*
 * form_json.h - a state as JSON that can be changed and read back; docs/form.md
 */
#ifndef SDEI_MIGRATE_FORM_JSON_H
#define SDEI_MIGRATE_FORM_JSON_H

#include "sealed.h"

#include <sdeistate/form.h>

/** form_json() - the form of a state and its records; NULL: no memory */
json_t *form_json(const struct sdeistate *state, const struct sealed_records *records);

/**
 * form_json_read() - the state a form describes, validated, and its records
 * @path: what to call it in errors
 *
 * Return: 0 with @state and @stream owned by the caller; -EINVAL usage, inconsistent; -EBADMSG damaged; -E2BIG
 * over-limit; -ENOMEM.
 */
int form_json_read(const char *path, const json_t *form, struct sdeistate **state,
		   struct sdeistate_buffer *stream, struct failure *failure);

/**
 * form_change() - one change "PATH=NUMBER[,NUMBER...]"
 *
 * Return: 0; -EINVAL usage; -E2BIG over-limit; -ENOMEM.
 */
int form_change(struct sdeistate *state, const char *change, struct failure *failure);

#endif
