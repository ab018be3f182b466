/* SPDX-License-Identifier: Apache-2.0 */
/*
 * machine.h - one VM with a guest that can make calls: libkvmcore's model, or a kernel's /dev/kvm
 *
 * Everything but the guest itself is reached through struct kvm_port, so that a row asks both in the
 * same words. machine_model.c and machine_kernel.c are the two; a program links one of them.
 */
#ifndef TESTS_KVM_MACHINE_H
#define TESTS_KVM_MACHINE_H

#include <kvmcore/port.h>
#include <kvmcore/uapi.h>
#include <stdbool.h>
#include <stdint.h>

#define CALL_REGS 18u /* x0..x17: what SMCCC may pass and clobber */

/* What a model has to be told, because it is a property of the CPU and not of the kernel. */
struct machine_host {
	const char *kernel; /* kernel profile; unused by the kernel's own machine */
	uint8_t workaround_level[3];
	bool ssbs;
};

struct machine_call {
	bool smc;
	uint16_t imm;
	uint64_t x[CALL_REGS];
};

/* A load to x0 or a store of x0, where no memory is. */
struct machine_access {
	bool write;
	uint8_t len; /* 1, 2, 4 or 8 */
	uint64_t ipa, value;
};

struct machine {
	struct kvm_port port;
	void *own;
	uint64_t insn; /* address of the call or access that was put down last */
};

/** machine_open() - a VM without vCPUs. Return: 0 or -errno */
int machine_open(const struct machine_host *host, struct machine *m);

/** machine_close() - end the VM */
void machine_close(struct machine *m);

/** machine_system_ioctl() - an ioctl on /dev/kvm itself. Return: its result or -errno */
int machine_system_ioctl(const struct machine_host *host, unsigned long cmd, void *arg);

/** machine_place() - vCPU 0 stands before @call and will come back from it. Return: 0 or -errno */
int machine_place(struct machine *m, const struct machine_call *call);

/** machine_go() - let vCPU 0 run. Return: 1 when the call came back, 0 on an exit, or -errno */
int machine_go(struct machine *m);

/** machine_access() - vCPU 0 executes @access and leaves by it. Return: 0 or -errno */
int machine_access(struct machine *m, const struct machine_access *access);

#endif
