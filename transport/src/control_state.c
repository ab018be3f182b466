// SPDX-License-Identifier: Apache-2.0
/* The mover's side of CAPTURE, CHECK and REHEARSE. */
#include <errno.h>
#include <string.h>

#include "call.h"

static int ask_capture(struct call *call, const struct transport_id *session,
		       enum transport_capture_kind kind, const struct transport_state *base,
		       const uint8_t *since, struct transport_error *err)
{
	int ret;

	call_open(call, TRANSPORT_VERB_CAPTURE);
	ret = transport_wire_put_id(&call->body, TAG_SESSION, session);
	if (!ret)
		ret = transport_wire_put_u32(&call->body, TAG_KIND, (uint32_t)kind);
	if (!ret && base)
		ret = verb_put_large(&call->body, TAG_BASE, base->data, base->len, &call->fds);
	if (!ret && since)
		ret = transport_wire_put(&call->body, TAG_SINCE, since, TRANSPORT_DIGEST_SIZE);
	return ret ? call_unsendable(call, ret, err) : 0;
}

static int pause_capture(struct transport_control *control, const struct transport_id *session,
			 const uint8_t *since, struct transport_error *err)
{
	OWNED_CALL struct call call, next;
	int ret;

	call_open(&call, TRANSPORT_VERB_PAUSE);
	ret = ask_capture(&next, session, TRANSPORT_CAPTURE_FINAL, NULL, since, err);
	if (ret)
		return ret;
	ret = transport_wire_put_id(&call.body, TAG_SESSION, session);
	return ret ? call_unsendable(&call, ret, err) : call_make_two(control, &call, &next, err);
}

int transport_control_pause_capture(struct transport_control *control,
				    const struct transport_id *session, struct transport_error *err)
{
	return pause_capture(control, session, NULL, err);
}

int transport_control_pause_since(struct transport_control *control,
				  const struct transport_id *session,
				  const uint8_t since[TRANSPORT_DIGEST_SIZE],
				  struct transport_error *err)
{
	return pause_capture(control, session, since, err);
}

static int capture(struct transport_control *control, struct call *call,
		   enum transport_capture_kind kind, struct transport_buffer *out,
		   struct transport_error *err)
{
	int ret;

	if (kind == TRANSPORT_CAPTURE_FINAL && call_is_ahead(control, TRANSPORT_VERB_CAPTURE))
		ret = call_take(control, call, err);
	else
		ret = call_make(control, call, err);
	return ret ? ret : call_large(call, TAG_RECORDS, out, err);
}

int transport_control_capture(struct transport_control *control, const struct transport_id *session,
			      enum transport_capture_kind kind, const struct transport_state *base,
			      struct transport_buffer *out, struct transport_error *err)
{
	OWNED_CALL struct call call;
	int ret = ask_capture(&call, session, kind, base, NULL, err);

	if (ret)
		return ret;
	if (!base)
		return capture(control, &call, kind, out, err);
	ret = call_make(control, &call, err);
	return ret ? ret : call_large(&call, TAG_RECORDS, out, err);
}

int transport_control_capture_since(struct transport_control *control,
				    const struct transport_id *session,
				    enum transport_capture_kind kind,
				    const uint8_t since[TRANSPORT_DIGEST_SIZE],
				    struct transport_buffer *out, struct transport_error *err)
{
	OWNED_CALL struct call call;
	int ret = ask_capture(&call, session, kind, NULL, since, err);

	return ret ? ret : capture(control, &call, kind, out, err);
}

static int read_issues(const struct call *call, struct transport_issues *issues,
		       struct transport_error *err)
{
	struct transport_issues found = { .n_issues = 0 };

	for (unsigned int i = 0; i < call->reply.n_fields; i++) {
		const struct transport_field *field = &call->reply.field[i];
		int ret;

		if (field->tag != TAG_ISSUE || found.n_issues == TRANSPORT_CONTROL_MAX_ISSUES)
			continue;
		ret = verb_get_error(field->data, field->len, &found.issue[found.n_issues], err);
		if (ret)
			return ret;
		found.n_issues++;
	}
	*issues = found;
	return 0;
}

int transport_control_check(struct transport_control *control,
			    const struct transport_state *records, struct transport_issues *issues,
			    struct transport_error *err)
{
	OWNED_CALL struct call call;
	int ret;

	call_open(&call, TRANSPORT_VERB_CHECK);
	ret = verb_put_large(&call.body, TAG_RECORDS, records->data, records->len, &call.fds);
	if (ret)
		return call_unsendable(&call, ret, err);
	ret = call_make(control, &call, err);
	return ret ? ret : read_issues(&call, issues, err);
}

static void read_rehearsal(const struct call *call, struct transport_rehearsal *done)
{
	const struct transport_field *kept = transport_fields_find(&call->reply, TAG_KEPT);

	*done = (struct transport_rehearsal){
		.kept = kept != NULL,
		.took_us = transport_fields_u64(&call->reply, TAG_TOOK, 0),
	};
	if (kept)
		memcpy(done->base, kept->data, sizeof(done->base));
}

int transport_control_rehearse(struct transport_control *control,
			       const struct transport_id *session,
			       const struct transport_state *records,
			       struct transport_issues *issues, struct transport_rehearsal *done,
			       struct transport_error *err)
{
	OWNED_CALL struct call call;
	int ret;

	call_open(&call, TRANSPORT_VERB_REHEARSE);
	ret = transport_wire_put_id(&call.body, TAG_SESSION, session);
	if (!ret)
		ret = verb_put_large(&call.body, TAG_RECORDS, records->data, records->len,
				     &call.fds);
	if (ret)
		return call_unsendable(&call, ret, err);
	ret = call_make(control, &call, err);
	if (!ret)
		ret = read_issues(&call, issues, err);
	if (!ret)
		read_rehearsal(&call, done);
	return ret;
}
