// SPDX-License-Identifier: Apache-2.0
/*
 * Loaded before libkvmcore into a test's program on an arm64 host: whatever call its guest makes, a real
 * vCPU makes first. The SMCCC filter forwards it, the core is given the registers that KVM left, and its
 * answer goes back into the vCPU, which runs on behind the call. An access that leaves the model's guest
 * leaves the real one, too; one that the guard refuses is answered with KVM_SET_VCPU_EVENTS, and both
 * have to take the same abort. Anything that differs ends the program.
 *
 * When as many calls as were asked for have gone through, and nothing is delivered in this program that could still be
 * held against a vCPU, it ends, with what it has found until then: the rest would be the core's alone.
 */
#include "machine.h"
#include "support/words.h"

#include <dlfcn.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define EL1H_MASKED   0x3c5u
#define VBAR          0x40100000u /* where no code of machine_kernel.c is */
#define PSTATE_DAIF   0x3c0u
#define PSTATE_MODE   0xfu /* 0: EL0t, 4: EL1t, 5: EL1h */
#define IPA_END       (1ULL << 40)
#define RAM_IPA       0x40000000ULL
#define RAM_END       0x40200000ULL
#define DOORBELL      0x0a000000ULL

/* Why a call or access was asked of the core alone. */
enum why { THROUGH, RESERVED, SMC_IMM, AARCH32, ENOUGH, SHAPE, ELSEWHERE, N_WHY };

static const char *const reason[N_WHY] = {
	[RESERVED] = "KVM answers these ids itself",
	[SMC_IMM] = "KVM answers SMC with an immediate itself",
	[AARCH32] = "an AArch32 guest's",
	[ENOUGH] = "as many as were asked for",
	[SHAPE] = "unaligned or without a syndrome",
	[ELSEWHERE] = "to an address the real guest has memory at",
};

static struct {
	pthread_mutex_t lock;
	struct machine m;
	bool open;
	unsigned long most, calls, answered, moved, entries, accesses, aborts, direct[N_WHY];
	pid_t pid;
	bool ended; /* before its end */
} real = { .lock = PTHREAD_MUTEX_INITIALIZER };

_Noreturn static void differ(const char *what, uint64_t kernel, uint64_t core)
{
	fprintf(stderr, "forwarded: %s: %#" PRIx64 " of the kernel, %#" PRIx64 " of the core\n",
		what, kernel, core);
	abort();
}

static void same(const char *what, uint64_t kernel, uint64_t core)
{
	if (kernel != core)
		differ(what, kernel, core);
}

static uint64_t get_reg(uint64_t id)
{
	uint64_t value = 0;
	struct kvm_one_reg reg = { id, (uintptr_t)&value };

	same("KVM_GET_ONE_REG",
	     (uint64_t)real.m.port.ioctl(real.m.port.vm, 0, KVM_GET_ONE_REG, &reg), 0);
	return value;
}

static int set_reg(uint64_t id, uint64_t value)
{
	struct kvm_one_reg reg = { id, (uintptr_t)&value };

	return real.m.port.ioctl(real.m.port.vm, 0, KVM_SET_ONE_REG, &reg);
}

static int add_vcpu(void)
{
	struct kvm_vcpu_init init = { .target = 0 };
	int ret = real.m.port.ioctl(real.m.port.vm, -1, KVM_CREATE_VCPU, NULL);

	if (ret >= 0)
		ret = real.m.port.ioctl(real.m.port.vm, -1, KVMCORE_ARM_PREFERRED_TARGET, &init);
	init.features[0] |= 1u << KVM_ARM_VCPU_PSCI_0_2;
	return ret ? ret : real.m.port.ioctl(real.m.port.vm, 0, KVMCORE_ARM_VCPU_INIT, &init);
}

/* Everything is forwarded that a filter may name. */
static int forward_all(void)
{
	static const struct kvm_smccc_filter range[] = {
		{ .base = 0, .nr_functions = 0x80000000u, .action = KVM_SMCCC_FILTER_FWD_TO_USER },
		{ .base = 0x80010000u,
		  .nr_functions = 0x3fff0000u,
		  .action = KVM_SMCCC_FILTER_FWD_TO_USER },
		{ .base = 0xc0010000u,
		  .nr_functions = 0x3fff0000u,
		  .action = KVM_SMCCC_FILTER_FWD_TO_USER },
	};

	for (size_t i = 0; i < ARRAY_SIZE(range); i++) {
		struct kvm_device_attr attr = { .group = KVM_ARM_VM_SMCCC_CTRL,
						.attr = KVM_ARM_VM_SMCCC_FILTER,
						.addr = (uintptr_t)&range[i] };
		int ret = real.m.port.ioctl(real.m.port.vm, -1, KVM_SET_DEVICE_ATTR, &attr);

		if (ret)
			return ret;
	}
	return 0;
}

static void open_real(void)
{
	int ret = machine_open(NULL, &real.m);

	if (!ret)
		ret = add_vcpu();
	if (!ret)
		ret = forward_all();
	same("a VM that forwards every call", (uint64_t)ret, 0);
	real.open = true;
}

/* Each call stands at a place of its own; when the memory is full, there is a new VM. */
static void place(const struct machine_call *call, uint64_t pstate)
{
	if (!real.open)
		open_real();
	if (machine_place(&real.m, call)) {
		machine_close(&real.m);
		open_real();
		same("a call can be put down", (uint64_t)machine_place(&real.m, call), 0);
	}
	same("PSTATE can be set", (uint64_t)set_reg(KVMCORE_REG_PSTATE, pstate), 0);
}

static enum why why_not(const struct kvmcore_trap *trap, uint64_t x0)
{
	const uint32_t id = (uint32_t)x0;

	if (trap->aarch32)
		return AARCH32;
	if (trap->smc && trap->imm)
		return SMC_IMM;
	if (id >> 16 == 0x8000 || id >> 16 == 0xc000)
		return RESERVED;
	return real.calls + real.accesses >= real.most ? ENOUGH : THROUGH;
}

static void check_exit(const struct kvmcore_trap *trap, const uint64_t *x)
{
	const struct kvm_run *page = real.m.port.exit(real.m.port.vm, 0);
	uint64_t flags;

	memcpy(&flags, (const char *)&page->hypercall + 64, sizeof(flags));
	same("the exit's reason", page->exit_reason, KVM_EXIT_HYPERCALL);
	same("the exit's number", page->hypercall.nr, (uint32_t)x[0]);
	same("the exit's flags", flags, trap->smc ? KVM_HYPERCALL_EXIT_SMC : 0);
	same("PC at the exit", get_reg(KVMCORE_REG_PC), real.m.insn + 4);
	same("PSTATE at the exit", get_reg(KVMCORE_REG_PSTATE), EL1H_MASKED);
}

static void tell(void);

/* Other threads may be at work, and exit() would take from them what they use. */
_Noreturn static void end_here(void)
{
	unsigned int (*const failures)(void) =
		(unsigned int (*)(void))dlsym(RTLD_DEFAULT, "CU_get_number_of_failures");

	real.ended = true;
	tell();
	fflush(NULL);
	_exit(failures && failures() == 0 ? 0 : 1);
}

/* The real guest calls with @x, and @x becomes what the kernel shows of its registers. */
static enum why call_real(const struct kvmcore_trap *trap, uint64_t *x)
{
	const enum why why = why_not(trap, x[0]);
	struct machine_call call = { .smc = trap->smc, .imm = trap->imm };

	if (why == ENOUGH && real.entries == 0 && getpid() == real.pid)
		end_here();
	if (why != THROUGH) {
		real.direct[why]++;
		return why;
	}
	memcpy(call.x, x, sizeof(call.x));
	place(&call, EL1H_MASKED);
	same("the call leaves the guest", (uint64_t)machine_go(&real.m), 0);
	check_exit(trap, x);
	for (unsigned int i = 0; i < CALL_REGS; i++)
		x[i] = get_reg(KVMCORE_REG_X(i));
	real.calls++;
	return THROUGH;
}

static void write_x(uint32_t changed, const uint64_t *x)
{
	for (unsigned int i = 0; i < CALL_REGS; i++)
		if (changed >> i & 1)
			same("x can be set", (uint64_t)set_reg(KVMCORE_REG_X(i), x[i]), 0);
}

static void check_x(const char *when, const uint64_t *x)
{
	for (unsigned int i = 0; i < CALL_REGS; i++)
		same(when, get_reg(KVMCORE_REG_X(i)), x[i]);
}

/* Behind the call the guest rings, with the answer in its registers. */
static void go_on(uint32_t changed, const uint64_t *x)
{
	write_x(changed, x);
	same("the guest goes on behind its call", (uint64_t)machine_go(&real.m), 1);
	check_x("a register behind the call", x);
	same("PC behind the call", get_reg(KVMCORE_REG_PC), real.m.insn + 8);
	real.answered++;
}

/* The core has moved the guest elsewhere: everything it wrote has to arrive. */
static void move(uint32_t changed, const struct kvmcore_regs *regs)
{
	const struct {
		uint32_t bit;
		uint64_t id, value;
	} row[] = {
		{ KVMCORE_MASK_PC, KVMCORE_REG_PC, regs->pc },
		{ KVMCORE_MASK_PSTATE, KVMCORE_REG_PSTATE, regs->pstate },
		{ KVMCORE_MASK_ELR_EL1, KVMCORE_REG_ELR_EL1, regs->elr_el1 },
		{ KVMCORE_MASK_SPSR_EL1, KVMCORE_REG_SPSR_EL1, regs->spsr_el1 },
	};

	write_x(changed, regs->x);
	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		if (!(changed & row[i].bit))
			continue;
		same("a register can be set", (uint64_t)set_reg(row[i].id, row[i].value), 0);
		same("a register that was set", get_reg(row[i].id), row[i].value);
	}
	real.moved++;
}

#define NEXT(name) typeof(name) *const next = next_of(#name)

static void *next_of(const char *name)
{
	void *found = dlsym(RTLD_NEXT, name);

	if (!found)
		abort();
	return found;
}

KVMCORE_API int kvmcore_call(struct kvmcore_vm *vm, int vcpu, const struct kvmcore_trap *trap,
			     struct kvmcore_regs *regs, struct kvmcore_reply *reply)
{
	NEXT(kvmcore_call);
	struct kvmcore_regs given;
	enum why why;
	int ret;

	pthread_mutex_lock(&real.lock);
	why = call_real(trap, regs->x);
	given = *regs;
	words_spoil(&given, ~kvmcore_call_reads(vm, (uint32_t)regs->x[0], regs->features));
	given.x[0] = (uint32_t)regs->x[0]; /* all that the exit tells of it */
	ret = next(vm, vcpu, trap, &given, reply);
	if (!ret)
		words_copy(regs, &given, reply->changed);
	if (why == THROUGH && !ret && reply->returned)
		go_on(reply->changed, regs->x);
	else if (why == THROUGH && !ret)
		move(reply->changed, regs);
	pthread_mutex_unlock(&real.lock);
	return ret;
}

KVMCORE_API int kvmcore_enter(struct kvmcore_vm *vm, int vcpu, struct kvmcore_regs *regs,
			      struct kvmcore_reply *reply)
{
	NEXT(kvmcore_enter);
	struct kvmcore_regs given;
	int ret;

	pthread_mutex_lock(&real.lock);
	given = *regs;
	words_spoil(&given, ~kvmcore_enter_reads(vm, vcpu, regs->features));
	ret = next(vm, vcpu, &given, reply);
	if (!ret)
		words_copy(regs, &given, reply->changed);
	if (!ret && reply->delivered && real.open && real.entries < real.most) {
		move(reply->changed, regs);
		real.entries++;
	}
	pthread_mutex_unlock(&real.lock);
	return ret;
}

static uint32_t differing(const uint64_t *before, const uint64_t *after)
{
	uint32_t changed = 0;

	for (unsigned int i = 0; i < CALL_REGS; i++)
		changed |= (uint32_t)(before[i] != after[i]) << i;
	return changed;
}

/* A model vCPU's call: its registers stand in the core. */
KVMCORE_API int kvmcore_vcpu_call(struct kvmcore_vm *vm, int vcpu, const struct kvmcore_trap *trap,
				  struct kvmcore_reply *reply)
{
	NEXT(kvmcore_vcpu_call);
	struct kvmcore_vcpu_regs before, after;
	enum why why = SHAPE;
	int ret;

	pthread_mutex_lock(&real.lock);
	if (!kvmcore_vcpu_regs_get(vm, vcpu, &before))
		why = call_real(trap, before.x);
	ret = next(vm, vcpu, trap, reply);
	if (why == THROUGH && !ret && reply->returned && !kvmcore_vcpu_regs_get(vm, vcpu, &after))
		go_on(differing(before.x, after.x), after.x);
	pthread_mutex_unlock(&real.lock);
	return ret;
}

static enum why why_no_access(const struct kvmcore_mmio *access)
{
	if (access->no_syndrome || access->len > 8 || (access->len & (access->len - 1)) ||
	    access->ipa % access->len || access->ipa + access->len > IPA_END)
		return SHAPE;
	if ((access->ipa + access->len > RAM_IPA && access->ipa < RAM_END) ||
	    access->ipa == DOORBELL)
		return ELSEWHERE;
	return real.calls + real.accesses >= real.most ? ENOUGH : THROUGH;
}

/* Arm ARM D1.4.1: the vector of a synchronous exception to EL1. */
static uint64_t vector(uint64_t mode)
{
	if (mode == 0)
		return 0x400;
	return mode & 1 ? 0x200 : 0;
}

/* Never drained: an abort in its place. PC of the load or store has to be what ELR holds. */
static void refuse(const struct kvmcore_mmio *access, uint64_t mode,
		   const struct kvmcore_mmio_result *result)
{
	struct kvmcore_arm64_vcpu_events events = { .ext_dabt_pending = 1 };
	struct kvm_run *page = (struct kvm_run *)(uintptr_t)real.m.port.exit(real.m.port.vm, 0);

	same("VBAR can be set", (uint64_t)set_reg(KVMCORE_REG_VBAR_EL1, VBAR), 0);
	same("KVM_SET_VCPU_EVENTS",
	     (uint64_t)real.m.port.ioctl(real.m.port.vm, 0, KVMCORE_SET_VCPU_EVENTS, &events), 0);
	same("a run", (uint64_t)real.m.port.run(real.m.port.vm, 0, 1), (uint64_t)-EINTR);
	same("PC of the abort", get_reg(KVMCORE_REG_PC), VBAR + vector(mode));
	same("ELR of the abort", get_reg(KVMCORE_REG_ELR_EL1), real.m.insn);
	same("ESR of the abort", get_reg(KVMCORE_REG_ESR_EL1), result->esr);
	same("FAR of the abort", get_reg(KVMCORE_REG_FAR_EL1), access->ipa); /* its MMU is off */
	page->exit_reason =
		KVM_EXIT_UNKNOWN; /* or some kernels complete the access in the next run */
	real.aborts++;
}

static void access_real(const struct kvmcore_mmio *access, uint64_t mode,
			const struct kvmcore_mmio_result *result)
{
	const struct machine_access same_access = { .write = access->write,
						    .len = (uint8_t)access->len,
						    .ipa = access->ipa,
						    .value = access->value[0] };
	const struct machine_call nowhere = { .x = { 0 } };
	const struct kvm_run *page;
	uint64_t data = 0;

	place(&nowhere, PSTATE_DAIF | mode);
	same("the access leaves the guest", (uint64_t)machine_access(&real.m, &same_access), 0);
	page = real.m.port.exit(real.m.port.vm, 0);
	memcpy(&data, page->mmio.data, access->len);
	same("the exit's reason", page->exit_reason, KVM_EXIT_MMIO);
	same("the exit's address", page->mmio.phys_addr, access->ipa);
	same("the exit's length", page->mmio.len, access->len);
	same("the exit's direction", page->mmio.is_write, access->write);
	if (access->write)
		same("the exit's data", data,
		     access->len == 8 ? access->value[0]
				      : access->value[0] & ((1ULL << 8 * access->len) - 1));
	real.accesses++;
	if (result->aborted)
		refuse(access, mode, result);
	else
		same("a run", (uint64_t)real.m.port.run(real.m.port.vm, 0, 1), (uint64_t)-EINTR);
}

KVMCORE_API int kvmcore_vcpu_mmio(struct kvmcore_vm *vm, int vcpu,
				  const struct kvmcore_mmio *access,
				  struct kvmcore_mmio_result *result, struct kvmcore_reply *reply)
{
	NEXT(kvmcore_vcpu_mmio);
	struct kvmcore_vcpu_regs before = { 0 };
	uint64_t mode;
	int ret;

	kvmcore_vcpu_regs_get(vm, vcpu, &before);
	mode = access->from_el0 ? 0 : before.pstate & PSTATE_MODE;
	ret = next(vm, vcpu, access, result, reply);
	pthread_mutex_lock(&real.lock);
	if (!ret && (result->aborted || reply->exit == KVMCORE_EXIT_MMIO)) {
		const enum why why = why_no_access(access);

		if (why == THROUGH)
			access_real(access, mode, result);
		else
			real.direct[why]++;
	}
	pthread_mutex_unlock(&real.lock);
	return ret;
}

/* How many at most, and where to say what was done: from the environment. */
__attribute__((constructor)) static void begin(void)
{
	const char *most = getenv("SDEI_FORWARD_MOST");

	real.most = most ? strtoul(most, NULL, 0) : ~0ul;
	real.pid = getpid();
}

__attribute__((destructor)) static void tell(void)
{
	const char *path = getenv("SDEI_FORWARD_REPORT");
	FILE *file = path && getpid() == real.pid ? fopen(path, "w") : NULL;

	if (!file)
		return;
	fprintf(file,
		"{\"calls\":%lu,\"answered\":%lu,\"moved\":%lu,\"accesses\":%lu,\"aborts\":%lu,"
		"\"ended\":%d,\"direct\":{",
		real.calls, real.answered, real.moved, real.accesses, real.aborts, real.ended);
	for (unsigned int i = 0, n = 0; i < N_WHY; i++)
		if (real.direct[i])
			fprintf(file, "%s\"%s\":%lu", n++ ? "," : "", reason[i], real.direct[i]);
	fputs("}}", file);
	fclose(file);
}
