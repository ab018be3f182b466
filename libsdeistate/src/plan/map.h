/* SPDX-License-Identifier: Apache-2.0 */
/*
 * map.h - which vCPU of the destination is which of the source
 *
 * The guest knows a PE by its MPIDR and the VMM by its vcpu_id; private events are stored by
 * creation index. Both names have to agree, the index may differ.
 */
#ifndef SDEISTATE_MAP_H
#define SDEISTATE_MAP_H

#include "plan/plan.h"

/** map_vcpus() - fill target->map from target->port, or tell the obstacles */
void map_vcpus(struct target *target);

/** map_bits() - @from with each bit moved to its place at the destination */
void map_bits(const struct target *target, const __u64 *from, __u64 *to);

#endif
