// SPDX-License-Identifier: Apache-2.0
#include "verbs.h"

#include <errno.h>
#include <libgen.h>
#include <string.h>
#include <unistd.h>

#define PROGRAM  "sdei-migrate-hook"
#define MAX_PATH 4096u

/* The helper that was built or installed beside this program; otherwise the one that PATH finds. */
static int run_hook(struct tool *tool, int argc, char **argv)
{
	OWNED_MEMORY char **words = calloc((size_t)argc + 2, sizeof(*words));
	char self[MAX_PATH], beside[MAX_PATH + sizeof(PROGRAM)];
	const ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	struct failure failure;

	if (!words)
		return tool_no_memory(tool);
	words[0] = (char[]){ PROGRAM };
	memcpy(words + 1, argv, (size_t)argc * sizeof(*words));
	if (len > 0) {
		self[len] = 0;
		snprintf(beside, sizeof(beside), "%s/%s", dirname(self), PROGRAM);
		execv(beside, words);
	}
	execvp(PROGRAM, words);
	failure_io(&failure, PROGRAM, errno);
	return tool_fail(tool, &failure);
}

/* For --help alone; the other program reads its words itself. */
struct hook_words {
	const char *command;
};

static const struct option_row rows[] = {
	{ .name = "COMMAND",
	  .help = "dbus, qmp, attach or detach; hook COMMAND --help shows its options",
	  .offset = offsetof(struct hook_words, command),
	  .type = OPTION_TEXT,
	  .required = true },
	OPTION_END,
};

const struct verb verb_hook = {
	.name = "hook",
	.summary = "Let the state ride along with a QEMU migration",
	.about = "Runs sdei-migrate-hook with the words that follow; see sdei-migrate-hook(1).",
	.options = rows,
	.args_size = sizeof(struct hook_words),
	.pass = run_hook,
};
