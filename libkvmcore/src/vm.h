/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vm.h - what a VM and a vCPU consist of, for the modules of libkvmcore
 *
 * Every public entry takes vm->lock; nothing below knows about it. A module owns its member here
 * and is reached through the hooks its own header declares.
 */
#ifndef KVMCORE_VM_H
#define KVMCORE_VM_H

#include "filter.h"
#include "fwreg.h"
#include "guard/guard.h"
#include "kernel.h"
#include "memslot.h"
#include "realm/realm.h"
#include "s390/s390.h"
#include "sdei/sdei.h"

#include <kvmcore/kvmcore.h>
#include <pthread.h>

#define MPIDR_AFFINITY 0xff00ffffffULL /* the bits that name a PE */
#define PSTATE_RESET   0x3c5u          /* EL1h, DAIF masked */
#define SCTLR_RESET    0x00c50078ULL   /* what KVM resets SCTLR_EL1 to */

#ifndef ARRAY_SIZE
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#endif

enum power_state { POWER_OFF, POWER_ON, POWER_SUSPENDED };

/* An exit whose completion waits for the vCPU's next run. */
enum pending_exit {
	PENDING_NONE,
	PENDING_MMIO_READ,  /* PC moves on, data goes to the transfer register */
	PENDING_MMIO_WRITE, /* PC moves on */
	PENDING_FORWARD,    /* dialect of 2019: args[0..3] go to x0..x3 */
	PENDING_HYPERCALL,  /* nothing: over as soon as the VMM writes x0 */
};

struct vcpu {
	struct kvmcore_vm *vm;
	uint32_t index; /* creation order */
	uint32_t vcpu_id;
	uint64_t mpidr; /* affinity fields only */
	enum power_state power;
	bool initialised;    /* KVM_ARM_VCPU_INIT was done */
	bool features_fixed; /* by that ioctl; another set is refused from then on */
	uint32_t features;   /* its feature bits */
	uint64_t pvtime_ipa; /* stolen time structure; PVTIME_UNSET */
	uint64_t fault_va;   /* of the last data abort the model took */
	struct kvmcore_vcpu_regs regs;
	struct kvmcore_arm64_vcpu_events events;
	enum pending_exit pending;
	enum pending_exit refused; /* by an abort; some kernels complete it all the same */
	bool abort_taken;          /* a run has gone by since */
	bool answered;             /* by kvmcore_answer(); the next run completes it */
	uint8_t pending_reg;       /* PENDING_MMIO_READ: 0..30, 31 for none */
	struct sdei_vcpu sdei;
	bool has_rec; /* realm: KVM_ARM_VCPU_FINALIZE was done */
	struct realm_host_call host_call;
	struct kvm_run *run; /* RUN_SIZE bytes */
};

#define PVTIME_UNSET (~0ULL)
#define RUN_SIZE     8192u /* what KVM_GET_VCPU_MMAP_SIZE answers: kvm_run and the coalesced page */
#define RUNS_SIZE    ((size_t)KVMCORE_MAX_VCPUS * RUN_SIZE)

struct kvmcore_vm {
	pthread_mutex_t lock;
	uint64_t epoch;
	bool running, has_run_once;
	bool nisv_to_user, system_suspend; /* KVM_ENABLE_CAP */
	uint32_t dialects;                 /* enabled ones of config.dialects */
	bool forward_psci;                 /* dialect of 2019: PSCI leaves too */
	struct kvmcore_config config;      /* its pointers are not kept */
	const struct kernel_profile *kernel;
	struct vcpu **vcpu;
	struct kvm_port_vcpu *port_vcpu;
	unsigned int n_vcpus;
	bool ascending; /* ids and MPIDRs so far, as VMMs count: what is above the last is new */
	char *runs;     /* RUNS_SIZE bytes, the vCPUs' pages; NULL before the first */
	struct filter filter;
	struct kvmcore_call_range *answers; /* forwarded calls the VMM answers; owned */
	size_t n_answers;
	struct fwreg fwreg;
	struct memslots memslots;
	struct sdei sdei;
	struct guard guard;
	struct realm *realm; /* type realm only */
	struct s390 *s390;   /* type s390 only */
	char *platform_pem;  /* config.host.platform_pem, owned */
};

/* One guest call in progress. A handler writes results through the call_return helpers of calls.h.
 */
struct call {
	struct kvmcore_vm *vm;
	struct vcpu *vcpu;
	const struct kvmcore_trap *trap;
	struct kvmcore_regs *regs;
	struct kvmcore_reply *reply;
};

/** vm_vcpu() - the vCPU with creation index @index, or NULL */
static inline struct vcpu *vm_vcpu(const struct kvmcore_vm *vm, int index)
{
	return index >= 0 && (unsigned int)index < vm->n_vcpus ? vm->vcpu[index] : NULL;
}

/** vm_vcpu_by_mpidr() - the vCPU whose affinity fields are @mpidr, or NULL */
struct vcpu *vm_vcpu_by_mpidr(const struct kvmcore_vm *vm, uint64_t mpidr);

/** vm_vcpu_create() - one more vCPU. Return: its creation index; errors as kvmcore_vcpu_create() */
int vm_vcpu_create(struct kvmcore_vm *vm, uint32_t vcpu_id, uint64_t mpidr);

/** vm_runs() - from now on the VM has run: what is decided before the first run is */
static inline void vm_runs(struct kvmcore_vm *vm)
{
	if (!vm->has_run_once)
		filter_freeze(&vm->filter);
	vm->has_run_once = true;
}

/** vm_changed() - some state that a capture reads is different now */
static inline void vm_changed(struct kvmcore_vm *vm)
{
	vm->epoch += 2;
}

/* Life of a vCPU; the VM owns it and has checked the names. Return: 0; -ENOMEM */
int vcpu_create(struct kvmcore_vm *vm, uint32_t vcpu_id, uint64_t mpidr, struct vcpu **vcpu);
struct vcpu *vcpu_destroy(struct vcpu *vcpu);
void vcpu_unmap_runs(struct kvmcore_vm *vm); /* after the last of them */

/** vcpu_mpidr_of_id() - the affinity the kernel derives from a vcpu_id (arch/arm64/kvm/sys_regs.c)
 */
uint64_t vcpu_mpidr_of_id(uint32_t vcpu_id);

/** vcpu_reset() - registers as after a cold reset, PC at @entry, x0 = @context */
void vcpu_reset(struct vcpu *vcpu, uint64_t entry, uint64_t context);

/* A model vCPU's registers as the pure step sees them, and back. */
void vcpu_regs_load(const struct vcpu *vcpu, struct kvmcore_regs *regs);
void vcpu_regs_store(struct vcpu *vcpu, const struct kvmcore_regs *regs);

#endif
