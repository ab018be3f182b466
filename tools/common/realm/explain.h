/* SPDX-License-Identifier: Apache-2.0 */
/*
 * explain.h - where two realms begin to differ, and why
 *
 * Whoever has two RIMs that should be equal has two lists of steps as well: what was to be done (a
 * description, the build log of a snapshot) and what was done here (the same calls with this host's
 * parameters and the bytes that were loaded). Fill both, each image as a blob with its bytes or, where
 * only they are known, with the digests of its granules; then ask:
 *
 *	if (!explain(&recorded, &done, &e) && e.cause != SDEISTATE_CAUSE_NONE)
 *		... step e.op: e.what is e.a there and e.b here; sdeistate_realm_cause_name(e.cause) ...
 *
 * Neither list is run: a step that the RMM would refuse is compared like any other.
 */
#ifndef TOOLS_COMMON_REALM_EXPLAIN_H
#define TOOLS_COMMON_REALM_EXPLAIN_H

#include "common/realm/steps.h"

#include <sdeistate/realm.h>

struct explanation {
	enum sdeistate_realm_cause cause;
	uint64_t op; /* number of the first one that differs, from 1; a page is an op */
	unsigned int line_a, line_b; /* where the lists say it; 0: nowhere */
	char what[48];               /* parameter, or the kind of step */
	char a[160], b[160];         /* its two values */
	bool has_page;
	uint64_t ipa;        /* of the page */
	bool has_offset;     /* the bytes of both are known */
	unsigned int offset; /* first byte of the page that differs */
};

/**
 * explain() - find the first step in which two lists differ
 * @out: written on success only; SDEISTATE_CAUSE_NONE if both give the same RIM
 *
 * Return: 0; -ENOMEM, -EIO of hashing.
 */
int explain(const struct steps *a, const struct steps *b, struct explanation *out);

#endif
