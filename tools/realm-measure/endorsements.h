/* SPDX-License-Identifier: Apache-2.0 */
/*
 * endorsements.h - reference values for other verifiers: CoMID JSON as cocli reads it
 */
#ifndef REALM_MEASURE_ENDORSEMENTS_H
#define REALM_MEASURE_ENDORSEMENTS_H

#include "measured.h"

#include <kvmcore/token.h>

/* What is written down: from steps or from a token. Spans are borrowed. */
struct realm_values {
	char hash[16];
	struct kvmcore_span rim, rem[KVMCORE_NR_REMS], rpv;
	const struct kvmcore_platform_claims *platform; /* NULL: not from a token */
};

/** endorsements_values() - the values of @measured, which has to exist and outlive them */
void endorsements_values(const struct measured *measured, struct realm_values *values);

/**
 * endorsements_comid() - reference values as one CoMID
 * @template: a CoMID in JSON ("-": stdin) of which all but the measurements stays; NULL: none
 *
 * Registers are named one by one and the RPV is the raw value; the environment's instance is the RIM.
 * Return: 0, *@json owned; -EINVAL with @failure for a template that is none; -errno.
 */
int endorsements_comid(const struct realm_values *values, const char *template, json_t **json,
		       struct failure *failure);

#endif
