// SPDX-License-Identifier: Apache-2.0
#include "verify_one.h"

#include "realm_bulk.h"

int verifier_load(struct verifier *verifier, const char *name, const struct option_list *trust,
		  const struct policy_options *policy, struct failure *failure)
{
	const struct sealed_options options = { .path = name,
						.trust = trust,
						.key = verifier->key };
	const int ret = policy_options_load(policy, &verifier->policy, failure);

	return ret ? ret : sealed_keys_load(&options, &verifier->keys, failure);
}

void verifier_release(struct verifier *verifier)
{
	sealed_keys_release(&verifier->keys);
	policy_free(verifier->policy);
}

int verify_one(const struct verifier *verifier, const char *path,
	       struct sdeistate_workspace *workspace, struct sealed *sealed,
	       struct failure *failure)
{
	const struct sealed_options options = {
		.path = path,
		.key = verifier->key,
		.base = verifier->base,
		.keys = &verifier->keys,
		.workspace = workspace,
		.threshold = verifier->threshold,
		.flags = verifier->key ? 0 : SDEISTATE_OPEN_ANY_AUDIENCE,
	};
	struct policy_facts facts;
	int ret = sealed_open(&options, sealed, failure);

	if (ret == 0)
		ret = realm_bulk_verify(sealed, failure);
	if (ret)
		return ret;
	facts = policy_facts_of(sealed->opened, sealed->state);
	return policy_enforce(verifier->policy, &facts, failure);
}
