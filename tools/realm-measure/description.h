/* SPDX-License-Identifier: Apache-2.0 */
/*
 * description.h - the JSON form of a step list; docs/measurements.md, "Descriptions"
 */
#ifndef REALM_MEASURE_DESCRIPTION_H
#define REALM_MEASURE_DESCRIPTION_H

#include "common/failure.h"
#include "common/realm/steps.h"

/**
 * description_parse() - append the steps of a JSON description
 * @path: where it came from; files it names are looked for beside it
 *
 * A rule it states replaces that of @steps. Return: 0; -EINVAL, -EIO ... with @failure; -ENOMEM.
 */
int description_parse(struct steps *steps, const char *text, size_t len, const char *path,
		      struct failure *failure);

#endif
