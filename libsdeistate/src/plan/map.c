// SPDX-License-Identifier: Apache-2.0
#include "plan/map.h"

#include "plan/parts.h"
#include "state/events.h"

/* arch/arm64/kvm/sys_regs.c, reset_mpidr(): what KVM_CREATE_VCPU alone makes of an id. */
static uint64_t mpidr_by_id(uint32_t vcpu_id)
{
	return (uint64_t)(vcpu_id & 0xf) | (uint64_t)(vcpu_id >> 4 & 0xff) << 8 |
	       (uint64_t)(vcpu_id >> 12 & 0xff) << 16;
}

static void map_created(struct target *target)
{
	target->create = true;
	for (unsigned int i = 0; i < target->state->n_vcpus; i++) {
		const struct sdeistate_vcpu *vcpu = &target->state->vcpu[i];

		target->map[i] = i;
		if (mpidr_by_id(vcpu->vcpu_id) != vcpu->mpidr)
			obstacle(target, SDEISTATE_INCOMPATIBLE,
				 OBJECT("vcpu %u (id %u)", i, vcpu->vcpu_id), "mpidr",
				 "0x%" PRIx64 ", so the VMM has to create it|0x%" PRIx64
				 " by its id",
				 vcpu->mpidr, mpidr_by_id(vcpu->vcpu_id));
	}
}

#define NAME(i, vcpu) OBJECT("vcpu %u (id %u)", (i), (vcpu)->vcpu_id)

static void map_vcpu(struct target *target, unsigned int i)
{
	const struct sdeistate_vcpu *want = &target->state->vcpu[i];
	const struct kvm_port *port = target->port;

	for (unsigned int j = 0; j < port->n_vcpus; j++) {
		unsigned int at = (i + j) % port->n_vcpus; /* most often the same index */
		const struct kvm_port_vcpu *have = &port->vcpus[at];

		if (have->mpidr != want->mpidr)
			continue;
		if (have->vcpu_id != want->vcpu_id)
			obstacle(target, SDEISTATE_INCOMPATIBLE, NAME(i, want), "vcpu_id",
				 "%u at MPIDR 0x%" PRIx64 "|%u", want->vcpu_id, want->mpidr,
				 have->vcpu_id);
		target->map[i] = at;
		return;
	}
	obstacle(target, SDEISTATE_INCOMPATIBLE, NAME(i, want), "mpidr",
		 "0x%" PRIx64 "|no such vCPU", want->mpidr);
}

void map_vcpus(struct target *target)
{
	const struct sdeistate *state = target->state;

	target->create = false;
	target->same_order = true;
	if (target->port->n_vcpus == 0) {
		map_created(target);
		return;
	}
	if (target->port->n_vcpus != state->n_vcpus)
		obstacle(target, SDEISTATE_INCOMPATIBLE, "vm", "n_vcpus", "%u|%u", state->n_vcpus,
			 target->port->n_vcpus);
	for (unsigned int i = 0; i < state->n_vcpus; i++) {
		map_vcpu(target, i);
		target->same_order &= target->map[i] == i;
	}
}

void map_bits(const struct target *target, const __u64 *from, __u64 *to)
{
	__u64 moved[BITMAP_WORDS] = { 0 };

	for (unsigned int i = 0; i < target->state->n_vcpus; i++)
		if (bit_test(from, i))
			bit_set(moved, target->map[i]);
	memcpy(to, moved, sizeof(moved));
}
