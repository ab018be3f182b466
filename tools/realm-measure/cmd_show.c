// SPDX-License-Identifier: Apache-2.0
#include "eventlog.h"
#include "payload.h"
#include "snapshot.h"
#include "token_file.h"
#include "verbs.h"

#include <errno.h>

#define MAX_LOG (16u << 20)

struct show_args {
	const char *file, *key;
};

static const struct option_row options[] = {
	{ .name = "FILE",
	  .help = "a token, an event log or a sealed snapshot of a realm",
	  .offset = offsetof(struct show_args, file),
	  .type = OPTION_TEXT,
	  .names = OPTION_NAMES_FILE,
	  .required = true },
	{ .name = "--key",
	  .argument = "FILE",
	  .help = "private key to decrypt a snapshot with",
	  .offset = offsetof(struct show_args, key),
	  .type = OPTION_TEXT,
	  .names = OPTION_NAMES_FILE },
	OPTION_END,
};

static int show_log(const struct tool *tool, const char *path, const uint8_t *data, size_t len)
{
	struct failure failure = { 0 };
	json_t *events = NULL;

	if (eventlog_json(path, data, len, &events, &failure))
		return tool_fail(tool, &failure);
	return tool_result(tool, json_pack("{s:s, s:o}", "kind", "event log", "events", events));
}

static int show_token(const struct tool *tool, const char *path, const uint8_t *data, size_t len)
{
	token_cleanup struct kvmcore_token *token = NULL;
	struct failure failure = { 0 };

	if (token_file_parse(path, data, len, &token, &failure))
		return tool_fail(tool, &failure);
	tool_say(tool, "nothing was verified");
	return tool_result(tool, token_json(token));
}

static int show_snapshot(const struct tool *tool, const struct show_args *args,
			 const struct blob *blob)
{
	const struct snapshot_options how = {
		.only_show = true, .key = args->key, .bytes = blob->bytes, .len = blob->size
	};
	snapshot_cleanup struct snapshot snapshot = { 0 };
	struct failure failure = { 0 };

	if (snapshot_open(args->file, &how, &snapshot, &failure))
		return tool_fail(tool, &failure);
	tool_say(tool, "nothing was verified");
	return tool_result(tool, snapshot_json(&snapshot));
}

static int show(const struct tool *tool, const struct show_args *args, const struct blob *blob)
{
	struct failure failure = { 0 };

	if (snapshot_is_bytes(blob->bytes, blob->size))
		return show_snapshot(tool, args, blob);
	if (blob->size > MAX_LOG) {
		failure_set(&failure, SDEISTATE_OVER_LIMIT, -E2BIG, args->file, "size",
			    "at most 16 MiB", "more");
		return tool_fail(tool, &failure);
	}
	return eventlog_is(blob->bytes, blob->size)
		       ? show_log(tool, args->file, blob->bytes, blob->size)
		       : show_token(tool, args->file, blob->bytes, blob->size);
}

static int run(struct tool *tool, void *arguments)
{
	const struct show_args *args = arguments;
	struct failure failure = { 0 };
	struct blob *blob = NULL;
	int ret;

	if (payload_open(args->file, "input", &blob, &failure))
		return tool_fail(tool, &failure);
	ret = show(tool, args, blob);
	blob_free(blob);
	return ret;
}

const struct verb verb_show = {
	.name = "show",
	.summary = "Show what a token, an event log or a snapshot says",
	.about = "Nothing is verified. With --json the claims have the names ccatoken gives them.",
	.options = options,
	.args_size = sizeof(struct show_args),
	.run = run,
};
