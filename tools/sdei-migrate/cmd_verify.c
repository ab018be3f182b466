// SPDX-License-Identifier: Apache-2.0
#include "state_json.h"
#include "verbs.h"
#include "verify_many.h"
#include "verify_one.h"

#include <errno.h>
#include <string.h>

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

static void verify_item(const void *arg, struct many_item *item,
			struct sdeistate_workspace *workspace)
{
	OWNED_SEALED struct sealed sealed = { .fd = -1 };

	item->ret = verify_one(arg, item->path, workspace, &sealed, &item->failure);
	if (item->ret == 0)
		memcpy(item->id, sealed.opened->manifest.id, sizeof(item->id));
}

static int run_verify(struct tool *tool, void *opaque)
{
	const struct verify_args *args = opaque;
	OWNED_VERIFIER struct verifier verifier = {
		.key = args->key,
		.base = args->base,
		.threshold = (unsigned int)args->threshold.value,
	};
	OWNED_SEALED struct sealed sealed = { .fd = -1 };
	struct failure failure;

	if (verifier_load(&verifier, args->files.item[0], &args->trust, &args->policy, &failure))
		return tool_fail(tool, &failure);
	/* What a key's token stands for may not be used by two threads. */
	if (args->files.n > 1)
		return verify_many(tool, &args->files, args->key ? 1 : VERIFY_MAX_THREADS,
				   verify_item, &verifier);
	if (verify_one(&verifier, args->files.item[0], NULL, &sealed, &failure))
		return tool_fail(tool, &failure);
	return tool_result(tool, verdict(&sealed, args->key != NULL));
}

#define AT(member) offsetof(struct verify_args, member)

static const struct option_row rows[] = {
	SEALED_TRUST_ROW(
		struct verify_args, trust,
		"public key of whoever may have signed it, or a folder of them; may be repeated"),
	{ .name = "--key",
	  .argument = "FILE",
	  .help = "check the audience for this key too, and decrypt with it",
	  .offset = AT(key),
	  .type = OPTION_TEXT,
	  .names = OPTION_NAMES_FILE },
	SEALED_BASE_ROW(struct verify_args, base,
			"what a delta applies to: verify that both make the state that is signed"),
	SEALED_THRESHOLD_ROW(struct verify_args, threshold),
	POLICY_ROWS(struct verify_args, policy),
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
