/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sdei_state.h - what the SDEI service of one VM remembers
 *
 * Included at the end of sdei.h. One truth per fact:
 *   - registered and enabled: the bitmaps of struct sdei_event, one bit per handler instance (private:
 *     by vCPU creation index; shared: bit 0);
 *   - running: sdei_vcpu.handler[]; the event's bitmap is the same fact seen from the other side;
 *   - pending: a queue entry's count minus the run in progress, or sdei.any_pending;
 *   - unregister pending: running and not registered, except in kvm-v5, which stores a bit.
 */
#ifndef KVMCORE_SDEI_STATE_H
#define KVMCORE_SDEI_STATE_H

#define SDEI_VCPU_WORDS (KVM_SDEI_MAX_VCPUS / 64)

/* Slots: 0 is event 0, then exposed events, then those SDEI_INTERRUPT_BIND hands out. */
#define SDEI_MAX_SLOTS_PER_TYPE 64u
#define SDEI_FIRST_EXPOSED      1u
#define SDEI_FIRST_BOUND        (SDEI_FIRST_EXPOSED + KVM_SDEI_MAX_EVENTS)
#define SDEI_NR_SLOTS           (SDEI_FIRST_BOUND + 2u * SDEI_MAX_SLOTS_PER_TYPE)
#define SDEI_SLOT_WORDS         ((SDEI_NR_SLOTS + 63u) / 64u)
#define SDEI_NO_SLOT            0xffffu

/* Numbers of bound events: bit 30 (vendor) and a range of their own; docs/abi-sdei.md. */
#define SDEI_BOUND_PRIVATE 0x40800000u
#define SDEI_BOUND_SHARED  0x40800100u

#define SDEI_NO_VCPU       0xffffffffu
#define SDEI_HASH_SIZE     512u
#define SDEI_SCRATCH_LEN   65536u

enum sdei_class { SDEI_NORMAL, SDEI_CRITICAL, SDEI_NR_CLASSES };

/* The bitmaps at the end of the instance and what follows are looked at together: one page. */
struct sdei_event {
	/* As GET_REGISTERED_EVENT reports it, but for unregister_pending, which is derived. */
	struct kvm_sdei_registered_event_state instance;
	struct kvm_sdei_exposed_event_state exposed; /* num, type, signaled, priority, notifier */
	__u64 running[SDEI_VCPU_WORDS];              /* by vCPU, also for shared events */
	uint32_t n_running;
	uint32_t n_registered;
	uint32_t n_entries; /* vCPUs whose queue holds it */
	uint16_t slot;
	bool listed;           /* GET_EXPOSED_EVENT shows it */
	bool has_instance;     /* GET_REGISTERED_EVENT shows it */
	uint32_t announced_on; /* restore: the PE an orphan handler of a shared event runs on */
	uint32_t designee;     /* any_pending: the PE that was asked to take it, or SDEI_NO_VCPU */
	uint32_t intid;        /* bound events: 0 while not bound */
};

/* A vCPU's queue: one possible entry per slot, linked in order of arrival, one list per class. */
struct sdei_entry {
	uint32_t count;      /* triggers, the run in progress included */
	uint16_t next, prev; /* slot or list head; SDEI_NO_SLOT: not queued */
};

struct sdei_vcpu {
	uint8_t masked; /* kvm-v5 keeps the byte it was given */
	bool requested; /* KVM_REQ_SDEI of the series; unused in profile spec */
	uint16_t n_queued;
	uint64_t num[SDEI_NR_CLASSES]; /* as GET_VCPU_STATE reports them */
	struct sdei_event *handler[SDEI_NR_CLASSES];
	struct kvm_sdei_vcpu_regs_state context[SDEI_NR_CLASSES];
	struct sdei_entry entry[SDEI_NR_SLOTS + SDEI_NR_CLASSES]; /* the last two are list heads */
};

struct sdei {
	const struct sdei_profile *profile;
	struct sdei_event *event[SDEI_NR_SLOTS];
	struct {
		uint64_t num;
		uint16_t slot;  /* 0: free */
	} hash[SDEI_HASH_SIZE]; /* number -> slot of exposed events, linear probing */
	uint16_t exposed[KVM_SDEI_MAX_EVENTS];    /* slots in the order of exposure */
	uint16_t registered[KVM_SDEI_MAX_EVENTS]; /* slots in the order of registration */
	uint32_t n_exposed, n_registered;
	uint32_t n_spi, n_ppi;
	uint16_t n_slots[2]; /* for binding: private, shared */
	/* Shared events, any PE: triggered, and no PE has taken them. */
	__u64 any_pending[SDEI_SLOT_WORDS];
	uint32_t n_any_pending;
	uint32_t cursor; /* the PE asked last, for fairness */
	/* Which PEs could start a handler of this class now. */
	__u64 ready[SDEI_NR_CLASSES][SDEI_VCPU_WORDS];
	uint8_t *scratch; /* SDEI_SCRATCH_LEN bytes for GETs */
};

#endif
