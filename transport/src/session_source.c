// SPDX-License-Identifier: Apache-2.0
#include "session_source.h"

#include <errno.h>
#include <string.h>

#include "session_beat.h"

/* How long a failing source waits for the peer's ABORTED. */
#define ABORTED_WAIT_MS 2000

static int put_offer(struct source *source, struct transport_buffer *body)
{
	const struct transport_offer *offer = &source->link.offer;
	int ret = transport_wire_put_id(body, S_TAG_SNAPSHOT, &offer->snapshot);

	ret |= transport_wire_put_u64(body, S_TAG_GENERATION, offer->vm.generation);
	ret |= transport_wire_put_text(body, S_TAG_TYPE, offer->vm.type);
	ret |= transport_wire_put_text(body, S_TAG_PROFILE, offer->vm.profile);
	ret |= transport_wire_put_text(body, S_TAG_KERNEL, offer->vm.kernel);
	ret |= transport_wire_put_u32(body, S_TAG_VCPUS, offer->vm.n_vcpus);
	ret |= transport_wire_put_u32(body, S_TAG_HELD, offer->held);
	if (offer->dry_run)
		ret |= transport_wire_put_u32(body, S_TAG_DRY_RUN, 1);
	return ret ? -ENOMEM : 0;
}

static int send_preflight(struct source *source, struct transport_error *err)
{
	struct transport_buffer body = { .max = SESSION_SMALL_BODY };
	int ret = put_offer(source, &body);

	if (ret)
		transport_error_fill(err, ret, "no-memory", "session", "PREFLIGHT", "|");
	else
		ret = session_link_sign(&source->link, PURPOSE_PREFLIGHT, &body, err);
	if (!ret)
		ret = session_link_send(&source->link, MESSAGE_PREFLIGHT, &body, err);
	transport_buffer_free(&body);
	return ret;
}

static int greet(struct source *source, struct transport_error *err)
{
	struct session_in in = { .body.len = 0 };
	int ret = source_fault(source, TRANSPORT_STEP_SEND_HELLO, err);

	if (!ret)
		ret = session_link_greet(&source->link, err);
	if (!ret && source->link.offer.dry_run &&
	    !session_link_both(&source->link, TRANSPORT_FEATURE_DRY_RUN))
		ret = transport_error_fill(err, -EOPNOTSUPP, "incompatible", "peer", "dry run",
					   "a mover that knows it|an older one");
	if (!ret)
		ret = source_move(source, TRANSPORT_EVENT_GREET, err);
	if (!ret)
		ret = source_fault(source, TRANSPORT_STEP_SEND_PREFLIGHT, err);
	if (!ret)
		ret = send_preflight(source, err);
	if (!ret)
		ret = source_expect(source, MESSAGE_READY, source->link.wait.message_ms, &in, err);
	session_in_release(&in);
	return ret;
}

static int record(struct source *source, struct transport_error *err)
{
	int ret = source_fault(source, TRANSPORT_STEP_SEND_RECORD, err);

	source->recorded = !ret;
	if (!ret)
		ret = source->ops->record(source->ctx, &source->link.peer, err);
	return ret ? ret : source_move(source, TRANSPORT_EVENT_RECORD, err);
}

/* The peer wakes up before the VM stops, not after. */
static int announce_stop(struct source *source, struct transport_error *err)
{
	const struct transport_buffer nothing = { .max = 0 };
	int ret = source_fault(source, TRANSPORT_STEP_SEND_STOP, err);

	if (ret || !session_link_both(&source->link, TRANSPORT_FEATURE_DELTA))
		return ret;
	return session_link_send(&source->link, MESSAGE_STOP, &nothing, err);
}

static int wait_stop(struct source *source, struct transport_error *err)
{
	int ret = source_fault(source, TRANSPORT_STEP_SEND_WAIT_STOP, err);

	return ret ? ret
		   : session_beat_until(&source->link, source->ops, source->ctx,
					TRANSPORT_WAIT_STOP, err);
}

static int wait_arrival(struct source *source, struct transport_error *err)
{
	int ret = source_fault(source, TRANSPORT_STEP_SEND_WAIT_ARRIVAL, err);

	return ret ? ret
		   : session_beat_until(&source->link, source->ops, source->ctx,
					TRANSPORT_WAIT_ARRIVAL, err);
}

static int pause_vm(struct source *source, struct transport_error *err)
{
	int ret = announce_stop(source, err);

	if (!ret)
		ret = source_fault(source, TRANSPORT_STEP_SEND_PAUSE, err);
	source->pause_began = source_now_us();
	if (!ret)
		ret = source->ops->pause(source->ctx, source_since(source), err);
	source->times->pause = source_now_us() - source->pause_began;
	return ret ? ret : source_move(source, TRANSPORT_EVENT_PAUSE, err);
}

static int send_state(struct source *source, const struct transport_buffer *blob,
		      struct transport_error *err)
{
	int ret = source_fault(source, TRANSPORT_STEP_SEND_BLOB, err);

	if (ret)
		return ret;
	return source->times->delta
		       ? session_link_send_blob(&source->link, MESSAGE_DELTA, blob, err)
		       : session_link_send_state(&source->link, blob, err);
}

/* A dry run has what it needs: the VM goes on while the peer tries what was captured. */
static int let_run_on(struct source *source, struct transport_error *err)
{
	int ret;

	if (!source->link.offer.dry_run)
		return 0;
	ret = source->ops->resume(source->ctx, err);
	source->times->blackout = source_now_us() - source->pause_began;
	source->runs_on = !ret;
	return ret;
}

static int capture(struct source *source, struct transport_error *err)
{
	struct transport_buffer blob = { .max = TRANSPORT_SESSION_MAX_BLOB };
	struct transport_sealed sealed = { .delta = false };
	uint64_t began = source_now_us();
	int ret = source_fault(source, TRANSPORT_STEP_SEND_CAPTURE, err);

	if (!ret)
		ret = source->ops->capture(source->ctx, &source->link.peer, source_since(source),
					   &blob, &sealed, err);
	memcpy(source->digest, sealed.digest, sizeof(source->digest));
	source->times->capture = source_now_us() - began;
	source->times->blob_size = blob.len;
	source->times->delta = sealed.delta;
	if (!ret)
		ret = source_move(source, TRANSPORT_EVENT_CAPTURE, err);
	if (!ret)
		ret = let_run_on(source, err);
	began = source_now_us();
	if (!ret)
		ret = send_state(source, &blob, err);
	source->times->blob = source_now_us() - began;
	transport_buffer_free(&blob);
	return ret;
}

/* docs/protocol.md, 6: what came in pieces takes longer to open and to build. */
static int prepared_ms(const struct source *source)
{
	const uint64_t blob = source->times->blob_size;
	const uint64_t more = blob > source->link.max_blob ? (blob >> 25) * 1000 : 0;

	return source->link.wait.prepared_ms + (int)more;
}

/* No longer than the VM may stand still, either. Return: ms, at least 1 */
static int within_blackout(const struct source *source, int wait_ms)
{
	const uint64_t gone = (source_now_us() - source->pause_began) / 1000u;
	const int max = source->link.wait.max_blackout_ms;

	if (!max || source->link.wait.ignore_blackout || source->runs_on)
		return wait_ms;
	if (gone >= (uint64_t)max)
		return 1;
	return max - (int)gone < wait_ms ? max - (int)gone + 1 : wait_ms;
}

static int check_blackout(const struct source *source, struct transport_error *err)
{
	return source->runs_on ? 0
			       : source_check_blackout(source, "time",
						       source_now_us() - source->pause_began, err);
}

/* D10: what the destination captured again must be what was captured here. */
static int wait_prepared(struct source *source, struct transport_error *err)
{
	struct session_in in = { .body.len = 0 };
	const int wait_ms = prepared_ms(source);
	int ret = source_fault(source, TRANSPORT_STEP_SEND_WAIT_PREPARED, err);

	if (wait_ms != source->link.wait.prepared_ms)
		source->link.silent_ms = wait_ms;
	if (!ret)
		ret = source_expect(source, MESSAGE_PREPARED, within_blackout(source, wait_ms), &in,
				    err);
	source->link.silent_ms = source->link.wait.message_ms;
	if (ret == -ETIMEDOUT && check_blackout(source, err))
		ret = -ETIME;
	if (!ret && memcmp(transport_fields_find(&in.fields, S_TAG_DIGEST)->data, source->digest,
			   sizeof(source->digest)) != 0)
		ret = transport_error_fill(err, -ESTALE, "differs", "PREPARED", "digest",
					   "that of the captured state|another");
	session_in_release(&in);
	return ret ? ret : source_move(source, TRANSPORT_EVENT_PREPARE, err);
}

static int send_challenge(struct source *source, const uint8_t *challenge,
			  struct transport_error *err)
{
	struct transport_buffer body = { .max = SESSION_SMALL_BODY };
	int ret = source_fault(source, TRANSPORT_STEP_SEND_CHALLENGE, err);

	if (!ret && transport_wire_put(&body, S_TAG_CHALLENGE, challenge, TRANSPORT_CHALLENGE_SIZE))
		ret = transport_error_fill(err, -ENOMEM, "no-memory", "session", "CHALLENGE", "|");
	if (!ret)
		ret = session_link_send(&source->link, MESSAGE_CHALLENGE, &body, err);
	transport_buffer_free(&body);
	return ret;
}

/* What the destination has to show: a token, or why there is none. */
static int take_token(struct source *source, struct session_in *in, struct transport_error *err)
{
	const struct transport_field *field;
	struct transport_buffer token = { .max = 0 };
	struct transport_error why = { .code = 0 };
	int ret = source_fault(source, TRANSPORT_STEP_SEND_WAIT_TOKEN, err);

	if (!ret)
		ret = source_expect(source, MESSAGE_TOKEN, source->link.wait.prepared_ms, in, err);
	if (ret)
		return ret;
	field = transport_fields_find(&in->fields, S_TAG_TOKEN);
	if (field) {
		token.data = (uint8_t *)(uintptr_t)field->data;
		token.len = field->len;
	} else {
		session_link_read_error(in, &why);
	}
	return source->ops->token(source->ctx, &token, &why, err);
}

/* docs/protocol.md, 3.7: before anything is given away, the staged realm shows what it is. */
static int attest(struct source *source, struct transport_error *err)
{
	const struct transport_buffer none = { .max = 0 };
	uint8_t challenge[TRANSPORT_CHALLENGE_SIZE];
	struct session_in in = { .body.len = 0 };
	struct transport_error why;
	bool wanted = false;
	int ret = source->ops->challenge
			  ? source->ops->challenge(source->ctx, &wanted, challenge, err)
			  : 0;

	if (ret || !wanted)
		return ret;
	if (source->link.peers_features & TRANSPORT_FEATURE_TOKEN) {
		ret = send_challenge(source, challenge, err);
		if (!ret)
			ret = take_token(source, &in, err);
	} else {
		transport_error_fill(&why, -EOPNOTSUPP, "port-lacks", "peer", "CHALLENGE",
				     "a mover that knows it|an older one");
		ret = source->ops->token(source->ctx, &none, &why, err);
	}
	session_in_release(&in);
	return ret ? ret : source_move(source, TRANSPORT_EVENT_ATTEST, err);
}

static int relinquish(struct source *source, struct transport_error *err)
{
	bool refused = false;
	int ret = source_fault(source, TRANSPORT_STEP_SEND_RELINQUISH, err);

	/* For the last time: from here on, going on is the shortest way to a VM that runs. */
	if (!ret)
		ret = check_blackout(source, err);
	if (!ret)
		ret = source_move(source, TRANSPORT_EVENT_ASK_RELINQUISH, err);
	if (ret)
		return ret;
	ret = source->ops->relinquish(source->ctx, &refused, err);
	if (ret && refused)
		transport_session_move(source->progress, TRANSPORT_EVENT_REFUSE);
	return ret ? ret : source_move(source, TRANSPORT_EVENT_RELINQUISH, err);
}

static int commit(struct source *source, struct transport_error *err)
{
	struct transport_buffer body = { .max = SESSION_SMALL_BODY };
	int ret = source_fault(source, TRANSPORT_STEP_SEND_COMMIT, err);

	if (!ret && !transport_stream_is_authenticated(source->link.stream))
		ret = session_link_sign(&source->link, PURPOSE_COMMIT, &body, err);
	/* From here on it may have left, whatever send says. */
	if (!ret)
		ret = source_move(source, TRANSPORT_EVENT_COMMIT, err);
	if (!ret)
		ret = session_link_send(&source->link, MESSAGE_COMMIT, &body, err);
	source->times->blackout = source_now_us() - source->pause_began;
	transport_buffer_free(&body);
	return ret;
}

static int wait_done(struct source *source, struct transport_error *err)
{
	struct session_in in = { .body.len = 0 };
	int ret = source_fault(source, TRANSPORT_STEP_SEND_WAIT_DONE, err);

	if (!ret)
		ret = source_expect(source, MESSAGE_DONE, source->link.wait.done_ms, &in, err);
	if (!ret)
		ret = session_link_read_outcome(&source->link, TRANSPORT_OUTCOME_COMMITTED, &in,
						&source->link.proof, err);
	if (!ret) {
		source->progress->held = transport_fields_u32(&in.fields, S_TAG_HELD, 0) != 0;
		ret = source_fault(source, TRANSPORT_STEP_SEND_DONE, err);
	}
	session_in_release(&in);
	return ret ? ret : source_move(source, TRANSPORT_EVENT_DONE, err);
}

/* COMMIT has not left: ask the peer to give up and to sign it, so that the VM may come back. */
static void ask_abort(struct source *source, const struct transport_error *why)
{
	struct session_in in = { .body.len = 0 };

	session_link_abort(&source->link, why, NULL);
	if (!source->link.peer_aborted)
		source_expect(source, MESSAGE_OUTCOME, ABORTED_WAIT_MS, &in, NULL);
	session_in_release(&in);
}

/* Everything would have gone well, and that was all it was for. */
static int end_dry_run(struct source *source, struct transport_error *err)
{
	struct transport_error why;

	transport_error_fill(&why, -ECANCELED, "cancelled", "session", "dry run", "|");
	ask_abort(source, &why);
	return source_move(source,
			   source->link.peer_aborted ? TRANSPORT_EVENT_PEER_ABORTED
						     : TRANSPORT_EVENT_FAIL,
			   err);
}

/* docs/protocol.md, "Order". */
static int hand_over(struct source *source, struct transport_error *err)
{
	static const struct {
		int (*run)(struct source *source, struct transport_error *err);
		size_t time;
	} phase[] = {
#define TIME(member) offsetof(struct transport_session_times, member)
		{ greet, TIME(hello) },
		{ record, TIME(record) },
		{ source_rehearse, TIME(base) },
		{ wait_stop, TIME(wait) },
		{ pause_vm, 0 },
		{ capture, 0 },
		{ wait_prepared, TIME(prepared) },
		{ attest, TIME(attest) },
		{ wait_arrival, TIME(arrival) },
		{ relinquish, TIME(relinquish) },
		{ commit, 0 },
		{ wait_done, TIME(done) },
#undef TIME
	};

	int ret = 0;

	for (size_t i = 0; i < sizeof(phase) / sizeof(phase[0]); i++) {
		const uint64_t began = source_now_us();

		if (phase[i].run == relinquish && source->link.offer.dry_run)
			return end_dry_run(source, err);
		ret = phase[i].run(source, err);
		if (phase[i].time || phase[i].run == greet)
			*(uint64_t *)((char *)source->times + phase[i].time) =
				source_now_us() - began;
		if (ret)
			return ret;
	}
	return 0;
}

static int come_back(struct source *source, enum transport_session_state was, int why,
		     struct transport_error *err)
{
	struct transport_error failed;
	int ret = 0;

	if (was == TRANSPORT_SESSION_RELINQUISHED || was == TRANSPORT_SESSION_COMMITTING)
		ret = source->ops->reclaim(source->ctx, &source->link.proof, &failed);
	else if (was >= TRANSPORT_SESSION_PAUSED && !source->runs_on)
		ret = source->ops->resume(source->ctx, &failed);
	/* Why the VM does not run is more urgent than why it was not moved. */
	if (ret && err)
		*err = failed;
	return ret ? ret : why;
}

static int fail(struct source *source, int why, struct transport_error *err)
{
	const enum transport_session_state was = transport_session_state(source->progress);
	enum transport_session_state now;
	struct transport_error said = err ? *err : (struct transport_error){ .code = why };
	int ret;

	if (was == TRANSPORT_SESSION_RELINQUISHED && !source->link.peer_aborted)
		ask_abort(source, &said);
	if (was != TRANSPORT_SESSION_ABORTED)
		transport_session_move(source->progress, source->link.peer_aborted
								 ? TRANSPORT_EVENT_PEER_ABORTED
								 : TRANSPORT_EVENT_FAIL);
	now = transport_session_state(source->progress);
	if (now == TRANSPORT_SESSION_ABORTED) {
		ret = come_back(source, was, why, err);
		/* The VM first; the peer can do nothing without COMMIT. */
		if (was < TRANSPORT_SESSION_RELINQUISHING && !source->link.peer_aborted)
			session_link_abort(&source->link, &said, NULL);
		return ret;
	}
	return transport_error_fill(err, -EINPROGRESS, "in-doubt", "session", "outcome",
				    "the peer's answer|%s %s: %s", said.reason, said.field,
				    said.actual);
}

static int finish(struct source *source, int ret, struct transport_error *err)
{
	const enum transport_session_state state = transport_session_state(source->progress);
	struct transport_error failed;
	int wrote = source_fault(source, TRANSPORT_STEP_SEND_OUTCOME, &failed);

	if (!wrote && source->recorded)
		wrote = source->ops->outcome(source->ctx, state, &source->link.proof, &failed);
	if (wrote && !ret) {
		if (err)
			*err = failed;
		ret = wrote;
	}
	return ret;
}

int transport_session_send(struct transport_stream *stream, const struct transport_offer *offer,
			   const struct transport_signer *signer,
			   const struct transport_deadlines *deadlines,
			   const struct transport_source_ops *ops, void *ctx,
			   struct transport_progress *progress,
			   struct transport_session_times *times, struct transport_error *err)
{
	struct source source = { .ops = ops, .ctx = ctx, .progress = progress, .times = times };
	struct transport_error why = { .code = 0 };
	int ret;

	*times = (struct transport_session_times){ .hello = 0 };
	ret = session_link_init(&source.link, TRANSPORT_SOURCE, stream, signer, deadlines, &why);
	source.link.offer = *offer;
	source.link.obstacles = progress->obstacles;
	source.link.features = (ops->base ? TRANSPORT_FEATURE_BASE : 0) |
			       (ops->challenge ? TRANSPORT_FEATURE_TOKEN : 0) |
			       (ops->wait ? TRANSPORT_FEATURE_HEARTBEAT : 0) |
			       TRANSPORT_FEATURE_DELTA | TRANSPORT_FEATURE_BEAT |
			       TRANSPORT_FEATURE_DRY_RUN;
	progress->link = &source.link;
	if (!ret)
		ret = hand_over(&source, &why);
	if (ret)
		ret = fail(&source, ret, &why);
	progress->peers_error = ret && source.link.peer_gave_up;
	progress->warm = session_link_is_warm(&source.link);
	progress->link = NULL;
	ret = finish(&source, ret, &why);
	if (ret && err)
		*err = why;
	return ret;
}
