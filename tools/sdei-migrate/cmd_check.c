// SPDX-License-Identifier: Apache-2.0
#include "client.h"
#include "issues.h"
#include "sealed.h"
#include "verbs.h"

struct check_args {
	const char *control, *file, *key, *base;
	struct option_list trust;
};

static int run_check(struct tool *tool, void *opaque)
{
	const struct check_args *args = opaque;
	const struct sealed_options options = {
		.path = args->file,
		.trust = &args->trust,
		.key = args->key,
		.base = args->base,
		.flags = SDEISTATE_OPEN_ANY_AUDIENCE |
			 (args->trust.n ? 0 : SDEISTATE_OPEN_ANY_SIGNER),
	};
	OWNED_SEALED struct sealed sealed = { .fd = -1 };
	OWNED_CONTROL struct transport_control *control = NULL;
	struct transport_issues issues;
	struct transport_error err;
	struct transport_state records;
	struct failure failure;

	if (sealed_open(&options, &sealed, &failure) ||
	    sealed_has_state(&sealed, args->file, &failure))
		return tool_fail(tool, &failure);
	records = (struct transport_state){ sealed_records(&sealed).data,
					    sealed_records(&sealed).len };
	if (transport_control_open(args->control, CLIENT_TIMEOUT_MS, &control, &err) ||
	    transport_control_check(control, &records, &issues, &err))
		return client_fail(tool, &err);
	if (issues.n_issues)
		return issues_fail(tool, &issues);
	return tool_result(tool,
			   json_pack("{s:s, s:i, s:b, s:[], s:b}", "reason", "ok", "exit", 0,
				     "can_take", 1, "obstacles", "verified", args->trust.n > 0));
}

#define AT(member) offsetof(struct check_args, member)

static const struct option_row rows[] = {
	CLIENT_CONTROL_ROW(struct check_args),
	SEALED_TRUST_ROW(
		struct check_args, trust,
		"believe only what these keys signed; without it the signature is not looked at"),
	SEALED_BASE_ROW(struct check_args, base, "sealed snapshot that FILE, a delta, applies to"),
	SEALED_KEY_ROW(struct check_args, key),
	SEALED_FILE_ROW(struct check_args, file),
	OPTION_END,
};

const struct verb verb_check = {
	.name = "check",
	.summary = "Say whether a VMM could take a snapshot, and everything that stands in the way",
	.about = "Changes nothing. Exit code 6 and the list of obstacles if it cannot.",
	.options = rows,
	.args_size = sizeof(struct check_args),
	.run = run_check,
};
