/* SPDX-License-Identifier: Apache-2.0 */
/*
 * uapi.h - the numbers and structs a VMM and a KVM for arm64 exchange
 *
 * Three sources, in this order:
 *   1. <linux/kvm.h> of the host, for all that is the same on every architecture;
 *   2. what arm64's <asm/kvm.h> adds, so that a program built on another host can speak it too;
 *   3. what posted but unmerged series define (SDEI, realms), and this project's own attribute groups.
 * The numbers of group 3 are never sent to a kernel's file descriptor: mainline uses some of them
 * for other things. docs/abi.md names the patch or header each one comes from.
 */
#ifndef KVMCORE_UAPI_H
#define KVMCORE_UAPI_H

#include <linux/kvm.h>
#include <stdint.h>

/* --- arm64's own part of the KVM ABI (arch/arm64/include/uapi/asm/kvm.h) ---------------------- */

#ifndef __aarch64__
struct kvm_vcpu_init {
	__u32 target;
	__u32 features[7];
};
#define KVM_ARM_TARGET_GENERIC_V8    5

#define KVM_ARM_VCPU_POWER_OFF       0
#define KVM_ARM_VCPU_EL1_32BIT       1
#define KVM_ARM_VCPU_PSCI_0_2        2
#define KVM_ARM_VCPU_PMU_V3          3
#define KVM_ARM_VCPU_SVE             4
#define KVM_ARM_VCPU_PTRAUTH_ADDRESS 5
#define KVM_ARM_VCPU_PTRAUTH_GENERIC 6

#define KVM_REG_ARM_COPROC_MASK      0x000000000FFF0000ULL
#define KVM_REG_ARM_COPROC_SHIFT     16
#define KVM_REG_ARM_CORE             (0x0010ULL << KVM_REG_ARM_COPROC_SHIFT)
#define KVM_REG_ARM_DEMUX            (0x0011ULL << KVM_REG_ARM_COPROC_SHIFT)
#define KVM_REG_ARM64_SYSREG         (0x0013ULL << KVM_REG_ARM_COPROC_SHIFT)
#define KVM_REG_ARM_FW               (0x0014ULL << KVM_REG_ARM_COPROC_SHIFT)

#define KVM_ARM_VCPU_PVTIME_CTRL     2
#define KVM_ARM_VCPU_PVTIME_IPA      0
#endif

#ifndef KVM_REG_ARM_FW_FEAT_BMAP
#define KVM_REG_ARM_FW_FEAT_BMAP (0x0016ULL << KVM_REG_ARM_COPROC_SHIFT)
#endif

/* SMCCC filter: a device attribute of the VM since Linux 6.4. */
#ifndef KVM_ARM_VM_SMCCC_CTRL
#define KVM_ARM_VM_SMCCC_CTRL   0
#define KVM_ARM_VM_SMCCC_FILTER 0

enum kvm_smccc_filter_action {
	KVM_SMCCC_FILTER_HANDLE = 0,
	KVM_SMCCC_FILTER_DENY,
	KVM_SMCCC_FILTER_FWD_TO_USER,
};

struct kvm_smccc_filter {
	__u32 base;
	__u32 nr_functions;
	__u8 action;
	__u8 pad[15];
};
#endif
#ifndef KVM_HYPERCALL_EXIT_SMC
#define KVM_HYPERCALL_EXIT_SMC   (1U << 0)
#define KVM_HYPERCALL_EXIT_16BIT (1U << 1)
#endif

/* ioctl numbers whose value depends on the size of an arm64 struct; the host's own may differ. */
#define KVMCORE_ARM_VCPU_INIT        0x4020aeaeUL
#define KVMCORE_ARM_PREFERRED_TARGET 0x8020aeafUL
#define KVMCORE_GET_VCPU_EVENTS      0x8040ae9fUL
#define KVMCORE_SET_VCPU_EVENTS      0x4040aea0UL

/* struct kvm_vcpu_events of arm64 (another architecture's has the same name). */
struct kvmcore_arm64_vcpu_events {
	__u8 serror_pending;
	__u8 serror_has_esr;
	__u8 ext_dabt_pending;
	__u8 pad[5];
	__u64 serror_esr;
	__u32 reserved[12];
};

/* One-register ids. Core registers: class 0x10, index = offset in arm64's struct kvm_regs / 4. */
#define KVMCORE_REG_CORE(word) (0x6030000000100000ULL | (word))
#define KVMCORE_REG_X(n)       KVMCORE_REG_CORE(2u * (n)) /* x0..x30 */
#define KVMCORE_REG_SP         KVMCORE_REG_CORE(62u)      /* SP_EL0 */
#define KVMCORE_REG_PC         KVMCORE_REG_CORE(64u)
#define KVMCORE_REG_PSTATE     KVMCORE_REG_CORE(66u)
#define KVMCORE_REG_SP_EL1     KVMCORE_REG_CORE(68u)
#define KVMCORE_REG_ELR_EL1    KVMCORE_REG_CORE(70u)
#define KVMCORE_REG_SPSR_EL1   KVMCORE_REG_CORE(72u) /* spsr[0] */
/* System registers: class 0x13, op0/op1/CRn/CRm/op2 packed as the kernel does. */
#define KVMCORE_REG_SYS(op0, op1, crn, crm, op2) \
	(0x6030000000130000ULL | ((op0) << 14 | (op1) << 11 | (crn) << 7 | (crm) << 3 | (op2)))
#define KVMCORE_REG_SCTLR_EL1 KVMCORE_REG_SYS(3u, 0u, 1u, 0u, 0u)
#define KVMCORE_REG_VBAR_EL1  KVMCORE_REG_SYS(3u, 0u, 12u, 0u, 0u)
#define KVMCORE_REG_ESR_EL1   KVMCORE_REG_SYS(3u, 0u, 5u, 2u, 0u)
#define KVMCORE_REG_FAR_EL1   KVMCORE_REG_SYS(3u, 0u, 6u, 0u, 0u)
#define KVMCORE_REG_MPIDR_EL1 KVMCORE_REG_SYS(3u, 0u, 0u, 0u, 5u)
/* Firmware pseudo-registers (Documentation/virt/kvm/arm/fw-pseudo-registers.rst). */
#define KVMCORE_REG_FW(n)      (0x6030000000140000ULL | (n))
#define KVMCORE_REG_FW_BMAP(n) (0x6030000000160000ULL | (n))

/* --- SDEI: the posted series, v5 (22 Mar 2022) ------------------------------------------------- */

#define KVM_CAP_ARM_SDEI          211        /* v5; number reused by mainline */
#define KVM_CAP_ARM_SDEI_V7       217        /* v7; number reused by mainline */
#define KVM_CAP_ARM_SDEI_1_0      145        /* delegation patch of 2017; number reused */
#define KVM_CAP_FORWARD_HYPERCALL 0x53444549 /* RFC of 2019 without a number: one of ours */

#define KVM_SDEI_MAX_VCPUS        512
#define KVM_SDEI_MAX_EVENTS       128
#define KVM_SDEI_INVALID_EVENT    0xffffffffULL
#define KVM_SDEI_DEFAULT_EVENT    0ULL

struct kvm_sdei_exposed_event_state {
	__u64 num;
	__u8 type; /* 0 private, 1 shared */
	__u8 signaled;
	__u8 priority; /* 0 normal, 1 critical */
	__u8 padding[5];
	__u64 notifier; /* a kernel pointer in the series; never called here, 0 in `spec` */
};

struct kvm_sdei_registered_event_state {
	__u64 num;
	__u8 route_mode; /* 0 any PE, 1 one PE */
	__u8 padding[3];
	__u8 hole[4];         /* unnamed in the series; zero in every canonical struct */
	__u64 route_affinity; /* MPIDR */
	__u64 ep_address[KVM_SDEI_MAX_VCPUS]; /* private: by vCPU creation index; shared: [0] */
	__u64 ep_arg[KVM_SDEI_MAX_VCPUS];
	__u64 registered[KVM_SDEI_MAX_VCPUS / 64];
	__u64 enabled[KVM_SDEI_MAX_VCPUS / 64];
	__u64 unregister_pending[KVM_SDEI_MAX_VCPUS / 64];
};

struct kvm_sdei_vcpu_event_state {
	__u64 num;
	__u32 event_count; /* includes the run in progress */
	__u32 padding;
};

struct kvm_sdei_vcpu_regs_state {
	__u64 regs[18];
	__u64 pc;
	__u64 pstate;
};

struct kvm_sdei_vcpu_state {
	__u8 masked;
	__u8 padding[7];
	__u64 critical_num; /* KVM_SDEI_INVALID_EVENT: none runs */
	__u64 normal_num;
	struct kvm_sdei_vcpu_regs_state critical_regs;
	struct kvm_sdei_vcpu_regs_state normal_regs;
};

struct kvm_sdei_cmd {
	__u32 cmd;
	union {
		__u32 version;
		__u32 count;
	};
	union {
		__u64 pointer;
		__u64 num;
	};
};

#define KVM_ARM_SDEI_COMMAND _IOWR(KVMIO, 0xd0, struct kvm_sdei_cmd) /* 0xc010aed0 */

enum kvm_sdei_command {
	KVM_SDEI_CMD_GET_VERSION,
	KVM_SDEI_CMD_GET_EXPOSED_EVENT_COUNT,
	KVM_SDEI_CMD_GET_EXPOSED_EVENT,
	KVM_SDEI_CMD_SET_EXPOSED_EVENT,
	KVM_SDEI_CMD_GET_REGISTERED_EVENT_COUNT,
	KVM_SDEI_CMD_GET_REGISTERED_EVENT,
	KVM_SDEI_CMD_SET_REGISTERED_EVENT,
	KVM_SDEI_CMD_GET_VCPU_EVENT_COUNT,
	KVM_SDEI_CMD_GET_VCPU_EVENT,
	KVM_SDEI_CMD_SET_VCPU_EVENT,
	KVM_SDEI_CMD_GET_VCPU_STATE,
	KVM_SDEI_CMD_SET_VCPU_STATE,
	KVM_SDEI_CMD_INJECT_EVENT,
};
#define KVM_SDEI_ABI_VERSION 0x00010000u

/* v7's pseudo-registers (27 May 2022), in KVM_GET_REG_LIST order. */
#define KVM_REG_ARM_SDEI_EVENT_HANDLER(n) (0x6040000000140004ULL + (n)) /* 16 bytes, n 0..3 */
#define KVM_REG_ARM_SDEI_EVENT_REGISTERED 0x6030000000140008ULL
#define KVM_REG_ARM_SDEI_EVENT_ENABLED    0x6030000000140009ULL
#define KVM_REG_ARM_SDEI_EVENT_RUNNING    0x603000000014000aULL
#define KVM_REG_ARM_SDEI_EVENT_PENDING    0x603000000014000bULL
#define KVM_REG_ARM_SDEI_EVENT_CONTEXT    0x608000000014000cULL /* 256 bytes, 160 of them used */
#define KVM_REG_ARM_SDEI_PE_STATE         0x603000000014000dULL

struct kvm_sdei_v7_handler {
	__u64 ep_addr;
	__u64 ep_arg;
};

struct kvm_sdei_v7_context {
	__u64 pc;
	__u64 pstate;
	__u64 regs[18];
	__u64 reserved[12];
};

#define KVM_CAP_ARM_MMIO_GUARD 206 /* MMIO guard series v2; number reused by mainline */

/* --- This project's attribute groups on the VM: what the posted structs cannot carry ------------- */

/*
 * A kernel answers ENXIO to these groups, which is how their absence is found. Arrays are read and
 * written through struct kvmcore_array: a GET with capacity < the number of entries fills count,
 * copies nothing and returns -ENOSPC, so that two calls are enough; capacity 0 with ptr 0 asks for
 * the count alone. A SET takes count entries at ptr (capacity is ignored), is atomic, and demands a VM
 * that has not run (-EBUSY).
 */
#define KVMCORE_GROUP_SDEI   0x5344
#define KVMCORE_GROUP_FILTER 0x5346
#define KVMCORE_GROUP_GUARD  0x4d47
#define KVMCORE_GROUP_REALM  0x524d
#define KVMCORE_GROUP_S390   0x5339
#define KVMCORE_GROUP_VM     0x564d

struct kvmcore_array {
	__u64 capacity;
	__u64 count;
	__u64 ptr;
	__u64 pad; /* 0, else -EINVAL */
};

/* KVMCORE_GROUP_VM: who this VM is. */
#define KVMCORE_VM_INFO 0 /* GET struct kvmcore_vm_info */
#define KVMCORE_VM_REGS 1 /* GET/SET struct kvmcore_array of kvmcore_vm_regs, one for each vCPU */
#define KVMCORE_VM_EXITS \
	2 /* GET/SET struct kvmcore_array of kvmcore_exit_state, ascending by vCPU */
#define KVMCORE_VM_VCPUS  3 /* GET struct kvmcore_array of kvmcore_vm_vcpu, one for each vCPU */
#define KVMCORE_VM_MEMORY 4 /* GET struct kvmcore_array of kvmcore_vm_memory, ascending */
#define KVMCORE_VM_FW_REGS \
	5 /* GET struct kvmcore_array of kvmcore_vm_fw_reg, ascending: what a vCPU made now would have */

enum kvmcore_vm_type {
	KVMCORE_VM_ARM64,
	KVMCORE_VM_REALM,
	KVMCORE_VM_S390,
	KVMCORE_VM_PROTECTED, /* pKVM: KVM_VM_TYPE_ARM_PROTECTED, from kernel 7.2 on */
	KVMCORE_NR_VM_TYPES
};

enum kvmcore_profile {
	KVMCORE_PROFILE_SPEC,
	KVMCORE_PROFILE_KVM_V5,
	KVMCORE_PROFILE_KVM_V7,
	KVMCORE_NR_PROFILES
};

struct kvmcore_vm_info {
	__u8 uuid[16];
	__u32 type;      /* enum kvmcore_vm_type */
	__u32 profile;   /* enum kvmcore_profile */
	char kernel[16]; /* kernel profile, e.g. "6.12"; NUL padded */
	__u32 ipa_bits;
	__u32 n_vcpus;
	__u64 generation; /* of the VM: raised by each hand-over */
	__u32 has_run;
	__u32 pad;
};

/* What each vCPU answers, in creation order; ENXIO as for the registers below. */
struct kvmcore_vm_vcpu {
	__u32 mp_state;     /* KVM_GET_MP_STATE */
	__u32 psci_version; /* KVM_REG_ARM_PSCI_VERSION; 0 before KVM_ARM_VCPU_INIT */
};

/* A memory slot: guest addresses, in bytes. */
struct kvmcore_vm_memory {
	__u64 base;
	__u64 size; /* not 0 */
};

/* A firmware pseudo-register of the VM, readable before there is a vCPU. */
struct kvmcore_vm_fw_reg {
	__u64 id;
	__u64 value;
};

/*
 * What KVM_GET_ONE_REG gives for each general register of a vCPU, in creation order. A port whose
 * vCPUs have their registers elsewhere than its group 0x564D answers ENXIO.
 */
struct kvmcore_vm_regs {
	__u64 x[31];
	__u64 sp, pc, pstate;
	__u64 sp_el1, elr_el1, spsr_el1, sctlr_el1, vbar_el1, esr_el1, far_el1;
};

/*
 * An exit that has no end yet: the VMM has not answered it, or its answer waits for the next KVM_RUN.
 * A hypercall's PC is behind the call and its x0 still the function id; an MMIO access's PC is at the
 * instruction.
 */
struct kvmcore_exit_state {
	__u32 vcpu;   /* creation index; one exit each */
	__u32 reason; /* KVM_EXIT_HYPERCALL or KVM_EXIT_MMIO */
	__u64 nr;     /* function id; or guest physical address */
	__u64 flags;  /* KVM_HYPERCALL_EXIT_*, KVMCORE_EXIT_*; or bit 0: a store */
	__u64 data;   /* MMIO: what is stored, or what an answered load gets */
	__u8 len;     /* MMIO: 1..8 bytes */
	__u8 reg;     /* MMIO load: x0..x30; 31: nowhere; KVMCORE_EXIT_REG_UNKNOWN */
	__u8 answered;
	__u8 pad[5];
};
#define KVMCORE_EXIT_REG_UNKNOWN 32 /* only the kernel knows: its instruction is made again */
#define KVMCORE_EXIT_WRITE       (1ULL << 0)
#define KVMCORE_EXIT_DIALECT     (1ULL << 32) /* of KVM_CAP_FORWARD_HYPERCALL: answered in args */

/* KVMCORE_GROUP_SDEI */
#define KVMCORE_SDEI_INFO     0 /* GET struct kvmcore_sdei_info */
#define KVMCORE_SDEI_HANDLERS 1 /* GET/SET struct kvmcore_array of kvmcore_sdei_handler */
#define KVMCORE_SDEI_PENDING  2 /* GET/SET struct kvmcore_array of kvmcore_sdei_pending */
#define KVMCORE_SDEI_BINDINGS 3 /* GET/SET struct kvmcore_array of kvmcore_sdei_binding */
#define KVMCORE_SDEI_QUEUES   4 /* GET struct kvmcore_array of kvmcore_sdei_pending */
#define KVMCORE_SDEI_VCPUS    5 /* GET struct kvmcore_array of kvm_sdei_vcpu_state */

#define KVMCORE_SDEI_NO_VCPU  0xffffffffu

struct kvmcore_sdei_info {
	__u32 profile; /* enum kvmcore_profile */
	__u32 flags;   /* 0 */
	__u64 version; /* what SDEI_VERSION returns */
	__u16 private_slots;
	__u16 shared_slots;
	__u32 n_events; /* limit of exposed and of registered events */
};

/*
 * Handlers that no registered-event struct reports: running but registered on no PE any more
 * ("unregister pending" of the last instance). DEN0054 table 13, state 4.
 */
struct kvmcore_sdei_handler {
	__u64 num;
	__u32 vcpu;  /* creation index of the PE it runs on */
	__u8 shared; /* 1: the one instance of a shared event */
	__u8 route_mode;
	__u8 pad[2];
	__u64 affinity;
	__u64 ep_address;
	__u64 ep_arg;
};

/*
 * PENDING: triggers that wait outside any PE's queue, those of shared events that any PE may take.
 * QUEUES: what GET_VCPU_EVENT tells of each vCPU, one vCPU behind the other in creation order.
 */
struct kvmcore_sdei_pending {
	__u64 num;
	__u32 vcpu;  /* KVMCORE_SDEI_NO_VCPU; QUEUES: creation index */
	__u32 count; /* 1; QUEUES: event_count */
};

struct kvmcore_sdei_binding {
	__u64 num; /* the event SDEI_INTERRUPT_BIND returned */
	__u32 intid;
	__u8 shared; /* SPI: 1, PPI: 0 */
	__u8 slot;
	__u8 pad[2];
	__u64 active[KVM_SDEI_MAX_VCPUS / 64]; /* interrupt active: by vCPU; SPI: bit 0 */
};

/* KVMCORE_GROUP_FILTER */
#define KVMCORE_FILTER_INFO   0 /* GET struct kvmcore_filter_info */
#define KVMCORE_FILTER_RANGES 1 /* GET struct kvmcore_array of kvm_smccc_filter, sorted by base */
#define KVMCORE_FILTER_ANSWERS \
	2 /* GET/SET struct kvmcore_array of kvmcore_call_range: forwarded calls the VMM answers */

/* A configuration of the VMM, not of the guest: it may be SET at any time, in ascending order. */
struct kvmcore_call_range {
	__u32 first, last; /* both belong to it */
};

struct kvmcore_filter_info {
	__u32 n_ranges;     /* as set by the VMM, one per successful SET */
	__u32 reserved_set; /* 0 architecture calls; 1 also what pKVM keeps */
	__u32 has_run;
	__u32 pad;
};

/* KVMCORE_GROUP_GUARD */
#define KVMCORE_GUARD_INFO   0 /* GET struct kvmcore_guard_state, ptr and counts 0 */
#define KVMCORE_GUARD_RANGES 1 /* GET struct kvmcore_array of kvmcore_guard_range */
#define KVMCORE_GUARD_STATE  2 /* SET struct kvmcore_guard_state */
#define KVMCORE_GUARD_SHARED 3 /* GET/SET struct kvmcore_array of kvmcore_guard_range */

enum kvmcore_guard_abi {
	KVMCORE_GUARD_S,
	KVMCORE_GUARD_A1,
	KVMCORE_GUARD_A2,
	KVMCORE_GUARD_U,
	KVMCORE_GUARD_OFF,
	KVMCORE_NR_GUARD_ABIS
};

struct kvmcore_guard_range {
	__u64 base;
	__u64 size;
};

struct kvmcore_guard_state {
	__u32 abi;     /* enum kvmcore_guard_abi */
	__u32 flags;   /* bit 0 enrolled */
	__u64 granule; /* bytes */
	__u64 count;   /* ranges at ptr, sorted, disjoint */
	__u64 ptr;
};

#define KVMCORE_ABI_SIZE(type, size) \
	_Static_assert(sizeof(type) == (size), #type " has the size the ABI gives it")
#define KVMCORE_ABI_OFFSET(type, member, offset) \
	_Static_assert(__builtin_offsetof(type, member) == (offset), #type "." #member)

KVMCORE_ABI_SIZE(struct kvm_vcpu_init, 32);
KVMCORE_ABI_SIZE(struct kvm_smccc_filter, 24);
KVMCORE_ABI_SIZE(struct kvmcore_arm64_vcpu_events, 64);
KVMCORE_ABI_SIZE(struct kvm_sdei_exposed_event_state, 24);
KVMCORE_ABI_OFFSET(struct kvm_sdei_exposed_event_state, notifier, 16);
KVMCORE_ABI_SIZE(struct kvm_sdei_registered_event_state, 8408);
KVMCORE_ABI_OFFSET(struct kvm_sdei_registered_event_state, hole, 12);
KVMCORE_ABI_OFFSET(struct kvm_sdei_registered_event_state, route_affinity, 16);
KVMCORE_ABI_OFFSET(struct kvm_sdei_registered_event_state, ep_address, 24);
KVMCORE_ABI_OFFSET(struct kvm_sdei_registered_event_state, ep_arg, 4120);
KVMCORE_ABI_OFFSET(struct kvm_sdei_registered_event_state, registered, 8216);
KVMCORE_ABI_OFFSET(struct kvm_sdei_registered_event_state, enabled, 8280);
KVMCORE_ABI_OFFSET(struct kvm_sdei_registered_event_state, unregister_pending, 8344);
KVMCORE_ABI_SIZE(struct kvm_sdei_vcpu_event_state, 16);
KVMCORE_ABI_OFFSET(struct kvm_sdei_vcpu_event_state, event_count, 8);
KVMCORE_ABI_SIZE(struct kvm_sdei_vcpu_regs_state, 160);
KVMCORE_ABI_OFFSET(struct kvm_sdei_vcpu_regs_state, pc, 144);
KVMCORE_ABI_SIZE(struct kvm_sdei_vcpu_state, 344);
KVMCORE_ABI_OFFSET(struct kvm_sdei_vcpu_state, critical_num, 8);
KVMCORE_ABI_OFFSET(struct kvm_sdei_vcpu_state, critical_regs, 24);
KVMCORE_ABI_OFFSET(struct kvm_sdei_vcpu_state, normal_regs, 184);
KVMCORE_ABI_SIZE(struct kvm_sdei_cmd, 16);
KVMCORE_ABI_OFFSET(struct kvm_sdei_cmd, pointer, 8);
KVMCORE_ABI_SIZE(struct kvm_sdei_v7_handler, 16);
KVMCORE_ABI_SIZE(struct kvm_sdei_v7_context, 256);
KVMCORE_ABI_SIZE(struct kvmcore_array, 32);
KVMCORE_ABI_SIZE(struct kvmcore_vm_info, 64);
KVMCORE_ABI_SIZE(struct kvmcore_sdei_info, 24);
KVMCORE_ABI_SIZE(struct kvmcore_sdei_handler, 40);
KVMCORE_ABI_SIZE(struct kvmcore_sdei_pending, 16);
KVMCORE_ABI_SIZE(struct kvmcore_sdei_binding, 80);
KVMCORE_ABI_SIZE(struct kvmcore_filter_info, 16);
KVMCORE_ABI_SIZE(struct kvmcore_call_range, 8);
KVMCORE_ABI_SIZE(struct kvmcore_exit_state, 40);
KVMCORE_ABI_SIZE(struct kvmcore_guard_range, 16);
KVMCORE_ABI_SIZE(struct kvmcore_guard_state, 32);

#include <kvmcore/uapi_realm.h>
#include <kvmcore/uapi_s390.h>

#endif
