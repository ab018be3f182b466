// SPDX-License-Identifier: Apache-2.0
#include "sdeistate.pb-c.h"
#include "util.h"
#include "wire/fill.h"
#include "wire/new.h"
#include "wire/read.h"

#include <errno.h>

ProtobufCMessage *wire_encode_exits(const struct sdeistate *state, struct scratch *scratch)
{
	Sdeistate__Exits *m = NEW(Sdeistate__Exits, sdeistate__exits__init);
	const unsigned int n = state->n_exits;

	if (!m)
		return NULL;
	SET(m, n_exits, n);
	m->n_vcpu = m->n_reason = m->n_nr = m->n_flags = m->n_data = n;
	m->vcpu = fill_uint32(scratch, MEMBER(state->exits, n, vcpu));
	m->reason = fill_uint32(scratch, MEMBER(state->exits, n, reason));
	m->nr = fill_fixed64(scratch, MEMBER(state->exits, n, nr));
	m->flags = fill_fixed64(scratch, MEMBER(state->exits, n, flags));
	m->data = fill_fixed64(scratch, MEMBER(state->exits, n, data));
	m->has_len = m->has_reg = m->has_answered = true;
	m->len = fill_bytes(scratch, MEMBER(state->exits, n, len));
	m->reg = fill_bytes(scratch, MEMBER(state->exits, n, reg));
	m->answered = fill_bytes(scratch, MEMBER(state->exits, n, answered));
	return m->vcpu && m->reason && m->nr && m->flags && m->data && m->len.data && m->reg.data &&
			       m->answered.data
		       ? &m->base
		       : NULL;
}

static int check_lengths(const Sdeistate__Exits *m, struct reader *reader)
{
	const struct {
		const char *field;
		size_t n;
	} row[] = {
		{ "vcpu", m->n_vcpu },   { "reason", m->n_reason },       { "nr", m->n_nr },
		{ "flags", m->n_flags }, { "data", m->n_data },           { "len", m->len.len },
		{ "reg", m->reg.len },   { "answered", m->answered.len },
	};
	int ret = read_limit(reader, "n_exits", m->n_exits, KVM_SDEI_MAX_VCPUS);

	if (!ret && m->n_exits == 0)
		ret = read_length(reader, "n_exits", 0, 1);
	for (unsigned int i = 0; i < ARRAY_SIZE(row) && !ret; i++)
		ret = read_length(reader, row[i].field, row[i].n, m->n_exits);
	return ret;
}

int wire_decode_exits(const ProtobufCMessage *message, struct reader *reader)
{
	const Sdeistate__Exits *m = (const Sdeistate__Exits *)message;
	struct sdeistate *state = reader->state;
	int ret = check_lengths(m, reader);

	if (ret)
		return ret;
	state->exits = calloc(m->n_exits, sizeof(*state->exits));
	if (!state->exits)
		return read_no_memory(reader);
	state->n_exits = m->n_exits;
	for (unsigned int i = 0; i < m->n_exits; i++)
		state->exits[i] = (struct kvmcore_exit_state){
			.vcpu = m->vcpu[i],
			.reason = m->reason[i],
			.nr = m->nr[i],
			.flags = m->flags[i],
			.data = m->data[i],
			.len = m->len.data[i],
			.reg = m->reg.data[i],
			.answered = m->answered.data[i],
		};
	return 0;
}
