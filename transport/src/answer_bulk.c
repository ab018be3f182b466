// SPDX-License-Identifier: Apache-2.0
/* Bulk beside the records, and tokens: docs/control.md, 3.8 and 3.9. */
#include "answer.h"

#include <errno.h>

int answer_read(struct request *request)
{
	const uint64_t len = transport_fields_u64(&request->fields, TAG_LENGTH, 0);
	struct transport_buffer out = { .max = TRANSPORT_CONTROL_MAX_PART };
	const struct door *door = request->door;
	int ret = answer_is_paused(request);

	if (ret)
		return ret;
	if (!door->ops->read)
		return answer_lacks(request, "read");
	if (len == 0 || len > TRANSPORT_CONTROL_MAX_PART)
		return answer_unsendable(request, -E2BIG);
	ret = answer_said(request,
			  door->ops->read(door->vm,
					  transport_fields_u32(&request->fields, TAG_PART, 0),
					  transport_fields_u64(&request->fields, TAG_OFFSET, 0),
					  (size_t)len, &out, &request->error));
	if (ret >= 0)
		ret = answer_unsendable(request,
					verb_put_large(&request->reply, TAG_BYTES, out.data,
						       out.len, &request->out_fds));
	transport_buffer_free(&out);
	return ret;
}

int answer_load(struct request *request)
{
	const uint32_t part = transport_fields_u32(&request->fields, TAG_PART, 0);
	const uint64_t offset = transport_fields_u64(&request->fields, TAG_OFFSET, 0);
	struct verb_large bytes = { .mapped = false };
	const struct door *door = request->door;
	int ret = answer_may(request, OWNER_LOAD);

	if (ret != 1)
		return ret;
	if (!door->ops->load)
		return answer_lacks(request, "load");
	ret = verb_get_large(&request->fields, TAG_BYTES, &request->in_fds, request->verb->object,
			     &bytes, &request->error);
	if (!ret)
		ret = answer_said(request, door->ops->load(door->vm, part, offset, &bytes.state,
							   &request->error));
	verb_large_release(&bytes);
	return ret;
}

int answer_token(struct request *request)
{
	struct transport_buffer out = { .max = TRANSPORT_CONTROL_MAX_TOKEN };
	const struct door *door = request->door;
	int ret = answer_may(request, OWNER_TOKEN);

	if (ret != 1)
		return ret;
	if (!door->ops->token)
		return answer_lacks(request, "token");
	ret = answer_said(
		request,
		door->ops->token(door->vm,
				 transport_fields_find(&request->fields, TAG_CHALLENGE)->data, &out,
				 &request->error));
	if (ret >= 0)
		ret = answer_unsendable(request, transport_wire_put(&request->reply, TAG_TOKEN,
								    out.data, out.len));
	transport_buffer_free(&out);
	return ret;
}
