// SPDX-License-Identifier: Apache-2.0
/* What a recv makes of a base and of the state that comes to stay. */
#include "visitor.h"

#include "realm_bulk.h"

#include <errno.h>
#include <string.h>
#include <time.h>

static const struct transport_id *id_of(const struct visitor *visitor)
{
	return &visitor->session.offer.session;
}

bool visitor_is_refusal(int code)
{
	return code != -ETIMEDOUT && code != -ECONNRESET && code != -EBADMSG && code != -ENOMEM;
}

static uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000u + (uint64_t)ts.tv_nsec / 1000u;
}

/*
 * D11: a base is tried out, so that STAGE finds its way trodden, and kept, so that it gets only what changed since.
 * What the VMM makes of it does not matter, except what it would refuse later, too. One that keeps nothing checks.
 */
static int rehearse(struct visitor *visitor, const struct transport_state *records,
		    struct transport_rehearsal *done, struct transport_error *err)
{
	struct transport_issues *issues = &visitor->obstacles;
	int ret = transport_control_rehearse(visitor->vm.control, id_of(visitor), records, issues,
					     done, err);

	if (ret == -EOPNOTSUPP)
		ret = transport_control_check(visitor->vm.control, records, issues, err);
	if (ret)
		return visitor_is_refusal(ret) ? 0 : ret;
	if (issues->n_issues && err)
		*err = issues->issue[0];
	return issues->n_issues ? issues->issue[0].code : 0;
}

int visitor_base(void *ctx, const struct transport_buffer *blob,
		 const uint8_t nonce[TRANSPORT_NONCE_SIZE], struct transport_rehearsal *done,
		 struct transport_error *err)
{
	struct visitor *visitor = ctx;
	const struct mover_expected expected = { .nonce = nonce, .workspace = visitor->workspace };
	const uint64_t began = now_us();
	struct sdeistate_opened *opened = NULL;
	struct transport_state records;
	uint64_t opened_us;
	int ret = mover_open_seal(visitor->mover, &visitor->session.offer, &expected, blob, &opened,
				  err);

	if (ret)
		return ret;
	opened_us = now_us() - began;
	records = (struct transport_state){ opened->stream.data, opened->stream.len };
	if (done) {
		ret = rehearse(visitor, &records, done, err);
		done->took_us += opened_us;
	}
	sdeistate_opened_free(opened);
	return reserve_explain(visitor->receiver, &visitor->vm, ret, err);
}

/* STAGE names the first of them; the rest, if that is what it failed for and nothing was SET. */
static void list_obstacles(struct visitor *visitor, const struct transport_state *records,
			   const struct transport_error *why)
{
	struct transport_issues *all = &visitor->obstacles;

	if (transport_control_check(visitor->vm.control, records, all, NULL) ||
	    all->n_issues == 0 || strcmp(all->issue[0].reason, why->reason) != 0 ||
	    strcmp(all->issue[0].object, why->object) != 0 ||
	    strcmp(all->issue[0].field, why->field) != 0)
		all->n_issues = 0;
}

static int stage(struct visitor *visitor, const struct transport_stage *stage,
		 uint8_t digest[TRANSPORT_DIGEST_SIZE], struct transport_error *err)
{
	bool prepared = false;
	int ret = transport_control_stage_prepared(visitor->vm.control, stage, digest, &prepared,
						   err);

	if (!ret && !prepared)
		ret = transport_error_fill(err, -EAGAIN, "temporary", "VM", "prepared",
					   "everything loaded|not yet");
	return ret;
}

int visitor_stage(void *ctx, const struct transport_buffer *blob,
		  const uint8_t nonce[TRANSPORT_NONCE_SIZE], const uint8_t *since,
		  uint8_t digest[TRANSPORT_DIGEST_SIZE], struct transport_error *err)
{
	struct visitor *visitor = ctx;
	const struct mover_expected expected = {
		.nonce = nonce, .since = since, .workspace = visitor->workspace, .final = true
	};
	const struct transport_offer *offer = &visitor->session.offer;
	struct sdeistate_opened *opened = NULL;
	struct transport_stage request = { .session = offer->session,
					   .generation = visitor->generation };
	int ret = mover_open_seal(visitor->mover, offer, &expected, blob, &opened, err);

	if (ret)
		return ret;
	request.records = (struct transport_state){ opened->stream.data, opened->stream.len };
	ret = visitor_fault(visitor, TRANSPORT_STEP_RECV_STAGE, err);
	if (!ret)
		ret = realm_bulk_give(opened, visitor->vm.control, id_of(visitor),
				      visitor->receiver->realm_contents, err);
	if (!ret)
		ret = stage(visitor, &request, digest, err);
	/* PREPARED is said of all that comes. */
	if (!ret && visitor->receiver->companion)
		ret = visitor->receiver->companion->alive(visitor->receiver->companion->ctx, err);
	if (ret && visitor_is_refusal(ret) && err && !since)
		list_obstacles(visitor, &request.records, err);
	sdeistate_opened_free(opened);
	return reserve_explain(visitor->receiver, &visitor->vm, ret, err);
}
