// SPDX-License-Identifier: Apache-2.0
#include "session_destination.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "session_beat.h"

#define OTHERS_WAIT_MS 10000 /* for a thread that answers a RESOLVE to settle this session */

static int expect(struct destination *dest, enum session_message type, int timeout_ms,
		  struct session_in *in, struct transport_error *err)
{
	return session_link_expect(&dest->link, type, timeout_ms, in, err);
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
	offer->dry_run = transport_fields_u32(fields, S_TAG_DRY_RUN, 0) != 0;
	offer->vm.n_vcpus = transport_fields_u32(fields, S_TAG_VCPUS, 0);
	transport_fields_text(fields, S_TAG_TYPE, offer->vm.type, sizeof(offer->vm.type));
	transport_fields_text(fields, S_TAG_PROFILE, offer->vm.profile, sizeof(offer->vm.profile));
	transport_fields_text(fields, S_TAG_KERNEL, offer->vm.kernel, sizeof(offer->vm.kernel));
	dest->visit->offer = *offer;
}

/* Who only tries things out says what it finds before a VM stops for it. */
static int agree_on_dry_run(struct destination *dest, struct transport_error *err)
{
	struct transport_offer *offer = &dest->link.offer;

	dest->only_tries = dest->ops->dry_run && !offer->dry_run;
	if (dest->only_tries && !session_link_both(&dest->link, TRANSPORT_FEATURE_BASE))
		return destination_only_tries(err);
	offer->dry_run |= dest->ops->dry_run;
	dest->visit->offer = *offer;
	return 0;
}

/* PREFLIGHT or RESOLVE: the first message that says what the peer wants, signed either way. */
static int take_purpose(struct destination *dest, struct transport_error *err)
{
	struct session_in in;
	int ret = session_beat_read(&dest->link, false, dest->link.wait.message_ms, &in, err);

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
			ret = destination_move(dest, TRANSPORT_EVENT_GREET, err);
		if (!ret)
			ret = agree_on_dry_run(dest, err);
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
	int ret = destination_fault(dest, TRANSPORT_STEP_RECV_HELLO, err);

	if (!ret)
		ret = session_link_welcome(&dest->link, err);
	return ret ? ret : take_purpose(dest, err);
}

static int record(struct destination *dest, struct transport_error *err)
{
	int ret = destination_fault(dest, TRANSPORT_STEP_RECV_RESERVE, err);

	if (!ret)
		ret = dest->ops->record(dest->ctx, &dest->link.offer, &dest->link.peer,
					dest->progress, err);
	if (!ret)
		dest->recorded = true;
	if (!ret)
		ret = destination_move(dest, TRANSPORT_EVENT_RECORD, err);
	if (!ret)
		ret = destination_fault(dest, TRANSPORT_STEP_RECV_READY, err);
	return ret ? ret : destination_ready(dest, NULL, 0, err);
}

static int prepare(struct destination *dest, const uint8_t digest[TRANSPORT_DIGEST_SIZE],
		   struct transport_error *err)
{
	struct transport_buffer body = { .max = SESSION_SMALL_BODY };
	int ret = destination_fault(dest, TRANSPORT_STEP_RECV_PREPARED, err);

	if (!ret && transport_wire_put(&body, S_TAG_DIGEST, digest, TRANSPORT_DIGEST_SIZE))
		ret = transport_error_fill(err, -ENOMEM, "no-memory", "session", "PREPARED", "|");
	if (!ret)
		ret = destination_move(dest, TRANSPORT_EVENT_PREPARE, err);
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
	int ret = destination_fault(dest, TRANSPORT_STEP_RECV_TOKEN, err);

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
		ret = destination_move(dest, TRANSPORT_EVENT_ATTEST, err);
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

	if (!session_link_both(&dest->link, TRANSPORT_FEATURE_TOKEN) ||
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
	int ret = destination_fault(dest, TRANSPORT_STEP_RECV_WAIT_COMMIT, err);

	if (!ret)
		ret = expect_commit(dest, &in, err);
	if (!ret && dest->link.offer.dry_run)
		ret = transport_error_fill(err, -EBADMSG, "protocol", "session message COMMIT",
					   "order", "none in a dry run|one");
	if (!ret && !transport_stream_is_authenticated(dest->link.stream))
		ret = session_link_verify(&dest->link, PURPOSE_COMMIT, &in, err);
	session_in_release(&in);
	return ret ? ret : destination_move(dest, TRANSPORT_EVENT_COMMIT, err);
}

static int commit(struct destination *dest, struct transport_error *err)
{
	bool refused = true;
	int ret = destination_fault(dest, TRANSPORT_STEP_RECV_COMMIT, err);

	if (!ret)
		ret = dest->ops->commit(dest->ctx, &refused, err);
	if (ret && refused)
		dest->mine = !transport_session_move(dest->progress, TRANSPORT_EVENT_REFUSE);
	return ret ? ret : destination_move(dest, TRANSPORT_EVENT_DONE, err);
}

/* The VM runs; whether the source hears of it now or by RESOLVE changes nothing. */
static void tell_done(struct destination *dest)
{
	struct transport_buffer body = { .max = SESSION_SMALL_BODY };

	if (destination_fault(dest, TRANSPORT_STEP_RECV_DONE, NULL) == 0 &&
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
		ret = destination_stage(dest, digest, err);
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

/*
 * Another thread took the session away to answer a RESOLVE; it also sees it to its end. What this one met is
 * only what came of that.
 */
static void wait_for_others(struct destination *dest, struct transport_error *why)
{
	const int64_t deadline = clock_now_ms() + OTHERS_WAIT_MS;

	while (is_moving(dest->progress) && clock_left_ms(deadline))
		nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
	if (transport_session_state(dest->progress) != TRANSPORT_SESSION_ABORTED)
		return;
	transport_error_fill(why, -ECANCELED, "cancelled", "session", "outcome",
			     "a hand-over that goes on|the source has asked how it ended");
	session_link_abort(&dest->link, why, NULL);
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

static void fail(struct destination *dest, struct transport_error *why)
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
	wrote = destination_fault(dest, TRANSPORT_STEP_RECV_OUTCOME, ret ? NULL : err);
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
			     (ops->alive ? TRANSPORT_FEATURE_HEARTBEAT : 0) |
			     TRANSPORT_FEATURE_DELTA | TRANSPORT_FEATURE_BEAT |
			     TRANSPORT_FEATURE_DRY_RUN;
	dest.link.alive = ops->alive;
	dest.link.alive_ctx = ctx;
	progress->link = &dest.link;
	if (ops->max_state > TRANSPORT_SESSION_MAX_BLOB)
		dest.link.limit = ops->max_state;
	if (!ret)
		ret = greet(&dest, &why);
	if (!ret && !visit->resolve)
		ret = take_over(&dest, &why);
	if (ret && !visit->resolve) {
		fail(&dest, &why);
		ret = why.code;
	}
	progress->peers_error = ret && dest.link.peer_gave_up;
	progress->warm = session_link_is_warm(&dest.link);
	progress->link = NULL;
	ret = finish(&dest, ret, &why);
	if (ret && err)
		*err = why;
	return ret;
}
