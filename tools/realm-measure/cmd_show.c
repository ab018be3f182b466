// SPDX-License-Identifier: Apache-2.0
#include "common/file.h"
#include "eventlog.h"
#include "input.h"
#include "token_file.h"
#include "verbs.h"

#include <errno.h>

#define MAX_LOG (16u << 20)

struct show_args {
	const char *file;
};

static const struct option_row options[] = {
	{ .name = "FILE",
	  .help = "a token or an event log",
	  .offset = offsetof(struct show_args, file),
	  .type = OPTION_TEXT,
	  .names = OPTION_NAMES_FILE,
	  .required = true },
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

static int run(struct tool *tool, void *arguments)
{
	const struct show_args *args = arguments;
	OWNED_MEMORY uint8_t *data = NULL;
	struct failure failure = { 0 };
	size_t len;

	if (file_read(args->file, MAX_LOG, &data, &len, &failure))
		return tool_fail(tool, &failure);
	return eventlog_is(data, len) ? show_log(tool, args->file, data, len)
				      : show_token(tool, args->file, data, len);
}

const struct verb verb_show = {
	.name = "show",
	.summary = "Show what a token or an event log says",
	.about = "Nothing is verified. With --json the claims have the names ccatoken gives them.",
	.options = options,
	.args_size = sizeof(struct show_args),
	.run = run,
};
