/* SPDX-License-Identifier: Apache-2.0 */
/*
 * compare.h - the fields in which two states differ
 */
#ifndef SDEISTATE_COMPARE_H
#define SDEISTATE_COMPARE_H

#include "delta/changes.h"

#include <sdeistate/state.h>

/**
 * compare_record() - append the changes that make @b's lists of @record of @a's
 *
 * Both have the record, and the same vCPUs and profile.
 * Return: 0; -EDOM: fields cannot say it, an array is not in order or of another shape; -E2BIG: too
 * many changes; -ENOMEM. Appends nothing usable unless it is 0.
 */
int compare_record(struct changes *changes, uint32_t record, const struct sdeistate *a,
		   const struct sdeistate *b);

#endif
