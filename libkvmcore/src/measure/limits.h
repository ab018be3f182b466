/* SPDX-License-Identifier: Apache-2.0 */
/*
 * measure/limits.h - which realms a host can create
 */
#ifndef MEASURE_LIMITS_H
#define MEASURE_LIMITS_H

#include <kvmcore/measure.h>

/** limits_allow() - whether RMI_REALM_CREATE with @params is answered with success */
bool limits_allow(enum kvmcore_rule rule, const struct kvmcore_realm_params *params,
		  uint64_t rmm_features);

/** limits_rec_index() - the number of the REC that @mpidr belongs to; -1 for an illegal one */
int64_t limits_rec_index(uint64_t mpidr);

#endif
