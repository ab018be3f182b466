// SPDX-License-Identifier: Apache-2.0
#include "policy_rows.h"
#include "verbs.h"

#include <errno.h>

struct verify_args {
	const char *file, *key;
	struct option_list trust;
	struct policy_options policy;
};

/* Frames behind the records: realm contents and the like. */
static int verify_bulk(const struct sealed *sealed, struct failure *failure)
{
	struct sdeistate_error error;
	int ret;

	do
		ret = sdeistate_next_frame(sealed->opened, NULL, NULL, NULL, &error);
	while (ret == 0);
	return ret == -ENODATA ? 0 : failure_from(failure, &error);
}

static json_t *verdict(const struct sealed *sealed, bool has_key)
{
	return json_pack("{s:s, s:i, s:s, s:o, s:o, s:[sssssss], s:[ss]}", "reason", "ok", "exit",
			 0, "verdict", "verified", "snapshot", sealed_manifest_json(sealed), "keys",
			 sealed_keys_json(sealed), "checked", "prefix", "bounds", "signature",
			 "expiry", "digests", "records", "consistency", "not_checked",
			 has_key ? "destination" : "audience", "single use");
}

static int run_verify(struct tool *tool, void *opaque)
{
	const struct verify_args *args = opaque;
	const struct sealed_options options = {
		.path = args->file,
		.trust = &args->trust,
		.key = args->key,
		.flags = args->key ? 0 : SDEISTATE_OPEN_ANY_AUDIENCE,
	};
	OWNED_SEALED struct sealed sealed = { .fd = -1 };
	OWNED_POLICY struct policy *policy = NULL;
	struct policy_facts facts;
	struct failure failure;

	if (policy_options_load(&args->policy, &policy, &failure) ||
	    sealed_open(&options, &sealed, &failure) || verify_bulk(&sealed, &failure))
		return tool_fail(tool, &failure);
	facts = policy_facts_of(sealed.opened);
	if (policy_enforce(policy, &facts, &failure))
		return tool_fail(tool, &failure);
	return tool_result(tool, verdict(&sealed, args->key != NULL));
}

#define AT(member) offsetof(struct verify_args, member)

static const struct option_row rows[] = {
	{ .name = "--trust",
	  .argument = "PUB|DIR",
	  .help = "public key of whoever may have signed it, or a folder of them; may be repeated",
	  .offset = AT(trust),
	  .type = OPTION_LIST,
	  .names = OPTION_NAMES_FILE },
	{ .name = "--key",
	  .argument = "FILE",
	  .help = "check the audience for this key too, and decrypt with it",
	  .offset = AT(key),
	  .type = OPTION_TEXT,
	  .names = OPTION_NAMES_FILE },
	POLICY_ROWS(struct verify_args),
	{ .name = "FILE",
	  .help = "sealed snapshot; - is stdin",
	  .offset = AT(file),
	  .type = OPTION_TEXT,
	  .names = OPTION_NAMES_FILE,
	  .required = true },
	OPTION_END,
};

const struct verb verb_verify = {
	.name = "verify",
	.summary = "Say whether a snapshot is what a trusted key signed",
	.about = "Says what was checked and what was not. Whether it was already used is known "
		 "only where "
		 "it was used.",
	.options = rows,
	.args_size = sizeof(struct verify_args),
	.run = run_verify,
};
