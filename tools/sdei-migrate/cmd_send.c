// SPDX-License-Identifier: Apache-2.0
#include "cancel.h"
#include "client.h"
#include "fault.h"
#include "issues.h"
#include "memory.h"
#include "mover.h"
#include "realm_send.h"
#include "verbs.h"

#include <errno.h>
#include <string.h>

struct send_args {
	const char *control, *state;
	struct realm_options realm;
	struct mover_options mover;
};

/* One hand-over, as the session's callbacks see it. */
struct sender {
	const struct send_args *args;
	struct cancel cancel;
	struct ledger *ledger;
	struct ledger_live live;
	struct mover mover;
	struct transport_control *control;
	struct transport_stream *stream;
	struct realm_sender realm;
	struct ledger_session session; /* what the ledger holds, or will */
};

static void close_sender(struct sender *sender)
{
	ledger_live_end(&sender->live);
	transport_stream_close(sender->stream);
	transport_control_close(sender->control);
	realm_sender_close(&sender->realm);
	mover_close(&sender->mover);
	ledger_close(sender->ledger);
	cancel_close(&sender->cancel);
}

static const struct transport_id *id_of(const struct sender *sender)
{
	return &sender->session.offer.session;
}

static int op_record(void *ctx, const struct transport_peer *peer, struct transport_error *err)
{
	struct sender *sender = ctx;
	struct failure failure;

	if (mover_judge(&sender->mover, POLICY_SEAL, &sender->session.offer, peer->key_id, err))
		return -EPERM;
	memcpy(sender->session.peer_key, peer->key_id, sizeof(peer->key_id));
	sender->session.state = TRANSPORT_SESSION_RECORDED;
	if (ledger_live_begin(sender->ledger, id_of(sender), &sender->live, &failure))
		return mover_error(err, &failure);
	return ledger_begin(sender->ledger, &sender->session, NULL, NULL, &failure)
		       ? mover_error(err, &failure)
		       : 0;
}

/* Did the VMM say no, or was nothing understood of what it said? See transport/control.h. */
static bool is_refusal(int code)
{
	return code != -ETIMEDOUT && code != -ECONNRESET && code != -EBADMSG && code != -ENOMEM;
}

/* A VMM that cannot capture a running VM leaves nothing to try out; whether that matters, PAUSE will show. */
static int op_base(void *ctx, const struct transport_peer *peer, struct transport_buffer *blob,
		   struct transport_error *err)
{
	struct sender *sender = ctx;
	OWNED_BUFFER struct transport_buffer records = { .max = TRANSPORT_CONTROL_MAX_STATE };
	int ret = transport_control_capture(sender->control, id_of(sender), TRANSPORT_CAPTURE_BASE,
					    NULL, &records, err);

	if (ret)
		return is_refusal(ret) ? 0 : ret;
	return mover_seal_base(&sender->mover, &sender->session.offer, peer, &records, blob, err);
}

static int op_pause(void *ctx, struct transport_error *err)
{
	struct sender *sender = ctx;

	/* What of a realm may be captured depends on more than that it stands still. */
	if (sender->realm.is_realm)
		return transport_control_pause(sender->control, id_of(sender), err);
	return transport_control_pause_capture(sender->control, id_of(sender), err);
}

static int op_capture(void *ctx, const struct transport_peer *peer, struct transport_buffer *blob,
		      uint8_t digest[TRANSPORT_DIGEST_SIZE], struct transport_error *err)
{
	struct sender *sender = ctx;
	OWNED_BUFFER struct transport_buffer records = { .max = TRANSPORT_CONTROL_MAX_STATE };
	OWNED_BULK struct realm_bulk bulk = { .n = 0 };
	int ret = transport_control_capture(sender->control, id_of(sender),
					    realm_sender_kind(&sender->realm), NULL, &records, err);

	if (!ret && sender->realm.is_realm)
		ret = realm_sender_take(&sender->realm, sender->control, id_of(sender), &records,
					&bulk, err);
	return ret ? ret
		   : mover_seal(&sender->mover, &sender->session.offer, peer, &records, &bulk, blob,
				digest, err);
}

static int op_challenge(void *ctx, bool *wanted, uint8_t challenge[TRANSPORT_CHALLENGE_SIZE],
			struct transport_error *err)
{
	struct sender *sender = ctx;

	return realm_sender_challenge(&sender->realm, wanted, challenge, err);
}

static int op_token(void *ctx, const struct transport_buffer *token,
		    const struct transport_error *why, struct transport_error *err)
{
	struct sender *sender = ctx;

	return realm_sender_appraise(&sender->realm, token, why, err);
}

static int op_relinquish(void *ctx, bool *refused, struct transport_error *err)
{
	struct sender *sender = ctx;
	const int ret = transport_control_relinquish(sender->control, id_of(sender), err);

	*refused = ret && is_refusal(ret);
	return ret;
}

static int op_resume(void *ctx, struct transport_error *err)
{
	struct sender *sender = ctx;
	int ret = transport_control_resume(sender->control, id_of(sender), err);

	/* A VMM that does not answer resumes when it sees the connection gone. */
	sender->control = ret ? transport_control_close(sender->control) : sender->control;
	return ret && !is_refusal(ret) ? 0 : ret;
}

static int op_reclaim(void *ctx, const struct transport_proof *proof, struct transport_error *err)
{
	struct sender *sender = ctx;
	int ret = transport_control_reclaim(sender->control, id_of(sender), proof->bytes,
					    proof->len, err);

	return ret ? ret : transport_control_resume(sender->control, id_of(sender), err);
}

static int op_outcome(void *ctx, enum transport_session_state state,
		      const struct transport_proof *proof, struct transport_error *err)
{
	struct sender *sender = ctx;
	struct failure failure;

	sender->session.state = state;
	sender->session.proof = *proof;
	if (ledger_settle(sender->ledger, &sender->session, &failure))
		return mover_error(err, &failure);
	if (state == TRANSPORT_SESSION_COMMITTED)
		transport_control_end(sender->control, id_of(sender), NULL);
	return 0;
}

static int op_fault(void *ctx, enum transport_step step, struct transport_error *err)
{
	struct sender *sender = ctx;
	int ret = fault_hit(step, sender->stream, err);

	/* Up to here all can be undone: without COMMIT the other host gives up and signs it. */
	if (!ret && step <= TRANSPORT_STEP_SEND_COMMIT)
		ret = cancel_asked(&sender->cancel, err);
	if (step == TRANSPORT_STEP_SEND_COMMIT)
		transport_stream_cancel_by(sender->stream, 0);
	return ret;
}

static const struct transport_source_ops source_ops = {
	.record = op_record,
	.base = op_base,
	.pause = op_pause,
	.capture = op_capture,
	.challenge = op_challenge,
	.token = op_token,
	.relinquish = op_relinquish,
	.resume = op_resume,
	.reclaim = op_reclaim,
	.outcome = op_outcome,
	.fault = op_fault,
};

static int copy_text(char *to, size_t size, const char *from, const char *what,
		     struct failure *failure)
{
	if (strlen(from) >= size)
		return failure_set(failure, SDEISTATE_OVER_LIMIT, -E2BIG, "command line", what,
				   "a shorter text", from);
	memcpy(to, from, strlen(from) + 1);
	return 0;
}

/* A path that still means the same in another working directory. */
static int copy_path(char *to, size_t size, const char *from, const char *what,
		     struct failure *failure)
{
	OWNED_MEMORY char *whole = realpath(from, NULL);

	return copy_text(to, size, whole ? whole : from, what, failure);
}

/* What resolve needs, should this process not live to see the end. */
static int describe(struct sender *sender, struct failure *failure)
{
	const struct send_args *args = sender->args;
	struct ledger_session *session = &sender->session;
	struct transport_offer *offer = &session->offer;

	session->role = TRANSPORT_SOURCE;
	session->insecure = args->mover.insecure_no_tls;
	memcpy(offer->source_key, sender->mover.signer.key_id, TRANSPORT_KEY_ID_SIZE);
	if (transport_id_random(&offer->session) || transport_id_random(&offer->snapshot))
		return failure_io(failure, "random numbers", EIO);
	if (copy_path(session->control, sizeof(session->control), args->control, "--control",
		      failure) ||
	    copy_text(session->peer, sizeof(session->peer), args->mover.uri, "--to", failure) ||
	    copy_path(session->key, sizeof(session->key), args->mover.key, "--key", failure) ||
	    copy_path(session->peer_crt, sizeof(session->peer_crt), args->mover.peer, "--peer",
		      failure))
		return -E2BIG;
	return 0;
}

static int open_sender(const struct tool *tool, struct sender *sender, struct failure *failure)
{
	const struct send_args *args = sender->args;
	struct transport_stream_options options;
	struct transport_vm_status status;
	struct transport_error err;
	int ret = fault_check(failure);

	if (!ret)
		ret = cancel_open(&sender->cancel, tool, args->control, CANCEL_SOURCE, failure);
	if (!ret)
		ret = mover_open(&args->mover, &sender->mover, failure);
	if (!ret)
		ret = ledger_open(args->state, &sender->ledger, failure);
	if (!ret)
		ret = describe(sender, failure);
	if (!ret)
		ret = realm_sender_open(&args->realm, &sender->realm, failure);
	if (ret)
		return ret;
	options = mover_stream_options(&sender->mover);
	options.cancel_fd = sender->cancel.fd;
	if (transport_control_open(args->control, sender->mover.timeout_ms, &sender->control,
				   &err) ||
	    transport_control_status(sender->control, &status, &err) ||
	    transport_control_info(sender->control, &sender->session.offer.vm, &err))
		return client_failure(failure, &err);
	ret = realm_sender_meet(&sender->realm, sender->session.offer.vm.type, failure);
	if (ret)
		return ret;
	cancel_hold(&sender->cancel);
	if (transport_stream_connect(args->mover.uri, &options, &sender->stream, &err))
		return client_failure(failure, &err);
	sender->session.offer.held = status.held;
	return 0;
}

static json_t *times_json(const struct transport_session_times *times)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "hello",
			 (json_int_t)times->hello, "record", (json_int_t)times->record, "base",
			 (json_int_t)times->base, "pause", (json_int_t)times->pause, "capture",
			 (json_int_t)times->capture, "blob", (json_int_t)times->blob, "prepared",
			 (json_int_t)times->prepared, "attest", (json_int_t)times->attest,
			 "relinquish", (json_int_t)times->relinquish, "done",
			 (json_int_t)times->done);
}

static json_t *result(const struct sender *sender, const struct transport_progress *progress,
		      const struct transport_session_times *times)
{
	const struct transport_offer *offer = &sender->session.offer;
	json_t *json;

	json = json_pack("{s:s, s:i, s:o, s:o, s:o, s:s, s:{s:s, s:s}, s:I, s:o, s:I, s:b}",
			 "reason", "ok", "exit", 0, "session", id_json(&offer->session), "vm",
			 id_json(&offer->vm.uuid), "snapshot", id_json(&offer->snapshot), "state",
			 "committed", "vm_state", "source", "ended", "destination",
			 progress->held ? "paused" : "running", "blackout_us",
			 (json_int_t)times->blackout, "phases_us", times_json(times), "blob_bytes",
			 (json_int_t)times->blob_size, "insecure", sender->mover.insecure_no_tls);
	return realm_sender_tell(&sender->realm, json);
}

/* What the failure means for the two VMs, and what is to be done. */
static void judge(struct failure *failure, enum transport_session_state state,
		  const struct transport_id *id, char advice[], size_t size)
{
	char text[TRANSPORT_ID_TEXT_SIZE];

	transport_id_print(id, text);
	failure->vm_destination = "none";
	if (state == TRANSPORT_SESSION_ABORTED)
		return;
	failure->vm_destination = state == TRANSPORT_SESSION_COMMITTED ? "running" : "unknown";
	snprintf(advice, size, "%s run: sdei-migrate resolve %s",
		 state == TRANSPORT_SESSION_COMMITTED
			 ? "The VM was handed over, but that is not on record here;"
			 : "Keep both VMs as they are and",
		 text);
	failure->advice = advice;
}

static int report(struct tool *tool, struct sender *sender,
		  const struct transport_progress *progress, const struct transport_error *err)
{
	struct failure failure;
	char advice[160];

	client_failure(&failure, err);
	failure.advice = realm_advice(err);
	failure.side = progress->peers_error ? FAILURE_DESTINATION : FAILURE_LOCAL;
	judge(&failure, transport_session_state(progress), id_of(sender), advice, sizeof(advice));
	sender->control = transport_control_close(sender->control);
	failure.vm_source = vm_state_or(sender->session.control, sender->mover.timeout_ms, "gone");
	/* Another send was faster: where its VM went is not for this one to say. */
	if (strcmp(failure.vm_source, "ended") == 0 && strcmp(failure.vm_destination, "none") == 0)
		failure.vm_destination = "unknown";
	return issues_fail_as(tool, progress->obstacles, &failure);
}

static int run_send(struct tool *tool, void *opaque)
{
	CLEANUP(close_sender) struct sender sender = { .args = opaque, .live = { .fd = -1 } };
	struct transport_issues obstacles = { .n_issues = 0 };
	struct transport_progress progress = { .role = TRANSPORT_SOURCE, .obstacles = &obstacles };
	struct transport_session_times times;
	struct transport_error err;
	struct failure failure;

	memory_keep();
	if (open_sender(tool, &sender, &failure)) {
		failure.vm_source = vm_state_or(sender.args->control, 1000, "unknown");
		failure.vm_destination = "none";
		return tool_fail(tool, &failure);
	}
	if (transport_session_send(sender.stream, &sender.session.offer, &sender.mover.signer,
				   &sender.mover.deadlines, &source_ops, &sender, &progress, &times,
				   &err))
		return report(tool, &sender, &progress, &err);
	return tool_result(tool, result(&sender, &progress, &times));
}

#define AT(member) offsetof(struct send_args, member)

static const struct option_row rows[] = {
	CLIENT_CONTROL_ROW(struct send_args),
	{ .name = "--to",
	  .argument = "URI",
	  .help = "where the other host's recv listens: tcp:HOST:PORT, unix:PATH, fd:N, "
		  "exec:COMMAND",
	  .offset = AT(mover.uri),
	  .type = OPTION_TEXT,
	  .required = true },
	MOVER_KEY_ROW(struct send_args),
	MOVER_PEER_ROW(struct send_args),
	POLICY_ROWS(struct send_args, mover.policy),
	REALM_SEND_ROWS(struct send_args),
	MOVER_COMMON_ROWS(struct send_args),
	OPTION_END,
};

const struct verb verb_send = {
	.name = "send",
	.summary = "Hand a VM over to another host",
	.about = "Stops the VM, sends its sealed state, and gives the right to run it away once "
		 "the other host has replayed and proved it. Until then a failure lets the VM run "
		 "on here. Exit code 6 and the list of obstacles if it cannot take it. If the last "
		 "answer is lost the session is in doubt (exit code 9), "
		 "and resolve ends it.\n\n"
		 "Ctrl-C (SIGINT, SIGTERM, SIGHUP) gives it up, lets the VM run on here and ends "
		 "with 7; "
		 "once the right to run has been given away it goes on to its end. A second one "
		 "ends "
		 "the command at once, and resolve cleans up.",
	.options = rows,
	.args_size = sizeof(struct send_args),
	.run = run_send,
};
