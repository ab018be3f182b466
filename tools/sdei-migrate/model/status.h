/* SPDX-License-Identifier: Apache-2.0 */
/*
 * status.h - what a model VM's status tells beside its SDEI state
 */
#ifndef SDEI_MIGRATE_MODEL_STATUS_H
#define SDEI_MIGRATE_MODEL_STATUS_H

#include "machine.h"

#include <jansson.h>

/** status_filter_json() - the SMCCC filter's ranges, or null where there is no filter; NULL: no memory */
json_t *status_filter_json(struct machine *machine);

/** status_guard_json() - the MMIO guard's ranges, or null where there is no guard; NULL: no memory */
json_t *status_guard_json(struct machine *machine);

#endif
