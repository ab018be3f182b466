// SPDX-License-Identifier: Apache-2.0
#include "sdeistate.pb-c.h"
#include "util.h"
#include "wire/new.h"
#include "wire/read.h"

#include <errno.h>

ProtobufCMessage *wire_encode_s390(const struct sdeistate *state, struct scratch *scratch)
{
	Sdeistate__S390 *m = NEW(Sdeistate__S390, sdeistate__s390__init);
	const struct sdeistate_s390 *s = state->s390;

	if (!m)
		return NULL;
	SET(m, flags, s->flags);
	SET(m, parts, s->parts);
	SET(m, cpuid, s->processor.cpuid);
	SET(m, ibc, s->processor.ibc);
	SET(m, uv_feat, s->uv_feat);
	SET(m, epoch_idx, s->epoch_idx);
	SET(m, tod, s->tod);
	SET(m, topology_changed, s->topology_changed);
	m->has_subfunc = true;
	if (s->parts & SDEISTATE_S390_SUBFUNC)
		m->subfunc = (ProtobufCBinaryData){ sizeof(s->subfunc), (uint8_t *)&s->subfunc };
	m->facility =
		column_write(scratch, s->processor.fac_list, ARRAY_SIZE(s->processor.fac_list));
	m->feat = column_write(scratch, s->feat.feat, ARRAY_SIZE(s->feat.feat));
	return m->facility && m->feat ? &m->base : NULL;
}

static int read_words(struct reader *reader, const Sdeistate__Column *column, const char *field,
		      void *words, size_t n)
{
	uint64_t *numbers;
	int ret = read_column(reader, column, field, &numbers, n);

	if (!ret)
		memcpy(words, numbers, n * sizeof(*numbers));
	return ret;
}

int wire_decode_s390(const ProtobufCMessage *message, struct reader *reader)
{
	const Sdeistate__S390 *m = (const Sdeistate__S390 *)message;
	struct sdeistate_s390 *s = reader->state->s390 = calloc(1, sizeof(*s));
	int ret;

	if (!s)
		return read_no_memory(reader);
	ret = read_limit(reader, "ibc", m->ibc, UINT16_MAX);
	if (!ret)
		ret = read_limit(reader, "epoch_idx", m->epoch_idx, UINT8_MAX);
	if (!ret)
		ret = read_length(reader, "subfunc", m->subfunc.len,
				  m->parts & SDEISTATE_S390_SUBFUNC ? sizeof(s->subfunc) : 0);
	if (!ret)
		ret = read_words(reader, m->facility, "facility", s->processor.fac_list,
				 ARRAY_SIZE(s->processor.fac_list));
	if (!ret)
		ret = read_words(reader, m->feat, "feat", s->feat.feat, ARRAY_SIZE(s->feat.feat));
	if (ret)
		return ret;
	s->flags = m->flags;
	s->parts = m->parts;
	s->processor.cpuid = m->cpuid;
	s->processor.ibc = (uint16_t)m->ibc;
	if (m->subfunc.len)
		memcpy(&s->subfunc, m->subfunc.data, sizeof(s->subfunc));
	s->uv_feat = m->uv_feat;
	s->epoch_idx = (uint8_t)m->epoch_idx;
	s->tod = m->tod;
	s->topology_changed = m->topology_changed;
	return 0;
}
