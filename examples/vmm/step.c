// SPDX-License-Identifier: Apache-2.0
/*
 * The registers of a vCPU as a step of libkvmcore sees them. Each costs an ioctl to read and one to write, so a step
 * reads what the core asks for and has not been told yet, and writes once, at its end. docs/embedding.md, 2.
 */
#include "vmm.h"

/* By bit of KVMCORE_MASK_*, which is the place in struct kvmcore_regs, too. */
static const uint64_t id_of[KVMCORE_N_MASKED] = {
	KVMCORE_REG_X(0),    KVMCORE_REG_X(1),     KVMCORE_REG_X(2),      KVMCORE_REG_X(3),
	KVMCORE_REG_X(4),    KVMCORE_REG_X(5),     KVMCORE_REG_X(6),      KVMCORE_REG_X(7),
	KVMCORE_REG_X(8),    KVMCORE_REG_X(9),     KVMCORE_REG_X(10),     KVMCORE_REG_X(11),
	KVMCORE_REG_X(12),   KVMCORE_REG_X(13),    KVMCORE_REG_X(14),     KVMCORE_REG_X(15),
	KVMCORE_REG_X(16),   KVMCORE_REG_X(17),    KVMCORE_REG_PC,        KVMCORE_REG_PSTATE,
	KVMCORE_REG_ELR_EL1, KVMCORE_REG_SPSR_EL1, KVMCORE_REG_SCTLR_EL1, KVMCORE_REG_VBAR_EL1,
};

static uint64_t *place_of(struct kvmcore_regs *regs, unsigned int bit)
{
	return (uint64_t *)(void *)regs + bit;
}

int step_read(const struct vcpu *vcpu, struct step *step, uint32_t reads)
{
	int ret = 0;

	for (unsigned int bit = 0; bit < KVMCORE_N_MASKED && !ret; bit++)
		if (reads & ~step->known & 1u << bit)
			ret = kvm_get(vcpu, id_of[bit], place_of(&step->regs, bit));
	step->known |= reads;
	return ret;
}

void step_take(struct step *step, const struct kvmcore_reply *reply)
{
	step->known |= reply->changed;
	step->writes |= reply->changed & ~reply->cleared;
}

int step_write(const struct vcpu *vcpu, struct step *step)
{
	int ret = 0;

	for (unsigned int bit = 0; bit < KVMCORE_N_MASKED && !ret; bit++)
		if (step->writes & 1u << bit)
			ret = kvm_set(vcpu, id_of[bit], *place_of(&step->regs, bit));
	return ret;
}
