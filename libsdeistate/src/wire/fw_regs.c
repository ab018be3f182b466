// SPDX-License-Identifier: Apache-2.0
#include "sdeistate.pb-c.h"
#include "util.h"
#include "wire/fill.h"
#include "wire/new.h"
#include "wire/read.h"

#include <errno.h>

ProtobufCMessage *wire_encode_fw_regs(const struct sdeistate *state, struct scratch *scratch)
{
	Sdeistate__FwRegs *m = NEW(Sdeistate__FwRegs, sdeistate__fw_regs__init);
	const unsigned int n = state->n_fw_regs;

	if (!m)
		return NULL;
	SET(m, n_regs, n);
	m->n_id = m->n_value = n;
	m->id = fill_fixed64(scratch, MEMBER(state->fw_regs, n, id));
	m->value = fill_fixed64(scratch, MEMBER(state->fw_regs, n, value));
	return m->id && m->value ? &m->base : NULL;
}

int wire_decode_fw_regs(const ProtobufCMessage *message, struct reader *reader)
{
	const Sdeistate__FwRegs *m = (const Sdeistate__FwRegs *)message;
	struct sdeistate *state = reader->state;
	const unsigned int n = m->n_regs;
	int ret = read_limit(reader, "n_regs", n, SDEISTATE_MAX_FW_REGS);

	if (!ret && n == 0)
		ret = read_length(reader, "n_regs", 0, 1);
	if (!ret)
		ret = read_length(reader, "id", m->n_id, n);
	if (!ret)
		ret = read_length(reader, "value", m->n_value, n);
	if (ret)
		return ret;
	state->fw_regs = calloc(n, sizeof(*state->fw_regs));
	if (!state->fw_regs)
		return read_no_memory(reader);
	state->n_fw_regs = n;
	for (unsigned int i = 0; i < n; i++)
		state->fw_regs[i] =
			(struct sdeistate_fw_reg){ .id = m->id[i], .value = m->value[i] };
	return 0;
}
