/* SPDX-License-Identifier: Apache-2.0 */
/*
 * script.h - the line language that says how a realm is built
 *
 * One command a line, words separated by blanks, `#` begins a comment; docs/measurements.md,
 * "Scripts".
 */
#ifndef REALM_MEASURE_SCRIPT_H
#define REALM_MEASURE_SCRIPT_H

#include "common/realm/steps.h"

/**
 * script_parse_line() - append the step that @line says, if any
 * @number: of the line, from 1
 *
 * Return: 0; -EINVAL (@err says which word); -EFBIG; -ENOMEM.
 */
int script_parse_line(struct steps *steps, const char *line, unsigned int number,
		      struct kvmcore_error *err);

/** script_parse() - the same for @len bytes of lines. @text need not be terminated */
int script_parse(struct steps *steps, const char *text, size_t len, struct kvmcore_error *err);

#endif
