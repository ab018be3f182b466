// SPDX-License-Identifier: Apache-2.0
#include "psci.h"
#include "calls.h"
#include "vm.h"

#define PSCI_SUCCESS          0
#define PSCI_INVALID_PARAMS   (-2)
#define PSCI_ALREADY_ON       (-4)
#define PSCI_INTERNAL_FAILURE (-6)

#define AFFINITY_ON           0
#define AFFINITY_OFF          1
#define TOS_NOT_PRESENT_MP    2

#define STATE_TYPE_POWER_DOWN (1u << 16) /* DEN0022 §5.4.2, original StateID format */
#define OFF2_HIBERNATE        1u
#define RESET2_VENDOR         0x80000000u

/* KVM_SYSTEM_EVENT_{RESET,SHUTDOWN}_FLAG_PSCI_{RESET2,OFF2} of arm64's <asm/kvm.h> */
#define RESET_FLAG_PSCI_RESET2  1u
#define SHUTDOWN_FLAG_PSCI_OFF2 1u

/* Owner 4 called with 32-bit ids: 32-bit arguments. KVM clears the upper halves in the registers.
 */
static void narrow(struct call *call)
{
	if ((uint32_t)call->regs->x[0] >> 24 != 0x84)
		return;
	for (unsigned int i = 1; i <= 3; i++)
		if (call->regs->x[i] >> 32)
			call_set(call, i, (uint32_t)call->regs->x[i]);
}

void psci_version(struct call *call)
{
	call_return(call, fwreg_psci_version(call->vcpu));
}

static bool is_handling_event(const struct vcpu *vcpu)
{
	struct kvmcore_vcpu_status status;

	sdei_status(vcpu, &status);
	return status.critical_num != KVM_SDEI_INVALID_EVENT ||
	       status.normal_num != KVM_SDEI_INVALID_EVENT;
}

/*
 * KVM answers every CPU_SUSPEND with a wait for interrupt, which DEN0022 §5.4.1 allows. Profile
 * `spec` does power down on request: the PE sleeps with the registers it will wake with, and its
 * SDEI events masked (DEN0054 §6.5). A handler would lose what it interrupted, so there it is standby.
 */
void psci_cpu_suspend(struct call *call)
{
	struct vcpu *vcpu = call->vcpu;
	const uint32_t features = call->regs->features; /* the PE's, which a reset leaves alone */
	uint64_t entry, context;

	narrow(call);
	entry = call->regs->x[2];
	context = call->regs->x[3];
	call->reply->power = KVMCORE_POWER_SUSPEND;
	call->reply->power_vcpu = vcpu->index;
	if (vcpu->vm->config.profile != KVMCORE_PROFILE_SPEC ||
	    !(call->regs->x[1] & STATE_TYPE_POWER_DOWN) || is_handling_event(vcpu)) {
		call_return(call, PSCI_SUCCESS);
		return;
	}
	vcpu->power = POWER_SUSPENDED;
	sdei_power_suspend(vcpu, call->reply);
	vcpu_reset(vcpu, entry, context);
	vcpu_regs_load(vcpu, call->regs);
	call->regs->features = features;
	reply_change(call->reply, CHANGED_ALL);
	call->reply->returned = false;
	call->reply->power_entry = entry;
	call->reply->power_context = context;
}

/* DEN0054 §6.5.4: a handler that powers its PE off has completed before the power goes. */
void psci_cpu_off(struct call *call)
{
	struct vcpu *vcpu = call->vcpu;

	sdei_unwind(vcpu, call->regs, call->reply);
	call_return(call, PSCI_SUCCESS);
	vcpu->power = POWER_OFF;
	sdei_power_off(vcpu, call->reply);
	sdei_power_changed(vcpu);
	call->reply->returned = false;
	call->reply->power = KVMCORE_POWER_OFF;
	call->reply->power_vcpu = vcpu->index;
}

static int64_t power_on(struct call *call)
{
	struct kvmcore_vm *vm = call->vm;
	const uint64_t mpidr = call->regs->x[1];
	struct vcpu *target = vm_vcpu_by_mpidr(vm, mpidr);

	if (!target) /* bits outside the affinity fields name nobody either */
		return PSCI_INVALID_PARAMS;
	if (target->power != POWER_OFF)
		return fwreg_psci_version(call->vcpu) == PSCI_0_1 ? PSCI_INVALID_PARAMS
								  : PSCI_ALREADY_ON;
	target->power = POWER_ON;
	vcpu_reset(target, call->regs->x[2], call->regs->x[3]);
	sdei_power_on(target, call->reply);
	sdei_power_changed(target);
	call->reply->power = KVMCORE_POWER_ON;
	call->reply->power_vcpu = target->index;
	call->reply->power_entry = call->regs->x[2];
	call->reply->power_context = call->regs->x[3];
	return PSCI_SUCCESS;
}

void psci_cpu_on(struct call *call)
{
	narrow(call);
	call_return_error(call, power_on(call));
}

static int64_t affinity_state(const struct kvmcore_vm *vm, uint64_t target, uint64_t level)
{
	static const uint64_t mask_of[] = { 0xff00ffffffULL, 0xff00ffff00ULL, 0xff00ff0000ULL,
					    0xff00000000ULL };
	bool matched = false;

	if (target & ~MPIDR_AFFINITY || level >= ARRAY_SIZE(mask_of))
		return PSCI_INVALID_PARAMS;
	for (unsigned int i = 0; i < vm->n_vcpus; i++) {
		if ((vm->port_vcpu[i].mpidr & mask_of[level]) != (target & mask_of[level]))
			continue;
		if (vm->vcpu[i]->power != POWER_OFF)
			return AFFINITY_ON;
		matched = true;
	}
	return matched ? AFFINITY_OFF : PSCI_INVALID_PARAMS;
}

void psci_affinity_info(struct call *call)
{
	narrow(call);
	call_return_error(call, affinity_state(call->vm, call->regs->x[1], call->regs->x[2]));
}

void psci_migrate_info_type(struct call *call)
{
	call_return(call, TOS_NOT_PRESENT_MP);
}

/* Every PE stops; whoever calls this has its result in the registers already. */
static void stop_system(struct call *call, uint32_t type, uint64_t data)
{
	struct kvmcore_vm *vm = call->vm;

	for (unsigned int i = 0; i < vm->n_vcpus; i++) {
		vm->vcpu[i]->power = POWER_OFF;
		if (vm->vcpu[i] != call->vcpu)
			reply_kick(call->reply, i);
	}
	sdei_system_reset(vm);
	guard_reset(vm);
	call_exit_system_event(call, type, data);
}

/* The result stays in x0 unless the VMM goes on in spite of the exit. */
static void end_system(struct call *call, uint32_t type, uint64_t data, bool only_x0)
{
	sdei_unwind(call->vcpu, call->regs, call->reply);
	if (only_x0)
		call_set(call, 0, (uint64_t)PSCI_INTERNAL_FAILURE);
	else
		call_return_error(call, PSCI_INTERNAL_FAILURE);
	stop_system(call, type, data);
}

void psci_system_off(struct call *call)
{
	end_system(call, KVM_SYSTEM_EVENT_SHUTDOWN, 0, false);
}

void psci_system_reset(struct call *call)
{
	end_system(call, KVM_SYSTEM_EVENT_RESET, 0, false);
}

void psci_features(struct call *call)
{
	call_return(call, calls_discover(call, (uint32_t)call->regs->x[1], FOUND_PSCI));
}

uint64_t psci_system_suspend_feature(const struct call *call)
{
	return call->vm->system_suspend ? PSCI_SUCCESS : SMCCC_NOT_SUPPORTED;
}

uint64_t psci_system_off2_feature(const struct call *call)
{
	(void)call;
	return OFF2_HIBERNATE;
}

/* The VMM does the suspending, so it sees the call's arguments as the guest left them. */
void psci_system_suspend(struct call *call)
{
	narrow(call);
	if (call->vm->system_suspend)
		call_exit_system_event(call, KVM_SYSTEM_EVENT_SUSPEND, 0);
	else
		call_return(call, SMCCC_NOT_SUPPORTED);
}

void psci_system_reset2(struct call *call)
{
	uint32_t type;

	narrow(call);
	type = (uint32_t)call->regs->x[1];
	if (type != 0 && type < RESET2_VENDOR)
		call_return_error(call, PSCI_INVALID_PARAMS);
	else
		end_system(call, KVM_SYSTEM_EVENT_RESET, RESET_FLAG_PSCI_RESET2, true);
}

/* The type is the low half of x1, as KVM takes it; the cookie all of x2. Unlike RESET2 it answers in four registers. */
void psci_system_off2(struct call *call)
{
	uint32_t type;

	narrow(call);
	type = (uint32_t)call->regs->x[1];
	if ((type && type != OFF2_HIBERNATE) || call->regs->x[2])
		call_return_error(call, PSCI_INVALID_PARAMS);
	else
		end_system(call, KVM_SYSTEM_EVENT_SHUTDOWN, SHUTDOWN_FLAG_PSCI_OFF2, false);
}
