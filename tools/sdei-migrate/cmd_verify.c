// SPDX-License-Identifier: Apache-2.0
#include "policy_rows.h"
#include "realm_bulk.h"
#include "state_json.h"
#include "verbs.h"

#include <errno.h>

struct verify_args {
	const char *key, *base;
	struct option_list trust, files;
	struct option_number threshold;
	struct policy_options policy;
};

static json_t *verdict(const struct sealed *sealed, bool has_key)
{
	const bool alone = sealed->opened->manifest.kind == SDEISTATE_KIND_DELTA && !sealed->state;
	json_t *json = json_pack("{s:s, s:i, s:s, s:o, s:o, s:[sssssss], s:[ss]}", "reason", "ok",
				 "exit", 0, "verdict", "verified", "snapshot",
				 sealed_manifest_json(sealed), "keys", sealed_keys_json(sealed),
				 "checked", "prefix", "bounds", "signature", "expiry", "digests",
				 "records", alone ? "changes" : "consistency", "not_checked",
				 has_key ? "destination" : "audience", "single use");

	if (json && alone) {
		json_array_append_new(json_object_get(json, "not_checked"), json_string("result"));
		json_object_set_new(json, "needs_base",
				    hex_json(sealed->opened->manifest.base_digest,
					     SDEISTATE_DIGEST_SIZE));
	}
	return json;
}

/* Which of many files it was stands in front. */
static int fail_file(const struct tool *tool, const char *path, const struct failure *failure)
{
	json_t *json;

	if (!tool->json) {
		tool_say(tool, "%s:", path);
		return tool_fail(tool, failure);
	}
	json = failure_json(failure);
	json_object_set_new(json, "file", json_string(path));
	if (tool_event(tool, json))
		return EXIT_CODE_FAILURE;
	return (int)failure_exit(failure->reason);
}

/* What stays the same from file to file. */
struct verifier {
	const struct verify_args *args;
	struct sealed_keys keys;
	struct policy *policy;
};

static void release_verifier(struct verifier *verifier)
{
	sealed_keys_release(&verifier->keys);
	policy_free(verifier->policy);
}

static int verify_one(const struct verifier *verifier, const char *path, struct sealed *sealed,
		      struct failure *failure)
{
	const struct verify_args *args = verifier->args;
	const struct sealed_options options = {
		.path = path,
		.key = args->key,
		.base = args->base,
		.keys = &verifier->keys,
		.threshold = (unsigned int)args->threshold.value,
		.flags = args->key ? 0 : SDEISTATE_OPEN_ANY_AUDIENCE,
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

/* One line for each; the first failure's exit code. */
static int verify_many(struct tool *tool, const struct verifier *verifier)
{
	const struct verify_args *args = verifier->args;
	int code = 0;

	for (size_t i = 0; i < args->files.n; i++) {
		const char *path = args->files.item[i];
		OWNED_SEALED struct sealed sealed = { .fd = -1 };
		struct failure failure;
		char id[37];
		int ret;

		if (verify_one(verifier, path, &sealed, &failure)) {
			ret = fail_file(tool, path, &failure);
			code = code ? code : ret;
			continue;
		}
		uuid_text(sealed.opened->manifest.id, id);
		ret = tool->json ? tool_event(tool, json_pack("{s:s, s:i, s:s, s:s, s:s}", "reason",
							      "ok", "exit", 0, "file", path,
							      "verdict", "verified", "id", id))
		      : tool->quiet ? 0
				    : fprintf(tool->out, "%s: verified\n", path) < 0;
		if (ret)
			return ret;
	}
	return code;
}

static int run_verify(struct tool *tool, void *opaque)
{
	const struct verify_args *args = opaque;
	const struct sealed_options options = { .path = args->files.item[0],
						.trust = &args->trust,
						.key = args->key };
	CLEANUP(release_verifier) struct verifier verifier = { .args = args };
	OWNED_SEALED struct sealed sealed = { .fd = -1 };
	struct failure failure;

	if (policy_options_load(&args->policy, &verifier.policy, &failure) ||
	    sealed_keys_load(&options, &verifier.keys, &failure))
		return tool_fail(tool, &failure);
	if (args->files.n > 1)
		return verify_many(tool, &verifier);
	if (verify_one(&verifier, args->files.item[0], &sealed, &failure))
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
	{ .name = "--base",
	  .argument = "FILE",
	  .help = "what a delta applies to: verify that both make the state that is signed",
	  .offset = AT(base),
	  .type = OPTION_TEXT,
	  .names = OPTION_NAMES_FILE },
	{ .name = "--threshold",
	  .argument = "N",
	  .help = "so many different trusted keys must have signed it",
	  .offset = AT(threshold),
	  .type = OPTION_NUMBER,
	  .min = 1,
	  .max = SDEISTATE_MAX_SIGNATURES },
	POLICY_ROWS(struct verify_args),
	{ .name = "FILE",
	  .help = "sealed snapshots; - is stdin",
	  .offset = AT(files),
	  .type = OPTION_LIST,
	  .names = OPTION_NAMES_FILE,
	  .required = true },
	OPTION_END,
};

const struct verb verb_verify = {
	.name = "verify",
	.summary = "Say whether a snapshot is what a trusted key signed",
	.about = "Says what was checked and what was not. Of several files each gets a line, and "
		 "the first "
		 "that does not hold decides the exit code. A delta without --base is checked in "
		 "itself. "
		 "Whether it was already used is known "
		 "only where "
		 "it was used.",
	.options = rows,
	.args_size = sizeof(struct verify_args),
	.run = run_verify,
};
