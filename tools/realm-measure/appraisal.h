/* SPDX-License-Identifier: Apache-2.0 */
/*
 * appraisal.h - compare what a realm is with what it should be
 *
 * Every expectation that was given has to hold; with none, nothing is all right.
 */
#ifndef REALM_MEASURE_APPRAISAL_H
#define REALM_MEASURE_APPRAISAL_H

#include "common/failure.h"

#include <jansson.h>
#include <kvmcore/token.h>
#include <sdeistate/realm.h>

/* What a realm is, from a token or from a list of steps. */
struct realm_facts {
	struct kvmcore_span rim, rem[KVMCORE_NR_REMS], rpv, hash, rak_hash;
	const struct kvmcore_platform_claims *platform; /* NULL: not from a token */
};

struct appraisal {
	struct failure *failure; /* the first difference; its reason stays 0 without one */
	json_t *verdicts;        /* name -> {verdict, expected, actual}; owned by the caller */
	unsigned int compared;
};

/** appraise_hex() - @name has to be the 32, 48 or 64 bytes of @hex; zero padding to 64 is allowed */
int appraise_hex(struct appraisal *a, const char *name, struct kvmcore_span actual,
		 const char *hex);

/** appraise_padded() - the same for what is 64 bytes and may be said shorter: RPV and challenge */
int appraise_padded(struct appraisal *a, const char *name, struct kvmcore_span actual,
		    const char *hex);

/** appraise_text() - @name has to be @expected */
int appraise_text(struct appraisal *a, const char *name, struct kvmcore_span actual,
		  const char *expected);

/** appraise_not_compared() - begin with no verdict on @name; a comparison replaces it */
void appraise_not_compared(struct appraisal *a, const char *name, struct kvmcore_span actual);

/** appraise_verdict() - record the verdict of a check that was made elsewhere */
void appraise_verdict(struct appraisal *a, const char *name, const char *verdict);

/**
 * appraise_replay() - for each REM whose expectation was compared: of how many of the extends of its log is it the value?
 *
 * A realm that starts from cold has to extend its REMs again; this says how far it came. Only a realm whose
 * extends are known is looked at.
 */
void appraise_replay(struct appraisal *a, const struct sdeistate_realm *realm);

/**
 * appraise_reference() - the realm has to match one entry of a reference value store
 *
 * Of the entry that is meant (it matches, has the same RIM or is the only one) each register gets its
 * verdict, unless an option spoke of it.
 * Return: 0; -EINVAL with @failure for a store that is none. All of them: -EINVAL for bad hex.
 */
int appraise_reference(struct appraisal *a, const char *path, const struct realm_facts *facts);

#endif
