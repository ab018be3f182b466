// SPDX-License-Identifier: Apache-2.0
/* What the destination makes of BASE, STOP, DELTA, BULK and BLOB: docs/protocol.md, 3.6 to 3.13. */
#include "session_destination.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "session_spool.h"

#define MAX_BASES 64u /* more than any source sends; each costs no more than the last */

int destination_fault(struct destination *dest, enum transport_step step,
		      struct transport_error *err)
{
	return dest->ops->fault ? dest->ops->fault(dest->ctx, step, err) : 0;
}

int destination_move(struct destination *dest, enum transport_session_event event,
		     struct transport_error *err)
{
	if (transport_session_move(dest->progress, event) == 0)
		return 0;
	return transport_error_fill(err, -ECANCELED, "cancelled", "session", "state",
				    "%s allowed|%s", transport_session_event_name(event),
				    transport_session_state_name(
					    transport_session_state(dest->progress)));
}

int destination_only_tries(struct transport_error *err)
{
	return transport_error_fill(
		err, -EPERM, "refused", "recv", "dry run",
		"one that takes VMs|nothing stands in the way, and none is taken");
}

int destination_ready(struct destination *dest, const struct transport_rehearsal *done,
		      uint64_t spent_us, struct transport_error *err)
{
	struct transport_buffer body = { .max = SESSION_SMALL_BODY };
	int ret = 0;

	if (done && session_link_both(&dest->link, TRANSPORT_FEATURE_DELTA)) {
		if (done->kept)
			ret |= transport_wire_put(&body, S_TAG_KEPT, done->base,
						  sizeof(done->base));
		ret |= transport_wire_put_u64(&body, S_TAG_TOOK, done->took_us);
		ret |= transport_wire_put_u64(&body, S_TAG_SPENT, spent_us);
	}
	ret = ret ? transport_error_fill(err, -ENOMEM, "no-memory", "session", "READY", "|")
		  : session_link_send(&dest->link, MESSAGE_READY, &body, err);
	transport_buffer_free(&body);
	return ret;
}

static uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000u + (uint64_t)ts.tv_nsec / 1000u;
}

/* The sealed state of a BASE, DELTA or BLOB, borrowed. */
static struct transport_buffer blob_of(const struct session_in *in)
{
	const struct transport_field *field = transport_fields_find(&in->fields, S_TAG_BLOB);

	return (struct transport_buffer){ .data = (uint8_t *)(uintptr_t)field->data,
					  .len = field->len };
}

static int try_out(struct destination *dest, const struct session_in *in, bool first,
		   struct transport_error *err)
{
	const uint64_t began = now_us();
	const struct transport_buffer blob = blob_of(in);
	int ret = destination_fault(dest,
				    first ? TRANSPORT_STEP_RECV_BASE : TRANSPORT_STEP_RECV_REHEARSE,
				    err);

	dest->rehearsal = (struct transport_rehearsal){ .kept = false };
	if (!ret)
		ret = dest->ops->base(dest->ctx, &blob, dest->link.nonce, &dest->rehearsal, err);
	if (!ret && dest->only_tries)
		ret = destination_only_tries(err);
	if (!ret)
		ret = destination_ready(dest, &dest->rehearsal, now_us() - began, err);
	/* While the source stops its VM: what its state will need first stays warm. */
	if (!ret)
		dest->ops->base(dest->ctx, &blob, dest->link.nonce, NULL, NULL);
	return ret;
}

/* Many pages are read, held against their digests and sealed before the first piece comes: docs/protocol.md, 6. */
#define LARGE_WAITS 4

static bool takes_pieces(const struct destination *dest)
{
	return dest->link.limit > TRANSPORT_SESSION_MAX_BLOB &&
	       strcmp(dest->link.offer.vm.type, "realm") == 0;
}

/* BLOB; before it BULK, where a realm comes and so much is taken. @more: what else may come */
static int expect_state(struct destination *dest, const enum session_message *more, size_t n_more,
			struct session_in *in, struct transport_error *err)
{
	enum session_message type[5] = { MESSAGE_BLOB };
	int ret, wait = dest->link.wait.commit_ms;
	size_t n = 1;

	if (takes_pieces(dest)) {
		type[n++] = MESSAGE_BULK;
		if (wait < INT32_MAX / LARGE_WAITS)
			wait *= LARGE_WAITS;
		dest->link.silent_ms = wait;
	}
	for (size_t i = 0; i < n_more; i++)
		type[n++] = more[i];
	ret = session_link_expect_any(&dest->link, type, n, wait, in, err);
	dest->link.silent_ms = dest->link.wait.message_ms;
	return ret;
}

/* Before STOP: as many BASEs as the source likes, within reason, or one of a source that knows no STOP. */
static int take_bases(struct destination *dest, struct session_in *in, struct transport_error *err)
{
	static const enum session_message either[] = { MESSAGE_BASE, MESSAGE_STOP };
	const bool base = session_link_both(&dest->link, TRANSPORT_FEATURE_BASE);
	const bool deltas = session_link_both(&dest->link, TRANSPORT_FEATURE_DELTA);
	const enum session_message *more = base ? either : &either[1];
	size_t n_more = (base ? 1u : 0u) + (deltas ? 1u : 0u);
	int ret = expect_state(dest, more, n_more, in, err);

	for (unsigned int n = 0; !ret && in->type == MESSAGE_BASE; n++) {
		ret = try_out(dest, in, n == 0, err);
		session_in_release(in);
		if (!ret && (!deltas || n == MAX_BASES))
			n_more = 0;
		ret = ret ? ret : expect_state(dest, more, n_more, in, err);
	}
	return ret;
}

/* The VM stands still there, or will in a moment. */
static int take_stop(struct destination *dest, struct session_in *in, struct transport_error *err)
{
	static const enum session_message delta = MESSAGE_DELTA;
	int ret = destination_fault(dest, TRANSPORT_STEP_RECV_STOP, err);

	session_in_release(in);
	return ret ? ret : expect_state(dest, &delta, dest->rehearsal.kept ? 1 : 0, in, err);
}

static int take_piece(struct destination *dest, const struct session_in *in,
		      struct session_spool *spool, struct transport_error *err)
{
	const struct transport_buffer piece = blob_of(in);

	return session_spool_add(spool, dest->link.limit, piece.data, piece.len, err);
}

/* The whole sealed state: BLOB's, or behind that of each BULK; or a delta. @whole is borrowed from @in or a mapping. */
static int wait_state(struct destination *dest, struct session_in *in, struct session_spool *spool,
		      struct transport_buffer *whole, struct transport_error *err)
{
	int ret = take_bases(dest, in, err);

	if (!ret && in->type == MESSAGE_STOP)
		ret = take_stop(dest, in, err);
	if (!ret && dest->only_tries)
		return destination_only_tries(err);
	while (!ret && in->type == MESSAGE_BULK) {
		ret = take_piece(dest, in, spool, err);
		session_in_release(in);
		ret = ret ? ret : expect_state(dest, NULL, 0, in, err);
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

int destination_stage(struct destination *dest, uint8_t digest[TRANSPORT_DIGEST_SIZE],
		      struct transport_error *err)
{
	struct session_spool spool = SESSION_SPOOL_EMPTY;
	struct session_in in = { .body.len = 0 };
	struct transport_buffer blob = { .max = 0 };
	int ret = destination_fault(dest, TRANSPORT_STEP_RECV_WAIT_BLOB, err);

	if (!ret)
		ret = wait_state(dest, &in, &spool, &blob, err);
	if (!ret)
		ret = destination_fault(dest, TRANSPORT_STEP_RECV_OPEN, err);
	if (!ret) {
		dest->visit->times.blob_size = blob.len;
		dest->visit->times.delta = in.type == MESSAGE_DELTA;
		ret = dest->ops->stage(dest->ctx, &blob, dest->link.nonce,
				       in.type == MESSAGE_DELTA ? dest->rehearsal.base : NULL,
				       digest, err);
	}
	if (blob.mapped)
		transport_buffer_free(&blob);
	session_spool_close(&spool);
	session_in_release(&in);
	return ret ? ret : destination_move(dest, TRANSPORT_EVENT_STAGE, err);
}
