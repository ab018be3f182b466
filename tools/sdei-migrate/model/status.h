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

/** status_realm_state() - "none", "new", "active" or "dying"; "none" too for a VM that is no realm */
const char *status_realm_state(struct machine *machine);

/** status_realm_active() - whether it is a realm that was activated */
bool status_realm_active(struct machine *machine);

/** status_realm_json() - a realm's construction and measurements; null for another VM; NULL: no memory */
json_t *status_realm_json(struct machine *machine);

/** status_guard_json() - the MMIO guard's ranges, or null where there is no guard; NULL: no memory */
json_t *status_guard_json(struct machine *machine);

#endif
