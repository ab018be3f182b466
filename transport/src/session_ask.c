// SPDX-License-Identifier: Apache-2.0
/* A question about a session: docs/protocol.md, 3.4. */
#include "session_link.h"

#include <errno.h>

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
