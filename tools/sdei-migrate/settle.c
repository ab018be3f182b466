// SPDX-License-Identifier: Apache-2.0
#include "settle.h"

#include "client.h"

#include <errno.h>
#include <string.h>

/* What this host's VMM knows of the session. */
enum vm_word {
	VM_GONE,    /* nobody answers */
	VM_OTHER,   /* it answers, and knows nothing of this session */
	VM_WAITING, /* reserved, staged, prepared or thrown away: it never ran for this session */
	VM_TAKEN,   /* committed */
	VM_PAUSED,  /* by this session: its command is still alive */
	VM_GIVEN_AWAY, /* relinquished */
	VM_NEW,        /* another VMM than the session's: what became of the VM it cannot know */
};

bool settle_is_over(const struct ledger_session *session)
{
	return session->state == TRANSPORT_SESSION_COMMITTED ||
	       session->state == TRANSPORT_SESSION_ABORTED;
}

static bool is_another(const struct transport_id *recorded, const struct transport_id *found)
{
	return !transport_id_is_zero(recorded) && !transport_id_equal(recorded, found);
}

static enum vm_word read_status(const struct transport_vm_status *status,
				const struct ledger_session *session)
{
	const struct transport_id *id = &session->offer.session;
	static const enum vm_word word[TRANSPORT_VM_NR_STATES] = {
		[TRANSPORT_VM_RUNNING] = VM_OTHER,           [TRANSPORT_VM_PAUSED] = VM_PAUSED,
		[TRANSPORT_VM_RELINQUISHED] = VM_GIVEN_AWAY, [TRANSPORT_VM_RESERVED] = VM_WAITING,
		[TRANSPORT_VM_STAGED] = VM_WAITING,          [TRANSPORT_VM_PREPARED] = VM_WAITING,
		[TRANSPORT_VM_ENDED] = VM_WAITING,
	};

	if (transport_id_equal(&status->committed, id))
		return VM_TAKEN;
	if (is_another(&session->vmm, &status->instance))
		return VM_NEW;
	return transport_id_equal(&status->session, id) ? word[status->state] : VM_OTHER;
}

/* Ask the VMM; the connection stays open for what follows. */
static enum vm_word ask_vm(const struct settle_request *request,
			   const struct ledger_session *session, struct transport_control **control,
			   struct settle_report *report)
{
	struct transport_vm_status status;

	report->vm_here = "gone";
	if (transport_control_open(session->control, request->timeout_ms, control, NULL) ||
	    transport_control_status(*control, &status, NULL))
		return VM_GONE;
	report->vm_here = transport_vm_state_name(status.state);
	return read_status(&status, session);
}

static void look_again(struct transport_control *control, struct settle_report *report)
{
	struct transport_vm_status status;

	if (control && transport_control_status(control, &status, NULL) == 0)
		report->vm_here = transport_vm_state_name(status.state);
}

static int take(struct ledger_session *session, enum transport_session_event event,
		struct failure *failure)
{
	const enum transport_session_state next =
		transport_session_next(session->role, session->state, event);

	if (next == TRANSPORT_NR_SESSION_STATES)
		return failure_set(failure, SDEISTATE_REFUSED, -EPERM, "session", "state",
				   "one that allows this",
				   transport_session_state_name(session->state));
	session->state = next;
	return 0;
}

static void ask_peer(const struct settle_request *request, struct ledger_session *session,
		     struct settle_report *report)
{
	const struct transport_stream_options options = mover_stream_options(request->mover);
	struct transport_proof proof = { .len = 0 };
	struct transport_stream *stream = NULL;
	struct transport_error *err = &report->peer_error;

	if (transport_stream_connect(request->peer, &options, &stream, err) == 0 &&
	    transport_session_resolve(stream, &session->offer, &request->mover->signer,
				      &request->mover->deadlines, &report->outcome, &proof,
				      err) == 0) {
		report->peer_answered = true;
		if (report->outcome == TRANSPORT_OUTCOME_ABORTED)
			session->proof = proof;
	}
	transport_stream_close(stream);
}

/* An override is recorded in the same place as a peer's proof. */
static void take_word(const struct settle_request *request, struct ledger_session *session)
{
	session->overridden = true;
	snprintf(session->note, sizeof(session->note), "operator: %s", request->reason);
	if (request->word == SETTLE_RUN_ON_SOURCE && session->proof.len == 0) {
		const size_t len = strlen(session->note);

		memcpy(session->proof.bytes, session->note, len);
		session->proof.len = len;
	}
}

/* The one event that ends the doubt at the source; FAIL where nothing does. */
static enum transport_session_event decide_source(const struct settle_request *request,
						  const struct settle_report *report,
						  enum vm_word vm)
{
	if (report->peer_answered && report->outcome == TRANSPORT_OUTCOME_ABORTED)
		return TRANSPORT_EVENT_PEER_ABORTED;
	if (report->peer_answered && report->outcome == TRANSPORT_OUTCOME_COMMITTED)
		return TRANSPORT_EVENT_PEER_COMMITTED;
	/* A VM that was never given away cannot have been committed elsewhere. */
	if (vm == VM_OTHER)
		return TRANSPORT_EVENT_VM_KEPT;
	if (request->word == SETTLE_RUN_ON_SOURCE)
		return TRANSPORT_EVENT_RUN_ON_SOURCE;
	if (request->word == SETTLE_RUN_ON_DESTINATION)
		return TRANSPORT_EVENT_RUN_ON_DESTINATION;
	return vm == VM_NEW ? TRANSPORT_EVENT_VM_LOST : TRANSPORT_EVENT_FAIL;
}

/* Let the VM do what the outcome says. The ledger has it already. */
static int follow_source(struct transport_control *control, const struct ledger_session *session,
			 enum vm_word vm, struct failure *failure)
{
	const struct transport_id *id = &session->offer.session;
	struct transport_error err;
	int ret = 0;

	if (vm != VM_GIVEN_AWAY)
		return 0;
	if (session->state == TRANSPORT_SESSION_COMMITTED) {
		ret = transport_control_end(control, id, &err);
	} else if (session->state == TRANSPORT_SESSION_ABORTED) {
		ret = transport_control_reclaim(control, id, session->proof.bytes,
						session->proof.len, &err);
		if (!ret)
			ret = transport_control_resume(control, id, &err);
	}
	return ret ? client_failure(failure, &err) : 0;
}

static int decide(const struct settle_request *request, struct ledger_session *session,
		  const struct settle_report *report, enum vm_word vm, struct failure *failure)
{
	const enum transport_session_event event = decide_source(request, report, vm);
	int ret = take(session, TRANSPORT_EVENT_RESTART, failure);

	if (event == TRANSPORT_EVENT_RUN_ON_SOURCE || event == TRANSPORT_EVENT_RUN_ON_DESTINATION)
		take_word(request, session);
	if (!ret && !settle_is_over(session))
		ret = take(session, event, failure);
	return ret ? ret : ledger_settle(request->ledger, session, failure);
}

static bool peer_knows(const struct settle_report *report)
{
	return report->peer_answered && (report->outcome == TRANSPORT_OUTCOME_ABORTED ||
					 report->outcome == TRANSPORT_OUTCOME_COMMITTED);
}

static int still_at_it(const struct settle_report *report, struct failure *failure)
{
	failure_set(failure, SDEISTATE_BUSY, -EBUSY, "session", "command",
		    "none here that is still at it, or the other host's word",
		    report->peer_error.actual[0] ? report->peer_error.actual : "it goes on");
	failure->vm_source = report->vm_here;
	failure->vm_destination = "unknown";
	failure->advice =
		"The command that hands the VM over lives, and the other host has not answered. "
		"Interrupt it here (Ctrl-C, SIGTERM), or wait: each of its steps has a deadline.";
	return -EBUSY;
}

int settle_source(const struct settle_request *request, struct ledger_session *session,
		  struct settle_report *report, struct failure *failure)
{
	OWNED_CONTROL struct transport_control *control = NULL;
	/* First: what is said of a VM while its command lives may be otherwise a moment later. */
	const bool live = ledger_is_live(request->ledger, &session->offer.session);
	enum vm_word vm;
	int ret = 0;

	*report = (struct settle_report){ .peer_answered = false };
	if (!settle_is_over(session) && request->mover)
		ask_peer(request, session, report);
	vm = ask_vm(request, session, &control, report);
	if (!settle_is_over(session)) {
		if (vm == VM_PAUSED || (live && !peer_knows(report)))
			return still_at_it(report, failure);
		ret = decide(request, session, report, vm, failure);
	}
	if (!ret)
		ret = follow_source(control, session, vm, failure);
	look_again(control, report);
	return ret;
}

/*
 * Throw away what waits here. The VMM first: as long as it has not refused COMMIT for good, another recv
 * that this one has replaced could still give it, and ABORTED must not be on record then.
 */
static int withdraw(const struct settle_request *request, struct transport_control *control,
		    struct ledger_session *session, struct failure *failure)
{
	struct transport_error err;
	int ret = take(session, TRANSPORT_EVENT_VM_KEPT, failure);

	if (ret)
		return ret;
	if (transport_control_abort(control, &session->offer.session, &err))
		return client_failure(failure, &err);
	ret = take(session, TRANSPORT_EVENT_WITHDRAW, failure);
	return ret ? ret : ledger_settle(request->ledger, session, failure);
}

static int commit_by_word(const struct settle_request *request, struct transport_control *control,
			  struct ledger_session *session, struct failure *failure)
{
	struct transport_error err;
	int ret = take(session, TRANSPORT_EVENT_RUN_ON_DESTINATION, failure);

	if (ret)
		return ret;
	if (transport_control_commit(control, &session->offer.session, false, &err))
		return client_failure(failure, &err);
	take_word(request, session);
	return ledger_settle(request->ledger, session, failure);
}

static int settle_lost(const struct settle_request *request, struct ledger_session *session,
		       struct failure *failure)
{
	int ret = take(session, TRANSPORT_EVENT_VM_LOST, failure);

	if (!ret && request->word != SETTLE_ASK) {
		take_word(request, session);
		ret = take(session,
			   request->word == SETTLE_RUN_ON_SOURCE
				   ? TRANSPORT_EVENT_RUN_ON_SOURCE
				   : TRANSPORT_EVENT_RUN_ON_DESTINATION,
			   failure);
		if (!ret && session->state == TRANSPORT_SESSION_ABORTING)
			ret = take(session, TRANSPORT_EVENT_WITHDRAW, failure);
	}
	return ret ? ret : ledger_settle(request->ledger, session, failure);
}

static int settle_waiting(const struct settle_request *request, struct transport_control *control,
			  struct ledger_session *session, struct failure *failure)
{
	if (request->word == SETTLE_RUN_ON_DESTINATION)
		return commit_by_word(request, control, session, failure);
	if (request->word == SETTLE_RUN_ON_SOURCE)
		take_word(request, session);
	return withdraw(request, control, session, failure);
}

static int settle_taken(const struct settle_request *request, struct ledger_session *session,
			struct failure *failure)
{
	int ret = take(session, TRANSPORT_EVENT_VM_TAKEN, failure);

	return ret ? ret : ledger_settle(request->ledger, session, failure);
}

int settle_destination(const struct settle_request *request, struct ledger_session *session,
		       struct settle_report *report, struct failure *failure)
{
	OWNED_CONTROL struct transport_control *control = NULL;
	enum vm_word vm;
	int ret;

	*report = (struct settle_report){ .peer_answered = false };
	vm = ask_vm(request, session, &control, report);
	if (settle_is_over(session))
		return 0;
	ret = take(session, TRANSPORT_EVENT_RESTART, failure);
	if (ret)
		return ret;
	if (vm == VM_TAKEN)
		ret = settle_taken(request, session, failure);
	else if (vm == VM_WAITING)
		ret = settle_waiting(request, control, session, failure);
	else
		ret = settle_lost(request, session, failure);
	look_again(control, report);
	return ret;
}

json_t *settle_json(const struct ledger_session *session, const struct settle_report *report)
{
	const bool source = session->role == TRANSPORT_SOURCE;
	const char *there = "unknown";
	json_t *json;

	if (session->state == TRANSPORT_SESSION_COMMITTED)
		there = source ? "running" : "ended";
	else if (session->state == TRANSPORT_SESSION_ABORTED)
		there = source ? "none" : "running";
	json = json_pack("{s:o, s:o, s:s, s:s, s:b, s:{s:s, s:s}}", "session",
			 id_json(&session->offer.session), "vm", id_json(&session->offer.vm.uuid),
			 "side", source ? "source" : "destination", "state",
			 transport_session_state_name(session->state), "overridden",
			 session->overridden, "vm_state", "source",
			 source ? report->vm_here : there, "destination",
			 source ? there : report->vm_here);
	if (!json)
		return NULL;
	if (source && report->peer_answered)
		json_object_set_new(json, "peer",
				    json_string(transport_outcome_name(report->outcome)));
	json_object_set_new(json, "reason", json_string("ok"));
	json_object_set_new(json, "exit", json_integer(EXIT_CODE_OK));
	return json;
}
