/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kvmcore.h - an in-process KVM/arm64: SDEI, SMCCC filter, MMIO guard, realms
 *
 * Two ways to use it:
 *   - as a model: create a VM and vCPUs, speak the kernel's ioctls to it, let model vCPUs call and run;
 *   - as a service: a VMM on /dev/kvm hands it each guest call that the SMCCC filter forwarded, with
 *     the registers, and applies what comes back (docs/embedding.md).
 *
 * Threads: one lock per VM; every function here may be called from any thread. A vCPU is entered by
 * one thread at a time, as in KVM.
 */
#ifndef KVMCORE_KVMCORE_H
#define KVMCORE_KVMCORE_H

#include <kvmcore/error.h>
#include <kvmcore/port.h>
#include <kvmcore/uapi.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KVMCORE_API       __attribute__((visibility("default")))

#define KVMCORE_MAX_VCPUS 512u

struct kvmcore_vm;

/* Ways of handing SDEI to userspace that came before the filter; off by default. */
enum kvmcore_dialect {
	KVMCORE_DIALECT_SDEI_1_0 = 1u << 0,          /* KVM_CAP_ARM_SDEI_1_0, 2017 */
	KVMCORE_DIALECT_FORWARD_HYPERCALL = 1u << 1, /* KVM_CAP_FORWARD_HYPERCALL, 2019 */
	KVMCORE_DIALECT_RME_V8 = 1u << 2,            /* realm ABI of v8..v11 instead of RFC v1 */
};

/* How an s390 host differs from the default one. */
enum kvmcore_s390_host {
	KVMCORE_S390_LACKS_CMMA = 1u << 0,
	KVMCORE_S390_LACKS_AP = 1u << 1,
	KVMCORE_S390_HUGE_PAGES = 1u << 2, /* guest memory in 1 MiB pages */
	KVMCORE_S390_UCONTROL = 1u << 3,   /* a user-controlled VM */
	KVMCORE_S390_PROTECTED = 1u << 4,  /* a protected guest */
};

/* What the modelled host can do; the firmware registers report it. All zero: defaults per kernel. */
struct kvmcore_host {
	bool levels_given;    /* the three below hold; else the defaults do */
	uint8_t workaround_1; /* 0 not available, 1 available, 2 not required */
	uint8_t workaround_2; /* 0 not available, 1 unknown, 2 available, 3 not required */
	uint8_t workaround_3;
	bool ssbs;
	uint32_t page_size;    /* 4096 (default), 16384 or 65536 */
	uint64_t rmm_features; /* RMI feature register 0; 0: the default of docs/abi.md */
	uint32_t rmm_rule;     /* enum kvmcore_rule of measure.h: what its measurements follow */
	const char
		*platform_pem; /* private EC key that signs tokens; borrowed; NULL: a fresh one */
	const uint64_t *s390_facilities; /* 256 words, borrowed during create; NULL: the default */
	uint32_t s390_lacks;             /* enum kvmcore_s390_host */
};

/* Feature bits of a PE that decide PSTATE at handler entry (DEN0054 §4.2.1; docs/abi.md). */
enum kvmcore_pe_feature {
	KVMCORE_PE_PAN = 1u << 0,
	KVMCORE_PE_UAO = 1u << 1,
	KVMCORE_PE_DIT = 1u << 2,
	KVMCORE_PE_SSBS = 1u << 3,
	KVMCORE_PE_BTI = 1u << 4,
	KVMCORE_PE_MTE2 = 1u << 5,
	KVMCORE_PE_NMI = 1u << 6,
	KVMCORE_PE_EBEP = 1u << 7,
};

/* All zero is a legal configuration. */
struct kvmcore_config {
	uint8_t uuid[16];
	uint64_t generation;
	enum kvmcore_profile profile;
	const char *kernel; /* kernel profile: "6.1", "6.12", "7.2", "7.2-pkvm"; NULL: "6.12" */
	enum kvmcore_vm_type type;
	uint32_t ipa_bits;            /* 32..52; 0: 40 */
	uint32_t dialects;            /* enum kvmcore_dialect */
	enum kvmcore_guard_abi guard; /* OFF: as mainline, no guard at all */
	uint64_t gicv2_cpu_base;      /* of an in-kernel GICv2, 0: none; guard S leaves it alone */
	uint32_t n_spi, n_ppi;        /* 0: 32 and 16 */
	bool slots_given;             /* the two below hold, else 3 and 3 */
	uint16_t private_slots, shared_slots; /* for SDEI_INTERRUPT_BIND, up to 64 each */
	uint32_t pe_features;                 /* enum kvmcore_pe_feature, for model vCPUs */
	bool s390_strict_document; /* where document and kernel differ, follow the document */
	struct kvmcore_host host;
	int (*random)(void *user, void *buf, size_t len); /* TRNG source; NULL: the OS's */
	void *random_user;
};

/* --- The registers a guest call or an event delivery may touch (a pure step works on these) ----- */

struct kvmcore_regs {
	uint64_t x[18]; /* x0..x17 */
	uint64_t pc, pstate;
	uint64_t elr_el1, spsr_el1;
	uint64_t sctlr_el1, vbar_el1; /* read only for the core */
	uint32_t features;            /* enum kvmcore_pe_feature */
};

/* A set of them, to be read or written: bit n is the struct's n-th 64-bit word. */
#define KVMCORE_MASK_X(n)      (1u << (n))
#define KVMCORE_MASK_PC        (1u << 18)
#define KVMCORE_MASK_PSTATE    (1u << 19)
#define KVMCORE_MASK_ELR_EL1   (1u << 20)
#define KVMCORE_MASK_SPSR_EL1  (1u << 21)
#define KVMCORE_MASK_SCTLR_EL1 (1u << 22)
#define KVMCORE_MASK_VBAR_EL1  (1u << 23)
#define KVMCORE_N_MASKED       24u

/* How the call was made. */
struct kvmcore_trap {
	bool smc;     /* conduit: SMC, else HVC */
	uint16_t imm; /* the instruction's immediate */
	bool aarch32;
};

enum kvmcore_exit {
	KVMCORE_EXIT_NONE,         /* the guest goes on */
	KVMCORE_EXIT_HYPERCALL,    /* forwarded: nr, flags */
	KVMCORE_EXIT_SYSTEM_EVENT, /* type, data */
	KVMCORE_EXIT_MMIO,
	KVMCORE_EXIT_INTR,
	KVMCORE_EXIT_NISV, /* no syndrome: esr_iss, fault_ipa */
};

/* A change of a PE's power that the VMM has to apply to the vCPU (PSCI). */
enum kvmcore_power {
	KVMCORE_POWER_NONE,
	KVMCORE_POWER_ON,
	KVMCORE_POWER_OFF,
	KVMCORE_POWER_SUSPEND
};

struct kvmcore_reply {
	uint32_t changed; /* KVMCORE_MASK_*: registers of the caller that the step wrote */
	uint32_t cleared; /* of these, those that only became zero: no result is in them */
	bool returned;  /* the caller goes on behind its call; false for COMPLETE, CPU_OFF, exits */
	bool delivered; /* an event was delivered: x0 holds its number */
	enum kvmcore_exit exit;
	uint64_t nr;         /* EXIT_HYPERCALL: function id */
	uint64_t flags;      /* EXIT_HYPERCALL: KVM_HYPERCALL_EXIT_* */
	uint32_t event_type; /* EXIT_SYSTEM_EVENT: KVM_SYSTEM_EVENT_* */
	uint64_t event_data;
	enum kvmcore_power power;
	uint32_t power_vcpu;                 /* creation index */
	uint64_t power_entry, power_context; /* POWER_ON: pc and x0 of the PE switched on */
	bool any_kick;
	/* By creation index, written only with any_kick: they have to leave the guest and enter again. */
	uint64_t kick[KVMCORE_MAX_VCPUS / 64];
};

/* A model vCPU's whole register file. */
struct kvmcore_vcpu_regs {
	uint64_t x[31];
	uint64_t sp, pc, pstate;
	uint64_t sp_el1, elr_el1, spsr_el1, sctlr_el1, vbar_el1, esr_el1, far_el1;
};

/* A guest's access to an address without a memory slot. */
struct kvmcore_mmio {
	uint64_t ipa, va;
	uint32_t len; /* 1..16 bytes */
	bool write;
	bool no_syndrome; /* ISV = 0 */
	bool from_el0;
	uint64_t value[2]; /* what is written */
	uint8_t reg;       /* where a read goes: x0..x30; 31 and above: nowhere */
};

struct kvmcore_mmio_result {
	bool aborted; /* an external abort was injected; esr and far as the guest sees them */
	uint64_t esr, far;
};

/**
 * kvmcore_vm_create() - a VM without vCPUs, paused
 *
 * Return: 0; -EINVAL (@err names the field of @config); -ENOMEM. Free with kvmcore_vm_destroy().
 */
KVMCORE_API int kvmcore_vm_create(const struct kvmcore_config *config, struct kvmcore_vm **vm,
				  struct kvmcore_error *err);

/** kvmcore_vm_destroy() - end a VM; NULL is allowed. Return: NULL */
KVMCORE_API struct kvmcore_vm *kvmcore_vm_destroy(struct kvmcore_vm *vm);

/**
 * kvmcore_check_extension() - KVM_CHECK_EXTENSION on the system: what any VM of this kernel offers
 *
 * Return: the capability's value, 0 if absent.
 */
KVMCORE_API int kvmcore_check_extension(const char *kernel, long cap);

/**
 * kvmcore_system_ioctl() - what /dev/kvm itself answers: API version, mmap size, extensions
 *
 * Return: the ioctl's result (>= 0); -EINVAL for any other number, as arm64 does; -ENODEV for a kernel
 * nobody knows.
 */
KVMCORE_API int kvmcore_system_ioctl(const char *kernel, unsigned long cmd, void *arg);

/**
 * kvmcore_vcpu_create() - KVM_CREATE_VCPU with an MPIDR of the VMM's choice
 *
 * The vCPU is powered on and initialised with PSCI_0_2, so that it can be used at once;
 * KVM_ARM_VCPU_INIT may still give it other features. KVM_CREATE_VCPU by kvmcore_ioctl() derives the
 * MPIDR from @vcpu_id as the kernel does and leaves the vCPU uninitialised.
 * @mpidr has only affinity fields (bits 39:32 and 23:0).
 * Return: the creation index (>= 0); -EINVAL for an id of 512 or more, more than 512 vCPUs or other
 * bits in @mpidr; -EEXIST for an id or MPIDR in use; -ENOMEM.
 */
KVMCORE_API int kvmcore_vcpu_create(struct kvmcore_vm *vm, uint32_t vcpu_id, uint64_t mpidr);

/**
 * kvmcore_ioctl() - one ioctl on the VM (@vcpu -1) or on a vCPU, as the kernel would answer it
 *
 * KVM_CREATE_VCPU returns the creation index instead of a file descriptor. Pointers in @arg and in
 * the structs behind it are this process's; unreadable memory gives -EFAULT.
 * Return: the ioctl's result (>= 0) or -errno; -EINVAL for a number nobody knows, which is arm64's
 * answer, and -ENOTTY on an s390 VM, which is s390's; -EBADF for a vCPU that does not exist.
 * docs/abi.md lists every ioctl with the order of its checks.
 */
KVMCORE_API int kvmcore_ioctl(struct kvmcore_vm *vm, int vcpu, unsigned long cmd, void *arg);

/**
 * kvmcore_port() - a port for libsdeistate; its vcpus stay valid until the next vCPU is created
 *
 * Whoever uses the port vouches for the pointers it passes: its ioctls look for NULL only, which makes
 * a capture as fast as its copies.
 */
KVMCORE_API void kvmcore_port(struct kvmcore_vm *vm, struct kvm_port *port);

/** kvmcore_resume() - vCPUs may be entered from now on; epoch becomes odd. Return: 0; -EBUSY if running */
KVMCORE_API int kvmcore_resume(struct kvmcore_vm *vm);

/** kvmcore_pause() - no vCPU may be entered; epoch becomes even. Return: 0; -EINVAL if paused */
KVMCORE_API int kvmcore_pause(struct kvmcore_vm *vm);

/** kvmcore_epoch() - odd while running; changes with every change of state */
KVMCORE_API uint64_t kvmcore_epoch(struct kvmcore_vm *vm);

/**
 * kvmcore_call() - one guest call (HVC or SMC) as a pure step on @regs
 *
 * PC in @regs is that of the instruction behind the call, as KVM_RUN leaves it. The low half of x0 is the
 * function id; what else of @regs has to hold is told by kvmcore_call_reads().
 * Return: 0, with @regs and @reply written; -EBUSY while the VM is paused, and where kvmcore_enter() has to
 * finish an answered RSI_HOST_CALL first; -EBADF; -EOPNOTSUPP on an s390 VM,
 * which has neither instruction.
 */
KVMCORE_API int kvmcore_call(struct kvmcore_vm *vm, int vcpu, const struct kvmcore_trap *trap,
			     struct kvmcore_regs *regs, struct kvmcore_reply *reply);

/**
 * kvmcore_call_reads() - which registers kvmcore_call() reads for a call, beside x0
 * @id: function id: hypercall.nr of kvm_run
 * @features: of struct kvmcore_regs
 *
 * For a VMM to which each register is an ioctl. Of @regs the others may hold anything: they decide nothing, are kept
 * nowhere, and only reply->changed says which were written. After the call the PE's registers are known that were
 * read or changed. Of reply->changed the VMM may leave out reply->cleared: KVM zeroes x1 to x3 behind a call that
 * answers in x0 alone, and the SMCCC lets a service keep them instead (DEN0028).
 * Return: KVMCORE_MASK_*; it depends on how the VM was made, not on its state.
 */
KVMCORE_API uint32_t kvmcore_call_reads(const struct kvmcore_vm *vm, uint32_t id,
					uint32_t features);

/**
 * kvmcore_enter() - before each entry to the guest: deliver at most one event
 *
 * What of @regs has to hold is told by kvmcore_enter_reads().
 * Return: 0, with @reply->delivered saying whether @regs changed; -EBUSY while paused; -EBADF.
 */
KVMCORE_API int kvmcore_enter(struct kvmcore_vm *vm, int vcpu, struct kvmcore_regs *regs,
			      struct kvmcore_reply *reply);

/**
 * kvmcore_enter_reads() - which registers kvmcore_enter() would read now
 * @features: of struct kvmcore_regs
 *
 * Of what a handler may change, all is kept until it completes: x0 to x17, PC, PSTATE (DEN0054 §4.2.1, §5.1.6).
 * Return: KVMCORE_MASK_*; 0 if there is nothing to enter for, as kvmcore_may_deliver() says. What becomes due
 * behind that answer kicks the vCPU, so a VMM that gets 0 does not call kvmcore_enter().
 */
KVMCORE_API uint32_t kvmcore_enter_reads(struct kvmcore_vm *vm, int vcpu, uint32_t features);

/**
 * kvmcore_may_deliver() - has kvmcore_enter() anything to do for this vCPU?
 *
 * Return: false if it is certain that nothing would change; false for a vCPU that does not exist.
 */
KVMCORE_API bool kvmcore_may_deliver(struct kvmcore_vm *vm, int vcpu);

/**
 * kvmcore_inject() - KVM_SDEI_CMD_INJECT_EVENT, telling which vCPUs to kick
 *
 * Return: 0 or the command's errors (docs/abi.md); -EOPNOTSUPP on an s390 VM.
 */
KVMCORE_API int kvmcore_inject(struct kvmcore_vm *vm, int vcpu, uint64_t num,
			       struct kvmcore_reply *reply);

/**
 * kvmcore_raise() - an interrupt line goes up: an event bound to it is triggered
 *
 * @vcpu names the PE of a PPI (INTID 16..31) and is ignored for an SPI.
 * Return: 0; -ENOENT if nothing is bound to @intid; -EINVAL out of range; -EBADF; -EOPNOTSUPP on an s390 VM.
 */
KVMCORE_API int kvmcore_raise(struct kvmcore_vm *vm, uint32_t intid, int vcpu,
			      struct kvmcore_reply *reply);

/* --- Model vCPUs: the same steps on registers that the core keeps ---------------------------------- */

/**
 * kvmcore_vcpu_call() - a model vCPU executes HVC or SMC at its PC, which moves on by 4 first
 *
 * What leaves the guest fills the vCPU's kvm_run. A pending exit is finished before.
 * Return: as kvmcore_call(); -ENOEXEC before KVM_ARM_VCPU_INIT; -EPERM while the PE is off or asleep.
 */
KVMCORE_API int kvmcore_vcpu_call(struct kvmcore_vm *vm, int vcpu, const struct kvmcore_trap *trap,
				  struct kvmcore_reply *reply);

/**
 * kvmcore_run() - KVM_RUN: finish a pending exit, then enter once and deliver what is due
 *
 * Return: 0 with the vCPU's kvm_run and @reply filled; -EINTR with @immediate_exit or that byte of
 * kvm_run set (allowed while paused), and for a PE that is off, where KVM would sleep; -EBUSY while
 * paused; -ENOEXEC before KVM_ARM_VCPU_INIT; -EPERM for a realm that is not active; -EBADF.
 */
KVMCORE_API int kvmcore_run(struct kvmcore_vm *vm, int vcpu, bool immediate_exit,
			    struct kvmcore_reply *reply);

/**
 * kvmcore_vcpu_mmio() - a model vCPU loads from or stores to @access->ipa
 *
 * Where a memory slot is, the access happens and PC moves on. Elsewhere the vCPU leaves with
 * KVM_EXIT_MMIO, and PC moves on in its next run. An access of more than 8 bytes has no syndrome.
 * Return: 0; -EINVAL for a length outside 1..16 or a wrapping address; -EFAULT if a slot's memory is
 * not there; -ENOSYS without a syndrome, unless KVM_CAP_ARM_NISV_TO_USER is on; -ENOEXEC before
 * KVM_ARM_VCPU_INIT; -EPERM while the PE is off or asleep, or its realm is not active; -EBUSY while paused; -EBADF;
 * -EOPNOTSUPP on an s390 VM.
 */
KVMCORE_API int kvmcore_vcpu_mmio(struct kvmcore_vm *vm, int vcpu,
				  const struct kvmcore_mmio *access,
				  struct kvmcore_mmio_result *result, struct kvmcore_reply *reply);

/**
 * kvmcore_answer() - the VMM has carried out what a vCPU left the guest for
 * @value: a forwarded call's x0..x3; the first is what an MMIO load reads
 *
 * A call's answer is in its registers at once; an MMIO access is completed by the vCPU's next run,
 * also one with an immediate exit. A VMM may as well write the registers or kvm_run itself and run the
 * vCPU; but an MMIO exit that is neither answered here nor run counts as unanswered when the VM moves.
 * Return: 0; -ENOENT if no exit waits for an answer; -EBADF.
 */
KVMCORE_API int kvmcore_answer(struct kvmcore_vm *vm, int vcpu, const uint64_t value[4]);

/** kvmcore_vcpu_regs_get() - a model vCPU's registers. Return: 0; -EBADF */
KVMCORE_API int kvmcore_vcpu_regs_get(struct kvmcore_vm *vm, int vcpu,
				      struct kvmcore_vcpu_regs *regs);

/** kvmcore_vcpu_regs_set() - write them all. Return: 0; -EBADF */
KVMCORE_API int kvmcore_vcpu_regs_set(struct kvmcore_vm *vm, int vcpu,
				      const struct kvmcore_vcpu_regs *regs);

/* --- Looking ------------------------------------------------------------------------------------------ */

struct kvmcore_vcpu_status {
	uint32_t vcpu_id;
	uint64_t mpidr;
	bool powered;
	bool masked;
	uint64_t critical_num, normal_num; /* running handlers; KVM_SDEI_INVALID_EVENT: none */
	uint32_t n_queued;
};

/** kvmcore_vcpu_status() - what a vCPU is doing. Return: 0; -EBADF */
KVMCORE_API int kvmcore_vcpu_status(struct kvmcore_vm *vm, int vcpu,
				    struct kvmcore_vcpu_status *status);

/** kvmcore_vcpu_count() - how many vCPUs there are */
KVMCORE_API unsigned int kvmcore_vcpu_count(struct kvmcore_vm *vm);

/** kvmcore_call_id() - a call's function id by its name, e.g. "SDEI_VERSION". Return: id, or -ENOENT */
KVMCORE_API int64_t kvmcore_call_id(const char *name);

/** kvmcore_call_name() - the reverse; NULL for an id without a row */
KVMCORE_API const char *kvmcore_call_name(uint32_t id);

/** kvmcore_profile_name() - "spec", "kvm-v5", "kvm-v7"; NULL for another number */
KVMCORE_API const char *kvmcore_profile_name(enum kvmcore_profile profile);

#endif
