/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verbs.h - the commands of realm-measure
 */
#ifndef REALM_MEASURE_VERBS_H
#define REALM_MEASURE_VERBS_H

#include "common/tool.h"

extern const struct verb verb_compute, verb_verify, verb_explain, verb_show, verb_reference;

#endif
