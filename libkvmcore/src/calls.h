/* SPDX-License-Identifier: Apache-2.0 */
/*
 * calls.h - the one list of calls a guest can make, and how a handler answers
 *
 * Dispatch, the discovery calls (SMCCC_ARCH_FEATURES, PSCI_FEATURES, TRNG_FEATURES,
 * PV_TIME_FEATURES) and the names in traces all read this table. To add a call, add its row.
 */
#ifndef KVMCORE_CALLS_H
#define KVMCORE_CALLS_H

#include "reply.h"
#include "vm.h"

#define SMCCC_SUCCESS       0ULL
#define SMCCC_NOT_SUPPORTED (~0ULL) /* -1 */

/* What has to hold before the handler sees the call; else NOT_SUPPORTED. */
enum call_gate {
	GATE_OPEN,
	GATE_PSCI,     /* this version of PSCI knows it: row->since */
	GATE_PSCI_0_1, /* only PSCI 0.1 knows it */
	GATE_TRNG,     /* bits of the hypercall bitmaps */
	GATE_PV_TIME,
	GATE_VENDOR,
	GATE_PTP,
	GATE_GUARD,   /* this VM's MMIO guard has the function */
	GATE_SDEI,    /* profile kvm-v7: bit 1 of STD_BMAP */
	GATE_CONDUIT, /* answered before the filter, on HVC only */
	NR_GATES
};

/* Which discovery call tells of it. */
enum call_found {
	FOUND_NOWHERE = 0,
	FOUND_ARCH = 1u << 0,
	FOUND_PSCI = 1u << 1,
	FOUND_TRNG = 1u << 2,
	FOUND_PV_TIME = 1u << 3,
};

struct call_row {
	uint32_t id;
	uint8_t nargs;  /* it may read x1 to x<nargs> and no other register; see calls_reads() */
	uint8_t gate;   /* enum call_gate */
	uint8_t found;  /* set of enum call_found */
	bool trace;     /* worth a line in a trace by default */
	bool one;       /* the result is x0 alone: x1 to x3 are as good kept as zeroed */
	uint32_t since; /* GATE_PSCI: first version */
	const char *name;
	void (*handle)(struct call *call);
	uint64_t (*feature)(const struct call *call); /* the discovery answer; NULL: 0 */
};

/** calls_find() - the row of @id, or NULL; O(log n) */
const struct call_row *calls_find(uint32_t id);

/** calls_reads() - the registers @row's handler reads, as kvmcore_call_reads() has them */
uint32_t calls_reads(const struct kvmcore_vm *vm, const struct call_row *row, uint32_t features);

/** calls_is_open() - does @row's gate let the caller through? */
bool calls_is_open(const struct call *call, const struct call_row *row);

/** calls_discover() - what the discovery call @by answers about @id */
uint64_t calls_discover(const struct call *call, uint32_t id, enum call_found by);

/* --- Answers
 * -------------------------------------------------------------------------------------- */

static inline void call_set(struct call *call, unsigned int n, uint64_t value)
{
	call->regs->x[n] = value;
	reply_change(call->reply, KVMCORE_MASK_X(n));
}

/** call_return4() - x0 to x3; every answered call writes all four, as KVM does */
static inline void call_return4(struct call *call, uint64_t x0, uint64_t x1, uint64_t x2,
				uint64_t x3)
{
	call->regs->x[0] = x0;
	call->regs->x[1] = x1;
	call->regs->x[2] = x2;
	call->regs->x[3] = x3;
	reply_change(call->reply, 0xf);
}

/** call_return() - one result; x1 to x3 become zero */
static inline void call_return(struct call *call, uint64_t x0)
{
	call_return4(call, x0, 0, 0, 0);
	call->reply->cleared = 0xe;
}

/** call_return_error() - a negative result code, sign-extended to 64 bits */
static inline void call_return_error(struct call *call, int64_t code)
{
	call_return(call, (uint64_t)code);
}

/** call_exit_system_event() - the vCPU leaves to its VMM with KVM_EXIT_SYSTEM_EVENT */
void call_exit_system_event(struct call *call, uint32_t type, uint64_t data);

#endif
