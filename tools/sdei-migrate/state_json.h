/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state_json.h - a state as JSON, for show, vm status and everything that compares them
 *
 * The shape is documented in docs/show.md and only grows.
 */
#ifndef SDEI_MIGRATE_STATE_JSON_H
#define SDEI_MIGRATE_STATE_JSON_H

#include <jansson.h>
#include <sdeistate/sdeistate.h>

/** state_vm_json() - {uuid, generation, type, profile, kernel, ...}; NULL: no memory */
json_t *state_vm_json(const struct sdeistate *state);

/** state_vcpus_json() - one object per vCPU: power, mask, handlers, queue, contexts; NULL: no memory */
json_t *state_vcpus_json(const struct sdeistate *state);

/** state_events_json() - one object per event that is exposed or registered; NULL: no memory */
json_t *state_events_json(const struct sdeistate *state);

/** state_filter_json() - {ranges, reserved_set}; NULL: no memory */
json_t *state_filter_json(const struct sdeistate *state);

/** state_realm_json() - how the realm was built; null for another VM; NULL: no memory */
json_t *state_realm_json(const struct sdeistate *state);

/** state_guard_json() - null, or {abi, enrolled, granule, ranges, shared}; NULL: no memory */
json_t *state_guard_json(const struct sdeistate *state);

/** state_firmware_json() - one object per firmware register; NULL: no memory */
json_t *state_firmware_json(const struct sdeistate *state);

/** state_s390_json() - CPU model, clock and switches of an s390 VM; null for another; NULL: no memory */
json_t *state_s390_json(const struct sdeistate *state);

/** state_exits_json() - one object per vCPU that waits for an answer of its VMM; NULL: no memory */
json_t *state_exits_json(const struct sdeistate *state);

/**
 * state_json() - everything: vm, vcpus, events, bindings, handlers, pending, memory; NULL: no memory
 *
 * Memory is told by address and size: its bytes do not belong in a report.
 */
json_t *state_json(const struct sdeistate *state);

/** uuid_text() - 8-4-4-4-12 lower-case digits; @text has room for 37 bytes */
void uuid_text(const uint8_t uuid[16], char *text);

/** state_profile_name() - "spec", "kvm-v5", "kvm-v7" */
const char *state_profile_name(const struct sdeistate *state);

/** state_profile_find() - the number of that name; -1 if there is none, or no name */
int state_profile_find(const char *name);

#endif
