// SPDX-License-Identifier: Apache-2.0
#include "plan/fields.h"
#include "plan/parts.h"

#include <stdio.h>

#define X(n)                             \
	{                                \
		KVMCORE_REG_X(n), "x" #n \
	}

/* The registers of a model vCPU; a VMM on /dev/kvm moves its own, and all of them. */
static const struct {
	uint64_t id;
	const char *name;
} general_register[SDEISTATE_N_REGS] = {
	X(0),
	X(1),
	X(2),
	X(3),
	X(4),
	X(5),
	X(6),
	X(7),
	X(8),
	X(9),
	X(10),
	X(11),
	X(12),
	X(13),
	X(14),
	X(15),
	X(16),
	X(17),
	X(18),
	X(19),
	X(20),
	X(21),
	X(22),
	X(23),
	X(24),
	X(25),
	X(26),
	X(27),
	X(28),
	X(29),
	X(30),
	{ KVMCORE_REG_SP, "sp" },
	{ KVMCORE_REG_PC, "pc" },
	{ KVMCORE_REG_PSTATE, "pstate" },
	{ KVMCORE_REG_SP_EL1, "sp_el1" },
	{ KVMCORE_REG_ELR_EL1, "elr_el1" },
	{ KVMCORE_REG_SPSR_EL1, "spsr_el1" },
	{ KVMCORE_REG_SCTLR_EL1, "sctlr_el1" },
	{ KVMCORE_REG_VBAR_EL1, "vbar_el1" },
	{ KVMCORE_REG_ESR_EL1, "esr_el1" },
	{ KVMCORE_REG_FAR_EL1, "far_el1" },
};

uint64_t sdeistate_reg_id(unsigned int i)
{
	return i < SDEISTATE_N_REGS ? general_register[i].id : 0;
}

const char *sdeistate_reg_name(unsigned int i)
{
	return i < SDEISTATE_N_REGS ? general_register[i].name : NULL;
}

bool present_regs(const struct sdeistate *state)
{
	return state->regs != NULL;
}

_Static_assert(sizeof(struct kvmcore_vm_regs) == sizeof(struct sdeistate_regs),
	       "the table above is the order of that struct");

/* One register after the other, as every kernel has it. */
static int read_each(struct capture *capture)
{
	struct sdeistate *state = capture->state;

	state->regs = calloc(state->n_vcpus + 1u, sizeof(*state->regs));
	if (!state->regs)
		return error_no_memory(capture->err, "registers");
	for (unsigned int i = 0; i < state->n_vcpus; i++)
		for (unsigned int r = 0; r < SDEISTATE_N_REGS; r++) {
			int ret = access_reg_get(capture->port, (int)i, general_register[r].id,
						 &state->regs[i].value[r]);

			if (ret < 0)
				return capture_failed(capture, ret,
						      OBJECT("register %s of vcpu %u",
							     general_register[r].name, i));
		}
	return 0;
}

int capture_regs(struct capture *capture)
{
	void *array = NULL;
	int ret;

	/* What a VMM may set of a realm's vCPU is in its own record. */
	if (!(capture->options->flags & SDEISTATE_CAPTURE_REGS) ||
	    capture->state->vm.type == KVMCORE_VM_REALM)
		return 0;
	ret = capture_per_vcpu(capture, KVMCORE_GROUP_VM, KVMCORE_VM_REGS, "registers",
			       sizeof(*capture->state->regs), &array);
	if (ret == -ENXIO)
		return read_each(capture);
	capture->state->regs = array;
	return ret;
}

int validate_regs(const struct sdeistate *state, struct sdeistate_error *err)
{
	(void)state;
	(void)err;
	return 0; /* any value of any register may be */
}

void check_regs(struct target *target)
{
	(void)target; /* every arm64 vCPU has these registers */
}

/* All at once, in the destination's order. Return: 0; -ENXIO, untold: it cannot; other errors */
static int write_all(const struct target *target)
{
	const unsigned int n = target->state->n_vcpus;
	CLEANUP(cleanup_free) struct sdeistate_regs *mapped = malloc((n + 1u) * sizeof(*mapped));
	const struct kvmcore_array request = { .capacity = n,
					       .count = n,
					       .ptr = (uintptr_t)mapped };

	int ret;

	if (!mapped)
		return error_no_memory(target->err, "registers");
	for (unsigned int i = 0; i < n; i++)
		mapped[target->map[i]] = target->state->regs[i];
	ret = access_attr_set(target->port, KVMCORE_GROUP_VM, KVMCORE_VM_REGS, &request);
	return ret == -ENXIO ? ret : replayed(target, ret, "registers", "KVM_SET_DEVICE_ATTR");
}

static int write_each(const struct target *target)
{
	const struct sdeistate *state = target->state;
	int ret = 0;

	for (unsigned int i = 0; i < state->n_vcpus; i++)
		for (unsigned int r = 0; r < SDEISTATE_N_REGS && !ret; r++) {
			ret = access_reg_set(target->port, (int)target->map[i],
					     general_register[r].id, &state->regs[i].value[r]);
			if (ret < 0)
				return replayed(target, ret, OBJECT("register of vcpu %u", i),
						general_register[r].name);
			ret = 0;
		}
	return ret;
}

int replay_regs(struct target *target)
{
	int ret = write_all(target);

	return ret == -ENXIO ? write_each(target) : ret;
}

void diff_regs(struct differ *differ)
{
	const struct sdeistate *a = differ->a, *b = differ->b;
	unsigned int n = a->n_vcpus < b->n_vcpus ? a->n_vcpus : b->n_vcpus;
	char path[64];

	if (!a->regs || !b->regs) {
		diff_value(differ, "vcpu_regs.present", a->regs != NULL, b->regs != NULL);
		return;
	}
	for (unsigned int i = 0; i < n; i++)
		for (unsigned int r = 0; r < SDEISTATE_N_REGS && !differ->ret; r++) {
			if (a->regs[i].value[r] == b->regs[i].value[r])
				continue;
			snprintf(path, sizeof(path), "vcpu_regs[%u].%s", i,
				 general_register[r].name);
			diff_value(differ, path, a->regs[i].value[r], b->regs[i].value[r]);
		}
}
