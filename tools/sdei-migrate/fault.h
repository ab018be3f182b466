/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fault.h - named points where a test can break a session: SDEI_FAULT=STEP:ACTION[,STEP:ACTION...]
 *
 * The steps are transport/session.h's; the actions kill, stall (until SIGCONT), error and drop (the
 * connection). Builds without SDEI_FAULT_POINTS have none. See docs/testing.md.
 */
#ifndef SDEI_MIGRATE_FAULT_H
#define SDEI_MIGRATE_FAULT_H

#include "common/tool.h"

#include <transport/session.h>

/**
 * fault_check() - is the variable, if it is set, one that this build can obey?
 *
 * Return: 0; -EINVAL usage.
 */
int fault_check(struct failure *failure);

/**
 * fault_hit() - do here what SDEI_FAULT wants
 * @stream: what drop cuts; may be NULL
 *
 * Return: 0; -EIO "internal" for error; -ECONNRESET "peer" for drop.
 */
int fault_hit(enum transport_step step, struct transport_stream *stream,
	      struct transport_error *err);

/** fault_list() - the names of the steps of this build; NULL: no memory */
json_t *fault_list(void);

#endif
