// SPDX-License-Identifier: Apache-2.0
#include "resolve.h"

#include <errno.h>
#include <string.h>

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

int resolve_in_doubt(const struct tool *tool, const struct ledger_session *session,
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

int resolve_session(const struct resolve_args *args, struct ledger_session *session,
		    struct settle_report *report, struct failure *failure)
{
	OWNED_LEDGER struct ledger *ledger = NULL;
	int ret = read_session(args, &ledger, session, failure);

	return ret ? ret : settle(ledger, args, session, report, failure);
}
