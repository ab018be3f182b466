// SPDX-License-Identifier: Apache-2.0
/* What a VM's state is, what stands in its way, and what it would lead to: docs/control.md, 3.4, 3.7 and 3.10. */
#include "answer.h"

#include <errno.h>

/* The records, or a delta where the mover has said against what and the VMM knows what that is. */
static int call_vmm(struct request *request, enum transport_capture_kind kind,
		    const struct transport_state *base, struct transport_buffer *out)
{
	const struct transport_field *since = transport_fields_find(&request->fields, TAG_SINCE);
	const struct door *door = request->door;

	if (since && door->ops->capture_since)
		return door->ops->capture_since(door->vm, kind, since->data, out, &request->error);
	if (!door->ops->capture)
		return answer_lacks(request, "capture");
	return door->ops->capture(door->vm, kind, base, out, &request->error);
}

static int capture(struct request *request, enum transport_capture_kind kind,
		   const struct transport_state *base)
{
	struct transport_buffer out = { .max = TRANSPORT_CONTROL_MAX_STATE };
	int ret = answer_said(request, call_vmm(request, kind, base, &out));

	if (ret >= 0)
		ret = answer_unsendable(request,
					verb_put_large(&request->reply, TAG_RECORDS, out.data,
						       out.len, &request->out_fds));
	transport_buffer_free(&out);
	return ret;
}

int answer_capture(struct request *request)
{
	const uint32_t kind = transport_fields_u32(&request->fields, TAG_KIND, 0);
	struct verb_large base = { .mapped = false };
	int ret;

	if (kind < TRANSPORT_CAPTURE_BASE || kind > TRANSPORT_CAPTURE_COLD)
		return transport_error_fill(&request->error, -EINVAL, "protocol",
					    request->verb->object, "kind", "1 to 3|%u", kind);
	ret = kind == TRANSPORT_CAPTURE_BASE ? 0 : answer_is_paused(request);
	if (ret)
		return ret;
	ret = verb_get_large(&request->fields, TAG_BASE, &request->in_fds, request->verb->object,
			     &base, &request->error);
	if (!ret)
		ret = capture(request, (enum transport_capture_kind)kind, &base.state);
	verb_large_release(&base);
	return ret;
}

static int put_issues(struct request *request, const struct transport_issues *issues)
{
	struct transport_buffer one = { .max = 1024 };
	int ret = 0;

	for (unsigned int i = 0; !ret && i < issues->n_issues; i++) {
		one.len = 0;
		ret = verb_put_error(&one, &issues->issue[i]);
		if (!ret)
			ret = transport_wire_put(&request->reply, TAG_ISSUE, one.data, one.len);
	}
	transport_buffer_free(&one);
	return answer_unsendable(request, ret);
}

int answer_check(struct request *request)
{
	struct transport_issues issues = { .n_issues = 0 };
	struct verb_large records = { .mapped = false };
	const struct door *door = request->door;
	int ret;

	if (!door->ops->check)
		return answer_lacks(request, "check");
	ret = verb_get_large(&request->fields, TAG_RECORDS, &request->in_fds, request->verb->object,
			     &records, &request->error);
	if (!ret)
		ret = answer_said(request, door->ops->check(door->vm, &records.state, &issues,
							    &request->error));
	if (ret >= 0)
		ret = put_issues(request, &issues);
	verb_large_release(&records);
	return ret;
}

static int put_rehearsal(struct request *request, const struct transport_rehearsal *done)
{
	int ret = 0;

	if (done->kept)
		ret = transport_wire_put(&request->reply, TAG_KEPT, done->base, sizeof(done->base));
	if (!ret)
		ret = transport_wire_put_u64(&request->reply, TAG_TOOK, done->took_us);
	return answer_unsendable(request, ret);
}

int answer_rehearse(struct request *request)
{
	struct transport_issues issues = { .n_issues = 0 };
	struct transport_rehearsal done = { .kept = false };
	struct verb_large records = { .mapped = false };
	const struct door *door = request->door;
	int ret = answer_may(request, OWNER_REHEARSE);

	if (ret != 1)
		return ret;
	if (!door->ops->rehearse)
		return answer_lacks(request, "rehearse");
	ret = verb_get_large(&request->fields, TAG_RECORDS, &request->in_fds, request->verb->object,
			     &records, &request->error);
	if (!ret)
		ret = answer_said(request, door->ops->rehearse(door->vm, &records.state, &issues,
							       &done, &request->error));
	if (ret >= 0)
		ret = put_issues(request, &issues);
	if (ret >= 0)
		ret = put_rehearsal(request, &done);
	verb_large_release(&records);
	return ret;
}
