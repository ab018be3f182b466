// SPDX-License-Identifier: Apache-2.0
/* The source's way up to the stop: docs/protocol.md, 3.6, 3.11 and 3.12. */
#include "session_source.h"

#include <errno.h>
#include <string.h>
#include <time.h>

/* When no further BASE is sent: it is this small, or not smaller by a quarter, or these are enough. */
#define SMALL      4096u /* bytes, sealed */
#define MAX_ROUNDS 6u

struct round {
	struct transport_sealed sealed;
	size_t size;
	uint64_t us; /* what of it the blackout will have, too */
};

uint64_t source_now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000u + (uint64_t)ts.tv_nsec / 1000u;
}

int source_fault(struct source *source, enum transport_step step, struct transport_error *err)
{
	return source->ops->fault ? source->ops->fault(source->ctx, step, err) : 0;
}

int source_move(struct source *source, enum transport_session_event event,
		struct transport_error *err)
{
	if (transport_session_move(source->progress, event) == 0)
		return 0;
	return transport_error_fill(err, -EPERM, "internal", "session", "state", "%s allowed|%s",
				    transport_session_event_name(event),
				    transport_session_state_name(
					    transport_session_state(source->progress)));
}

int source_expect(struct source *source, enum session_message type, int timeout_ms,
		  struct session_in *in, struct transport_error *err)
{
	return session_link_expect(&source->link, type, timeout_ms, in, err);
}

const uint8_t *source_since(const struct source *source)
{
	return source->has_since ? source->since : NULL;
}

int source_check_blackout(const struct source *source, const char *what, uint64_t us,
			  struct transport_error *err)
{
	const int max_ms = source->link.wait.max_blackout_ms;

	if (!max_ms || source->link.wait.ignore_blackout || us <= (uint64_t)max_ms * 1000u)
		return 0;
	return transport_error_fill(err, -ETIME, "over-limit", "blackout", what,
				    "at most %d ms|%llu.%03llu ms", max_ms,
				    (unsigned long long)us / 1000, (unsigned long long)us % 1000);
}

static int make(struct source *source, struct transport_buffer *blob,
		struct transport_sealed *sealed, struct transport_error *err)
{
	return source->ops->base(source->ctx, &source->link.peer, source_since(source), blob,
				 sealed, err);
}

/* Where there are no deltas: there and back once. */
static int try_out(struct source *source, struct transport_error *err)
{
	struct transport_buffer blob = { .max = TRANSPORT_SESSION_MAX_BLOB };
	struct session_in in = { .body.len = 0 };
	struct transport_sealed sealed;
	int ret = make(source, &blob, &sealed, err);

	if (!ret && blob.len) {
		ret = session_link_send_blob(&source->link, MESSAGE_BASE, &blob, err);
		if (!ret)
			ret = source_expect(source, MESSAGE_READY, source->link.wait.prepared_ms,
					    &in, err);
		source->times->rounds = 1;
		/* Once more for its own sake: the peer's trial may have had our caches meanwhile. */
		blob.len = 0;
		if (!ret)
			ret = make(source, &blob, &sealed, err);
	}
	session_in_release(&in);
	transport_buffer_free(&blob);
	return ret;
}

/* What the peer has made of it: what it keeps, how long it took there, and so how long everything took. */
static void take_ready(struct source *source, const struct session_in *in, uint64_t waited_us,
		       struct round *round)
{
	const struct transport_field *kept = transport_fields_find(&in->fields, S_TAG_KEPT);
	const uint64_t spent = transport_fields_u64(&in->fields, S_TAG_SPENT, 0);

	round->us += transport_fields_u64(&in->fields, S_TAG_TOOK, 0) +
		     (waited_us > spent ? waited_us - spent : 0);
	source->has_since =
		kept && memcmp(kept->data, round->sealed.digest, sizeof(round->sealed.digest)) == 0;
	memcpy(source->since, round->sealed.digest, sizeof(source->since));
}

static int there_and_back(struct source *source, const struct transport_buffer *blob,
			  struct round *round, struct transport_error *err)
{
	const uint64_t began = source_now_us();
	struct session_in in = { .body.len = 0 };
	int ret = session_link_send_blob(&source->link, MESSAGE_BASE, blob, err);

	if (!ret)
		ret = source_expect(source, MESSAGE_READY, source->link.wait.prepared_ms, &in, err);
	if (!ret) {
		take_ready(source, &in, source_now_us() - began, round);
		source->times->rounds++;
	}
	session_in_release(&in);
	return ret;
}

static int play(struct source *source, struct round *round, struct transport_error *err)
{
	struct transport_buffer blob = { .max = TRANSPORT_SESSION_MAX_BLOB };
	const uint64_t began = source_now_us();
	int ret = make(source, &blob, &round->sealed, err);

	round->us = source_now_us() - began;
	round->size = blob.len;
	if (!ret && blob.len)
		ret = there_and_back(source, &blob, round, err);
	transport_buffer_free(&blob);
	return ret;
}

static bool is_settled(const struct round *now, const struct round *before)
{
	return now->size <= SMALL || now->size > before->size - before->size / 4;
}

/* Whole once, then what has changed since, until that does not get less. */
static int play_rounds(struct source *source, struct transport_error *err)
{
	struct round before, now = { .size = 0 };
	int ret = play(source, &now, err);

	if (now.size == 0)
		source->has_since = false;
	for (unsigned int n = 1; !ret && source->has_since && n < MAX_ROUNDS; n++) {
		before = now;
		ret = source_fault(source, TRANSPORT_STEP_SEND_REHEARSE, err);
		if (!ret)
			ret = play(source, &now, err);
		/* A VM that changes as much as it has is sent whole. */
		if (!ret && !now.sealed.delta)
			source->has_since = false;
		if (!ret && is_settled(&now, &before))
			break;
	}
	source->times->estimate = now.us;
	return ret;
}

/* A realm cannot be exported while it runs: what its pages are is told once. */
static bool tells_deltas(const struct source *source)
{
	return session_link_both(&source->link, TRANSPORT_FEATURE_DELTA) &&
	       strcmp(source->link.offer.vm.type, "realm") != 0;
}

int source_rehearse(struct source *source, struct transport_error *err)
{
	int ret = source_fault(source, TRANSPORT_STEP_SEND_BASE, err);

	if (ret || !session_link_both(&source->link, TRANSPORT_FEATURE_BASE))
		return ret;
	ret = tells_deltas(source) ? play_rounds(source, err) : try_out(source, err);
	if (!ret && source->times->estimate)
		ret = source_check_blackout(source, "estimate", source->times->estimate, err);
	return ret;
}
