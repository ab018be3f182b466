// SPDX-License-Identifier: Apache-2.0
#include "common/file.h"
#include "policy.h"
#include "policy_rows.h"
#include "verbs.h"

#include <errno.h>
#include <string.h>

struct policy_args {
	const char *file, *snapshot, *decrypt, *sign_key, *out;
	struct option_list trust;
	struct policy_options policy;
};

static json_t *verdict_json(const struct policy_verdict *verdict)
{
	return json_pack("{s:i, s:s, s:s, s:o, s:o}", "rule", (int)verdict->rule, "name",
			 policy_rule_name(verdict->rule), "verdict",
			 !verdict->asked  ? "not-asked"
			 : verdict->holds ? "holds"
					  : "broken",
			 "expected", verdict->asked ? json_string(verdict->expected) : json_null(),
			 "actual", verdict->asked ? json_string(verdict->actual) : json_null());
}

static json_t *verdicts_json(const struct policy_verdict verdict[POLICY_N_RULES])
{
	json_t *list = json_array();

	for (size_t i = 0; i < POLICY_N_RULES; i++)
		json_array_append_new(list, verdict_json(&verdict[i]));
	return list;
}

/* The exit code of a refusal, the verdicts of a result: both are the answer. */
static int answer(const struct tool *tool, bool all, json_t *verdicts)
{
	const int ret =
		tool_result(tool, json_pack("{s:s, s:i, s:s, s:o}", "reason", all ? "ok" : "policy",
					    "exit", all ? 0 : (int)EXIT_CODE_REFUSED, "verdict",
					    all ? "allowed" : "refused", "rules", verdicts));

	return ret ? ret : all ? 0 : (int)EXIT_CODE_REFUSED;
}

/* What is encrypted can be judged without its key, but for what is inside. */
static int open_snapshot(const struct policy_args *args, struct sealed *sealed,
			 struct failure *failure)
{
	struct sealed_options options = {
		.path = args->snapshot,
		.trust = &args->trust,
		.key = args->decrypt,
		.flags = SDEISTATE_OPEN_ANY_AUDIENCE,
		.manifest_only = !args->decrypt,
	};
	int ret = sealed_open(&options, sealed, failure);

	if (ret || args->decrypt || sealed->opened->manifest.encrypted ||
	    strcmp(args->snapshot, "-") == 0)
		return ret;
	sealed_close(sealed);
	*sealed = (struct sealed){ .fd = -1 };
	options.manifest_only = false;
	return sealed_open(&options, sealed, failure);
}

static int run_check(struct tool *tool, void *opaque)
{
	struct policy_args *args = opaque;
	struct policy_verdict verdict[POLICY_N_RULES];
	OWNED_SEALED struct sealed sealed = { .fd = -1 };
	OWNED_POLICY struct policy *policy = NULL;
	struct policy_facts facts;
	struct failure failure;
	bool all;

	args->policy.path = args->file;
	if (policy_options_load(&args->policy, &policy, &failure))
		return tool_fail(tool, &failure);
	if (!args->snapshot)
		return tool_result(tool, json_pack("{s:s, s:i, s:s}", "reason", "ok", "exit", 0,
						   "verdict", "the policy can be read"));
	if (open_snapshot(args, &sealed, &failure))
		return tool_fail(tool, &failure);
	facts = policy_facts_of(sealed.opened, sealed.state);
	all = policy_judge(policy, &facts, verdict);
	return answer(tool, all, verdicts_json(verdict));
}

/* Adds a line to FILE.sig: several may sign. */
static int run_sign(struct tool *tool, void *opaque)
{
	const struct policy_args *args = opaque;
	CLEANUP(sdeistate_buffer_free) struct sdeistate_buffer signature = { 0 };
	OWNED_POLICY struct policy *policy = NULL;
	OWNED_KEY struct sdeistate_key *key = NULL;
	OWNED_MEMORY uint8_t *text = NULL, *before = NULL;
	OWNED_MEMORY char *path = NULL, *lines = NULL;
	char id[2 * SDEISTATE_KEY_ID_SIZE + 1];
	OWNED_MEMORY char *digits = NULL;
	struct sdeistate_error error;
	struct failure failure;
	size_t len, before_len = 0;

	if (policy_load(args->file, NULL, &policy, &failure) ||
	    file_read(args->file, 1u << 16, &text, &len, &failure) ||
	    key_load(args->sign_key, &key, &failure))
		return tool_fail(tool, &failure);
	if (sdeistate_sign(key, POLICY_TYPE, text, len, &signature, &error)) {
		failure_from(&failure, &error);
		return tool_fail(tool, &failure);
	}
	if (asprintf(&path, "%s.sig", args->file) < 0)
		return tool_no_memory(tool);
	if (access(path, F_OK) == 0 && file_read(path, 16384, &before, &before_len, &failure))
		return tool_fail(tool, &failure);
	hex_text(sdeistate_pub_id(sdeistate_key_pub(key)), SDEISTATE_KEY_ID_SIZE, id);
	digits = malloc(2 * signature.len + 1);
	if (!digits)
		return tool_no_memory(tool);
	hex_text(signature.data, signature.len, digits);
	if (asprintf(&lines, "%.*s%s %s\n", (int)before_len, before ? (char *)before : "", id,
		     digits) < 0)
		return tool_no_memory(tool);
	if (file_write(path, lines, strlen(lines), 0644, &failure))
		return tool_fail(tool, &failure);
	return tool_result(tool, json_pack("{s:s, s:i, s:s, s:s}", "reason", "ok", "exit", 0,
					   "file", path, "key", id));
}

#define AT(member) offsetof(struct policy_args, member)

static const struct option_row check_rows[] = {
	{ .name = "FILE",
	  .help = "policy, or a folder of them",
	  .offset = AT(file),
	  .type = OPTION_TEXT,
	  .names = OPTION_NAMES_FILE,
	  .required = true },
	{ .name = "--snapshot",
	  .argument = "FILE",
	  .help = "judge this snapshot; without it the policy is only read",
	  .offset = AT(snapshot),
	  .type = OPTION_TEXT,
	  .names = OPTION_NAMES_FILE },
	SEALED_TRUST_ROW(
		struct policy_args, trust,
		"public key of whoever may have signed it, or a folder of them; may be repeated"),
	{ .name = "--key",
	  .argument = "FILE",
	  .help = "private key to decrypt with, for rules about what is inside",
	  .offset = AT(decrypt),
	  .type = OPTION_TEXT,
	  .names = OPTION_NAMES_FILE },
	POLICY_TRUST_ROW(struct policy_args, policy),
	OPTION_END,
};

static const struct option_row sign_rows[] = {
	{ .name = "FILE",
	  .help = "policy",
	  .offset = AT(file),
	  .type = OPTION_TEXT,
	  .names = OPTION_NAMES_FILE,
	  .required = true },
	{ .name = "--key",
	  .argument = "FILE",
	  .help = "private key to sign with",
	  .offset = AT(sign_key),
	  .type = OPTION_TEXT,
	  .names = OPTION_NAMES_FILE,
	  .required = true },
	OPTION_END,
};

const struct verb verb_policy_check = {
	.name = "policy check",
	.summary = "Say of each rule of a policy whether a snapshot keeps it",
	.about = "Signatures and expiry are verified as verify does; audience and single use are "
		 "the business of the destination.",
	.options = check_rows,
	.args_size = sizeof(struct policy_args),
	.run = run_check,
};

const struct verb verb_policy_sign = {
	.name = "policy sign",
	.summary = "Sign a policy, into FILE.sig",
	.options = sign_rows,
	.args_size = sizeof(struct policy_args),
	.run = run_sign,
};
