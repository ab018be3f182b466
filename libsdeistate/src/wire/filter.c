// SPDX-License-Identifier: Apache-2.0
#include "sdeistate.pb-c.h"
#include "util.h"
#include "wire/fill.h"
#include "wire/new.h"
#include "wire/read.h"

#include <errno.h>

ProtobufCMessage *wire_encode_filter(const struct sdeistate *state, struct scratch *scratch)
{
	Sdeistate__Filter *m = NEW(Sdeistate__Filter, sdeistate__filter__init);
	const unsigned int n = state->n_filter;

	if (!m)
		return NULL;
	SET(m, n_ranges, n);
	SET(m, reserved_set, state->filter_reserved_set);
	m->n_first = m->n_nr_functions = n;
	m->first = fill_uint32(scratch, MEMBER(state->filter, n, base));
	m->nr_functions = fill_uint32(scratch, MEMBER(state->filter, n, nr_functions));
	m->has_action = true;
	m->action = fill_bytes(scratch, MEMBER(state->filter, n, action));
	return m->first && m->nr_functions && m->action.data ? &m->base : NULL;
}

int wire_decode_filter(const ProtobufCMessage *message, struct reader *reader)
{
	const Sdeistate__Filter *m = (const Sdeistate__Filter *)message;
	struct sdeistate *state = reader->state;
	const unsigned int n = m->n_ranges;
	int ret = read_limit(reader, "n_ranges", n, SDEISTATE_MAX_FILTER);

	if (!ret && n == 0)
		ret = read_length(reader, "n_ranges", 0, 1);
	if (!ret)
		ret = read_length(reader, "first", m->n_first, n);
	if (!ret)
		ret = read_length(reader, "nr_functions", m->n_nr_functions, n);
	if (!ret)
		ret = read_length(reader, "action", m->action.len, n);
	if (ret)
		return ret;
	state->filter = calloc(n, sizeof(*state->filter));
	if (!state->filter)
		return read_no_memory(reader);
	state->n_filter = n;
	state->filter_reserved_set = m->reserved_set;
	for (unsigned int i = 0; i < n; i++)
		state->filter[i] = (struct kvm_smccc_filter){
			.base = m->first[i],
			.nr_functions = m->nr_functions[i],
			.action = m->action.data[i],
		};
	return 0;
}
