// SPDX-License-Identifier: Apache-2.0
/* The door of a policy: any text is refused by name, or judges a snapshot without a word it did not say. */
#include "policy_rules.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t ids[2][SDEISTATE_KEY_ID_SIZE] = { { 1 }, { 2 } };

static void judge(json_t *json)
{
	struct policy_file file = { (char *)(uintptr_t) "policy", json };
	struct policy policy = { &file, 1 };
	struct policy_verdict verdict[POLICY_N_RULES];
	const struct policy_facts facts = { .act = POLICY_OPEN,
					    .signer = ids,
					    .n_signers = 2,
					    .receiver = ids,
					    .n_receivers = 1,
					    .revision = 1,
					    .profile = "spec",
					    .kernel = "6.12",
					    .created = 1000,
					    .now = 1500,
					    .knows_realm = true,
					    .rim = ids[0],
					    .rim_len = 32 };
	const bool all = policy_judge(&policy, &facts, verdict);
	bool each = true;

	for (size_t i = 0; i < POLICY_N_RULES; i++) {
		const char *name = policy_rule_name((enum policy_rule)(i + 1));

		if (verdict[i].rule != i + 1 || (!verdict[i].asked && !verdict[i].holds) ||
		    verdict[i].asked != (json_object_get(json, name) != NULL))
			abort();
		each = each && verdict[i].holds;
	}
	if (all != each)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct failure failure = { .reason = SDEISTATE_OK };
	json_t *json = NULL;

	if (size > POLICY_MAX_FILE)
		return 0;
	if (policy_parse("policy", data, size, &json, &failure)) {
		if (json || failure.reason != SDEISTATE_DAMAGED)
			abort();
		return 0;
	}
	judge(json);
	json_decref(json);
	return 0;
}
