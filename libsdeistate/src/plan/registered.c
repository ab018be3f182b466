// SPDX-License-Identifier: Apache-2.0
#include "plan/fields.h"
#include "plan/map.h"
#include "plan/parts.h"
#include "state/events.h"

#define NAME(event) OBJECT("registered event 0x%" PRIx64, (uint64_t)(event)->num)

/* How many slots of an event's arrays mean something. */
static unsigned int count_slots(const struct sdeistate *state, uint64_t num)
{
	return event_kind(state, num).shared ? 1 : state->n_vcpus;
}

/* Slots without a handler keep what the last one left; a canonical state does not. */
static void clear_unused(struct kvm_sdei_registered_event_state *event)
{
	for (unsigned int word = 0; word < BITMAP_WORDS; word++) {
		uint64_t unused = ~slots_used(event, word);

		if (unused == ~UINT64_C(0)) {
			memset(&event->ep_address[64 * word], 0, 64 * sizeof(uint64_t));
			memset(&event->ep_arg[64 * word], 0, 64 * sizeof(uint64_t));
			continue;
		}
		for (; unused; unused &= unused - 1) {
			unsigned int slot = 64 * word + (unsigned int)__builtin_ctzll(unused);

			event->ep_address[slot] = event->ep_arg[slot] = 0;
		}
	}
}

/*
 * The REGISTER that creates an instance stores the low byte of the affinity as the route mode (KVM
 * SDEI v5, patch 05/22). A mode that is neither 0 nor 1, and 0 with an affinity, can only come from
 * there; the mode the guest asked for is lost, and an affinity speaks for one PE.
 */
static void repair_route(const struct capture *capture,
			 struct kvm_sdei_registered_event_state *event)
{
	if (capture->state->vm.profile != KVMCORE_PROFILE_KVM_V5)
		return;
	if (event->route_mode == 1 || (event->route_mode == 0 && event->route_affinity == 0))
		return;
	if (event->route_mode != (uint8_t)event->route_affinity)
		return;
	capture_note(capture, OBJECT("registered event 0x%" PRIx64, (uint64_t)event->num),
		     "route_mode",
		     "stored as %u, the low byte of affinity 0x%" PRIx64
		     "; taken as 1 (one PE), what the guest asked for is lost",
		     event->route_mode, (uint64_t)event->route_affinity);
	event->route_mode = 1;
}

int capture_registered(struct capture *capture)
{
	struct sdeistate *state = capture->state;
	void *array = NULL;
	int ret = capture_commands(capture, KVM_SDEI_CMD_GET_REGISTERED_EVENT_COUNT,
				   sizeof(*state->registered), KVM_SDEI_MAX_EVENTS, &array,
				   &state->n_registered);

	if (ret)
		return ret;
	state->registered = array;
	for (unsigned int i = 0; i < state->n_registered; i++) {
		struct kvm_sdei_registered_event_state *event = &state->registered[i];

		memset(event->padding, 0, sizeof(event->padding));
		memset(event->hole, 0, sizeof(event->hole));
		clear_unused(event);
		repair_route(capture, event);
	}
	sort_entries(&registered_layout, state->registered, state->n_registered);
	return 0;
}

static bool is_mpidr(const struct sdeistate *state, uint64_t mpidr)
{
	for (unsigned int i = 0; i < state->n_vcpus; i++)
		if (state->vcpu[i].mpidr == mpidr)
			return true;
	return false;
}

/* Bits of handlers that run on a PE without being registered there, or the other way round. */
static int validate_bits(const struct sdeistate *state,
			 const struct kvm_sdei_registered_event_state *event,
			 struct sdeistate_error *err)
{
	unsigned int n_slots = count_slots(state, event->num);
	uint64_t any = 0;

	for (unsigned int word = 0; word < BITMAP_WORDS; word++) {
		unsigned int first = 64 * word;
		uint64_t valid = n_slots >= first + 64 ? ~UINT64_C(0)
				 : n_slots > first     ? (UINT64_C(1) << (n_slots - first)) - 1
						       : 0;

		if (slots_used(event, word) & ~valid)
			return inconsistent(err, NAME(event), "registered",
					    "slots below %u only|a bit above", n_slots);
		/* DEN0054 table 13: enabled without registered does not exist. */
		if (event->enabled[word] & ~event->registered[word])
			return inconsistent(err, NAME(event), "enabled",
					    "only where registered|0x%" PRIx64 " in word %u",
					    (uint64_t)event->enabled[word], word);
		if (state->vm.profile == KVMCORE_PROFILE_SPEC && n_slots == 1 &&
		    event->unregister_pending[word] && event_kind(state, event->num).shared)
			return inconsistent(err, NAME(event), "unregister_pending",
					    "0 for a shared event|not 0");
		/* Derived in profile spec: it runs and is not registered any more. */
		if (state->vm.profile == KVMCORE_PROFILE_SPEC &&
		    event->unregister_pending[word] & event->registered[word])
			return inconsistent(err, NAME(event), "unregister_pending",
					    "not where registered|0x%" PRIx64 " in word %u",
					    (uint64_t)event->unregister_pending[word], word);
		any |= event->registered[word];
	}
	if (!any)
		return inconsistent(err, NAME(event), "registered", "on one vCPU at least|on none");
	return 0;
}

/* Private events go to their own PE and keep no routing; RM_PE names a PE that exists. */
static int validate_route(const struct sdeistate *state,
			  const struct kvm_sdei_registered_event_state *event, bool shared,
			  struct sdeistate_error *err)
{
	const uint64_t affinity = event->route_affinity;

	if (!shared && event->route_mode)
		return inconsistent(err, NAME(event), "route_mode", "0 for a private event|%u",
				    event->route_mode);
	if (event->route_mode == 0 && affinity)
		return inconsistent(err, NAME(event), "route_affinity", "0 for any PE|0x%" PRIx64,
				    affinity);
	if (event->route_mode && !is_mpidr(state, affinity))
		return inconsistent(err, NAME(event), "route_affinity",
				    "the MPIDR of a vCPU|0x%" PRIx64, affinity);
	return 0;
}

/* An address and argument where a handler is, and nothing where none is. */
static int validate_word(const struct sdeistate *state,
			 const struct kvm_sdei_registered_event_state *event, unsigned int word,
			 struct sdeistate_error *err)
{
	static const __u64 zero[64];
	const bool spec = state->vm.profile == KVMCORE_PROFILE_SPEC;
	const __u64 *address = &event->ep_address[64 * word], *arg = &event->ep_arg[64 * word];
	uint64_t unused = ~slots_used(event, word);

	if (unused == ~UINT64_C(0) && !memcmp(address, zero, sizeof(zero)) &&
	    !memcmp(arg, zero, sizeof(zero)))
		return 0;
	for (; unused; unused &= unused - 1)
		if (address[__builtin_ctzll(unused)] | arg[__builtin_ctzll(unused)])
			return inconsistent(err, NAME(event), "ep_address",
					    "0 in slot %u, which has no handler|not 0",
					    64 * word + (unsigned int)__builtin_ctzll(unused));
	for (uint64_t left = spec ? event->registered[word] : 0; left; left &= left - 1)
		if (!address[__builtin_ctzll(left)])
			return inconsistent(err, NAME(event), "ep_address", "not 0 in slot %u|0",
					    64 * word + (unsigned int)__builtin_ctzll(left));
	return 0;
}

static int validate_slots(const struct sdeistate *state,
			  const struct kvm_sdei_registered_event_state *event,
			  struct sdeistate_error *err)
{
	static const uint8_t zero[sizeof(event->padding) + sizeof(event->hole)];
	int ret = 0;

	if (memcmp(event->padding, zero, sizeof(zero)))
		return inconsistent(err, NAME(event), "padding", "0|not 0");
	for (unsigned int word = 0; word < BITMAP_WORDS && !ret; word++)
		ret = validate_word(state, event, word, err);
	return ret;
}

static int validate_event(const struct sdeistate *state, unsigned int i,
			  struct sdeistate_error *err)
{
	const struct kvm_sdei_registered_event_state *event = &state->registered[i];
	struct event_kind kind = event_kind(state, event->num);
	int ret;

	if (i > 0 && state->registered[i - 1].num >= event->num)
		return inconsistent(err, NAME(event), "num", "above 0x%" PRIx64 "|0x%" PRIx64,
				    (uint64_t)state->registered[i - 1].num, (uint64_t)event->num);
	if (!kind.known)
		return inconsistent(err, NAME(event), "num", "exposed or bound|neither");
	if (event->route_mode > 1)
		return inconsistent(err, NAME(event), "route_mode", "0 or 1|%u", event->route_mode);
	if (state->vm.profile == KVMCORE_PROFILE_SPEC) {
		ret = validate_route(state, event, kind.shared, err);
		if (ret)
			return ret;
	}
	ret = validate_bits(state, event, err);
	return ret ? ret : validate_slots(state, event, err);
}

int validate_registered(const struct sdeistate *state, struct sdeistate_error *err)
{
	int ret = 0;

	if (state->n_registered > KVM_SDEI_MAX_EVENTS)
		return inconsistent(err, "registered events", "count", "at most %u|%u",
				    KVM_SDEI_MAX_EVENTS, state->n_registered);
	for (unsigned int i = 0; i < state->n_registered && !ret; i++)
		ret = validate_event(state, i, err);
	return ret;
}

void check_registered(struct target *target)
{
	for (unsigned int i = 0; i < target->found->n_registered; i++)
		obstacle(target, SDEISTATE_VM_NOT_FRESH,
			 OBJECT("registered event 0x%" PRIx64,
				(uint64_t)target->found->registered[i].num),
			 "", "not registered|registered");
}

/* The slots of a private event, where the destination's vCPUs have them. */
static void map_event(const struct target *target, struct kvm_sdei_registered_event_state *event)
{
	struct kvm_sdei_registered_event_state from = *event;

	if (event_kind(target->state, event->num).shared)
		return;
	map_bits(target, from.registered, event->registered);
	map_bits(target, from.enabled, event->enabled);
	map_bits(target, from.unregister_pending, event->unregister_pending);
	for (unsigned int i = 0; i < target->state->n_vcpus; i++) {
		event->ep_address[target->map[i]] = from.ep_address[i];
		event->ep_arg[target->map[i]] = from.ep_arg[i];
	}
}

int replay_registered(struct target *target)
{
	const struct sdeistate *state = target->state;
	const struct kvm_sdei_registered_event_state *events = state->registered;
	CLEANUP(cleanup_free) struct kvm_sdei_registered_event_state *mapped = NULL;

	if (state->n_registered == 0)
		return 0;
	if (!target->same_order) {
		mapped = malloc(state->n_registered * sizeof(*mapped));
		if (!mapped)
			return error_no_memory(target->err, "registered events");
		memcpy(mapped, events, state->n_registered * sizeof(*mapped));
		for (unsigned int i = 0; i < state->n_registered; i++)
			map_event(target, &mapped[i]);
		events = mapped;
	}
	return replayed(target,
			access_command(target->port, ON_VM, KVM_SDEI_CMD_SET_REGISTERED_EVENT,
				       state->n_registered, events),
			"registered events", "KVM_SDEI_CMD_SET_REGISTERED_EVENT");
}

void diff_registered(struct differ *differ)
{
	diff_sorted(differ, &registered_layout, differ->a->registered, differ->a->n_registered,
		    differ->b->registered, differ->b->n_registered);
}
