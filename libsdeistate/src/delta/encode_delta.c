// SPDX-License-Identifier: Apache-2.0
#include "delta/encode_delta.h"

#include "sdeistate.pb-c.h"
#include "wire/encode.h"

int encode_delta(const struct delta_parts *parts, struct sdeistate_buffer *delta,
		 struct sdeistate_error *err)
{
	const struct changes *changes = parts->changes;
	struct sdeistate_buffer out = { .len = 0 };
	Sdeistate__Delta m = SDEISTATE__DELTA__INIT;
	uint8_t *body;
	int ret;

	m.has_base_digest = m.has_result_digest = m.has_whole = true;
	m.base_digest = (ProtobufCBinaryData){ SDEISTATE_DIGEST_SIZE, parts->base };
	m.result_digest = (ProtobufCBinaryData){ SDEISTATE_DIGEST_SIZE, parts->result };
	m.n_gone = parts->n_gone;
	m.gone = parts->gone;
	m.whole = (ProtobufCBinaryData){ parts->whole->len, parts->whole->data };
	m.n_list = m.n_key = m.n_field = m.n_first = m.n_count = changes->n;
	m.list = changes->list;
	m.key = changes->key;
	m.field = changes->field;
	m.first = changes->first;
	m.count = changes->count;
	m.n_value = changes->n_values;
	m.value = changes->value;
	ret = encode_append(&out, SDEISTATE_RECORD_DELTA,
			    protobuf_c_message_get_packed_size(&m.base), &body, err);
	if (ret)
		return ret;
	protobuf_c_message_pack(&m.base, body);
	*delta = out;
	return 0;
}
