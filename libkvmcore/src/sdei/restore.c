// SPDX-License-Identifier: Apache-2.0
#include "restore.h"
#include "check.h"
#include "handler.h"
#include "vm.h"

#include <errno.h>
#include <string.h>

static uint16_t find_free_slot(const struct sdei *sdei, uint64_t num)
{
	uint16_t slot = SDEI_FIRST_EXPOSED;

	if (num == KVM_SDEI_DEFAULT_EVENT)
		return 0;
	while (sdei->event[slot])
		slot++;
	return slot;
}

int restore_exposed(struct sdei *sdei, const struct kvm_sdei_exposed_event_state *entry, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct sdei_event *event = event_find(sdei, entry[i].num);

		if (!event)
			event = event_create(sdei, find_free_slot(sdei, entry[i].num), &entry[i]);
		if (!event)
			return -ENOMEM;
		event->exposed = entry[i];
		memset(event->exposed.padding, 0, sizeof(event->exposed.padding));
		if (!event->listed)
			event_list(sdei, event);
	}
	return 0;
}

/* "Unregister pending" of a checked profile is what will run without being registered. */
void restore_registered(struct sdei *sdei, const struct kvm_sdei_registered_event_state *entry)
{
	struct sdei_event *event = event_find(sdei, entry->num);

	event->instance = *entry;
	memset(event->instance.padding, 0, sizeof(entry->padding));
	memset(event->instance.hole, 0, sizeof(entry->hole));
	event->n_registered = bit_count(entry->registered, SDEI_VCPU_WORDS);
	event_instance_add(sdei, event);
}

void restore_report(const struct kvmcore_vm *vm, const struct sdei_event *event,
		    struct kvm_sdei_registered_event_state *out)
{
	const __u64 *announced = event->instance.unregister_pending;

	*out = event->instance;
	if (vm->sdei.profile->unregister_pending_stored || event_is_shared(event))
		return;
	for (size_t i = 0; i < SDEI_VCPU_WORDS; i++)
		out->unregister_pending[i] = (event->running[i] & ~event->instance.registered[i]) |
					     (vm->has_run_once ? 0 : announced[i]);
}

void restore_report_vcpu(const struct vcpu *vcpu, struct kvm_sdei_vcpu_state *out)
{
	const struct sdei_vcpu *pe = &vcpu->sdei;

	out->masked = pe->masked;
	memset(out->padding, 0, sizeof(out->padding));
	out->critical_num = pe->num[SDEI_CRITICAL];
	out->normal_num = pe->num[SDEI_NORMAL];
	out->critical_regs = pe->context[SDEI_CRITICAL];
	out->normal_regs = pe->context[SDEI_NORMAL];
}

/* The series adds to what is queued, in 32 bits. */
void restore_vcpu_event(struct vcpu *vcpu, const struct kvm_sdei_vcpu_event_state *entry)
{
	struct sdei_event *event = event_find(&vcpu->vm->sdei, entry->num);

	queue_put(&vcpu->sdei, event, queue_count(&vcpu->sdei, event) + entry->event_count);
}

/* Nothing runs any more; a handler that was not registered is gone with its entry. */
static void stop_handlers(struct vcpu *vcpu)
{
	const struct sdei *sdei = &vcpu->vm->sdei;

	for (unsigned int class = 0; class < SDEI_NR_CLASSES; class ++)
		handler_clear(vcpu, class);
	for (uint16_t slot = 0; slot < sdei->profile->n_builtin; slot++) {
		struct sdei_event *event = sdei->event[slot];

		if (!event_runs_on(event, vcpu->index))
			continue;
		bit_drop(event->running, vcpu->index); /* kvm-v7: a second running bit */
		event->n_running--;
	}
}

static struct sdei_event *handler_of(const struct vcpu *vcpu, uint64_t num)
{
	const struct sdei *sdei = &vcpu->vm->sdei;

	return num != KVM_SDEI_INVALID_EVENT && sdei_number_is_supported(sdei->profile, num)
		       ? event_find(sdei, num)
		       : NULL;
}

static void start_handler(struct vcpu *vcpu, enum sdei_class class, uint64_t num,
			  const struct kvm_sdei_vcpu_regs_state *context)
{
	struct sdei_event *event = handler_of(vcpu, num);

	vcpu->sdei.context[class] = *context;
	if (event) {
		handler_put(vcpu, class, event);
		event->announced_on = SDEI_NO_VCPU;
		if (!vcpu->vm->sdei.profile->unregister_pending_stored)
			bit_drop(event->instance.unregister_pending, event_index(event, vcpu));
	} else {
		vcpu->sdei.num[class] = num;
	}
}

/* Who ran unregistered and does not run any more has nothing left to complete. */
static void drop_orphan(struct vcpu *vcpu, struct sdei_event *event)
{
	const uint32_t index = event ? event_index(event, vcpu) : 0;

	if (!event || !vcpu->vm->sdei.profile->set_checked || event_runs_on(event, vcpu->index) ||
	    bit_has(event->instance.registered, index))
		return;
	queue_remove(&vcpu->sdei, event);
	event_forget(event, index);
}

void restore_vcpu_state(struct vcpu *vcpu, const struct kvm_sdei_vcpu_state *state)
{
	struct sdei_vcpu *pe = &vcpu->sdei;
	struct sdei_event *ran[SDEI_NR_CLASSES] = { pe->handler[SDEI_NORMAL],
						    pe->handler[SDEI_CRITICAL] };
	struct kvmcore_reply nobody = { 0 };

	stop_handlers(vcpu);
	pe->masked = state->masked;
	start_handler(vcpu, SDEI_CRITICAL, state->critical_num, &state->critical_regs);
	start_handler(vcpu, SDEI_NORMAL, state->normal_num, &state->normal_regs);
	drop_orphan(vcpu, ran[SDEI_NORMAL]);
	drop_orphan(vcpu, ran[SDEI_CRITICAL]);
	trigger_update(vcpu, &nobody);
	/* KVM SDEI v5, patch 19/22: the mask is not looked at, nor what waits behind a handler. */
	if (vcpu->vm->sdei.profile->on_request && handler_top(pe) == SDEI_NR_CLASSES &&
	    pe->n_queued)
		pe->requested = true;
}
