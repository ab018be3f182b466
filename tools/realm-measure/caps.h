/* SPDX-License-Identifier: Apache-2.0 */
/*
 * caps.h - what a host can give a realm
 *
 * Said by options and by files, one over the other: each can only lower what was said before.
 */
#ifndef REALM_MEASURE_CAPS_H
#define REALM_MEASURE_CAPS_H

#include "common/failure.h"

#include <stdbool.h>
#include <stdint.h>

enum cap {
	CAP_IPA_BITS,
	CAP_NUM_BPS, /* a count, 2..64 */
	CAP_NUM_WPS,
	CAP_PMU_NUM_CTRS,
	CAP_SVE_VL, /* bits: 0, or a power of two 128..2048 */
	CAP_PMU,    /* 0 or 1 */
	CAP_LPA2,
	CAP_NR
};

struct caps {
	bool given[CAP_NR];
	uint64_t value[CAP_NR];
};

/** caps_name() - as in files: "ipa_bits" ... */
const char *caps_name(enum cap cap);

/**
 * caps_limit() - say that there is no more than @value of @cap
 * @source: who says so, for messages
 *
 * Return: 0; -EINVAL for a value that no host has.
 */
int caps_limit(struct caps *caps, enum cap cap, uint64_t value, const char *source,
	       struct failure *failure);

/**
 * caps_request() - a VMM asks for @value of @cap, which a known host has to have
 *
 * Return: 0, and it is the limit from now on; -EINVAL; -EOPNOTSUPP if the host has less.
 */
int caps_request(struct caps *caps, enum cap cap, uint64_t value, const char *source,
		 struct failure *failure);

/** caps_load() - lines "name = value" (TOML without tables) or a JSON object. Return: 0; -errno */
int caps_load(struct caps *caps, const char *path, struct failure *failure);

#endif
