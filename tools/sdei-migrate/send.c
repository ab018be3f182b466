// SPDX-License-Identifier: Apache-2.0
#include "send.h"

#include "client.h"
#include "fault.h"
#include "latency.h"

#include <errno.h>
#include <string.h>

static const struct transport_id *id_of(const struct sender *sender)
{
	return &sender->session.offer.session;
}

static int op_record(void *ctx, const struct transport_peer *peer, struct transport_error *err)
{
	struct sender *sender = ctx;
	struct failure failure;

	if (mover_judge(&sender->shared->mover, POLICY_SEAL, &sender->session.offer, peer->key_id,
			err))
		return -EPERM;
	memcpy(sender->session.peer_key, peer->key_id, sizeof(peer->key_id));
	sender->session.state = TRANSPORT_SESSION_RECORDED;
	if (sender->session.offer.dry_run)
		return 0;
	if (ledger_live_begin(sender->shared->ledger, id_of(sender), &sender->live, &failure))
		return mover_error(err, &failure);
	return ledger_begin(sender->shared->ledger, &sender->session, NULL, NULL, &failure)
		       ? mover_error(err, &failure)
		       : 0;
}

/* Did the VMM say no, or was nothing understood of what it said? See transport/control.h. */
static bool is_refusal(int code)
{
	return code != -ETIMEDOUT && code != -ECONNRESET && code != -EBADMSG && code != -ENOMEM;
}

static int capture(struct sender *sender, enum transport_capture_kind kind, const uint8_t *since,
		   struct transport_buffer *records, struct transport_error *err)
{
	return since ? transport_control_capture_since(sender->control, id_of(sender), kind, since,
						       records, err)
		     : transport_control_capture(sender->control, id_of(sender), kind, NULL,
						 records, err);
}

/* A VMM that cannot capture a running VM leaves nothing to try out; whether that matters, PAUSE will show. */
static int op_base(void *ctx, const struct transport_peer *peer, const uint8_t *since,
		   struct transport_buffer *blob, struct transport_sealed *sealed,
		   struct transport_error *err)
{
	struct sender *sender = ctx;
	OWNED_BUFFER struct transport_buffer records = { .max = TRANSPORT_CONTROL_MAX_STATE };
	int ret = capture(sender, TRANSPORT_CAPTURE_BASE, since, &records, err);

	if (ret)
		return is_refusal(ret) ? 0 : ret;
	ret = mover_seal_base(&sender->sealer, peer, &records, blob, sealed, err);
	watch_total(&sender->watch, ret ? 0 : blob->len);
	return ret;
}

/* A VMM that hangs while its VM stands still is not waited for any longer than the VM may. */
static void mind_blackout(struct sender *sender)
{
	const struct transport_deadlines *wait = &sender->shared->mover.deadlines;

	if (wait->max_blackout_ms && !wait->ignore_blackout &&
	    wait->max_blackout_ms < wait->message_ms)
		transport_control_set_timeout(sender->control, wait->max_blackout_ms);
}

static int pause_by(struct sender *sender, const uint8_t *since, struct transport_error *err)
{
	if (since)
		return transport_control_pause_since(sender->control, id_of(sender), since, err);
	/* What of a realm may be captured depends on more than that it stands still. */
	if (sender->realm.is_realm)
		return transport_control_pause(sender->control, id_of(sender), err);
	return transport_control_pause_capture(sender->control, id_of(sender), err);
}

static int op_pause(void *ctx, const uint8_t *since, struct transport_error *err)
{
	struct sender *sender = ctx;
	int ret;

	mind_blackout(sender);
	ret = pause_by(sender, since, err);
	if (ret)
		watch_runs_on(&sender->watch);
	return ret;
}

static int op_capture(void *ctx, const struct transport_peer *peer, const uint8_t *since,
		      struct transport_buffer *blob, struct transport_sealed *sealed,
		      struct transport_error *err)
{
	struct sender *sender = ctx;
	OWNED_BUFFER struct transport_buffer records = { .max = TRANSPORT_CONTROL_MAX_STATE };
	OWNED_BULK struct realm_bulk bulk = { .n = 0 };
	int ret = capture(sender, realm_sender_kind(&sender->realm), since, &records, err);

	transport_control_set_timeout(sender->control, sender->shared->mover.timeout_ms);
	if (!ret && sender->realm.is_realm)
		ret = realm_sender_take(&sender->realm, sender->control, id_of(sender), &records,
					&bulk, err);
	if (!ret)
		ret = mover_seal(&sender->sealer, peer, &records, &bulk, blob, sealed, err);
	if (!ret)
		watch_total(&sender->watch, blob->len);
	/* A VM that could be sent at once does not stand still for the sake of a limit. */
	if (!ret && blob->len <= TRANSPORT_SESSION_MAX_BLOB)
		transport_stream_limit(sender->stream, 0);
	return ret;
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
	int ret = mover_believes(&sender->shared->mover, sender->session.peer_key, err);

	/* Whose answer would not be believed gets nothing. */
	*refused = ret != 0;
	if (ret)
		return ret;
	ret = transport_control_relinquish(sender->control, id_of(sender), err);
	*refused = ret && is_refusal(ret);
	return ret;
}

static int op_resume(void *ctx, struct transport_error *err)
{
	struct sender *sender = ctx;
	int ret = transport_control_resume(sender->control, id_of(sender), err);

	/* A VMM that does not answer resumes when it sees the connection gone. */
	sender->control = ret ? transport_control_close(sender->control) : sender->control;
	if (ret && is_refusal(ret))
		return ret;
	watch_runs_on(&sender->watch);
	return 0;
}

static int op_reclaim(void *ctx, const struct transport_proof *proof, struct transport_error *err)
{
	struct sender *sender = ctx;
	struct transport_vm_status status;
	int ret = transport_control_reclaim(sender->control, id_of(sender), proof->bytes,
					    proof->len, err);

	/* Whoever cancelled or resolved it meanwhile has taken the VM back. */
	if (ret && is_refusal(ret) &&
	    transport_control_status(sender->control, &status, NULL) == 0 &&
	    status.state == TRANSPORT_VM_RUNNING)
		ret = 0;
	else if (!ret)
		ret = transport_control_resume(sender->control, id_of(sender), err);
	if (!ret)
		watch_runs_on(&sender->watch);
	return ret;
}

static int op_outcome(void *ctx, enum transport_session_state state,
		      const struct transport_proof *proof, struct transport_error *err)
{
	struct sender *sender = ctx;
	struct failure failure;

	if (sender->session.offer.dry_run)
		return 0;
	sender->session.state = state;
	sender->session.proof = *proof;
	if (ledger_settle(sender->shared->ledger, &sender->session, &failure))
		return mover_error(err, &failure);
	if (state == TRANSPORT_SESSION_COMMITTED)
		transport_control_end(sender->control, id_of(sender), NULL);
	return 0;
}

static int op_fault(void *ctx, enum transport_step step, struct transport_error *err)
{
	struct sender *sender = ctx;
	struct failure failure;
	int ret;

	/* It is on record, and the other side is ready: the rest needs nobody to wait for it. */
	if (step == TRANSPORT_STEP_SEND_BASE && sender->detach.wanted) {
		if (detach_leave(&sender->detach, sender->tool, sender->args->state, id_of(sender),
				 &failure))
			return mover_error(err, &failure);
		watch_to_log(&sender->watch);
	}
	watch_step(&sender->watch, step);
	if (step == TRANSPORT_STEP_SEND_STOP)
		sender->latency_fd = latency_hold();
	if (step == TRANSPORT_STEP_SEND_WAIT_DONE)
		sender->latency_fd = latency_release(sender->latency_fd);
	if (step == TRANSPORT_STEP_SEND_WAIT_PREPARED)
		transport_stream_limit(sender->stream, 0);
	ret = fault_hit(step, sender->stream, err);
	/* Up to here all can be undone: without COMMIT the other host gives up and signs it. */
	if (!ret && step <= TRANSPORT_STEP_SEND_COMMIT)
		ret = cancel_asked(&sender->shared->cancel, err);
	if (step == TRANSPORT_STEP_SEND_COMMIT)
		transport_stream_cancel_by(sender->stream, 0);
	return ret;
}

static int op_wait(void *ctx, enum transport_wait what, int ms, bool *over,
		   struct transport_error *err)
{
	const struct sender *sender = ctx;
	int ret = cancel_asked(&sender->shared->cancel, err);

	return ret ? ret
		   : sender->companion->wait(sender->companion->ctx, what, ms,
					     sender->shared->cancel.fd, over, err);
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
static int describe_all(const struct send_args *args, struct send_shared *shared,
			struct failure *failure)
{
	struct ledger_session *session = &shared->described;

	session->role = TRANSPORT_SOURCE;
	session->insecure = args->mover.insecure_no_tls;
	session->offer.dry_run = args->dry_run;
	memcpy(session->offer.source_key, shared->mover.signer.key_id, TRANSPORT_KEY_ID_SIZE);
	if (copy_text(session->peer, sizeof(session->peer), args->mover.uri, "--to", failure) ||
	    copy_path(session->key, sizeof(session->key), args->mover.key, "--key", failure) ||
	    copy_path(session->peer_crt, sizeof(session->peer_crt), args->mover.peer, "--peer",
		      failure))
		return -E2BIG;
	return 0;
}

static int describe(struct sender *sender, struct failure *failure)
{
	struct ledger_session *session = &sender->session;
	const struct transport_vm_info vm = session->offer.vm;

	*session = sender->shared->described;
	session->offer.vm = vm;
	if (transport_id_random(&session->offer.session) ||
	    transport_id_random(&session->offer.snapshot))
		return failure_io(failure, "random numbers", EIO);
	return copy_path(session->control, sizeof(session->control), sender->args->control,
			 "--control", failure);
}

int send_share(const struct tool *tool, const struct send_args *args, struct send_shared *shared,
	       struct failure *failure)
{
	int ret = fault_check(failure);

	if (!ret)
		ret = progress_check(&args->watch.progress_fd, failure);
	if (!ret)
		ret = mover_level(args->level, &shared->level, failure);
	if (!ret)
		ret = cancel_open(&shared->cancel, tool, args->control, CANCEL_SOURCE, failure);
	if (!ret)
		ret = mover_open(&args->mover, &shared->mover, failure);
	shared->mover.deadlines.max_blackout_ms = (int)args->max_blackout.value;
	shared->mover.deadlines.ignore_blackout =
		args->on_timeout && strcmp(args->on_timeout, "ignore") == 0;
	if (!ret)
		ret = describe_all(args, shared, failure);
	return ret ? ret : ledger_open(args->state, &shared->ledger, failure);
}

void send_unshare(struct send_shared *shared)
{
	mover_close(&shared->mover);
	ledger_close(shared->ledger);
	cancel_close(&shared->cancel);
}

int send_meet(struct sender *sender, struct failure *failure)
{
	const struct send_args *args = sender->args;
	struct transport_vm_status status;
	struct transport_error err;
	int ret = describe(sender, failure);

	if (!ret)
		ret = realm_sender_open(&args->realm, &sender->realm, failure);
	if (ret)
		return ret;
	if ((!sender->met && transport_control_open(args->control, sender->shared->mover.timeout_ms,
						    &sender->control, &err)) ||
	    transport_control_status(sender->control, &status, &err) ||
	    (!sender->met &&
	     transport_control_info(sender->control, &sender->session.offer.vm, &err)))
		return client_failure(failure, &err);
	sender->session.offer.held = status.held;
	sender->session.vmm = status.instance;
	sender->sealer = (struct mover_sealer){ .mover = &sender->shared->mover,
						.offer = &sender->session.offer,
						.workspace = sdeistate_workspace_new(),
						.level = sender->shared->level };
	return realm_sender_meet(&sender->realm, sender->session.offer.vm.type, failure);
}

int send_connect(struct sender *sender, struct failure *failure)
{
	struct send_shared *shared = sender->shared;
	struct transport_stream_options options = mover_stream_options(&shared->mover);
	struct transport_error err;

	options.cancel_fd = shared->cancel.fd;
	options.local = sender->args->local;
	cancel_hold(&shared->cancel);
	return transport_stream_connect(sender->args->mover.uri, &options, &sender->stream, &err)
		       ? client_failure(failure, &err)
		       : 0;
}

static void begin_watch(struct sender *sender)
{
	const struct send_args *args = sender->args;
	const struct transport_offer *offer = &sender->session.offer;

	watch_open(&sender->watch, sender->shared->cancel.tool, &args->watch, TRANSPORT_SOURCE,
		   sender->shared->mover.timeout_ms);
	watch_name(&sender->watch, &offer->session, &offer->vm.uuid);
	watch_stream(&sender->watch, sender->stream);
	transport_stream_limit(sender->stream, args->limit_rate.value);
}

/* The VMM takes its time; the other host is to know that nobody has forgotten it. */
static void still_here(void *ctx)
{
	const struct sender *sender = ctx;

	transport_session_beat(sender->progress);
}

int send_run(struct sender *sender, struct transport_progress *progress,
	     struct transport_session_times *times, struct transport_error *err)
{
	const struct mover *mover = &sender->shared->mover;
	const struct companion_source *companion = sender->companion;
	struct transport_source_ops ops = source_ops;
	struct watch_end end = { .times = times };
	int ret;

	if (companion)
		ops.wait = op_wait;
	if (sender->no_trial)
		ops.base = NULL;
	sender->progress = progress;
	transport_control_on_wait(sender->control, still_here, sender);
	begin_watch(sender);
	ret = transport_session_send(sender->stream, &sender->session.offer, &mover->signer,
				     &mover->deadlines, &ops, sender, progress, times, err);
	/* The VM first: the companion may call into it. In doubt, neither runs. */
	if (companion && transport_session_state(progress) == TRANSPORT_SESSION_ABORTED)
		sender->advice = companion->stay(companion->ctx);
	else if (companion && !ret)
		companion->left(companion->ctx);
	end.state = transport_session_state(progress);
	end.reason = ret ? err->reason : "ok";
	watch_close(&sender->watch, &end);
	return ret;
}

void send_close(struct sender *sender)
{
	sender->latency_fd = latency_release(sender->latency_fd);
	sender->sealer.workspace = sdeistate_workspace_free(sender->sealer.workspace);
	ledger_live_end(&sender->live);
	transport_stream_close(sender->stream);
	transport_control_close(sender->control);
	realm_sender_close(&sender->realm);
}
