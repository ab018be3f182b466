/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy_rows.h - how a command line names the policy it goes by
 */
#ifndef SDEI_MIGRATE_POLICY_ROWS_H
#define SDEI_MIGRATE_POLICY_ROWS_H

#include "policy.h"

struct policy_options {
	const char *path;
	struct option_list trust;
};

/** policy_options_load() - the policy those options name; NULL where there is none. Return: as policy_load() */
static inline int policy_options_load(const struct policy_options *options, struct policy **policy,
				      struct failure *failure)
{
	OWNED_TRUST struct sdeistate_trust *signers = NULL;
	int ret = options->trust.n ? trust_load_all(&options->trust, &signers, failure) : 0;

	return ret ? ret : policy_load(options->path, signers, policy, failure);
}

/* For a `struct policy_options` @member of the command's arguments. */
#define POLICY_TRUST_ROW(type_of_args, member)                                                \
	{                                                                                     \
		.name = "--policy-trust", .argument = "PUB|DIR",                              \
		.help = "who must have signed the policy; without it only permissions count", \
		.offset = offsetof(type_of_args, member.trust), .type = OPTION_LIST,          \
		.names = OPTION_NAMES_FILE                                                    \
	}
#define POLICY_ROWS(type_of_args, member)                                          \
	{ .name = "--policy",                                                      \
	  .argument = "FILE|DIR",                                                  \
	  .help = "rules to keep; without it those of policy.d, if there are any", \
	  .offset = offsetof(type_of_args, member.path),                           \
	  .type = OPTION_TEXT,                                                     \
	  .names = OPTION_NAMES_FILE },                                            \
		POLICY_TRUST_ROW(type_of_args, member)

#endif
