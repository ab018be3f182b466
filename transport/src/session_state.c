// SPDX-License-Identifier: Apache-2.0
/* A sealed state on its way out. What comes in: session_spool.h */
#include "session_link.h"

#include <errno.h>

int session_link_send_blob(struct session_link *link, enum session_message type,
			   const struct transport_buffer *blob, struct transport_error *err)
{
	struct transport_buffer body = { .max = blob->len + TRANSPORT_WIRE_FIELD_SIZE };
	int ret;

	if (blob->len > link->max_blob)
		return transport_error_fill(err, -E2BIG, "over-limit", "sealed state", "size",
					    "at most %zu bytes|%zu bytes", link->max_blob,
					    blob->len);
	ret = transport_wire_put(&body, S_TAG_BLOB, blob->data, blob->len);
	if (ret)
		transport_error_fill(err, ret, "no-memory", "session",
				     session_message_name((uint16_t)type), "|");
	else
		ret = session_link_send(link, type, &body, err);
	transport_buffer_free(&body);
	return ret;
}

/* docs/protocol.md, 3.8: what does not fit BLOB goes before it, a piece at a time. */
int session_link_send_state(struct session_link *link, const struct transport_buffer *blob,
			    struct transport_error *err)
{
	const uint64_t limit = link->peer.limit;
	struct transport_buffer part = { .data = blob->data, .len = blob->len };
	int ret = 0;

	if (blob->len > limit)
		return transport_error_fill(err, -E2BIG, "over-limit", "sealed state", "size",
					    "at most %llu bytes|%zu bytes",
					    (unsigned long long)limit, blob->len);
	if (blob->len <= link->max_blob)
		return session_link_send_blob(link, MESSAGE_BLOB, blob, err);
	while (!ret && part.len > SESSION_PIECE) {
		const struct transport_buffer piece = { .data = part.data, .len = SESSION_PIECE };

		ret = session_link_send_blob(link, MESSAGE_BULK, &piece, err);
		part.data += SESSION_PIECE;
		part.len -= SESSION_PIECE;
	}
	return ret ? ret : session_link_send_blob(link, MESSAGE_BLOB, &part, err);
}
