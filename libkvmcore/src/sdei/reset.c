// SPDX-License-Identifier: Apache-2.0
/* UNREGISTER, the two resets, and what power does to a PE's handlers. */
#include "reset.h"
#include "bind.h"
#include "calls.h"
#include "handler.h"
#include "vm.h"

int reset_unregister(struct vcpu *vcpu, struct sdei_event *event)
{
	struct sdei *sdei = &vcpu->vm->sdei;
	const struct sdei_cell *cell = event_cell(sdei, event, vcpu, OP_UNREGISTER);

	if (cell->verdict == CELL_FORBIDDEN)
		return SDEI_DENIED;
	if (!sdei->profile->unregister_keeps_pending)
		trigger_drop(vcpu, event);
	event_state_put(sdei, event, vcpu, cell->next);
	if (cell->verdict == CELL_PENDING)
		return SDEI_PENDING;
	event_forget(event, event_index(event, vcpu));
	return SDEI_SUCCESS;
}

typedef void each_fn(struct vcpu *vcpu, struct sdei_event *event, void *arg);

static void for_each_event(struct vcpu *vcpu, bool shared, each_fn *fn, void *arg)
{
	const struct sdei *sdei = &vcpu->vm->sdei;

	for (uint32_t slot = 0; slot < SDEI_NR_SLOTS; slot++)
		if (sdei->event[slot] && event_is_shared(sdei->event[slot]) == shared)
			fn(vcpu, sdei->event[slot], arg);
}

static void find_running(struct vcpu *vcpu, struct sdei_event *event, void *found)
{
	if (event_state(event, vcpu) & STATE_RUNNING)
		*(bool *)found = true;
}

static void unregister_one(struct vcpu *vcpu, struct sdei_event *event, void *pending)
{
	if (reset_unregister(vcpu, event) == SDEI_PENDING)
		*(bool *)pending = true;
}

static bool any_runs(struct vcpu *vcpu, bool shared)
{
	bool found = false;

	for_each_event(vcpu, shared, find_running, &found);
	return found;
}

static bool unregister_all(struct vcpu *vcpu, bool shared)
{
	bool pending = false;

	for_each_event(vcpu, shared, unregister_one, &pending);
	return pending;
}

/* KVM SDEI v7, patch 14/22: two words are cleared, and nobody looks at what runs or waits. */
static void clear_bits(struct vcpu *vcpu, struct sdei_event *event, void *arg)
{
	(void)arg;
	event_state_put(&vcpu->vm->sdei, event, vcpu, 0);
}

static int reset_own_private(struct vcpu *vcpu)
{
	if (any_runs(vcpu, false))
		return SDEI_DENIED;
	unregister_all(vcpu, false);
	return SDEI_SUCCESS;
}

static int reset_shared(struct vcpu *vcpu)
{
	if (any_runs(vcpu, true))
		return SDEI_DENIED;
	unregister_all(vcpu, true);
	return bind_release_all(vcpu->vm) ? SDEI_SUCCESS : SDEI_DENIED;
}

static int reset_on_all_vcpus(struct vcpu *vcpu, bool shared)
{
	struct kvmcore_vm *vm = vcpu->vm;
	bool pending = false;

	for (uint32_t i = 0; i < vm->n_vcpus; i++)
		pending |= unregister_all(vm->vcpu[i], shared);
	return pending ? vm->sdei.profile->reset_running : SDEI_SUCCESS;
}

static int reset(struct vcpu *vcpu, enum sdei_reset kind)
{
	switch (kind) {
	case RESET_OWN_PRIVATE:
		return reset_own_private(vcpu);
	case RESET_SHARED:
		return reset_shared(vcpu);
	case RESET_ALL_PRIVATE:
		return reset_on_all_vcpus(vcpu, false);
	case RESET_ALL_SHARED:
		return reset_on_all_vcpus(vcpu, true);
	case RESET_OWN_BITS:
		for_each_event(vcpu, false, clear_bits, NULL);
		return SDEI_SUCCESS;
	case RESET_NOTHING:
		break;
	}
	return SDEI_SUCCESS;
}

/* DEN0054 §5.1.18 */
void sdei_call_private_reset(struct call *call)
{
	call_return_error(call, reset(call->vcpu, call->vm->sdei.profile->private_reset));
}

/* DEN0054 §5.1.19 */
void sdei_call_shared_reset(struct call *call)
{
	call_return_error(call, reset(call->vcpu, call->vm->sdei.profile->shared_reset));
}

/* --- Power, DEN0054 §6.5 -------------------------------------------------------------------------- */

static void mask(struct vcpu *vcpu, struct kvmcore_reply *reply)
{
	vcpu->sdei.masked = true;
	trigger_update(vcpu, reply);
}

/* The context of a handler that runs is thrown away: the PE starts anew. */
static void drop_handlers(struct vcpu *vcpu)
{
	for (unsigned int class = 0; class < SDEI_NR_CLASSES; class ++) {
		struct sdei_event *event = vcpu->sdei.handler[class];

		if (!event)
			continue;
		queue_remove(&vcpu->sdei, event);
		handler_clear(vcpu, class);
		if (!bit_has(event->instance.registered, event_index(event, vcpu)))
			event_forget(event, event_index(event, vcpu));
		vcpu->sdei.context[class] = (struct kvm_sdei_vcpu_regs_state){ 0 };
	}
}

static void clear_private(struct vcpu *vcpu, struct kvmcore_reply *reply)
{
	if (!vcpu->vm->sdei.profile->pe_power)
		return;
	drop_handlers(vcpu);
	unregister_all(vcpu, false);
	mask(vcpu, reply);
}

void sdei_power_on(struct vcpu *vcpu, struct kvmcore_reply *reply)
{
	clear_private(vcpu, reply);
}

void sdei_power_off(struct vcpu *vcpu, struct kvmcore_reply *reply)
{
	clear_private(vcpu, reply);
}

void sdei_power_suspend(struct vcpu *vcpu, struct kvmcore_reply *reply)
{
	if (vcpu->vm->sdei.profile->pe_power)
		mask(vcpu, reply);
}

static void forget(struct vcpu *vcpu, struct sdei_event *event, void *arg)
{
	struct sdei *sdei = &vcpu->vm->sdei;

	(void)arg;
	trigger_any_put(sdei, event, false);
	queue_remove(&vcpu->sdei, event);
	event_state_put(sdei, event, vcpu, 0);
	event_forget(event, event_index(event, vcpu));
}

static void forget_all(struct vcpu *vcpu)
{
	struct sdei_vcpu *pe = &vcpu->sdei;

	drop_handlers(vcpu);
	for_each_event(vcpu, false, forget, NULL);
	for_each_event(vcpu, true, forget, NULL);
	pe->num[SDEI_NORMAL] = KVM_SDEI_INVALID_EVENT;
	pe->num[SDEI_CRITICAL] = KVM_SDEI_INVALID_EVENT;
	pe->requested = false;
}

/* A reset of the machine spares nobody, whatever the profile says about a PE's power. */
void sdei_system_reset(struct kvmcore_vm *vm)
{
	struct kvmcore_reply nobody = { 0 }; /* every PE is off: there is none to tell */

	for (uint32_t i = 0; i < vm->n_vcpus; i++) {
		forget_all(vm->vcpu[i]);
		mask(vm->vcpu[i], &nobody);
	}
	bind_release_all(vm);
}

void sdei_power_changed(struct vcpu *vcpu)
{
	struct kvmcore_reply nobody = { 0 }; /* the next PE to enter looks for itself */

	trigger_update(vcpu, &nobody);
}
