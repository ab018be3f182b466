/* SPDX-License-Identifier: Apache-2.0 */
/*
 * measured.h - a list of steps, run: the registers, and what happened on the way
 */
#ifndef REALM_MEASURE_MEASURED_H
#define REALM_MEASURE_MEASURED_H

#include "input.h"

struct measured {
	bool exists; /* a realm was created */
	enum kvmcore_rule rule;
	enum kvmcore_hash hash;
	struct kvmcore_digest value[1 + KVMCORE_NR_REMS]; /* RIM, REM0..3 */
	uint8_t rpv[KVMCORE_RPV_SIZE];
	unsigned int refused; /* steps that the RMM refuses */
	json_t *printed;      /* what rim and rem lines of a script print; owned */
	json_t *steps;        /* each step with the RIM behind it; owned; NULL unless asked for */
};

/**
 * measured_run() - run @input, with a progress bar
 * @with_steps: fill @measured->steps
 *
 * A refused step of a script is told and left out; anywhere else it is an error. Return: 0; -errno
 * with @failure.
 */
int measured_run(const struct tool *tool, const struct input_args *args, const struct input *input,
		 bool with_steps, struct measured *measured, struct failure *failure);

/** measured_free() - all zero is allowed */
void measured_free(struct measured *measured);

#define measured_cleanup __attribute__((cleanup(measured_free)))

#endif
