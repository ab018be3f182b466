/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verify_one.h - one sealed file against trusted keys and the policy
 */
#ifndef SDEI_MIGRATE_VERIFY_ONE_H
#define SDEI_MIGRATE_VERIFY_ONE_H

#include "policy_rows.h"
#include "sealed.h"

/* What stays the same from file to file. All zero but @key, @base and @threshold is empty. */
struct verifier {
	const char *key, *base; /* NULL: none */
	unsigned int threshold; /* 0: 1 */
	struct sealed_keys keys;
	struct policy *policy;
};

/**
 * verifier_load() - keys of @trust and the policy
 * @name: what is to be verified, for messages
 *
 * Return: 0; -errno with @failure.
 */
int verifier_load(struct verifier *verifier, const char *name, const struct option_list *trust,
		  const struct policy_options *policy, struct failure *failure);

/** verifier_release() - for owned locals */
void verifier_release(struct verifier *verifier);
#define OWNED_VERIFIER CLEANUP(verifier_release)

/**
 * verify_one() - open @path, compare all its digests, ask the policy
 * @workspace: or NULL
 *
 * Return: 0; -errno with @failure. @sealed is to be closed in either case.
 */
int verify_one(const struct verifier *verifier, const char *path,
	       struct sdeistate_workspace *workspace, struct sealed *sealed,
	       struct failure *failure);

#endif
