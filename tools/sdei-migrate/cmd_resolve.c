// SPDX-License-Identifier: Apache-2.0
/* resolve and cancel: both ask the other host how a session ended, and make it end if it has not. */
#include "client.h"
#include "settle.h"
#include "verbs.h"

#include <errno.h>
#include <string.h>

struct resolve_args {
	const char *id, *run_on, *reason, *state;
	struct mover_options mover;
};

static int read_session(const struct resolve_args *args, struct ledger **ledger,
			struct ledger_session *session, struct failure *failure)
{
	struct transport_id id;
	int ret;

	if (transport_id_parse(args->id, &id))
		return failure_set(failure, SDEISTATE_USAGE, -EINVAL, "command line", "ID",
				   "a session's id, as status lists them", args->id);
	ret = ledger_open_existing(args->state, ledger, failure);
	return ret ? ret : ledger_find(*ledger, &id, session, failure);
}

/* What send was given, unless the command line says otherwise. */
static void complete(struct mover_options *options, const struct ledger_session *session)
{
	if (!options->key)
		options->key = session->key;
	if (!options->peer)
		options->peer = session->peer_crt;
	if (!options->uri)
		options->uri = session->peer;
	options->insecure_no_tls = options->insecure_no_tls || session->insecure;
}

static enum settle_word word_of(const struct resolve_args *args)
{
	if (!args->run_on)
		return SETTLE_ASK;
	return strcmp(args->run_on, "source") == 0 ? SETTLE_RUN_ON_SOURCE
						   : SETTLE_RUN_ON_DESTINATION;
}

static int in_doubt(struct tool *tool, const struct ledger_session *session,
		    const struct settle_report *report)
{
	const bool source = session->role == TRANSPORT_SOURCE;
	struct failure failure;

	failure_set(&failure, SDEISTATE_IN_DOUBT, -EINPROGRESS, "session", "outcome",
		    source ? "the other host's answer" : "the VMM's answer",
		    report->peer_answered          ? "it cannot know"
		    : report->peer_error.actual[0] ? report->peer_error.actual
						   : "none");
	failure.side = source ? FAILURE_DESTINATION : FAILURE_LOCAL;
	failure.vm_source = source ? report->vm_here : "unknown";
	failure.vm_destination = source ? "unknown" : report->vm_here;
	failure.advice =
		source ? "Start recv on the other host with its --state and run this again. If "
			 "that "
			 "host is lost for good, make sure that the VM does not run there, and "
			 "decide with --run-on source --reason TEXT."
		       : "Look whether the VM runs on this host, and decide with --run-on "
			 "source|destination --reason TEXT, the same on both hosts.";
	return tool_fail(tool, &failure);
}

static int settle(struct ledger *ledger, const struct resolve_args *args,
		  struct ledger_session *session, struct settle_report *report,
		  struct failure *failure)
{
	OWNED_MOVER struct mover mover = { .key = NULL };
	struct mover_options options = args->mover;
	struct settle_request request = {
		.ledger = ledger,
		.word = word_of(args),
		.reason = args->reason,
		.timeout_ms = options.timeout.given ? (int)options.timeout.value : 10000,
	};

	if (session->role == TRANSPORT_DESTINATION)
		return settle_destination(&request, session, report, failure);
	complete(&options, session);
	request.peer = options.uri;
	if (!settle_is_over(session)) {
		if (mover_open(&options, &mover, failure) == 0)
			request.mover = &mover;
		else if (request.word == SETTLE_ASK)
			return failure->code;
	}
	return settle_source(&request, session, report, failure);
}

static int fail(const struct tool *tool, struct failure *failure)
{
	return tool_fail(tool, failure);
}

static int run_resolve(struct tool *tool, void *opaque)
{
	const struct resolve_args *args = opaque;
	OWNED_LEDGER struct ledger *ledger = NULL;
	struct ledger_session session;
	struct settle_report report;
	struct failure failure;
	json_t *json;

	if (args->run_on && (!args->reason || !args->reason[0]))
		return tool_usage(tool, "--reason", "why you decide it, for the record");
	if (read_session(args, &ledger, &session, &failure) ||
	    settle(ledger, args, &session, &report, &failure))
		return fail(tool, &failure);
	if (!settle_is_over(&session))
		return in_doubt(tool, &session, &report);
	json = settle_json(&session, &report);
	if (json) {
		json_object_set_new(json, "reason", json_string("ok"));
		json_object_set_new(json, "exit", json_integer(0));
	}
	return tool_result(tool, json);
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
	OWNED_LEDGER struct ledger *ledger = NULL;
	struct ledger_session session;
	struct settle_report report;
	struct failure failure;
	json_t *json;
	int ret;

	if (read_session(args, &ledger, &session, &failure))
		return fail(tool, &failure);
	ret = settle(ledger, args, &session, &report, &failure);
	/* The peer has given up; the command that began it hears of that and lets the VM run. */
	if (ret == -EBUSY && report.peer_answered && report.outcome == TRANSPORT_OUTCOME_ABORTED) {
		session.state = TRANSPORT_SESSION_ABORTED;
		ret = 0;
	}
	if (ret)
		return fail(tool, &failure);
	if (session.state == TRANSPORT_SESSION_COMMITTED)
		return too_late(tool, &report);
	if (!settle_is_over(&session))
		return in_doubt(tool, &session, &report);
	json = settle_json(&session, &report);
	if (json) {
		json_object_set_new(json, "reason", json_string("ok"));
		json_object_set_new(json, "exit", json_integer(0));
	}
	return tool_result(tool, json);
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
