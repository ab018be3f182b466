/* SPDX-License-Identifier: Apache-2.0 */
/*
 * set.h - changes of fields, made in place
 */
#ifndef SDEISTATE_SET_H
#define SDEISTATE_SET_H

#include "delta/decode_delta.h"

/**
 * set_changes() - make every run of @message in @state
 * @touched: becomes a bit for each record that was changed
 *
 * Return: 0; -EBADMSG damaged: an entry that is not there, or there already; -E2BIG over-limit;
 * -ENOMEM. @state may be changed in part.
 */
int set_changes(const struct delta_message *message, struct sdeistate *state, uint64_t *touched,
		struct sdeistate_error *err);

#endif
