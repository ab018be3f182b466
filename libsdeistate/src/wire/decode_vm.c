// SPDX-License-Identifier: Apache-2.0
/*
 * Topology, pseudo-registers, general registers and memory.
 */
#include "error_set.h"
#include "sdeistate.pb-c.h"
#include "util.h"
#include "wire/read.h"

#include <errno.h>

static int read_vm(const Sdeistate__Topology *m, struct reader *reader)
{
	struct sdeistate_vm *vm = &reader->state->vm;
	int ret = read_limit(reader, "kind", m->kind, SDEISTATE_BASE);

	if (!ret)
		ret = read_length(reader, "uuid", m->uuid.len, sizeof(vm->uuid));
	if (!ret)
		ret = read_limit(reader, "kernel", m->kernel.len, sizeof(vm->kernel) - 1);
	if (!ret)
		ret = read_limit(reader, "profile", m->profile, KVMCORE_NR_PROFILES - 1);
	if (!ret)
		ret = read_limit(reader, "type", m->type, KVMCORE_NR_VM_TYPES - 1);
	if (!ret)
		ret = read_limit(reader, "private_slots", m->private_slots, UINT16_MAX);
	if (!ret)
		ret = read_limit(reader, "shared_slots", m->shared_slots, UINT16_MAX);
	if (!ret && m->kernel.len && memchr(m->kernel.data, 0, m->kernel.len))
		ret = read_length(reader, "kernel", strlen((const char *)m->kernel.data),
				  m->kernel.len);
	if (ret)
		return ret;
	reader->state->kind = (enum sdeistate_kind)m->kind;
	reader->state->torn = m->torn;
	memcpy(vm->uuid, m->uuid.data, sizeof(vm->uuid));
	if (m->kernel.len)
		memcpy(vm->kernel, m->kernel.data, m->kernel.len);
	vm->generation = m->generation;
	vm->type = m->type;
	vm->profile = m->profile;
	vm->ipa_bits = m->ipa_bits;
	vm->has_sdei_info = m->has_sdei_info;
	vm->sdei_version = m->sdei_version;
	vm->private_slots = (uint16_t)m->private_slots;
	vm->shared_slots = (uint16_t)m->shared_slots;
	vm->n_events = m->n_events;
	return 0;
}

int wire_decode_topology(const ProtobufCMessage *message, struct reader *reader)
{
	const Sdeistate__Topology *m = (const Sdeistate__Topology *)message;
	struct sdeistate *state = reader->state;
	uint64_t *vcpu_id, *mpidr, *mp_state;
	int ret = read_limit(reader, "n_vcpus", m->n_vcpus, KVM_SDEI_MAX_VCPUS);

	if (!ret)
		ret = read_vm(m, reader);
	if (!ret)
		ret = read_column(reader, m->vcpu_id, "vcpu_id", &vcpu_id, m->n_vcpus);
	if (!ret)
		ret = read_column(reader, m->mpidr, "mpidr", &mpidr, m->n_vcpus);
	if (!ret)
		ret = read_column(reader, m->mp_state, "mp_state", &mp_state, m->n_vcpus);
	if (ret)
		return ret;
	state->vcpu = calloc(m->n_vcpus + 1u, sizeof(*state->vcpu));
	if (!state->vcpu)
		return read_no_memory(reader);
	state->n_vcpus = m->n_vcpus;
	for (unsigned int i = 0; i < m->n_vcpus && !ret; i++) {
		ret = read_limit(reader, "vcpu_id", vcpu_id[i], UINT32_MAX);
		if (!ret)
			ret = read_limit(reader, "mp_state", mp_state[i], UINT32_MAX);
		state->vcpu[i].vcpu_id = (uint32_t)vcpu_id[i];
		state->vcpu[i].mpidr = mpidr[i];
		state->vcpu[i].mp_state = (uint32_t)mp_state[i];
	}
	return ret;
}

int wire_decode_v7(const ProtobufCMessage *message, struct reader *reader)
{
	const Sdeistate__V7 *m = (const Sdeistate__V7 *)message;
	struct sdeistate *state = reader->state;
	const size_t n_handler = sizeof(state->v7->handler) / (sizeof(uint64_t));
	const size_t n_context = offsetof(struct kvm_sdei_v7_context, reserved) / sizeof(uint64_t);
	unsigned int n = state->n_vcpus;
	uint64_t *handlers, *registered, *enabled, *running, *pending, *context, *pe_state;
	int ret = read_length(reader, "n_vcpus", m->n_vcpus, n);

	if (ret || (ret = read_column(reader, m->handlers, "handlers", &handlers, n * n_handler)) ||
	    (ret = read_column(reader, m->registered, "registered", &registered, n)) ||
	    (ret = read_column(reader, m->enabled, "enabled", &enabled, n)) ||
	    (ret = read_column(reader, m->running, "running", &running, n)) ||
	    (ret = read_column(reader, m->pending, "pending", &pending, n)) ||
	    (ret = read_column(reader, m->context, "context", &context, n * n_context)) ||
	    (ret = read_column(reader, m->pe_state, "pe_state", &pe_state, n)))
		return ret;
	state->v7 = calloc(n + 1u, sizeof(*state->v7));
	if (!state->v7)
		return read_no_memory(reader);
	for (unsigned int i = 0; i < n; i++) {
		struct sdeistate_v7 *v7 = &state->v7[i];

		memcpy(v7->handler, &handlers[i * n_handler], sizeof(v7->handler));
		memcpy(&v7->context, &context[i * n_context], n_context * sizeof(uint64_t));
		v7->registered = registered[i];
		v7->enabled = enabled[i];
		v7->running = running[i];
		v7->pending = pending[i];
		v7->pe_state = pe_state[i];
	}
	return 0;
}

int wire_decode_regs(const ProtobufCMessage *message, struct reader *reader)
{
	const Sdeistate__Regs *m = (const Sdeistate__Regs *)message;
	struct sdeistate *state = reader->state;
	unsigned int n = state->n_vcpus;
	uint64_t *value;
	int ret = read_length(reader, "n_vcpus", m->n_vcpus, n);

	if (!ret)
		ret = read_length(reader, "id", m->n_id, SDEISTATE_N_REGS);
	for (unsigned int r = 0; r < SDEISTATE_N_REGS && !ret; r++)
		if (m->id[r] != sdeistate_reg_id(r))
			return error_set(reader->err, SDEISTATE_DAMAGED, -EBADMSG, reader->object,
					 "id", "0x%llx|0x%llx",
					 (unsigned long long)sdeistate_reg_id(r),
					 (unsigned long long)m->id[r]);
	if (!ret)
		ret = read_column(reader, m->value, "value", &value, (size_t)n * SDEISTATE_N_REGS);
	if (ret)
		return ret;
	state->regs = calloc(n + 1u, sizeof(*state->regs));
	if (!state->regs)
		return read_no_memory(reader);
	for (unsigned int i = 0; i < n; i++)
		for (unsigned int r = 0; r < SDEISTATE_N_REGS; r++)
			state->regs[i].value[r] = value[(size_t)r * n + i];
	return 0;
}

int wire_decode_memory(const ProtobufCMessage *message, struct reader *reader)
{
	const Sdeistate__Memory *m = (const Sdeistate__Memory *)message;
	struct sdeistate *state = reader->state;
	size_t left = m->data.len;
	const uint8_t *from = m->data.data;
	int ret = read_limit(reader, "n_regions", m->n_regions, SDEISTATE_MAX_REGIONS);

	if (!ret && m->n_regions == 0)
		ret = read_length(reader, "n_regions", 0, 1);
	if (!ret)
		ret = read_limit(reader, "data", m->data.len, SDEISTATE_MAX_MEMORY);
	if (!ret)
		ret = read_length(reader, "ipa", m->n_ipa, m->n_regions);
	if (!ret)
		ret = read_length(reader, "size", m->n_size, m->n_regions);
	if (ret)
		return ret;
	state->regions = calloc(m->n_regions, sizeof(*state->regions));
	if (!state->regions)
		return read_no_memory(reader);
	for (unsigned int i = 0; i < m->n_regions; i++) {
		struct sdeistate_region *region = &state->regions[i];

		if (m->size[i] == 0 || m->size[i] > left)
			return read_length(reader, "size", (size_t)m->size[i], left);
		region->data = malloc((size_t)m->size[i]);
		if (!region->data)
			return read_no_memory(reader);
		region->ipa = m->ipa[i];
		region->size = (size_t)m->size[i];
		state->n_regions++;
		memcpy(region->data, from, region->size);
		from += region->size;
		left -= region->size;
	}
	return read_length(reader, "data", m->data.len - left, m->data.len);
}
