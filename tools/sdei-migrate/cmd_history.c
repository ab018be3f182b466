// SPDX-License-Identifier: Apache-2.0
#include "ledger_export.h"
#include "verbs.h"

#include <errno.h>

struct history_args {
	const char *state, *vm;
};

struct printer {
	struct tool *tool;
	int exit;
};

/* One line each, so that a long history needs no memory. */
static int print_line(void *ctx, json_t *line)
{
	struct printer *printer = ctx;

	printer->exit = tool_event(printer->tool, line);
	return printer->exit ? -EIO : 0;
}

static const char *text_of(const json_t *event, const char *name)
{
	const char *text = json_string_value(json_object_get(event, name));

	return text ? text : "";
}

static int print_words(void *ctx, json_t *line)
{
	const struct printer *printer = ctx;
	OWNED_JSON json_t *event = line;
	const char *side = text_of(event, "side"), *note = text_of(event, "note");

	if (!event)
		return -ENOMEM;
	fprintf(printer->tool->out, "%s  %-9s  %-12s  vm %s  snapshot %s%s%s%s%s%s\n",
		text_of(event, "at"), text_of(event, "event"), text_of(event, "outcome"),
		text_of(event, "vm"), text_of(event, "snapshot"), *side ? "  as " : "", side,
		*note ? "  (" : "", note, *note ? ")" : "");
	return 0;
}

static int run_history(struct tool *tool, void *opaque)
{
	const struct history_args *args = opaque;
	struct printer printer = { .tool = tool };
	OWNED_LEDGER struct ledger *ledger = NULL;
	struct transport_id vm;
	struct failure failure;

	failure_set(&failure, SDEISTATE_NO_MEMORY, -ENOMEM, "history", NULL, NULL, NULL);
	if (args->vm && transport_id_parse(args->vm, &vm))
		return tool_usage(tool, "--vm", "the VM's uuid");
	if (ledger_open_existing(args->state, &ledger, &failure) ||
	    (ledger_history(ledger, args->vm ? &vm : NULL, tool->json ? print_line : print_words,
			    &printer, &failure) &&
	     !printer.exit))
		return tool_fail(tool, &failure);
	if (!printer.exit && fflush(tool->out)) {
		failure_io(&failure, "output", errno);
		return tool_fail(tool, &failure);
	}
	return printer.exit;
}

static int run_export(struct tool *tool, void *opaque)
{
	const struct history_args *args = opaque;
	struct printer printer = { .tool = tool };
	OWNED_LEDGER struct ledger *ledger = NULL;
	struct failure failure;

	if (ledger_open_existing(args->state, &ledger, &failure) ||
	    (ledger_export(ledger, print_line, &printer, &failure) && !printer.exit))
		return tool_fail(tool, &failure);
	return printer.exit;
}

#define AT(member) offsetof(struct history_args, member)

static const struct option_row history_rows[] = {
	{ .name = "--vm",
	  .argument = "UUID",
	  .help = "only this VM",
	  .offset = AT(vm),
	  .type = OPTION_TEXT },
	LEDGER_STATE_ROW(struct history_args, state),
	OPTION_END,
};

static const struct option_row export_rows[] = { LEDGER_STATE_ROW(struct history_args, state),
						 OPTION_END };

const struct verb verb_history = {
	.name = "history",
	.summary = "List what moved through this host: hand-overs, restores, rules set aside",
	.about = "Oldest first; with --json one line each.",
	.options = history_rows,
	.args_size = sizeof(struct history_args),
	.run = run_history,
};

const struct verb verb_ledger_export = {
	.name = "ledger export",
	.summary = "Print every row of the ledger as a line of JSON",
	.about = "For other programs and for archives. There is no import: a ledger that takes in "
		 "what somebody else says is none.",
	.options = export_rows,
	.args_size = sizeof(struct history_args),
	.run = run_export,
};
