// SPDX-License-Identifier: Apache-2.0
#include "dispatch.h"
#include "calls.h"

#include <errno.h>

#define SDEI_RANGE_MASK 0xffffffe0u
#define SDEI_RANGE      0xc4000020u

static void forward(struct call *call, uint64_t nr, uint64_t flags)
{
	call->reply->returned = false;
	call->reply->exit = KVMCORE_EXIT_HYPERCALL;
	call->reply->nr = nr;
	call->reply->flags = flags;
}

static void refuse(struct call *call)
{
	call_return(call, SMCCC_NOT_SUPPORTED);
}

static bool is_psci(const struct call_row *row)
{
	return row && (row->gate == GATE_PSCI || row->gate == GATE_PSCI_0_1);
}

/*
 * The ways out of before the filter; a VMM has to enable them. "Delegate support for SDEI to
 * userspace" (2017): SDEI by HVC only. KVM_CAP_FORWARD_HYPERCALL (2019): everything, PSCI unless it
 * was excluded, and nr is the instruction's immediate.
 */
static bool leaves_by_dialect(struct call *call, uint32_t id)
{
	const struct kvmcore_vm *vm = call->vm;
	const struct kvmcore_trap *trap = call->trap;

	if (vm->dialects & KVMCORE_DIALECT_SDEI_1_0 && !trap->smc && !trap->aarch32 &&
	    (id & SDEI_RANGE_MASK) == SDEI_RANGE) {
		forward(call, id, 0);
		return true;
	}
	if (vm->dialects & KVMCORE_DIALECT_FORWARD_HYPERCALL &&
	    (vm->forward_psci || !is_psci(calls_find(id)))) {
		forward(call, trap->imm, trap->smc ? KVM_HYPERCALL_EXIT_SMC : 0);
		return true;
	}
	return false;
}

/* The core's part of handle_smc() and handle_hvc(): what never reaches the filter. */
static bool is_answered_by_trap(struct call *call, const struct call_row *row)
{
	if (!call->trap->smc && row && row->gate == GATE_CONDUIT) {
		row->handle(call);
		return true;
	}
	if (call->trap->smc && call->trap->imm) {
		call_set(call, 0, SMCCC_NOT_SUPPORTED);
		return true;
	}
	return false;
}

static void apply_filter(struct call *call, const struct call_row *row, bool filtered)
{
	const uint32_t id = (uint32_t)call->regs->x[0];

	switch (filtered ? filter_lookup(&call->vm->filter, id) : KVM_SMCCC_FILTER_HANDLE) {
	case KVM_SMCCC_FILTER_FWD_TO_USER:
		forward(call, id, call->trap->smc ? KVM_HYPERCALL_EXIT_SMC : 0);
		return;
	case KVM_SMCCC_FILTER_DENY:
		refuse(call);
		return;
	}
	if (row && calls_is_open(call, row))
		row->handle(call);
	else
		refuse(call);
}

/* Elsewhere zeroes are part of the answer: "reserved, must be zero" (DEN0098), or what the realm's monitor says. */
static void keep_zeroes(struct call *call, const struct call_row *row)
{
	if (!row || !row->one || call->vm->realm)
		call->reply->cleared = 0;
}

/* Order: arch/arm64/kvm/handle_exit.c, then kvm_smccc_call_handler() of hypercalls.c. */
static void answer(struct call *call, const struct call_row *row)
{
	const struct kvmcore_vm *vm = call->vm;
	const uint32_t id = (uint32_t)call->regs->x[0];

	if (vm->realm) {
		realm_call(call);
		return;
	}
	if (is_answered_by_trap(call, row))
		return;
	if (vm->dialects && leaves_by_dialect(call, id))
		return;
	if (call->trap->smc && vm->kernel->refuses_smc) {
		call_set(call, 0, SMCCC_NOT_SUPPORTED);
		return;
	}
	apply_filter(call, row, true);
}

void dispatch_call(struct call *call)
{
	const struct call_row *row = calls_find((uint32_t)call->regs->x[0]);

	answer(call, row);
	keep_zeroes(call, row);
}

/* A realm's power, PC and memory are its monitor's business: no service that would touch them is behind a host call. */
static bool touches_realm(const struct call_row *row)
{
	return is_psci(row) ||
	       (row && (row->gate == GATE_GUARD || (row->id & SDEI_RANGE_MASK) == SDEI_RANGE));
}

void dispatch_host_call(struct call *call, bool filtered)
{
	const struct call_row *row = calls_find((uint32_t)call->regs->x[0]);

	apply_filter(call, touches_realm(row) ? NULL : row, filtered);
}
