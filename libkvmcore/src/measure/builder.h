/* SPDX-License-Identifier: Apache-2.0 */
/*
 * measure/builder.h - a realm under construction, from inside
 */
#ifndef MEASURE_BUILDER_H
#define MEASURE_BUILDER_H

#include "measure/hash.h"
#include "measure/rtt.h"

struct kvmcore_builder {
	enum kvmcore_rule rule;
	struct kvmcore_realm_params params;
	struct hash hash;
	struct rtt_space space;
	bool active;
	uint32_t n_recs;
	struct kvmcore_digest value[1 + KVMCORE_NR_REMS]; /* RIM, REM0..3 */
};

/** builder_protects() - whether @ipa lies in the half whose memory is the realm's own */
bool builder_protects(const struct kvmcore_builder *b, uint64_t ipa);

/** builder_rtt_error() - RMI_ERROR_RTT for a walk that ended at @level */
static inline int builder_rtt_error(int level)
{
	return KVMCORE_RMI_ERROR_RTT | (level & 0xff) << 8;
}

#endif
