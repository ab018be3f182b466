// SPDX-License-Identifier: Apache-2.0
/*
 * Topology, pseudo-registers, general registers and memory.
 */
#include "sdeistate.pb-c.h"
#include "util.h"
#include "wire/fill.h"
#include "wire/new.h"
#include "wire/wire.h"

#include <string.h>

ProtobufCMessage *wire_encode_topology(const struct sdeistate *state, struct scratch *scratch)
{
	Sdeistate__Topology *m = NEW(Sdeistate__Topology, sdeistate__topology__init);
	const struct sdeistate_vm *vm = &state->vm;

	if (!m)
		return NULL;
	SET(m, kind, (uint32_t)state->kind);
	SET(m, torn, state->torn);
	SET(m, generation, vm->generation);
	SET(m, type, vm->type);
	SET(m, profile, vm->profile);
	SET(m, ipa_bits, vm->ipa_bits);
	SET(m, has_sdei_info, vm->has_sdei_info);
	SET(m, sdei_version, vm->sdei_version);
	SET(m, private_slots, vm->private_slots);
	SET(m, shared_slots, vm->shared_slots);
	SET(m, n_events, vm->n_events);
	SET(m, n_vcpus, state->n_vcpus);
	m->has_uuid = m->has_kernel = true;
	m->uuid = (ProtobufCBinaryData){ sizeof(vm->uuid), (uint8_t *)vm->uuid };
	m->kernel = (ProtobufCBinaryData){ strnlen(vm->kernel, sizeof(vm->kernel)),
					   (uint8_t *)vm->kernel };
	m->vcpu_id = fill_column32(scratch, MEMBER(state->vcpu, state->n_vcpus, vcpu_id));
	m->mpidr = fill_column64(scratch, MEMBER(state->vcpu, state->n_vcpus, mpidr));
	m->mp_state = fill_column32(scratch, MEMBER(state->vcpu, state->n_vcpus, mp_state));
	return m->vcpu_id && m->mpidr && m->mp_state ? &m->base : NULL;
}

/* A struct of nothing but 64-bit numbers, vCPU after vCPU. */
static Sdeistate__Column *fill_numbers(struct scratch *scratch, const void *structs, size_t n,
				       size_t size, size_t offset, size_t n_numbers)
{
	const char *at = (const char *)structs + offset;
	struct column column;

	if (column_begin(&column, scratch, n * n_numbers))
		return NULL;
	for (size_t i = 0; i < n; i++)
		if (column_push(&column, at + i * size, n_numbers))
			return NULL;
	return column_finish(&column);
}

ProtobufCMessage *wire_encode_v7(const struct sdeistate *state, struct scratch *scratch)
{
	Sdeistate__V7 *m = NEW(Sdeistate__V7, sdeistate__v7__init);
	unsigned int n = state->n_vcpus;

	if (!m)
		return NULL;
	SET(m, n_vcpus, n);
	m->handlers = fill_numbers(scratch, MEMBER(state->v7, n, handler), 8);
	m->registered = fill_column64(scratch, MEMBER(state->v7, n, registered));
	m->enabled = fill_column64(scratch, MEMBER(state->v7, n, enabled));
	m->running = fill_column64(scratch, MEMBER(state->v7, n, running));
	m->pending = fill_column64(scratch, MEMBER(state->v7, n, pending));
	m->context = fill_numbers(scratch, MEMBER(state->v7, n, context), 20);
	m->pe_state = fill_column64(scratch, MEMBER(state->v7, n, pe_state));
	return m->handlers && m->registered && m->enabled && m->running && m->pending &&
			       m->context && m->pe_state
		       ? &m->base
		       : NULL;
}

ProtobufCMessage *wire_encode_regs(const struct sdeistate *state, struct scratch *scratch)
{
	Sdeistate__Regs *m = NEW(Sdeistate__Regs, sdeistate__regs__init);
	unsigned int n = state->n_vcpus;
	struct column column;
	uint64_t *row = scratch_alloc(scratch, n, sizeof(*row));

	if (!m || !row || column_begin(&column, scratch, (size_t)n * SDEISTATE_N_REGS))
		return NULL;
	SET(m, n_vcpus, n);
	m->n_id = SDEISTATE_N_REGS;
	m->id = scratch_alloc(scratch, m->n_id, sizeof(*m->id));
	for (unsigned int r = 0; r < SDEISTATE_N_REGS && m->id; r++) {
		m->id[r] = sdeistate_reg_id(r);
		for (unsigned int i = 0; i < n; i++)
			row[i] = state->regs[i].value[r];
		if (column_push(&column, row, n))
			return NULL;
	}
	m->value = column_finish(&column);
	return m->id && m->value ? &m->base : NULL;
}

ProtobufCMessage *wire_encode_memory(const struct sdeistate *state, struct scratch *scratch)
{
	Sdeistate__Memory *m = NEW(Sdeistate__Memory, sdeistate__memory__init);
	size_t total = 0;

	for (unsigned int i = 0; i < state->n_regions; i++)
		total += state->regions[i].size;
	if (!m)
		return NULL;
	SET(m, n_regions, state->n_regions);
	m->n_ipa = m->n_size = state->n_regions;
	m->ipa = fill_fixed64(scratch, MEMBER(state->regions, state->n_regions, ipa));
	m->size = scratch_alloc(scratch, m->n_size, sizeof(*m->size));
	m->has_data = true;
	m->data = (ProtobufCBinaryData){ .data = scratch_alloc(scratch, total, 1) };
	if (!m->ipa || !m->size || !m->data.data)
		return NULL;
	for (unsigned int i = 0; i < state->n_regions; i++) {
		const struct sdeistate_region *region = &state->regions[i];

		m->size[i] = region->size;
		memcpy(m->data.data + m->data.len, region->data, region->size);
		m->data.len += region->size;
	}
	return &m->base;
}
