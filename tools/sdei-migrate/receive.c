// SPDX-License-Identifier: Apache-2.0
#include "visitor.h"

#include "client.h"
#include "fault.h"
#include "latency.h"
#include "memory.h"
#include "settle.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define LARGE_STATE    (1u << 20) /* bytes; what it took is given back at once */
#define OTHERS_WAIT_MS 10000      /* for a session that is being committed to end */

static const struct transport_id *id_of(const struct visitor *visitor)
{
	return &visitor->session.offer.session;
}

static void enlist(struct visitor *visitor)
{
	struct receiver *receiver = visitor->receiver;

	pthread_mutex_lock(&receiver->lock);
	visitor->next = receiver->visitors;
	receiver->visitors = visitor;
	pthread_mutex_unlock(&receiver->lock);
}

static void delist(struct visitor *visitor)
{
	struct receiver *receiver = visitor->receiver;
	struct visitor **at = &receiver->visitors;

	pthread_mutex_lock(&receiver->lock);
	while (*at && *at != visitor)
		at = &(*at)->next;
	if (*at)
		*at = visitor->next;
	pthread_mutex_unlock(&receiver->lock);
}

/* Under the lock. */
static struct visitor *find_visitor(const struct receiver *receiver, const struct transport_id *id)
{
	struct visitor *visitor = receiver->visitors;

	while (visitor && !transport_id_equal(id_of(visitor), id))
		visitor = visitor->next;
	return visitor;
}

bool receive_is_live(struct receiver *receiver, const struct transport_id *id)
{
	bool live;

	pthread_mutex_lock(&receiver->lock);
	live = find_visitor(receiver, id) != NULL;
	pthread_mutex_unlock(&receiver->lock);
	return live;
}

/* Known, and with something to do: from here on it is not in anybody's way. */
static void begin(const struct visitor *visitor)
{
	visitor->result->begun = true;
	transport_stream_cancel_by(visitor->stream, 0);
}

int visitor_fault(void *ctx, enum transport_step step, struct transport_error *err)
{
	struct visitor *visitor = ctx;

	watch_step(&visitor->watch, step);
	if (step == TRANSPORT_STEP_RECV_STOP)
		visitor->latency_fd = latency_hold();
	if (step == TRANSPORT_STEP_RECV_DONE)
		visitor->latency_fd = latency_release(visitor->latency_fd);
	return fault_hit(step, visitor->stream, err);
}

/* The VMM takes its time; the other host is to know that nobody has forgotten it. */
static void still_here(void *ctx)
{
	const struct visitor *visitor = ctx;

	if (visitor->progress)
		transport_session_beat(visitor->progress);
}

/* A VM that comes alone would leave its companion behind. */
static int check_company(const struct receiver *receiver, const struct transport_peer *peer,
			 struct transport_error *err)
{
	if (!receiver->companion || (peer->features & TRANSPORT_FEATURE_HEARTBEAT))
		return 0;
	return transport_error_fill(err, -EOPNOTSUPP, "incompatible", "peer", "HEARTBEAT",
				    "hook qmp at the source, too|one that sends a VM alone");
}

/* D8, D9: reserve, so that the VM cannot run meanwhile; then write down what must not be forgotten. */
static int op_record(void *ctx, const struct transport_offer *offer,
		     const struct transport_peer *peer, struct transport_progress *progress,
		     struct transport_error *err)
{
	struct visitor *visitor = ctx;
	struct ledger_session *session = &visitor->session;
	struct failure failure;
	int ret;

	begin(visitor);
	watch_name(&visitor->watch, &offer->session, &offer->vm.uuid);
	/* A connection may be older than the peer's removal. */
	if (!keyring_is_current(visitor->receiver->keys, visitor->mover))
		return transport_error_fill(err, -EAGAIN, "temporary", "session", "keys",
					    "those in force now|they have changed since it "
					    "connected");
	session->role = TRANSPORT_DESTINATION;
	session->offer = *offer;
	session->state = TRANSPORT_SESSION_RECORDED;
	memcpy(session->peer_key, peer->key_id, sizeof(session->peer_key));
	ret = check_company(visitor->receiver, peer, err);
	if (!ret)
		ret = mover_judge(visitor->mover, POLICY_OPEN, offer, peer->key_id, err);
	if (!ret)
		ret = reserve_vm(visitor->receiver, offer, session->control, &visitor->vm, err);
	if (ret)
		return ret;
	transport_control_on_wait(visitor->vm.control, still_here, visitor);
	ret = visitor_fault(visitor, TRANSPORT_STEP_RECV_RECORD, err);
	visitor->generation = offer->vm.generation + 1;
	if (!ret && !offer->dry_run &&
	    ledger_begin(visitor->receiver->ledger, session, visitor->receiver->word,
			 &visitor->generation, &failure))
		ret = mover_error(err, &failure);
	if (ret) {
		transport_control_abort(visitor->vm.control, &offer->session, NULL);
		return ret;
	}
	visitor->progress = progress;
	enlist(visitor);
	return 0;
}

static const struct transport_issues *op_obstacles(void *ctx)
{
	const struct visitor *visitor = ctx;

	return visitor->obstacles.n_issues ? &visitor->obstacles : NULL;
}

static int op_alive(void *ctx, struct transport_error *err)
{
	const struct visitor *visitor = ctx;

	return visitor->receiver->companion->alive(visitor->receiver->companion->ctx, err);
}

static int op_token(void *ctx, const uint8_t challenge[TRANSPORT_CHALLENGE_SIZE],
		    struct transport_buffer *token, struct transport_error *err)
{
	struct visitor *visitor = ctx;

	return transport_control_token(visitor->vm.control, id_of(visitor), challenge, token, err);
}

static int op_commit(void *ctx, bool *refused, struct transport_error *err)
{
	struct visitor *visitor = ctx;
	const struct companion_destination *companion = visitor->receiver->companion;
	const bool held = visitor->receiver->stay_paused || visitor->session.offer.held;
	int ret = companion ? companion->arrived(companion->ctx, err) : 0;

	*refused = ret;
	if (ret)
		return ret;
	ret = transport_control_commit(visitor->vm.control, id_of(visitor), held, err);
	visitor->result->visit.held = held;
	*refused = ret && visitor_is_refusal(ret);
	return reserve_explain(visitor->receiver, &visitor->vm, ret, err);
}

static int write_state(struct visitor *visitor, enum transport_session_state state,
		       struct transport_error *err)
{
	struct failure failure;

	visitor->session.state = state;
	/* Of a dry run nothing is on record. */
	if (visitor->session.offer.dry_run)
		return 0;
	return ledger_settle(visitor->receiver->ledger, &visitor->session, &failure)
		       ? mover_error(err, &failure)
		       : 0;
}

/* What the session came to, the companion has to come to. */
static void follow(const struct visitor *visitor, enum transport_session_state state)
{
	const struct companion_destination *companion = visitor->receiver->companion;

	if (companion && state == TRANSPORT_SESSION_ABORTED)
		companion->discard(companion->ctx);
	else if (companion && state == TRANSPORT_SESSION_COMMITTED && !visitor->result->visit.held)
		companion->run(companion->ctx);
}

static int op_withdraw(void *ctx, struct transport_error *err)
{
	struct visitor *visitor = ctx;
	int ret = write_state(visitor, TRANSPORT_SESSION_ABORTED, err);

	/* A connection of its own: the session's thread may be using the other. */
	if (!ret) {
		OWNED_CONTROL struct transport_control *control = NULL;

		/* A VMM that is gone holds nothing that could run. */
		if (transport_control_open(visitor->session.control,
					   visitor->receiver->mover->timeout_ms, &control,
					   NULL) == 0)
			transport_control_abort(control, id_of(visitor), NULL);
		follow(visitor, TRANSPORT_SESSION_ABORTED);
	}
	return ret;
}

static int op_outcome(void *ctx, enum transport_session_state state, struct transport_error *err)
{
	struct visitor *visitor = ctx;
	struct failure failure;
	int ret = 0;

	if (state == TRANSPORT_SESSION_COMMITTED) {
		follow(visitor, state);
		return write_state(visitor, state, err);
	}
	if (state != TRANSPORT_SESSION_ABORTED && !visitor->session.offer.dry_run) {
		/* Only the VMM knows now; ask it once more. */
		visitor->session.state = TRANSPORT_SESSION_PENDING;
		ret = receive_settle_one(visitor->receiver, &visitor->session, &failure);
		follow(visitor, visitor->session.state);
	}
	return ret ? mover_error(err, &failure) : 0;
}

static enum transport_outcome outcome_of(enum transport_session_state state)
{
	if (state == TRANSPORT_SESSION_COMMITTED)
		return TRANSPORT_OUTCOME_COMMITTED;
	return state == TRANSPORT_SESSION_ABORTED ? TRANSPORT_OUTCOME_ABORTED
						  : TRANSPORT_OUTCOME_UNKNOWN;
}

/*
 * Somebody asks about a session that another thread has in hand. What still waits for COMMIT is given up
 * (D8); what is being committed is waited for. Return: does the ledger have the answer now?
 */
static bool stop_live(struct receiver *receiver, const struct transport_id *id)
{
	struct visitor *visitor;
	bool over;

	pthread_mutex_lock(&receiver->lock);
	visitor = find_visitor(receiver, id);
	if (visitor && transport_session_move(visitor->progress, TRANSPORT_EVENT_RESOLVE) == 0)
		transport_session_move(visitor->progress, op_withdraw(visitor, NULL)
								  ? TRANSPORT_EVENT_STUCK
								  : TRANSPORT_EVENT_WITHDRAW);
	over = !visitor || transport_session_state(visitor->progress) == TRANSPORT_SESSION_ABORTED;
	pthread_mutex_unlock(&receiver->lock);
	return over;
}

static int op_resolve(void *ctx, const struct transport_id *id, const struct transport_peer *peer,
		      enum transport_outcome *outcome, struct transport_error *err)
{
	const struct visitor *visitor = ctx;
	struct receiver *receiver = visitor->receiver;
	struct ledger_session session;
	struct failure failure;
	int ret;

	begin(visitor);
	for (int waited = 0; !stop_live(receiver, id) && waited < OTHERS_WAIT_MS; waited += 5)
		nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
	ret = ledger_find(receiver->ledger, id, &session, &failure);
	if (ret && ret != -ENOENT)
		return mover_error(err, &failure);
	/* Of what it never saw, or saw from another peer, this host can say nothing. */
	if (ret || session.role != TRANSPORT_DESTINATION ||
	    memcmp(session.peer_key, peer->key_id, sizeof(session.peer_key)) != 0) {
		*outcome = TRANSPORT_OUTCOME_UNKNOWN;
		return 0;
	}
	if (!settle_is_over(&session) && !receive_is_live(receiver, id) &&
	    receive_settle_one(receiver, &session, &failure))
		session.state = TRANSPORT_SESSION_IN_DOUBT;
	*outcome = outcome_of(session.state);
	return 0;
}

static const struct transport_destination_ops destination_ops = {
	.record = op_record,
	.base = visitor_base,
	.stage = visitor_stage,
	.obstacles = op_obstacles,
	.token = op_token,
	.commit = op_commit,
	.withdraw = op_withdraw,
	.outcome = op_outcome,
	.resolve = op_resolve,
	.fault = visitor_fault,
};

/* One session, or one question. Return: may another follow over this stream? */
static bool receive_one(struct receiver *receiver, struct transport_stream *stream,
			const struct receive_desk *desk, struct visit_result *result)
{
	struct transport_progress progress = { .role = TRANSPORT_DESTINATION };
	struct visitor visitor = { .receiver = receiver,
				   .mover = desk->mover,
				   .stream = stream,
				   .result = result,
				   .workspace = sdeistate_workspace_new() };
	struct transport_destination_ops ops = destination_ops;
	struct watch_end end;

	ops.max_state = receiver->max_state;
	ops.dry_run = receiver->dry_run;
	watch_open(&visitor.watch, receiver->tool, &receiver->watch, TRANSPORT_DESTINATION,
		   receiver->mover->timeout_ms);
	watch_stream(&visitor.watch, stream);
	if (receiver->companion)
		ops.alive = op_alive;
	result->ret = transport_session_receive(stream, &desk->mover->signer,
						&desk->mover->deadlines, &ops, &visitor, &progress,
						&result->visit, &result->error);
	delist(&visitor);
	result->state = transport_session_state(&progress);
	result->peers_error = progress.peers_error;
	if (result->state == TRANSPORT_SESSION_PENDING)
		result->state = visitor.session.state;
	end = (struct watch_end){ result->state, result->ret ? result->error.reason : "ok",
				  &result->visit.times };
	watch_close(&visitor.watch, &end);
	transport_stream_observe(stream, NULL, NULL);
	sdeistate_workspace_free(visitor.workspace);
	latency_release(visitor.latency_fd);
	reserve_end(receiver, &visitor.vm, result->state);
	return progress.warm;
}

/* Who was served and has nothing more to ask goes, or is sent away, without a word. */
static bool is_farewell(const struct visit_result *result)
{
	return !result->begun &&
	       (result->ret == -ENODATA || result->ret == -ECONNRESET || result->ret == -EPROTO ||
		result->ret == -ETIMEDOUT || result->ret == -ECANCELED);
}

void receive_all(struct receiver *receiver, struct transport_stream *stream,
		 const struct receive_desk *desk, struct visit_result *result)
{
	bool more, first = true;

	result->ret = transport_stream_greet(stream, receiver->mover->timeout_ms, &result->error);
	more = !result->ret;
	if (!more)
		desk->tell(desk->ctx, result);
	while (more) {
		result->begun = false;
		transport_stream_cancel_by(stream, desk->cancel_fd);
		if (!desk->is_open(desk->ctx))
			break;
		result->visit = (struct transport_visit){ .resolve = false };
		more = receive_one(receiver, stream, desk, result);
		if (first || !is_farewell(result))
			desk->tell(desk->ctx, result);
		if (result->visit.times.blob_size > LARGE_STATE)
			memory_return();
		first = false;
	}
	transport_stream_close(stream);
	memory_return();
}
