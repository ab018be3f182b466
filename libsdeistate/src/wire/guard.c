// SPDX-License-Identifier: Apache-2.0
#include "sdeistate.pb-c.h"
#include "util.h"
#include "wire/fill.h"
#include "wire/new.h"
#include "wire/read.h"

#include <errno.h>
#include <kvmcore/uapi.h>

ProtobufCMessage *wire_encode_guard(const struct sdeistate *state, struct scratch *scratch)
{
	Sdeistate__Guard *m = NEW(Sdeistate__Guard, sdeistate__guard__init);

	if (!m)
		return NULL;
	SET(m, abi, state->guard.abi);
	SET(m, enrolled, state->guard.enrolled);
	SET(m, granule, state->guard.granule);
	m->n_first = m->n_size = state->n_guarded;
	m->first = fill_fixed64(scratch, MEMBER(state->guarded, state->n_guarded, base));
	m->size = fill_fixed64(scratch, MEMBER(state->guarded, state->n_guarded, size));
	m->n_shared_first = m->n_shared_size = state->n_shared;
	m->shared_first = fill_fixed64(scratch, MEMBER(state->shared, state->n_shared, base));
	m->shared_size = fill_fixed64(scratch, MEMBER(state->shared, state->n_shared, size));
	return m->first && m->size && m->shared_first && m->shared_size ? &m->base : NULL;
}

static int read_ranges(struct reader *reader, const uint64_t *first, const uint64_t *size,
		       unsigned int n, struct kvmcore_guard_range **ranges)
{
	struct kvmcore_guard_range *range = calloc(n + 1u, sizeof(*range));

	if (!range)
		return read_no_memory(reader);
	for (unsigned int i = 0; i < n; i++)
		range[i] = (struct kvmcore_guard_range){ .base = first[i], .size = size[i] };
	*ranges = range;
	return 0;
}

int wire_decode_guard(const ProtobufCMessage *message, struct reader *reader)
{
	const Sdeistate__Guard *m = (const Sdeistate__Guard *)message;
	struct sdeistate *state = reader->state;
	int ret = read_limit(reader, "first", m->n_first, SDEISTATE_MAX_GUARD);

	if (!ret)
		ret = read_limit(reader, "shared_first", m->n_shared_first, SDEISTATE_MAX_GUARD);
	if (!ret)
		ret = read_length(reader, "size", m->n_size, m->n_first);
	if (!ret)
		ret = read_length(reader, "shared_size", m->n_shared_size, m->n_shared_first);
	if (!ret && (!m->enrolled || m->abi == KVMCORE_GUARD_U) && !m->n_first &&
	    !m->n_shared_first)
		ret = read_length(reader, "first", 0, 1);
	if (!ret)
		ret = read_ranges(reader, m->first, m->size, (unsigned int)m->n_first,
				  &state->guarded);
	if (!ret)
		ret = read_ranges(reader, m->shared_first, m->shared_size,
				  (unsigned int)m->n_shared_first, &state->shared);
	if (ret)
		return ret;
	state->guard.abi = m->abi;
	state->guard.enrolled = m->enrolled;
	state->guard.granule = m->granule;
	state->n_guarded = (unsigned int)m->n_first;
	state->n_shared = (unsigned int)m->n_shared_first;
	return 0;
}
