// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "session_link.h"
#include "session_spool.h"

#define OTHERS_WAIT_MS 10000 /* for a thread that answers a RESOLVE to settle this session */

struct destination {
	struct session_link link;
	const struct transport_destination_ops *ops;
	void *ctx;
	struct transport_progress *progress;
	struct transport_visit *visit;
	bool recorded; /* outcome() is due */
	bool mine;     /* ABORTING, and by this thread */
};

static int fault(struct destination *dest, enum transport_step step, struct transport_error *err)
{
	return dest->ops->fault ? dest->ops->fault(dest->ctx, step, err) : 0;
}

static int move(struct destination *dest, enum transport_session_event event,
		struct transport_error *err)
{
	if (transport_session_move(dest->progress, event) == 0)
		return 0;
	return transport_error_fill(err, -ECANCELED, "cancelled", "session", "state",
				    "%s allowed|%s", transport_session_event_name(event),
				    transport_session_state_name(
					    transport_session_state(dest->progress)));
}

static int expect(struct destination *dest, enum session_message type, int timeout_ms,
		  struct session_in *in, struct transport_error *err)
{
	return session_link_expect(&dest->link, type, timeout_ms, in, err);
}

static int send_empty(struct destination *dest, enum session_message type,
		      struct transport_error *err)
{
	const struct transport_buffer nothing = { .max = 0 };

	return session_link_send(&dest->link, type, &nothing, err);
}

/* D8: a question, from whoever the session's peer was. */
static int answer_resolve(struct destination *dest, const struct session_in *in,
			  struct transport_error *err)
{
	struct transport_buffer body = { .max = SESSION_SMALL_BODY };
	enum transport_outcome outcome = TRANSPORT_OUTCOME_UNKNOWN;
	int ret = session_link_verify(&dest->link, PURPOSE_RESOLVE, in, err);

	if (ret)
		return ret;
	ret = dest->ops->resolve(dest->ctx, &dest->link.offer.session, &dest->link.peer, &outcome,
				 err);
	if (!ret && transport_wire_put_u32(&body, S_TAG_OUTCOME, (uint32_t)outcome))
		ret = transport_error_fill(err, -ENOMEM, "no-memory", "session", "OUTCOME", "|");
	if (!ret)
		ret = session_link_outcome(&dest->link, outcome, &body, err);
	if (!ret)
		ret = session_link_send(&dest->link, MESSAGE_OUTCOME, &body, err);
	transport_buffer_free(&body);
	dest->visit->resolve = true;
	dest->visit->answered = outcome;
	return ret;
}

static void take_offer(struct destination *dest, const struct transport_fields *fields)
{
	struct transport_offer *offer = &dest->link.offer;

	offer->snapshot = transport_fields_id(fields, S_TAG_SNAPSHOT);
	offer->vm.generation = transport_fields_u64(fields, S_TAG_GENERATION, 0);
	offer->held = transport_fields_u32(fields, S_TAG_HELD, 0) != 0;
	offer->vm.n_vcpus = transport_fields_u32(fields, S_TAG_VCPUS, 0);
	transport_fields_text(fields, S_TAG_TYPE, offer->vm.type, sizeof(offer->vm.type));
	transport_fields_text(fields, S_TAG_PROFILE, offer->vm.profile, sizeof(offer->vm.profile));
	transport_fields_text(fields, S_TAG_KERNEL, offer->vm.kernel, sizeof(offer->vm.kernel));
	dest->visit->offer = *offer;
}

/* PREFLIGHT or RESOLVE: the first message that says what the peer wants, signed either way. */
static int take_purpose(struct destination *dest, struct transport_error *err)
{
	struct session_in in;
	int ret = session_read(dest->link.stream, dest->link.received, dest->link.max_blob,
			       dest->link.wait.message_ms, &in, err);

	if (ret)
		return ret;
	dest->visit->offer = dest->link.offer;
	if (in.type == MESSAGE_RESOLVE) {
		ret = answer_resolve(dest, &in, err);
	} else if (in.type == MESSAGE_PREFLIGHT) {
		take_offer(dest, &in.fields);
		ret = session_link_verify(&dest->link, PURPOSE_PREFLIGHT, &in, err);
		dest->link.known = !ret;
		if (!ret)
			ret = move(dest, TRANSPORT_EVENT_GREET, err);
	} else {
		ret = transport_error_fill(err, -EBADMSG, "protocol",
					   session_message_name((uint16_t)in.type), "order",
					   "PREFLIGHT or RESOLVE|this message");
	}
	session_in_release(&in);
	return ret;
}

static int greet(struct destination *dest, struct transport_error *err)
{
	int ret = fault(dest, TRANSPORT_STEP_RECV_HELLO, err);

	if (!ret)
		ret = session_link_welcome(&dest->link, err);
	return ret ? ret : take_purpose(dest, err);
}

static int record(struct destination *dest, struct transport_error *err)
{
	int ret = fault(dest, TRANSPORT_STEP_RECV_RESERVE, err);

	if (!ret)
		ret = dest->ops->record(dest->ctx, &dest->link.offer, &dest->link.peer,
					dest->progress, err);
	if (!ret)
		dest->recorded = true;
	if (!ret)
		ret = move(dest, TRANSPORT_EVENT_RECORD, err);
	if (!ret)
		ret = fault(dest, TRANSPORT_STEP_RECV_READY, err);
	return ret ? ret : send_empty(dest, MESSAGE_READY, err);
}

/* The sealed state of a BASE or BLOB, borrowed. */
static struct transport_buffer blob_of(const struct session_in *in)
{
	const struct transport_field *field = transport_fields_find(&in->fields, S_TAG_BLOB);

	return (struct transport_buffer){ .data = (uint8_t *)(uintptr_t)field->data,
					  .len = field->len };
}

static int try_out(struct destination *dest, const struct session_in *in,
		   struct transport_error *err)
{
	const struct transport_buffer blob = blob_of(in);
	int ret = fault(dest, TRANSPORT_STEP_RECV_BASE, err);

	if (!ret)
		ret = dest->ops->base(dest->ctx, &blob, dest->link.nonce, false, err);
	if (!ret)
		ret = send_empty(dest, MESSAGE_READY, err);
	/* While the source stops its VM: what BLOB will need first stays warm. */
	if (!ret)
		dest->ops->base(dest->ctx, &blob, dest->link.nonce, true, NULL);
	return ret;
}

/* Many pages are read, held against their digests and sealed before the first piece comes: docs/protocol.md, 6. */
#define LARGE_WAITS 4

/* BLOB; before it BULK, where a realm comes and so much is taken; before both BASE, where it may come. */
static int expect_state(struct destination *dest, bool base, struct session_in *in,
			struct transport_error *err)
{
	enum session_message type[3] = { MESSAGE_BLOB };
	const bool large = dest->link.limit > TRANSPORT_SESSION_MAX_BLOB &&
			   strcmp(dest->link.offer.vm.type, "realm") == 0;
	const int wait = dest->link.wait.commit_ms;
	size_t n = 1;

	if (large)
		type[n++] = MESSAGE_BULK;
	if (base)
		type[n++] = MESSAGE_BASE;
	return session_link_expect_any(&dest->link, type, n,
				       large && wait < INT32_MAX / LARGE_WAITS ? wait * LARGE_WAITS
									       : wait,
				       in, err);
}

static int take_piece(struct destination *dest, const struct session_in *in,
		      struct session_spool *spool, struct transport_error *err)
{
	const struct transport_buffer piece = blob_of(in);

	return session_spool_add(spool, dest->link.limit, piece.data, piece.len, err);
}

/* The whole sealed state: BLOB's, or behind that of each BULK. @whole is borrowed from @in or a mapping. */
static int wait_state(struct destination *dest, struct session_in *in, struct session_spool *spool,
		      struct transport_buffer *whole, struct transport_error *err)
{
	const bool base = dest->link.features & dest->link.peers_features & TRANSPORT_FEATURE_BASE;
	int ret = expect_state(dest, base, in, err);

	if (!ret && in->type == MESSAGE_BASE) {
		ret = try_out(dest, in, err);
		session_in_release(in);
		ret = ret ? ret : expect_state(dest, false, in, err);
	}
	while (!ret && in->type == MESSAGE_BULK) {
		ret = take_piece(dest, in, spool, err);
		session_in_release(in);
		ret = ret ? ret : expect_state(dest, false, in, err);
	}
	if (ret)
		return ret;
	if (spool->size == 0) {
		*whole = blob_of(in);
		return 0;
	}
	ret = take_piece(dest, in, spool, err);
	return ret ? ret : session_spool_map(spool, whole, err);
}

static int stage(struct destination *dest, uint8_t digest[TRANSPORT_DIGEST_SIZE],
		 struct transport_error *err)
{
	struct session_spool spool = SESSION_SPOOL_EMPTY;
	struct session_in in = { .body.len = 0 };
	struct transport_buffer blob = { .max = 0 };
	int ret = fault(dest, TRANSPORT_STEP_RECV_WAIT_BLOB, err);

	if (!ret)
		ret = wait_state(dest, &in, &spool, &blob, err);
	if (!ret)
		ret = fault(dest, TRANSPORT_STEP_RECV_OPEN, err);
	if (!ret) {
		dest->visit->times.blob_size = blob.len;
		ret = dest->ops->stage(dest->ctx, &blob, dest->link.nonce, digest, err);
	}
	if (blob.mapped)
		transport_buffer_free(&blob);
	session_spool_close(&spool);
	session_in_release(&in);
	return ret ? ret : move(dest, TRANSPORT_EVENT_STAGE, err);
}

static int prepare(struct destination *dest, const uint8_t digest[TRANSPORT_DIGEST_SIZE],
		   struct transport_error *err)
{
	struct transport_buffer body = { .max = SESSION_SMALL_BODY };
	int ret = fault(dest, TRANSPORT_STEP_RECV_PREPARED, err);

	if (!ret && transport_wire_put(&body, S_TAG_DIGEST, digest, TRANSPORT_DIGEST_SIZE))
		ret = transport_error_fill(err, -ENOMEM, "no-memory", "session", "PREPARED", "|");
	if (!ret)
		ret = move(dest, TRANSPORT_EVENT_PREPARE, err);
	if (!ret)
		ret = session_link_send(&dest->link, MESSAGE_PREPARED, &body, err);
	transport_buffer_free(&body);
	return ret;
}

/* The VMM's answer, or why it has none: the source decides what that means. */
static int answer_challenge(struct destination *dest, const struct session_in *in,
			    struct transport_error *err)
{
	struct transport_buffer token = { .max = TRANSPORT_MAX_TOKEN };
	struct transport_buffer body = { .max = SESSION_SMALL_BODY };
	struct transport_error why = { .code = 0 };
	int ret = fault(dest, TRANSPORT_STEP_RECV_TOKEN, err);

	if (ret)
		return ret;
	if (dest->ops->token(dest->ctx, transport_fields_find(&in->fields, S_TAG_CHALLENGE)->data,
			     &token, &why))
		ret = session_link_put_error(&body, &why);
	else
		ret = transport_wire_put(&body, S_TAG_TOKEN, token.data, token.len);
	if (ret)
		transport_error_fill(err, ret, "no-memory", "session", "TOKEN", "|");
	else
		ret = move(dest, TRANSPORT_EVENT_ATTEST, err);
	if (!ret)
		ret = session_link_send(&dest->link, MESSAGE_TOKEN, &body, err);
	transport_buffer_free(&token);
	transport_buffer_free(&body);
	return ret;
}

/* COMMIT, or where a realm moves first the CHALLENGE. */
static int expect_commit(struct destination *dest, struct session_in *in,
			 struct transport_error *err)
{
	const int wait = dest->link.wait.commit_ms;
	int ret;

	if (!(dest->link.features & dest->link.peers_features & TRANSPORT_FEATURE_TOKEN) ||
	    strcmp(dest->link.offer.vm.type, "realm") != 0)
		return expect(dest, MESSAGE_COMMIT, wait, in, err);
	ret = session_link_expect_either(&dest->link, MESSAGE_CHALLENGE, MESSAGE_COMMIT, wait, in,
					 err);
	if (ret || in->type == MESSAGE_COMMIT)
		return ret;
	ret = answer_challenge(dest, in, err);
	session_in_release(in);
	return ret ? ret : expect(dest, MESSAGE_COMMIT, wait, in, err);
}

/* COMMIT is the source's word; without TLS or a known user behind it, only its signature counts. */
static int wait_commit(struct destination *dest, struct transport_error *err)
{
	struct session_in in = { .body.len = 0 };
	int ret = fault(dest, TRANSPORT_STEP_RECV_WAIT_COMMIT, err);

	if (!ret)
		ret = expect_commit(dest, &in, err);
	if (!ret && !transport_stream_is_authenticated(dest->link.stream))
		ret = session_link_verify(&dest->link, PURPOSE_COMMIT, &in, err);
	session_in_release(&in);
	return ret ? ret : move(dest, TRANSPORT_EVENT_COMMIT, err);
}

static int commit(struct destination *dest, struct transport_error *err)
{
	bool refused = true;
	int ret = fault(dest, TRANSPORT_STEP_RECV_COMMIT, err);

	if (!ret)
		ret = dest->ops->commit(dest->ctx, &refused, err);
	if (ret && refused)
		dest->mine = !transport_session_move(dest->progress, TRANSPORT_EVENT_REFUSE);
	return ret ? ret : move(dest, TRANSPORT_EVENT_DONE, err);
}

/* The VM runs; whether the source hears of it now or by RESOLVE changes nothing. */
static void tell_done(struct destination *dest)
{
	struct transport_buffer body = { .max = SESSION_SMALL_BODY };

	if (fault(dest, TRANSPORT_STEP_RECV_DONE, NULL) == 0 &&
	    transport_wire_put_u32(&body, S_TAG_HELD, dest->visit->held) == 0 &&
	    session_link_outcome(&dest->link, TRANSPORT_OUTCOME_COMMITTED, &body, NULL) == 0)
		session_link_send(&dest->link, MESSAGE_DONE, &body, NULL);
	transport_buffer_free(&body);
}

static int take_over(struct destination *dest, struct transport_error *err)
{
	uint8_t digest[TRANSPORT_DIGEST_SIZE];
	int ret = record(dest, err);

	if (!ret)
		ret = stage(dest, digest, err);
	if (!ret)
		ret = prepare(dest, digest, err);
	if (!ret)
		ret = wait_commit(dest, err);
	if (!ret)
		ret = commit(dest, err);
	if (!ret)
		tell_done(dest);
	return ret;
}

static bool is_moving(const struct transport_progress *progress)
{
	const enum transport_session_state state = transport_session_state(progress);

	return state == TRANSPORT_SESSION_ABORTING || state == TRANSPORT_SESSION_COMMITTING;
}

static const struct transport_issues *obstacles_of(const struct destination *dest)
{
	return dest->ops->obstacles ? dest->ops->obstacles(dest->ctx) : NULL;
}

/* Another thread took the session away to answer a RESOLVE; it also sees it to its end. */
static void wait_for_others(struct destination *dest, const struct transport_error *why)
{
	const int64_t deadline = clock_now_ms() + OTHERS_WAIT_MS;

	while (is_moving(dest->progress) && clock_left_ms(deadline))
		nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
	if (transport_session_state(dest->progress) == TRANSPORT_SESSION_ABORTED)
		session_link_abort(&dest->link, why, obstacles_of(dest));
}

/* D8: first durably, then the VMM, then the answer. */
static void withdraw(struct destination *dest, const struct transport_error *why)
{
	struct transport_error ignored;

	transport_session_move(dest->progress, dest->ops->withdraw(dest->ctx, &ignored)
						       ? TRANSPORT_EVENT_STUCK
						       : TRANSPORT_EVENT_WITHDRAW);
	if (transport_session_state(dest->progress) == TRANSPORT_SESSION_ABORTED)
		session_link_abort(&dest->link, why, obstacles_of(dest));
}

static void fail(struct destination *dest, const struct transport_error *why)
{
	if (!dest->mine && transport_session_move(dest->progress, TRANSPORT_EVENT_FAIL))
		wait_for_others(dest, why);
	else if (transport_session_state(dest->progress) == TRANSPORT_SESSION_ABORTING)
		withdraw(dest, why);
	else if (!dest->recorded)
		session_link_abort(&dest->link, why, obstacles_of(dest));
}

static int finish(struct destination *dest, int ret, struct transport_error *err)
{
	const enum transport_session_state state = transport_session_state(dest->progress);
	int wrote;

	if (!dest->recorded)
		return ret;
	wrote = fault(dest, TRANSPORT_STEP_RECV_OUTCOME, ret ? NULL : err);
	if (!wrote)
		wrote = dest->ops->outcome(dest->ctx, state, ret ? NULL : err);
	return ret ? ret : wrote;
}

int transport_session_receive(struct transport_stream *stream,
			      const struct transport_signer *signer,
			      const struct transport_deadlines *deadlines,
			      const struct transport_destination_ops *ops, void *ctx,
			      struct transport_progress *progress, struct transport_visit *visit,
			      struct transport_error *err)
{
	struct destination dest = { .ops = ops, .ctx = ctx, .progress = progress, .visit = visit };
	struct transport_error why = { .code = 0 };
	int ret;

	*visit = (struct transport_visit){ .resolve = false };
	ret = session_link_init(&dest.link, TRANSPORT_DESTINATION, stream, signer, deadlines, &why);
	dest.link.features = (ops->base ? TRANSPORT_FEATURE_BASE : 0) |
			     (ops->token ? TRANSPORT_FEATURE_TOKEN : 0) |
			     (ops->alive ? TRANSPORT_FEATURE_HEARTBEAT : 0);
	dest.link.alive = ops->alive;
	dest.link.alive_ctx = ctx;
	if (ops->max_state > TRANSPORT_SESSION_MAX_BLOB)
		dest.link.limit = ops->max_state;
	if (!ret)
		ret = greet(&dest, &why);
	if (!ret && !visit->resolve)
		ret = take_over(&dest, &why);
	if (ret && !visit->resolve)
		fail(&dest, &why);
	progress->peers_error = ret && dest.link.peer_gave_up;
	progress->warm = session_link_is_warm(&dest.link);
	ret = finish(&dest, ret, &why);
	if (ret && err)
		*err = why;
	return ret;
}
