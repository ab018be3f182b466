// SPDX-License-Identifier: Apache-2.0
#include "check.h"
#include "queue.h"
#include "vm.h"

#include <errno.h>
#include <string.h>

#define ROUTE_ANY 0u
#define ROUTE_PE  1u

/* Each byte equals its neighbour, and the first one is zero. */
static bool is_zero(const void *at, size_t len)
{
	const uint8_t *byte = at;

	return len == 0 || (byte[0] == 0 && memcmp(byte, byte + 1, len - 1) == 0);
}

bool check_is_announced(const struct sdei_event *event, const struct vcpu *vcpu)
{
	if (vcpu->vm->has_run_once || vcpu->vm->sdei.profile->unregister_pending_stored)
		return false;
	if (event_is_shared(event))
		return event->announced_on == vcpu->index;
	return bit_has(event->instance.unregister_pending, vcpu->index);
}

/* --- Exposed events ------------------------------------------------------------------------------- */

static bool is_bound_number(uint64_t num)
{
	return (num >= SDEI_BOUND_PRIVATE && num < SDEI_BOUND_PRIVATE + SDEI_MAX_SLOTS_PER_TYPE) ||
	       (num >= SDEI_BOUND_SHARED && num < SDEI_BOUND_SHARED + SDEI_MAX_SLOTS_PER_TYPE);
}

static bool differs(const struct sdei *sdei, const struct sdei_event *event,
		    const struct kvm_sdei_exposed_event_state *entry)
{
	if (event->exposed.type != entry->type || event->exposed.priority != entry->priority)
		return true;
	/* Event 0 of `spec` is there unexposed; the VMM may still say how it was signalled. */
	if (sdei->profile->numbers == NUMBERS_SPEC && !event->listed)
		return false;
	return event->exposed.signaled != entry->signaled;
}

static int check_one_exposed(const struct sdei *sdei,
			     const struct kvm_sdei_exposed_event_state *entry)
{
	const bool checked = sdei->profile->set_checked;
	const struct sdei_event *event;

	if (!sdei_number_is_supported(sdei->profile, entry->num) ||
	    (checked && is_bound_number(entry->num)))
		return -EINVAL;
	if (entry->type > 1 || entry->priority > 1)
		return -EINVAL;
	event = event_find(sdei, entry->num);
	if (event && differs(sdei, event, entry))
		return -EEXIST;
	if (checked && (entry->notifier || !is_zero(entry->padding, sizeof(entry->padding))))
		return -EINVAL;
	return 0;
}

int check_exposed(const struct sdei *sdei, const struct kvm_sdei_exposed_event_state *entry,
		  uint32_t n)
{
	int ret;

	for (uint32_t i = 0; i < n; i++) {
		ret = check_one_exposed(sdei, &entry[i]);
		if (ret)
			return ret;
		for (uint32_t k = 0; k < i; k++)
			if (entry[k].num == entry[i].num)
				return -EINVAL;
	}
	return 0;
}

/* --- Registered events ---------------------------------------------------------------------------- */

static bool has_any(const __u64 *set)
{
	return bit_next(set, SDEI_VCPU_WORDS, 0) < KVM_SDEI_MAX_VCPUS;
}

static bool overlaps(const __u64 *a, const __u64 *b)
{
	for (size_t i = 0; i < SDEI_VCPU_WORDS; i++)
		if (a[i] & b[i])
			return true;
	return false;
}

static bool is_within(const __u64 *part, const __u64 *whole)
{
	for (size_t i = 0; i < SDEI_VCPU_WORDS; i++)
		if (part[i] & ~whole[i])
			return false;
	return true;
}

/* Who is registered has an entry point; whoever is not has neither entry point nor argument. */
static bool has_sound_handlers(const struct kvm_sdei_registered_event_state *entry)
{
	for (uint32_t first = 0; first < KVM_SDEI_MAX_VCPUS; first += 64) {
		const __u64 registered = entry->registered[first / 64];
		const __u64 kept = registered | entry->unregister_pending[first / 64];
		const __u64 *address = &entry->ep_address[first], *arg = &entry->ep_arg[first];

		for (__u64 left = registered; left; left &= left - 1)
			if (!address[__builtin_ctzll(left)])
				return false;
		if (kept == 0 &&
		    !(is_zero(address, 64 * sizeof(*address)) && is_zero(arg, 64 * sizeof(*arg))))
			return false;
		for (__u64 left = kept ? ~kept : 0; left; left &= left - 1)
			if (address[__builtin_ctzll(left)] | arg[__builtin_ctzll(left)])
				return false;
	}
	return true;
}

static bool has_sound_bits(const struct kvm_sdei_registered_event_state *entry, uint32_t n)
{
	return has_any(entry->registered) && bit_all_below(entry->registered, SDEI_VCPU_WORDS, n) &&
	       is_within(entry->enabled, entry->registered) &&
	       bit_all_below(entry->unregister_pending, SDEI_VCPU_WORDS, n) &&
	       !overlaps(entry->unregister_pending, entry->registered);
}

static bool has_sound_route(const struct kvmcore_vm *vm, bool shared, uint8_t mode,
			    uint64_t affinity)
{
	if (mode == ROUTE_ANY)
		return affinity == 0;
	return shared && vm_vcpu_by_mpidr(vm, affinity);
}

static bool is_sound(const struct kvmcore_vm *vm, const struct sdei_event *event,
		     const struct kvm_sdei_registered_event_state *entry)
{
	const bool shared = event_is_shared(event);

	return is_zero(entry->padding, sizeof(entry->padding)) &&
	       is_zero(entry->hole, sizeof(entry->hole)) &&
	       has_sound_bits(entry, shared ? 1 : vm->n_vcpus) &&
	       !(shared && has_any(entry->unregister_pending)) && has_sound_handlers(entry) &&
	       has_sound_route(vm, shared, entry->route_mode, entry->route_affinity);
}

static int check_one_registered(const struct kvmcore_vm *vm,
				const struct kvm_sdei_registered_event_state *entry)
{
	const struct sdei *sdei = &vm->sdei;
	const struct sdei_event *event;

	if (!sdei_number_is_supported(sdei->profile, entry->num))
		return -EINVAL;
	if (entry->route_mode > ROUTE_PE)
		return -EINVAL;
	event = event_find(sdei, entry->num);
	if (!event || (event_is_bound_slot(event) && !event->intid))
		return -ENOENT;
	if (event->has_instance)
		return -EEXIST;
	return !sdei->profile->set_checked || is_sound(vm, event, entry) ? 0 : -EINVAL;
}

int check_registered(const struct kvmcore_vm *vm,
		     const struct kvm_sdei_registered_event_state *entry, uint32_t n)
{
	__u64 seen[SDEI_SLOT_WORDS] = { 0 };
	int ret;

	for (uint32_t i = 0; i < n; i++) {
		const struct sdei_event *event;

		ret = check_one_registered(vm, &entry[i]);
		if (ret)
			return ret;
		event = event_find(&vm->sdei, entry[i].num);
		if (bit_has(seen, event->slot))
			return -EINVAL;
		bit_add(seen, event->slot);
	}
	return 0;
}

/* --- Events of a vCPU ----------------------------------------------------------------------------- */

/* One run and one trigger behind it; a handler that is not registered has no second run. */
static bool is_sound_count(const struct vcpu *vcpu, const struct sdei_event *event, uint32_t count)
{
	if (count == 1)
		return true;
	return count == 2 && !event_routes_any(event) &&
	       bit_has(event->instance.registered, event_index(event, vcpu));
}

static bool is_sound_place(const struct vcpu *vcpu, const struct sdei_event *event)
{
	if (!event_is_shared(event))
		return true;
	if (event_routes_any(event))
		return event->n_entries == 0;
	return event->instance.route_affinity == vcpu->mpidr;
}

/* @event: what is numbered so; an event that exists has a number the profile supports */
static int check_one_vcpu_event(const struct vcpu *vcpu, const struct sdei_event *event,
				const struct kvm_sdei_vcpu_event_state *entry)
{
	const struct sdei *sdei = &vcpu->vm->sdei;

	if (!event)
		return sdei_number_is_supported(sdei->profile, entry->num) ? -ENOENT : -EINVAL;
	if (!sdei->profile->set_checked)
		return event->has_instance || sdei->profile->unregister_keeps_pending ? 0 : -ENOENT;
	if (!bit_has(event->instance.registered, event_index(event, vcpu)) &&
	    !check_is_announced(event, vcpu))
		return -ENOENT;
	if (queue_has(&vcpu->sdei, event))
		return -EEXIST;
	return !entry->padding && is_sound_count(vcpu, event, entry->event_count) &&
			       is_sound_place(vcpu, event)
		       ? 0
		       : -EINVAL;
}

int check_vcpu_events(const struct vcpu *vcpu, const struct kvm_sdei_vcpu_event_state *entry,
		      uint32_t n)
{
	const struct sdei *sdei = &vcpu->vm->sdei;
	__u64 seen[SDEI_SLOT_WORDS] = { 0 };
	uint32_t total = vcpu->sdei.n_queued;
	int ret;

	for (uint32_t i = 0; i < n; i++) {
		const struct sdei_event *event = event_find(sdei, entry[i].num);

		ret = check_one_vcpu_event(vcpu, event, &entry[i]);
		if (ret)
			return ret;
		if (bit_has(seen, event->slot) && sdei->profile->set_checked)
			return -EINVAL;
		if (!bit_has(seen, event->slot) && !queue_has(&vcpu->sdei, event))
			total++;
		bit_add(seen, event->slot);
		if (total > queue_limit(sdei->profile))
			return -ERANGE;
	}
	return 0;
}

/* --- State of a vCPU ------------------------------------------------------------------------------ */

static bool may_run(const struct vcpu *vcpu, const struct sdei_event *event)
{
	if (event_is_shared(event) && event->n_running && !event_runs_on(event, vcpu->index))
		return false;
	return bit_has(event->instance.registered, event_index(event, vcpu)) ||
	       event_runs_on(event, vcpu->index) || check_is_announced(event, vcpu);
}

static bool is_sound_handler(const struct vcpu *vcpu, uint64_t num, enum sdei_class class,
			     const struct kvm_sdei_vcpu_regs_state *context)
{
	const struct sdei_event *event;

	if (num == KVM_SDEI_INVALID_EVENT)
		return is_zero(context, sizeof(*context));
	event = event_find(&vcpu->vm->sdei, num);
	return event && event_class(event) == class && may_run(vcpu, event);
}

/* Behind what runs then, at most one trigger waits; what must be running is. */
static bool leaves_sound_queue(const struct vcpu *vcpu, const struct kvm_sdei_vcpu_state *state)
{
	const struct sdei *sdei = &vcpu->vm->sdei;

	for (unsigned int class = 0; class < SDEI_NR_CLASSES; class ++)
		for (uint16_t slot = queue_first(&vcpu->sdei, class); slot != SDEI_NO_SLOT;
		     slot = queue_next(&vcpu->sdei, slot)) {
			const struct sdei_event *event = sdei->event[slot];

			if (queue_count(&vcpu->sdei, event) <= 1 && !event_routes_any(event) &&
			    !check_is_announced(event, vcpu))
				continue;
			if (event->exposed.num != state->critical_num &&
			    event->exposed.num != state->normal_num)
				return false;
		}
	return true;
}

/* The series: a number it takes for an event needs an entry; any other one means "none". */
static bool has_entry(const struct vcpu *vcpu, uint64_t num)
{
	const struct sdei *sdei = &vcpu->vm->sdei;
	const struct sdei_event *event;

	if (num == KVM_SDEI_INVALID_EVENT || !sdei_number_is_supported(sdei->profile, num))
		return true;
	event = event_find(sdei, num);
	return event && queue_has(&vcpu->sdei, event);
}

int check_vcpu_state(const struct vcpu *vcpu, const struct kvm_sdei_vcpu_state *state)
{
	if (!has_entry(vcpu, state->critical_num) || !has_entry(vcpu, state->normal_num))
		return -EINVAL;
	if (!vcpu->vm->sdei.profile->set_checked)
		return 0;
	if (state->masked > 1 || !is_zero(state->padding, sizeof(state->padding)))
		return -EINVAL;
	return is_sound_handler(vcpu, state->critical_num, SDEI_CRITICAL, &state->critical_regs) &&
			       is_sound_handler(vcpu, state->normal_num, SDEI_NORMAL,
						&state->normal_regs) &&
			       leaves_sound_queue(vcpu, state)
		       ? 0
		       : -EINVAL;
}
