// SPDX-License-Identifier: Apache-2.0
/*
 * spec <-> kvm-v5. They share the 13 commands' structs; what they mean differs: v5 counts triggers and
 * keeps them per vCPU, spec holds one and derives "unregister pending" (DEN0054 §5.1.16.1, §6.1).
 */
#include "convert/convert.h"
#include "error_set.h"
#include "plan/fields.h"
#include "state/events.h"
#include "util.h"

#include <errno.h>
#include <inttypes.h>

#define VERSION_SPEC UINT64_C(0x0001000000000000) /* 1.0, no vendor */
#define VERSION_KVM  UINT64_C(0x00010001004b564d) /* 1.1, "KVM" */

static const char *name_event(struct error_object *object, uint64_t num)
{
	return error_object(object, "event 0x%" PRIx64, num);
}

#define EVENT(num) name_event(&(struct error_object){ "" }, (num))

static bool is_running(const struct sdeistate *state, unsigned int vcpu, uint64_t num)
{
	return state->vcpu_state[vcpu].critical_num == num ||
	       state->vcpu_state[vcpu].normal_num == num;
}

static void change_version(struct conversion *conversion, uint64_t version)
{
	struct sdeistate_vm *vm = &conversion->state->vm;

	conversion_lose(conversion, "vm", "sdei_version",
			"a guest that has asked before will find 0x%" PRIx64 " now", version);
	vm->sdei_version = version;
}

/* --- kvm-v5 to spec ------------------------------------------------------------------------------- */

static void drop_numbers(struct conversion *conversion, enum kvmcore_profile profile)
{
	struct sdeistate *state = conversion->state;

	for (unsigned int i = state->n_exposed; i-- > 0;) {
		const struct kvm_sdei_exposed_event_state event = state->exposed[i];

		if (event_is_supported(profile, event.num) &&
		    !(profile == KVMCORE_PROFILE_SPEC && event.num == 0 &&
		      (event.type || event.priority)))
			continue;
		conversion_lose(conversion, EVENT(event.num), "num",
				"no such event in that profile; all about it is lost");
		remove_event(state, event.num);
	}
}

/* v5 runs a shared event wherever it was injected; spec only where it is routed. */
static void follow_run(struct conversion *conversion, struct kvm_sdei_registered_event_state *event)
{
	const struct sdeistate *state = conversion->state;

	for (unsigned int i = 0; i < state->n_vcpus; i++)
		if (is_running(state, i, event->num) &&
		    state->vcpu[i].mpidr != event->route_affinity) {
			conversion_lose(conversion, EVENT(event->num), "route_affinity",
					"0x%" PRIx64 ", but it runs on vcpu %u; routed there",
					(uint64_t)event->route_affinity, i);
			event->route_affinity = state->vcpu[i].mpidr;
		}
}

static void tidy_route(struct conversion *conversion, struct kvm_sdei_registered_event_state *event)
{
	const struct sdeistate *state = conversion->state;
	bool shared = event_kind(state, event->num).shared, exists = false;

	if (shared && event->route_mode)
		follow_run(conversion, event);
	for (unsigned int i = 0; i < state->n_vcpus; i++)
		exists |= state->vcpu[i].mpidr == event->route_affinity;
	if (shared && event->route_mode && exists)
		return;
	if (shared && (event->route_mode || event->route_affinity))
		conversion_lose(conversion, EVENT(event->num), "route_affinity",
				"0x%" PRIx64 " is no PE, or no PE was asked for; any PE now",
				(uint64_t)event->route_affinity);
	event->route_mode = 0;
	event->route_affinity = 0;
}

/* A handler that runs and was unregistered: no bit but "unregister pending", which spec derives. */
static void tidy_slot(struct conversion *conversion, struct kvm_sdei_registered_event_state *event,
		      unsigned int slot, bool running)
{
	bool pending = bit_test(event->unregister_pending, slot);

	if (pending && !running) {
		conversion_lose(conversion, EVENT(event->num), "unregister_pending",
				"stale in slot %u, where it forbade to register again; gone", slot);
		bit_clear(event->unregister_pending, slot);
	} else if (pending) {
		bit_clear(event->registered, slot);
		bit_clear(event->enabled, slot);
	}
	if (!(slots_used(event, slot / 64) >> (slot % 64) & 1))
		event->ep_address[slot] = event->ep_arg[slot] = 0;
}

static bool is_registered(const struct kvm_sdei_registered_event_state *event)
{
	uint64_t any = 0;

	for (unsigned int word = 0; word < BITMAP_WORDS; word++)
		any |= event->registered[word];
	return any;
}

/* The last registration has gone while handlers run: they become entries of their own. */
static int make_handlers(struct sdeistate *state,
			 const struct kvm_sdei_registered_event_state *event)
{
	bool shared = event_kind(state, event->num).shared;

	for (unsigned int i = 0; i < state->n_vcpus; i++) {
		unsigned int slot = shared ? 0 : i;

		if (!is_running(state, i, event->num))
			continue;
		if (grow_array(&state->handlers, state->n_handlers, sizeof(*state->handlers)))
			return -ENOMEM;
		state->handlers[state->n_handlers++] = (struct kvmcore_sdei_handler){
			.num = event->num,
			.vcpu = i,
			.shared = shared,
			.route_mode = event->route_mode,
			.affinity = event->route_affinity,
			.ep_address = event->ep_address[slot],
			.ep_arg = event->ep_arg[slot],
		};
	}
	return 0;
}

static int tidy_event(struct conversion *conversion, struct kvm_sdei_registered_event_state *event)
{
	struct sdeistate *state = conversion->state;
	bool shared = event_kind(state, event->num).shared, anywhere = false;

	for (unsigned int i = 0; i < state->n_vcpus; i++)
		anywhere |= is_running(state, i, event->num);
	tidy_route(conversion, event);
	for (unsigned int slot = 0; slot < (shared ? 1 : state->n_vcpus); slot++)
		tidy_slot(conversion, event, slot,
			  shared ? anywhere : is_running(state, slot, event->num));
	if (shared)
		memset(event->unregister_pending, 0, sizeof(event->unregister_pending));
	return is_registered(event) ? 0 : make_handlers(state, event);
}

static void drop_unregistered(struct sdeistate *state)
{
	unsigned int kept = 0;

	for (unsigned int i = 0; i < state->n_registered; i++)
		if (is_registered(&state->registered[i]))
			state->registered[kept++] = state->registered[i];
	state->n_registered = kept;
}

/* A second PE that runs a shared event: spec has one instance of it. */
static void stop_second_runs(struct conversion *conversion, uint64_t num)
{
	struct sdeistate *state = conversion->state;
	bool seen = false;

	for (unsigned int i = 0; i < state->n_vcpus; i++) {
		struct kvm_sdei_vcpu_state *vcpu = &state->vcpu_state[i];
		bool critical = vcpu->critical_num == num;

		if (!is_running(state, i, num))
			continue;
		if (seen) {
			conversion_lose(conversion, EVENT(num), "running",
					"also on vcpu %u, whose handler cannot complete any more",
					i);
			*(critical ? &vcpu->critical_num : &vcpu->normal_num) =
				KVM_SDEI_INVALID_EVENT;
			memset(critical ? &vcpu->critical_regs : &vcpu->normal_regs, 0,
			       sizeof(vcpu->normal_regs));
		}
		seen = true;
	}
}

static void lose_trigger(struct conversion *conversion, uint64_t num)
{
	conversion_lose(conversion, EVENT(num), "event_count",
			"triggers of several vCPUs become one");
}

static int hold_for_any(struct conversion *conversion, uint64_t num)
{
	struct sdeistate *state = conversion->state;

	for (unsigned int i = 0; i < state->n_pending; i++)
		if (state->pending[i].num == num) {
			lose_trigger(conversion, num);
			return 0;
		}
	if (grow_array(&state->pending, state->n_pending, sizeof(*state->pending)))
		return -ENOMEM;
	state->pending[state->n_pending++] =
		(struct kvmcore_sdei_pending){ num, KVMCORE_SDEI_NO_VCPU, 1 };
	return 0;
}

static unsigned int find_vcpu(const struct sdeistate *state, uint64_t mpidr)
{
	unsigned int i = 0;

	while (i < state->n_vcpus && state->vcpu[i].mpidr != mpidr)
		i++;
	return i;
}

/* How many triggers of entry @i wait, beside the run; the entry keeps the run, or goes. */
static uint32_t take_waiting(struct sdeistate *state, unsigned int vcpu, unsigned int i)
{
	struct kvm_sdei_vcpu_event_state *entry = &state->vcpu_events[i];
	uint32_t run = is_running(state, vcpu, entry->num), waiting = entry->event_count - run;

	entry->event_count = run;
	if (!run)
		remove_queued(state, i);
	return waiting;
}

/* Where @num is queued on @vcpu already, it waits there once more at most. */
static int wait_at(struct conversion *conversion, unsigned int vcpu, uint64_t num)
{
	struct sdeistate *state = conversion->state;
	const struct sdeistate_vcpu *of = &state->vcpu[vcpu];

	for (unsigned int i = 0; i < of->n_events; i++) {
		struct kvm_sdei_vcpu_event_state *entry = &state->vcpu_events[of->first_event + i];

		if (entry->num == num) {
			if (entry->event_count > is_running(state, vcpu, num))
				lose_trigger(conversion, num);
			entry->event_count = 1u + is_running(state, vcpu, num);
			return 0;
		}
	}
	return insert_queued(state, vcpu, num, 1);
}

/* Shared triggers of one vCPU go where the routing says: to one PE, or to whichever can take them. */
static int move_shared(struct conversion *conversion, unsigned int vcpu)
{
	struct sdeistate *state = conversion->state;
	struct sdeistate_vcpu *of = &state->vcpu[vcpu];
	int ret = 0;

	for (unsigned int n = of->n_events; n-- > 0 && !ret;) {
		unsigned int i = of->first_event + n;
		uint64_t num = state->vcpu_events[i].num;
		const struct kvm_sdei_registered_event_state *event = find_registered(state, num);

		if (!event_kind(state, num).shared || take_waiting(state, vcpu, i) == 0)
			continue;
		if (!event)
			conversion_lose(conversion, EVENT(num), "event_count",
					"triggers of a handler that is not registered any more");
		else if (event->route_mode)
			ret = wait_at(conversion, find_vcpu(state, event->route_affinity), num);
		else
			ret = hold_for_any(conversion, num);
	}
	return ret;
}

/* One waits beside the run; the others are lost. */
static void merge_triggers(struct conversion *conversion, unsigned int vcpu)
{
	struct sdeistate *state = conversion->state;
	struct sdeistate_vcpu *of = &state->vcpu[vcpu];

	for (unsigned int n = of->n_events; n-- > 0;) {
		unsigned int i = of->first_event + n;
		struct kvm_sdei_vcpu_event_state *entry = &state->vcpu_events[i];
		const struct kvm_sdei_registered_event_state *event =
			find_registered(state, entry->num);
		uint32_t run = is_running(state, vcpu, entry->num);
		bool shared = event_kind(state, entry->num).shared;
		uint32_t most = run + (event && bit_test(event->registered, shared ? 0 : vcpu));

		if (entry->event_count > most)
			conversion_lose(conversion, EVENT(entry->num), "event_count",
					"%u triggers on vcpu %u become %u",
					entry->event_count - run, vcpu, most - run);
		if (entry->event_count > most)
			entry->event_count = most;
		if (entry->event_count == 0)
			remove_queued(state, i);
	}
}

int convert_v5_to_spec(struct conversion *conversion)
{
	struct sdeistate *state = conversion->state;
	int ret = 0;

	change_version(conversion, VERSION_SPEC);
	state->vm.has_sdei_info = true;
	state->vm.n_events = KVM_SDEI_MAX_EVENTS;
	drop_numbers(conversion, KVMCORE_PROFILE_SPEC);
	for (unsigned int i = 0; i < state->n_registered && !ret; i++) {
		if (event_kind(state, state->registered[i].num).shared)
			stop_second_runs(conversion, state->registered[i].num);
		ret = tidy_event(conversion, &state->registered[i]);
	}
	drop_unregistered(state);
	state->vm.profile = KVMCORE_PROFILE_SPEC;
	for (unsigned int i = 0; i < state->n_vcpus && !ret; i++)
		merge_triggers(conversion, i);
	for (unsigned int i = 0; i < state->n_vcpus && !ret; i++)
		ret = move_shared(conversion, i);
	if (ret)
		return ret;
	sort_entries(&handler_layout, state->handlers, state->n_handlers);
	sort_entries(&pending_layout, state->pending, state->n_pending);
	return 0;
}

/* --- spec to kvm-v5 ------------------------------------------------------------------------------- */

static void drop_bindings(struct conversion *conversion)
{
	struct sdeistate *state = conversion->state;

	while (state->n_bindings) {
		uint64_t num = state->bindings[0].num;

		conversion_lose(conversion, EVENT(num), "binding",
				"kvm-v5 binds no interrupts; all about it is lost");
		remove_event(state, num);
	}
}

/* In v5 even event 0 has to be exposed. */
static int expose_default(struct sdeistate *state)
{
	if (find_exposed(state, KVM_SDEI_DEFAULT_EVENT))
		return 0;
	if (grow_array(&state->exposed, state->n_exposed, sizeof(*state->exposed)))
		return -ENOMEM;
	memmove(state->exposed + 1, state->exposed, state->n_exposed * sizeof(*state->exposed));
	state->exposed[0] = (struct kvm_sdei_exposed_event_state){ .num = KVM_SDEI_DEFAULT_EVENT,
								   .signaled = 1 };
	state->n_exposed++;
	return 0;
}

/* A handler that runs unregistered: v5 keeps its bits until it completes. */
static void keep_bits(struct kvm_sdei_registered_event_state *event, unsigned int slot)
{
	bit_set(event->registered, slot);
	bit_set(event->enabled, slot);
	bit_set(event->unregister_pending, slot);
}

static int restore_instance(struct sdeistate *state, const struct kvmcore_sdei_handler *handler)
{
	unsigned int slot = handler->shared ? 0 : handler->vcpu, i = 0;
	struct kvm_sdei_registered_event_state *event;

	while (i < state->n_registered && state->registered[i].num != handler->num)
		i++;
	if (i == state->n_registered) {
		if (grow_array(&state->registered, i, sizeof(*state->registered)))
			return -ENOMEM;
		memset(&state->registered[i], 0, sizeof(state->registered[i]));
		state->registered[i].num = handler->num;
		state->n_registered++;
	}
	event = &state->registered[i];
	event->route_mode = handler->route_mode;
	event->route_affinity = handler->affinity;
	event->ep_address[slot] = handler->ep_address;
	event->ep_arg[slot] = handler->ep_arg;
	keep_bits(event, slot);
	return 0;
}

/* One more run where the event is queued, or a place at the end of the queue. */
static int add_trigger(struct sdeistate *state, unsigned int vcpu, uint64_t num)
{
	const struct sdeistate_vcpu *of = &state->vcpu[vcpu];

	for (unsigned int i = 0; i < of->n_events; i++)
		if (state->vcpu_events[of->first_event + i].num == num) {
			state->vcpu_events[of->first_event + i].event_count++;
			return 0;
		}
	return insert_queued(state, vcpu, num, 1);
}

/* v5 delivers what is queued without looking at the mask again. */
static void tell_masked(struct conversion *conversion)
{
	const struct sdeistate *state = conversion->state;

	for (unsigned int i = 0; i < state->n_vcpus; i++)
		if (state->vcpu_state[i].masked && state->vcpu[i].n_events &&
		    state->vcpu_state[i].critical_num == KVM_SDEI_INVALID_EVENT &&
		    state->vcpu_state[i].normal_num == KVM_SDEI_INVALID_EVENT)
			conversion_lose(conversion, OBJECT("vcpu %u", i), "masked",
					"its queued events are delivered in spite of the mask");
}

int convert_spec_to_v5(struct conversion *conversion)
{
	struct sdeistate *state = conversion->state;
	int ret;

	change_version(conversion, VERSION_KVM);
	state->vm.private_slots = state->vm.shared_slots = 0;
	drop_bindings(conversion);
	drop_numbers(conversion, KVMCORE_PROFILE_KVM_V5);
	ret = expose_default(state);
	for (unsigned int i = 0; i < state->n_registered; i++)
		for (unsigned int slot = 0; slot < state->n_vcpus; slot++)
			if (bit_test(state->registered[i].unregister_pending, slot))
				keep_bits(&state->registered[i], slot);
	for (unsigned int i = 0; i < state->n_handlers && !ret; i++)
		ret = restore_instance(state, &state->handlers[i]);
	sort_entries(&registered_layout, state->registered, state->n_registered);
	state->n_handlers = 0;
	state->vm.profile = KVMCORE_PROFILE_KVM_V5;
	for (unsigned int i = 0; i < state->n_pending && !ret && state->n_vcpus; i++) {
		conversion_lose(conversion, EVENT(state->pending[i].num), "pending",
				"waited for any PE; waits at vcpu 0 now");
		ret = add_trigger(state, 0, state->pending[i].num);
	}
	state->n_pending = 0;
	tell_masked(conversion);
	return ret;
}
