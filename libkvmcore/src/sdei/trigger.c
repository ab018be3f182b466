// SPDX-License-Identifier: Apache-2.0
#include "trigger.h"
#include "reply.h"
#include "vm.h"

void trigger_tell(struct kvmcore_reply *reply, const struct vcpu *vcpu, const struct vcpu *from)
{
	if (vcpu != from)
		reply_kick(reply, vcpu->index);
}

/* DEN0054 §6.2: a critical handler may interrupt a normal one and nothing else any other. */
bool trigger_can_start(const struct vcpu *vcpu, enum sdei_class class)
{
	const struct sdei_vcpu *pe = &vcpu->sdei;

	return vcpu->power == POWER_ON && !pe->masked && !pe->handler[SDEI_CRITICAL] &&
	       (class == SDEI_CRITICAL || !pe->handler[SDEI_NORMAL]);
}

void trigger_any_put(struct sdei *sdei, struct sdei_event *event, bool pending)
{
	if (bit_has(sdei->any_pending, event->slot) == pending)
		return;
	bit_put(sdei->any_pending, event->slot, pending);
	event->designee = SDEI_NO_VCPU;
	if (pending)
		sdei->n_any_pending++;
	else
		sdei->n_any_pending--;
}

static bool is_dispatchable(const struct sdei *sdei, const struct sdei_event *event,
			    const struct vcpu *vcpu)
{
	return event_cell(sdei, event, vcpu, OP_DISPATCH)->verdict == CELL_ALLOWED;
}

/* Round robin, so that in the long run every PE is served. */
static struct vcpu *find_ready(struct kvmcore_vm *vm, enum sdei_class class)
{
	const __u64 *ready = vm->sdei.ready[class];
	uint32_t index = vm->sdei.cursor;

	for (uint32_t left = bit_count(ready, SDEI_VCPU_WORDS); left > 0; left--) {
		index = bit_next(ready, SDEI_VCPU_WORDS, index + 1);
		if (index >= vm->n_vcpus)
			index = bit_next(ready, SDEI_VCPU_WORDS, 0);
		if (trigger_can_start(vm->vcpu[index], class))
			return vm->vcpu[index];
	}
	return NULL;
}

static void designate(struct kvmcore_vm *vm, struct sdei_event *event, const struct vcpu *from,
		      struct kvmcore_reply *reply)
{
	struct vcpu *vcpu = find_ready(vm, event_class(event));

	event->designee = SDEI_NO_VCPU;
	if (!vcpu || !is_dispatchable(&vm->sdei, event, vcpu))
		return;
	event->designee = vcpu->index;
	vm->sdei.cursor = vcpu->index;
	trigger_tell(reply, vcpu, from);
}

void trigger_update(struct vcpu *vcpu, struct kvmcore_reply *reply)
{
	struct kvmcore_vm *vm = vcpu->vm;
	struct sdei *sdei = &vm->sdei;
	uint32_t slot;

	for (unsigned int class = 0; class < SDEI_NR_CLASSES; class ++)
		bit_put(sdei->ready[class], vcpu->index, trigger_can_start(vcpu, class));
	if (!sdei->n_any_pending)
		return;
	for (slot = 0; (slot = bit_next(sdei->any_pending, SDEI_SLOT_WORDS, slot)) < SDEI_NR_SLOTS;
	     slot++) {
		struct sdei_event *event = sdei->event[slot];

		if (event->designee == vcpu->index && !trigger_can_start(vcpu, event_class(event)))
			designate(vm, event, vcpu, reply);
	}
}

struct sdei_event *trigger_any_take(struct vcpu *vcpu, enum sdei_class class)
{
	struct kvmcore_vm *vm = vcpu->vm;
	struct sdei *sdei = &vm->sdei;
	uint32_t slot;

	for (slot = 0; (slot = bit_next(sdei->any_pending, SDEI_SLOT_WORDS, slot)) < SDEI_NR_SLOTS;
	     slot++) {
		struct sdei_event *event = sdei->event[slot];
		const struct vcpu *asked = vm_vcpu(vm, (int)event->designee);

		if (event_class(event) != class || !is_dispatchable(sdei, event, vcpu))
			continue;
		if (asked && asked != vcpu && trigger_can_start(asked, class))
			continue;
		trigger_any_put(sdei, event, false);
		queue_put(&vcpu->sdei, event, 1);
		return event;
	}
	return NULL;
}

void trigger_request(struct vcpu *vcpu, const struct vcpu *from, struct kvmcore_reply *reply)
{
	vcpu->sdei.requested = true;
	trigger_tell(reply, vcpu, from);
}

static void wake_holder(struct vcpu *vcpu, const struct sdei_event *event, const struct vcpu *from,
			struct kvmcore_reply *reply)
{
	if (vcpu->vm->sdei.profile->on_request)
		trigger_request(vcpu, from, reply);
	else if (trigger_can_start(vcpu, event_class(event)) &&
		 is_dispatchable(&vcpu->vm->sdei, event, vcpu))
		trigger_tell(reply, vcpu, from);
}

/* One trigger waits at most, unless the profile counts (DEN0054 §5.1.16.1: edges may merge). */
static void hold(struct vcpu *vcpu, struct sdei_event *event)
{
	struct sdei_vcpu *queue = &vcpu->sdei;
	const uint32_t count = queue_count(queue, event);
	const uint32_t runs = event_runs_on(event, vcpu->index);

	if (vcpu->vm->sdei.profile->counted) {
		queue_put(queue, event, count + 1);
		return;
	}
	if (count > runs)
		return;
	queue_put(queue, event, runs + 1);
	queue_to_end(queue, event);
}

static struct vcpu *routed_to(struct kvmcore_vm *vm, const struct sdei_event *event)
{
	return vm_vcpu_by_mpidr(vm, event->instance.route_affinity);
}

void trigger_fire(struct vcpu *vcpu, struct sdei_event *event, const struct vcpu *from,
		  struct kvmcore_reply *reply)
{
	struct kvmcore_vm *vm = vcpu->vm;
	struct vcpu *target = vcpu;

	if (vm->sdei.profile->delivery_checks && event_is_shared(event)) {
		if (event_routes_any(event)) {
			trigger_any_put(&vm->sdei, event, true);
			trigger_wake(vm, event, from, reply);
			return;
		}
		target = routed_to(vm, event);
	}
	hold(target, event);
	wake_holder(target, event, from, reply);
}

void trigger_wake(struct kvmcore_vm *vm, struct sdei_event *event, const struct vcpu *from,
		  struct kvmcore_reply *reply)
{
	struct vcpu *target;

	if (event_routes_any(event)) {
		if (bit_has(vm->sdei.any_pending, event->slot) && event->designee == SDEI_NO_VCPU)
			designate(vm, event, from, reply);
		return;
	}
	target = routed_to(vm, event);
	if (target && queue_has(&target->sdei, event))
		wake_holder(target, event, from, reply);
}

static void drop_from(struct vcpu *vcpu, struct sdei_event *event)
{
	if (event_runs_on(event, vcpu->index))
		queue_put(&vcpu->sdei, event, 1);
	else
		queue_remove(&vcpu->sdei, event);
}

void trigger_drop(struct vcpu *vcpu, struct sdei_event *event)
{
	struct kvmcore_vm *vm = vcpu->vm;

	if (!event_is_shared(event)) {
		drop_from(vcpu, event);
		return;
	}
	trigger_any_put(&vm->sdei, event, false);
	for (uint32_t i = 0; i < vm->n_vcpus && event->n_entries > event->n_running; i++)
		drop_from(vm->vcpu[i], event);
	for (uint32_t i = bit_next(event->running, SDEI_VCPU_WORDS, 0); i < vm->n_vcpus;
	     i = bit_next(event->running, SDEI_VCPU_WORDS, i + 1))
		drop_from(vm->vcpu[i], event);
}

bool trigger_reroute(struct kvmcore_vm *vm, struct sdei_event *event)
{
	const bool waited = bit_has(vm->sdei.any_pending, event->slot) || event->n_entries > 0;

	if (waited)
		trigger_drop(vm->vcpu[0], event);
	return waited;
}
