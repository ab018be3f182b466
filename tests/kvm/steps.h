/* SPDX-License-Identifier: Apache-2.0 */
/*
 * steps.h - what a row may do to a machine, and what is seen of it
 *
 * A row is {"name", "vcpus", "steps": [{"do": WORD, ...}]} on a fresh VM, or with "continues" on that of the row
 * before; README.md beside this file lists the words. Numbers above 2^53 are strings. Each step leaves one JSON
 * value behind.
 */
#ifndef TESTS_KVM_STEPS_H
#define TESTS_KVM_STEPS_H

#include "machine.h"

#include <jansson.h>

/* The VM of the last row, between steps_row() and steps_end(). Zero but for host at first. */
struct scene {
	const struct machine_host *host;
	struct machine m;
	int ret; /* of making it: 0 or -errno */
};

/** steps_u64() - a number, or a string that holds one; absent is 0 */
uint64_t steps_u64(const json_t *object, const char *key);

/** steps_row() - play @row. Return: {"name", "seen": [...]}, one value per step; NULL without memory */
json_t *steps_row(struct scene *scene, const json_t *row);

/** steps_end() - end the VM of the last row, if there is one */
void steps_end(struct scene *scene);

/** steps_call() - the step "call". Return: a new value */
json_t *steps_call(struct machine *m, const json_t *step);

/** steps_access() - the step "access". Return: a new value */
json_t *steps_access(struct machine *m, const json_t *step);

#endif
