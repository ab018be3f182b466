// SPDX-License-Identifier: Apache-2.0
#include "handler.h"
#include "pstate.h"
#include "reply.h"
#include "vm.h"

#include <assert.h>
#include <string.h>

enum sdei_class handler_top(const struct sdei_vcpu *pe)
{
	if (pe->handler[SDEI_CRITICAL])
		return SDEI_CRITICAL;
	return pe->handler[SDEI_NORMAL] ? SDEI_NORMAL : SDEI_NR_CLASSES;
}

void handler_put(struct vcpu *vcpu, enum sdei_class class, struct sdei_event *event)
{
	vcpu->sdei.handler[class] = event;
	vcpu->sdei.num[class] = event->exposed.num;
	if (event_runs_on(event, vcpu->index))
		return;
	bit_add(event->running, vcpu->index);
	event->n_running++;
}

void handler_clear(struct vcpu *vcpu, enum sdei_class class)
{
	struct sdei_vcpu *pe = &vcpu->sdei;
	struct sdei_event *event = pe->handler[class];

	pe->handler[class] = NULL;
	pe->num[class] = KVM_SDEI_INVALID_EVENT;
	if (!event || pe->handler[SDEI_NORMAL] == event || pe->handler[SDEI_CRITICAL] == event)
		return;
	bit_drop(event->running, vcpu->index);
	event->n_running--;
}

/* --- Start ---------------------------------------------------------------------------------------- */

/* Only what may be delivered now (DEN0054 §6.2, dispatch preconditions). */
static struct sdei_event *find_due(struct vcpu *vcpu, enum sdei_class class)
{
	const struct sdei *sdei = &vcpu->vm->sdei;
	const struct sdei_vcpu *pe = &vcpu->sdei;
	struct sdei_event *due = NULL;

	if (!trigger_can_start(vcpu, class))
		return NULL;
	for (uint16_t slot = queue_first(pe, class); slot != SDEI_NO_SLOT;
	     slot = queue_next(pe, slot)) {
		struct sdei_event *event = sdei->event[slot];

		if (event_cell(sdei, event, vcpu, OP_DISPATCH)->verdict != CELL_ALLOWED)
			continue;
		if (!sdei->profile->lowest_first)
			return event;
		if (!due || event->exposed.num < due->exposed.num)
			due = event;
	}
	return due ? due : sdei->n_any_pending ? trigger_any_take(vcpu, class) : NULL;
}

/*
 * KVM SDEI v5, patch 07/22: the head of a list, whatever became of mask, enable and registration. An
 * entry whose event is registered nowhere any more would have made that kernel use freed memory; here
 * it is dropped.
 */
static struct sdei_event *find_head(struct vcpu *vcpu, enum sdei_class class)
{
	const struct sdei *sdei = &vcpu->vm->sdei;
	struct sdei_vcpu *pe = &vcpu->sdei;
	uint16_t slot;

	if (pe->handler[SDEI_CRITICAL] || (class == SDEI_NORMAL && pe->handler[SDEI_NORMAL]))
		return NULL;
	while ((slot = queue_first(pe, class)) != SDEI_NO_SLOT) {
		if (sdei->event[slot]->has_instance)
			return sdei->event[slot];
		queue_remove(pe, sdei->event[slot]);
	}
	return NULL;
}

static struct sdei_event *find_next(struct vcpu *vcpu)
{
	const bool checks = vcpu->vm->sdei.profile->delivery_checks;
	struct sdei_event *event;

	event = checks ? find_due(vcpu, SDEI_CRITICAL) : find_head(vcpu, SDEI_CRITICAL);
	if (event)
		return event;
	return checks ? find_due(vcpu, SDEI_NORMAL) : find_head(vcpu, SDEI_NORMAL);
}

static void save(struct kvm_sdei_vcpu_regs_state *context, const struct kvmcore_regs *regs)
{
	memcpy(context->regs, regs->x, sizeof(context->regs));
	context->pc = regs->pc;
	context->pstate = regs->pstate;
}

/* DEN0054 §4.2.1, and what the series did instead. */
static uint32_t enter(const struct sdei_profile *profile, const struct sdei_event *event,
		      uint32_t index, struct kvmcore_regs *regs)
{
	const uint64_t pc = regs->pc, pstate = regs->pstate;
	uint32_t changed = 0xf | KVMCORE_MASK_PC | KVMCORE_MASK_PSTATE;

	if (profile->entry_zeroes_x4_x17) {
		memset(&regs->x[4], 0, sizeof(regs->x) - 4 * sizeof(regs->x[0]));
		changed |= 0x3fff0u;
	}
	if (profile->entry_writes_spsr) {
		regs->spsr_el1 = pstate;
		changed |= KVMCORE_MASK_SPSR_EL1;
	}
	regs->x[0] = event->exposed.num;
	regs->x[1] = event->instance.ep_arg[index];
	regs->x[2] = pc;
	regs->x[3] = pstate;
	regs->pc = event->instance.ep_address[index];
	regs->pstate = profile->entry_takes_exception ? pstate_take_exception(regs, pstate)
						      : pstate_mode_only(pstate);
	return changed;
}

static void start(struct vcpu *vcpu, struct sdei_event *event, struct kvmcore_regs *regs,
		  struct kvmcore_reply *reply)
{
	const struct sdei_profile *profile = vcpu->vm->sdei.profile;
	const enum sdei_class class = event_class(event);

	save(&vcpu->sdei.context[class], regs);
	handler_put(vcpu, class, event);
	if (!profile->counted)
		queue_put(&vcpu->sdei, event, 1);
	reply_change(reply, enter(profile, event, event_index(event, vcpu), regs));
	reply->delivered = true;
	trigger_update(vcpu, reply);
}

/* A queue holds what runs, too. */
bool sdei_may_deliver(const struct vcpu *vcpu)
{
	const struct sdei *sdei = &vcpu->vm->sdei;
	const struct sdei_vcpu *pe = &vcpu->sdei;
	const unsigned int running =
		(pe->handler[SDEI_NORMAL] ? 1u : 0) + (pe->handler[SDEI_CRITICAL] ? 1u : 0);

	if (sdei->profile->on_request)
		return pe->requested;
	return trigger_can_start(vcpu, SDEI_CRITICAL) &&
	       (pe->n_queued > running || sdei->n_any_pending);
}

bool sdei_deliver(struct vcpu *vcpu, struct kvmcore_regs *regs, struct kvmcore_reply *reply)
{
	const struct sdei *sdei = &vcpu->vm->sdei;
	struct sdei_vcpu *pe = &vcpu->sdei;
	struct sdei_event *event;

	if (sdei->profile->on_request && !pe->requested)
		return false;
	pe->requested = false;
	if (!pe->n_queued && !sdei->n_any_pending)
		return false;
	event = find_next(vcpu);
	if (!event)
		return false;
	start(vcpu, event, regs, reply);
	return true;
}

/* --- End ------------------------------------------------------------------------------------------ */

/* Writes to kvm-v7's pseudo-registers can leave a second running bit: it is the next to complete. */
static struct sdei_event *find_other_runner(const struct vcpu *vcpu)
{
	const struct sdei *sdei = &vcpu->vm->sdei;
	const struct sdei_vcpu *pe = &vcpu->sdei;

	for (uint16_t slot = 0; slot < sdei->profile->n_builtin; slot++) {
		struct sdei_event *event = sdei->event[slot];

		if (event_runs_on(event, vcpu->index) && event != pe->handler[SDEI_NORMAL] &&
		    event != pe->handler[SDEI_CRITICAL])
			return event;
	}
	return NULL;
}

static void leave_queue(struct sdei_vcpu *pe, struct sdei_event *event)
{
	const uint32_t count = queue_count(pe, event);

	if (count > 1)
		queue_put(pe, event, count - 1);
	else
		queue_remove(pe, event);
}

/* The instance's new state; what is gone leaves no trace in the tables. */
static void settle(struct vcpu *vcpu, struct sdei_event *event)
{
	struct sdei *sdei = &vcpu->vm->sdei;
	const struct sdei_cell *cell = event_cell(sdei, event, vcpu, OP_COMPLETE);

	assert(cell->verdict == CELL_ALLOWED);
	event_state_put(sdei, event, vcpu, cell->next);
	if (!(cell->next & STATE_REGISTERED))
		event_forget(event, event_index(event, vcpu));
}

void handler_end(struct vcpu *vcpu, enum sdei_class class, struct kvmcore_regs *regs,
		 struct kvmcore_reply *reply)
{
	const struct sdei_profile *profile = vcpu->vm->sdei.profile;
	struct sdei_vcpu *pe = &vcpu->sdei;
	struct sdei_event *event = pe->handler[class], *other = NULL;

	memcpy(regs->x, pe->context[class].regs, sizeof(regs->x));
	regs->pc = pe->context[class].pc;
	regs->pstate = pe->context[class].pstate;
	reply_change(reply, CHANGED_CONTEXT);

	settle(vcpu, event);
	leave_queue(pe, event);
	if (profile->numbers == NUMBERS_V7)
		other = find_other_runner(vcpu);
	handler_clear(vcpu, class);
	if (other)
		handler_put(vcpu, class, other);
	else
		memset(&pe->context[class], 0, sizeof(pe->context[class]));
	trigger_update(vcpu, reply);
	if (event_is_shared(event) && !profile->on_request)
		trigger_wake(vcpu->vm, event, vcpu, reply);
	if (profile->complete_requests && pe->n_queued)
		trigger_request(vcpu, vcpu, reply);
}

/* An injected IRQ always does. */
static bool resume_takes_exception(const struct sdei_profile *profile)
{
	return profile->entry_takes_exception || !profile->resume_at_x1;
}

static uint32_t pstate_reads(bool takes_exception, uint32_t features)
{
	return takes_exception && pstate_reads_sctlr(features) ? KVMCORE_MASK_SCTLR_EL1 : 0;
}

uint32_t sdei_resume_reads(const struct kvmcore_vm *vm, uint32_t features)
{
	const struct sdei_profile *profile = vm->sdei.profile;

	return (profile->resume_at_x1 ? KVMCORE_MASK_X(1) : KVMCORE_MASK_VBAR_EL1) |
	       pstate_reads(resume_takes_exception(profile), features);
}

uint32_t sdei_deliver_reads(const struct kvmcore_vm *vm, uint32_t features)
{
	return CHANGED_CONTEXT | pstate_reads(vm->sdei.profile->entry_takes_exception, features);
}

void handler_end_and_resume(struct vcpu *vcpu, enum sdei_class class, uint64_t address,
			    struct kvmcore_regs *regs, struct kvmcore_reply *reply)
{
	const struct sdei_profile *profile = vcpu->vm->sdei.profile;
	uint64_t old;

	handler_end(vcpu, class, regs, reply);
	old = regs->pstate;
	regs->elr_el1 = regs->pc;
	regs->spsr_el1 = old;
	regs->pc = profile->resume_at_x1 ? address : pstate_irq_vector(regs, old);
	regs->pstate = resume_takes_exception(profile) ? pstate_take_exception(regs, old)
						       : pstate_mode_only(old);
	reply_change(reply, KVMCORE_MASK_ELR_EL1 | KVMCORE_MASK_SPSR_EL1);
}

void sdei_unwind(struct vcpu *vcpu, struct kvmcore_regs *regs, struct kvmcore_reply *reply)
{
	enum sdei_class class;

	while ((class = handler_top(&vcpu->sdei)) != SDEI_NR_CLASSES)
		handler_end(vcpu, class, regs, reply);
}
