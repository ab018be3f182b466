/* SPDX-License-Identifier: Apache-2.0 */
/*
 * measure/rim.h - the steps of measure.h with a hash context that stays open
 */
#ifndef MEASURE_RIM_H
#define MEASURE_RIM_H

#include "measure/hash.h"

/* Each: 0, or -EIO with @rim unchanged. */
int rim_create(enum kvmcore_rule rule, struct hash *hash, const struct kvmcore_realm_params *params,
	       struct kvmcore_digest *rim);
int rim_extend_data(struct hash *hash, uint64_t ipa, uint64_t flags,
		    const struct kvmcore_digest *content, struct kvmcore_digest *rim);
int rim_extend_rec(enum kvmcore_rule rule, struct hash *hash, const struct kvmcore_rec *rec,
		   struct kvmcore_digest *rim);
int rim_extend_ripas(enum kvmcore_rule rule, struct hash *hash, uint64_t ipa, int level,
		     struct kvmcore_digest *rim);
int rem_extend(struct hash *hash, const void *value, size_t size, struct kvmcore_digest *rem);

#endif
