// SPDX-License-Identifier: Apache-2.0
#include "machine.h"

#include <errno.h>
#include <kvmcore/kvmcore.h>

#define INSN 0x40001000ULL

/* The core's own port trusts the pointers it is given; the rows that pass bad ones need the kernel's way. */
static int checked_ioctl(void *vm, int vcpu, unsigned long cmd, void *arg)
{
	return kvmcore_ioctl(vm, vcpu, cmd, arg);
}

int machine_open(const struct machine_host *host, struct machine *m)
{
	const struct kvmcore_config config = {
		.kernel = host->kernel,
		.guard = KVMCORE_GUARD_OFF, /* no mainline host has one */
		.host = { .levels_given = true,
			  .workaround_1 = host->workaround_level[0],
			  .workaround_2 = host->workaround_level[1],
			  .workaround_3 = host->workaround_level[2],
			  .ssbs = host->ssbs },
	};
	struct kvmcore_vm *vm;
	int ret = kvmcore_vm_create(&config, &vm, NULL);

	if (ret)
		return ret;
	*m = (struct machine){ .own = vm, .insn = INSN };
	kvmcore_port(vm, &m->port);
	m->port.ioctl = checked_ioctl;
	return 0;
}

void machine_close(struct machine *m)
{
	m->own = kvmcore_vm_destroy(m->own);
}

int machine_system_ioctl(const struct machine_host *host, unsigned long cmd, void *arg)
{
	return kvmcore_system_ioctl(host->kernel, cmd, arg);
}

/* The trap is kept where the instruction would be: what the guest executes is its encoding. */
static struct kvmcore_trap decode(uint64_t coded)
{
	return (struct kvmcore_trap){ .smc = coded & 1, .imm = (uint16_t)(coded >> 1) };
}

int machine_place(struct machine *m, const struct machine_call *call)
{
	struct kvmcore_vcpu_regs regs;
	int ret = kvmcore_vcpu_regs_get(m->own, 0, &regs);

	if (ret)
		return ret;
	for (unsigned int i = 0; i < CALL_REGS; i++)
		regs.x[i] = call->x[i];
	regs.x[19] = (uint64_t)call->imm << 1 | call->smc;
	regs.pc = INSN;
	ret = kvmcore_resume(m->own);
	if (ret && ret != -EBUSY)
		return ret;
	return kvmcore_vcpu_regs_set(m->own, 0, &regs);
}

int machine_access(struct machine *m, const struct machine_access *access)
{
	const struct kvmcore_mmio mmio = { .ipa = access->ipa,
					   .va = access->ipa, /* its MMU is off */
					   .len = access->len,
					   .write = access->write,
					   .value = { access->value },
					   .reg = 0 };
	const struct machine_call start = { .x = { access->value, access->ipa } };
	struct kvmcore_mmio_result result;
	struct kvmcore_reply reply;
	int ret = machine_place(m, &start);

	return ret ? ret : kvmcore_vcpu_mmio(m->own, 0, &mmio, &result, &reply);
}

int machine_go(struct machine *m)
{
	struct kvmcore_vcpu_regs regs;
	struct kvmcore_reply reply;
	struct kvmcore_trap trap;
	int ret = kvmcore_vcpu_regs_get(m->own, 0, &regs);

	if (ret)
		return ret;
	if (regs.pc != INSN) /* it has answered its exit, and goes on behind the call */
		return m->port.run(m->port.vm, 0, 1) == -EINTR ? 1 : -EIO;
	trap = decode(regs.x[19]);
	ret = kvmcore_vcpu_call(m->own, 0, &trap, &reply);
	if (ret)
		return ret;
	return reply.exit == KVMCORE_EXIT_NONE;
}
