// SPDX-License-Identifier: Apache-2.0
/* resolve and cancel: both ask the other host how a session ended, and make it end if it has not. */
#include "client.h"
#include "resolve.h"
#include "verbs.h"

#include <errno.h>
#include <string.h>

static int run_resolve(struct tool *tool, void *opaque)
{
	const struct resolve_args *args = opaque;
	struct ledger_session session;
	struct settle_report report;
	struct failure failure;

	if (args->run_on && (!args->reason || !args->reason[0]))
		return tool_usage(tool, "--reason", "why you decide it, for the record");
	if (resolve_session(args, &session, &report, &failure))
		return tool_fail(tool, &failure);
	if (!settle_is_over(&session))
		return resolve_in_doubt(tool, &session, &report);
	return tool_result(tool, settle_json(&session, &report));
}

/* After COMMIT there is nothing to cancel: say so. */
static int too_late(struct tool *tool, const struct settle_report *report)
{
	struct failure failure;

	failure_set(&failure, SDEISTATE_REFUSED, -EPERM, "session", "state", "one before COMMIT",
		    "committed");
	failure.vm_source = report->vm_here;
	failure.vm_destination = "running";
	failure.advice = "The VM was handed over. To have it back, send it from there.";
	return tool_fail(tool, &failure);
}

static int run_cancel(struct tool *tool, void *opaque)
{
	const struct resolve_args *args = opaque;
	struct ledger_session session;
	struct settle_report report;
	struct failure failure;
	int ret;

	report.peer_answered = false;
	ret = resolve_session(args, &session, &report, &failure);
	/* The peer has given up; the command that began it hears of that and lets the VM run. */
	if (ret == -EBUSY && report.peer_answered && report.outcome == TRANSPORT_OUTCOME_ABORTED) {
		session.state = TRANSPORT_SESSION_ABORTED;
		ret = 0;
	}
	if (ret)
		return tool_fail(tool, &failure);
	if (session.state == TRANSPORT_SESSION_COMMITTED)
		return too_late(tool, &report);
	if (!settle_is_over(&session))
		return resolve_in_doubt(tool, &session, &report);
	return tool_result(tool, settle_json(&session, &report));
}

#define AT(member) offsetof(struct resolve_args, member)

#define ID_ROW                                                                             \
	{                                                                                  \
		.name = "ID", .help = "the session, as status lists it", .offset = AT(id), \
		.type = OPTION_TEXT, .required = true                                      \
	}
#define TO_ROW                                                                  \
	{                                                                       \
		.name = "--to", .argument = "URI",                              \
		.help = "where the other host listens now; without it as then", \
		.offset = AT(mover.uri), .type = OPTION_TEXT                    \
	}

static const struct option_row resolve_rows[] = {
	ID_ROW,
	TO_ROW,
	{ .name = "--run-on",
	  .argument = "SIDE",
	  .help = "source or destination: decide, when nobody can tell any more",
	  .offset = AT(run_on),
	  .type = OPTION_CHOICE,
	  .choices = "source|destination" },
	{ .name = "--reason",
	  .argument = "TEXT",
	  .help = "why you decide so; recorded",
	  .offset = AT(reason),
	  .type = OPTION_TEXT },
	MOVER_KEY_ROW(struct resolve_args),
	MOVER_PEER_ROW(struct resolve_args),
	MOVER_COMMON_ROWS(struct resolve_args),
	OPTION_END,
};

static const struct option_row cancel_rows[] = {
	ID_ROW,
	TO_ROW,
	MOVER_KEY_ROW(struct resolve_args),
	MOVER_PEER_ROW(struct resolve_args),
	MOVER_COMMON_ROWS(struct resolve_args),
	OPTION_END,
};

const struct verb verb_resolve = {
	.name = "resolve",
	.summary = "End a session that is in doubt",
	.about = "Asks this host's VMM and the other host how the session ended, and lets the VM "
		 "run "
		 "here again, or ends it here. If the other host cannot know (exit code 9), only "
		 "you can "
		 "decide, with --run-on and --reason.",
	.options = resolve_rows,
	.args_size = sizeof(struct resolve_args),
	.run = run_resolve,
};

const struct verb verb_cancel = {
	.name = "cancel",
	.summary = "Give up a session before its VM was handed over",
	.about = "Has the other host give up what it prepared, so that the VM runs on here. After "
		 "COMMIT it "
		 "says no: the VM runs there.",
	.options = cancel_rows,
	.args_size = sizeof(struct resolve_args),
	.run = run_cancel,
};
