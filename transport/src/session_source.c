// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>
#include <time.h>

#include "session_beat.h"

/* How long a failing source waits for the peer's ABORTED once it has given the VM away. */
#define ABORTED_WAIT_MS 2000

struct source {
	struct session_link link;
	const struct transport_source_ops *ops;
	void *ctx;
	struct transport_progress *progress;
	struct transport_session_times *times;
	uint8_t digest[TRANSPORT_DIGEST_SIZE];
	uint64_t pause_began;
	bool recorded; /* or perhaps: outcome() is due */
};

static uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000u + (uint64_t)ts.tv_nsec / 1000u;
}

static int fault(struct source *source, enum transport_step step, struct transport_error *err)
{
	return source->ops->fault ? source->ops->fault(source->ctx, step, err) : 0;
}

static int move(struct source *source, enum transport_session_event event,
		struct transport_error *err)
{
	if (transport_session_move(source->progress, event) == 0)
		return 0;
	return transport_error_fill(err, -EPERM, "internal", "session", "state", "%s allowed|%s",
				    transport_session_event_name(event),
				    transport_session_state_name(
					    transport_session_state(source->progress)));
}

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

static int expect(struct source *source, enum session_message type, int timeout_ms,
		  struct session_in *in, struct transport_error *err)
{
	return session_link_expect(&source->link, type, timeout_ms, in, err);
}

static int greet(struct source *source, struct transport_error *err)
{
	struct session_in in = { .body.len = 0 };
	int ret = fault(source, TRANSPORT_STEP_SEND_HELLO, err);

	if (!ret)
		ret = session_link_greet(&source->link, err);
	if (!ret)
		ret = move(source, TRANSPORT_EVENT_GREET, err);
	if (!ret)
		ret = fault(source, TRANSPORT_STEP_SEND_PREFLIGHT, err);
	if (!ret)
		ret = send_preflight(source, err);
	if (!ret)
		ret = expect(source, MESSAGE_READY, source->link.wait.message_ms, &in, err);
	session_in_release(&in);
	return ret;
}

static int record(struct source *source, struct transport_error *err)
{
	int ret = fault(source, TRANSPORT_STEP_SEND_RECORD, err);

	source->recorded = !ret;
	if (!ret)
		ret = source->ops->record(source->ctx, &source->link.peer, err);
	return ret ? ret : move(source, TRANSPORT_EVENT_RECORD, err);
}

static int wait_stop(struct source *source, struct transport_error *err)
{
	int ret = fault(source, TRANSPORT_STEP_SEND_WAIT_STOP, err);

	return ret ? ret
		   : session_beat_until(&source->link, source->ops, source->ctx,
					TRANSPORT_WAIT_STOP, err);
}

static int wait_arrival(struct source *source, struct transport_error *err)
{
	int ret = fault(source, TRANSPORT_STEP_SEND_WAIT_ARRIVAL, err);

	return ret ? ret
		   : session_beat_until(&source->link, source->ops, source->ctx,
					TRANSPORT_WAIT_ARRIVAL, err);
}

static int pause_vm(struct source *source, struct transport_error *err)
{
	int ret = fault(source, TRANSPORT_STEP_SEND_PAUSE, err);

	source->pause_began = now_us();
	if (!ret)
		ret = source->ops->pause(source->ctx, err);
	return ret ? ret : move(source, TRANSPORT_EVENT_PAUSE, err);
}

/*
 * docs/protocol.md, "Order": the whole way once with the VM still running, so that nothing in the blackout is
 * done for the first time, and what would fail there fails here.
 */
static int try_out(struct source *source, struct transport_error *err)
{
	struct transport_buffer blob = { .max = TRANSPORT_SESSION_MAX_BLOB };
	struct session_in in = { .body.len = 0 };
	int ret = fault(source, TRANSPORT_STEP_SEND_BASE, err);

	if (ret || !source->ops->base || !(source->link.peers_features & TRANSPORT_FEATURE_BASE))
		return ret;
	ret = source->ops->base(source->ctx, &source->link.peer, &blob, err);
	if (!ret && blob.len) {
		ret = session_link_send_blob(&source->link, MESSAGE_BASE, &blob, err);
		if (!ret)
			ret = expect(source, MESSAGE_READY, source->link.wait.prepared_ms, &in,
				     err);
		/* Once more for its own sake: the peer's trial may have had our caches meanwhile. */
		blob.len = 0;
		if (!ret)
			ret = source->ops->base(source->ctx, &source->link.peer, &blob, err);
	}
	session_in_release(&in);
	transport_buffer_free(&blob);
	return ret;
}

static int capture(struct source *source, struct transport_error *err)
{
	struct transport_buffer blob = { .max = TRANSPORT_SESSION_MAX_BLOB };
	uint64_t began = now_us();
	int ret = fault(source, TRANSPORT_STEP_SEND_CAPTURE, err);

	if (!ret)
		ret = source->ops->capture(source->ctx, &source->link.peer, &blob, source->digest,
					   err);
	source->times->capture = now_us() - began;
	source->times->blob_size = blob.len;
	if (!ret)
		ret = move(source, TRANSPORT_EVENT_CAPTURE, err);
	if (!ret)
		ret = fault(source, TRANSPORT_STEP_SEND_BLOB, err);
	began = now_us();
	if (!ret)
		ret = session_link_send_state(&source->link, &blob, err);
	source->times->blob = now_us() - began;
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

/* D10: what the destination captured again must be what was captured here. */
static int wait_prepared(struct source *source, struct transport_error *err)
{
	struct session_in in = { .body.len = 0 };
	int ret = fault(source, TRANSPORT_STEP_SEND_WAIT_PREPARED, err);

	if (!ret)
		ret = expect(source, MESSAGE_PREPARED, prepared_ms(source), &in, err);
	if (!ret && memcmp(transport_fields_find(&in.fields, S_TAG_DIGEST)->data, source->digest,
			   sizeof(source->digest)) != 0)
		ret = transport_error_fill(err, -ESTALE, "differs", "PREPARED", "digest",
					   "that of the captured state|another");
	session_in_release(&in);
	return ret ? ret : move(source, TRANSPORT_EVENT_PREPARE, err);
}

static int send_challenge(struct source *source, const uint8_t *challenge,
			  struct transport_error *err)
{
	struct transport_buffer body = { .max = SESSION_SMALL_BODY };
	int ret = fault(source, TRANSPORT_STEP_SEND_CHALLENGE, err);

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
	int ret = fault(source, TRANSPORT_STEP_SEND_WAIT_TOKEN, err);

	if (!ret)
		ret = expect(source, MESSAGE_TOKEN, source->link.wait.prepared_ms, in, err);
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
	return ret ? ret : move(source, TRANSPORT_EVENT_ATTEST, err);
}

static int relinquish(struct source *source, struct transport_error *err)
{
	bool refused = false;
	int ret = fault(source, TRANSPORT_STEP_SEND_RELINQUISH, err);

	if (!ret)
		ret = move(source, TRANSPORT_EVENT_ASK_RELINQUISH, err);
	if (ret)
		return ret;
	ret = source->ops->relinquish(source->ctx, &refused, err);
	if (ret && refused)
		transport_session_move(source->progress, TRANSPORT_EVENT_REFUSE);
	return ret ? ret : move(source, TRANSPORT_EVENT_RELINQUISH, err);
}

static int commit(struct source *source, struct transport_error *err)
{
	struct transport_buffer body = { .max = SESSION_SMALL_BODY };
	int ret = fault(source, TRANSPORT_STEP_SEND_COMMIT, err);

	if (!ret && !transport_stream_is_authenticated(source->link.stream))
		ret = session_link_sign(&source->link, PURPOSE_COMMIT, &body, err);
	/* From here on it may have left, whatever send says. */
	if (!ret)
		ret = move(source, TRANSPORT_EVENT_COMMIT, err);
	if (!ret)
		ret = session_link_send(&source->link, MESSAGE_COMMIT, &body, err);
	source->times->blackout = now_us() - source->pause_began;
	transport_buffer_free(&body);
	return ret;
}

static int wait_done(struct source *source, struct transport_error *err)
{
	struct session_in in = { .body.len = 0 };
	int ret = fault(source, TRANSPORT_STEP_SEND_WAIT_DONE, err);

	if (!ret)
		ret = expect(source, MESSAGE_DONE, source->link.wait.done_ms, &in, err);
	if (!ret)
		ret = session_link_read_outcome(&source->link, TRANSPORT_OUTCOME_COMMITTED, &in,
						&source->link.proof, err);
	if (!ret) {
		source->progress->held = transport_fields_u32(&in.fields, S_TAG_HELD, 0) != 0;
		ret = fault(source, TRANSPORT_STEP_SEND_DONE, err);
	}
	session_in_release(&in);
	return ret ? ret : move(source, TRANSPORT_EVENT_DONE, err);
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
		{ try_out, TIME(base) },
		{ wait_stop, TIME(wait) },
		{ pause_vm, TIME(pause) },
		{ capture, 0 },
		{ wait_prepared, TIME(prepared) },
		{ attest, TIME(attest) },
		{ wait_arrival, TIME(arrival) },
		{ relinquish, TIME(relinquish) },
		{ commit, 0 },
		{ wait_done, TIME(done) },
#undef TIME
	};

	for (size_t i = 0; i < sizeof(phase) / sizeof(phase[0]); i++) {
		const uint64_t began = now_us();
		const int ret = phase[i].run(source, err);

		if (phase[i].run != capture && phase[i].run != commit)
			*(uint64_t *)((char *)source->times + phase[i].time) = now_us() - began;
		if (ret)
			return ret;
	}
	return 0;
}

/* COMMIT has not left: ask the peer to give up and to sign it, so that the VM may come back. */
static void ask_abort(struct source *source, const struct transport_error *why)
{
	struct session_in in = { .body.len = 0 };

	session_link_abort(&source->link, why, NULL);
	if (!source->link.peer_aborted)
		expect(source, MESSAGE_OUTCOME, ABORTED_WAIT_MS, &in, NULL);
	session_in_release(&in);
}

static int come_back(struct source *source, enum transport_session_state was, int why,
		     struct transport_error *err)
{
	struct transport_error failed;
	int ret = 0;

	if (was == TRANSPORT_SESSION_RELINQUISHED || was == TRANSPORT_SESSION_COMMITTING)
		ret = source->ops->reclaim(source->ctx, &source->link.proof, &failed);
	else if (was >= TRANSPORT_SESSION_PAUSED)
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

	if (was == TRANSPORT_SESSION_RELINQUISHED && !source->link.peer_aborted)
		ask_abort(source, &said);
	else if (was < TRANSPORT_SESSION_RELINQUISHING && !source->link.peer_aborted)
		session_link_abort(&source->link, &said, NULL);
	if (was != TRANSPORT_SESSION_ABORTED)
		transport_session_move(source->progress, source->link.peer_aborted
								 ? TRANSPORT_EVENT_PEER_ABORTED
								 : TRANSPORT_EVENT_FAIL);
	now = transport_session_state(source->progress);
	if (now == TRANSPORT_SESSION_ABORTED)
		return come_back(source, was, why, err);
	return transport_error_fill(err, -EINPROGRESS, "in-doubt", "session", "outcome",
				    "the peer's answer|%s %s: %s", said.reason, said.field,
				    said.actual);
}

static int finish(struct source *source, int ret, struct transport_error *err)
{
	const enum transport_session_state state = transport_session_state(source->progress);
	struct transport_error failed;
	int wrote = fault(source, TRANSPORT_STEP_SEND_OUTCOME, &failed);

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
			       (ops->wait ? TRANSPORT_FEATURE_HEARTBEAT : 0);
	if (!ret)
		ret = hand_over(&source, &why);
	if (ret)
		ret = fail(&source, ret, &why);
	progress->peers_error = ret && source.link.peer_gave_up;
	progress->warm = session_link_is_warm(&source.link);
	ret = finish(&source, ret, &why);
	if (ret && err)
		*err = why;
	return ret;
}

int transport_session_resolve(struct transport_stream *stream, const struct transport_offer *offer,
			      const struct transport_signer *signer,
			      const struct transport_deadlines *deadlines,
			      enum transport_outcome *outcome, struct transport_proof *proof,
			      struct transport_error *err)
{
	struct transport_buffer body = { .max = SESSION_SMALL_BODY };
	struct session_in in = { .body.len = 0 };
	enum transport_outcome found = TRANSPORT_OUTCOME_UNKNOWN;
	struct session_link link;
	int ret = session_link_init(&link, TRANSPORT_SOURCE, stream, signer, deadlines, err);

	link.offer = *offer;
	if (!ret)
		ret = session_link_greet(&link, err);
	if (!ret)
		ret = session_link_sign(&link, PURPOSE_RESOLVE, &body, err);
	if (!ret)
		ret = session_link_send(&link, MESSAGE_RESOLVE, &body, err);
	if (!ret)
		ret = session_link_expect(&link, MESSAGE_OUTCOME, link.wait.done_ms, &in, err);
	if (!ret) {
		found = (enum transport_outcome)transport_fields_u32(&in.fields, S_TAG_OUTCOME, 0);
		if (!transport_outcome_name(found))
			ret = transport_error_fill(err, -EBADMSG, "protocol", "OUTCOME", "outcome",
						   "0 to 2|%u", (unsigned int)found);
	}
	if (!ret)
		ret = session_link_read_outcome(&link, found, &in, proof, err);
	if (!ret)
		*outcome = found;
	session_in_release(&in);
	transport_buffer_free(&body);
	return ret;
}
