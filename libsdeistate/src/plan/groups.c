// SPDX-License-Identifier: Apache-2.0
/*
 * What group 0x5344 carries beside the series' structs: bindings, handlers that run without being
 * registered anywhere, and triggers no PE has taken (docs/abi.md, "Project groups").
 */
#include "plan/fields.h"
#include "plan/map.h"
#include "plan/parts.h"
#include "state/events.h"

#define N_PPI     16u /* INTID 16..31 */
#define FIRST_SPI 32u
#define LAST_SPI  1019u

int capture_bindings(struct capture *capture)
{
	struct sdeistate *state = capture->state;
	void *array = NULL;
	int ret =
		capture_group(capture, KVMCORE_SDEI_BINDINGS, "bindings", sizeof(*state->bindings),
			      SDEISTATE_MAX_BINDINGS, &array, &state->n_bindings);

	if (ret)
		return ret;
	state->bindings = array;
	sort_entries(&binding_layout, state->bindings, state->n_bindings);
	return 0;
}

int capture_handlers(struct capture *capture)
{
	struct sdeistate *state = capture->state;
	void *array = NULL;
	int ret =
		capture_group(capture, KVMCORE_SDEI_HANDLERS, "handlers", sizeof(*state->handlers),
			      SDEISTATE_MAX_HANDLERS, &array, &state->n_handlers);

	if (ret)
		return ret;
	state->handlers = array;
	sort_entries(&handler_layout, state->handlers, state->n_handlers);
	return 0;
}

int capture_pending(struct capture *capture)
{
	struct sdeistate *state = capture->state;
	void *array = NULL;
	int ret = capture_group(capture, KVMCORE_SDEI_PENDING, "pending", sizeof(*state->pending),
				MAX_QUEUE, &array, &state->n_pending);

	if (ret)
		return ret;
	state->pending = array;
	sort_entries(&pending_layout, state->pending, state->n_pending);
	return 0;
}

/* Two bindings must not share an interrupt, nor a slot of their class. */
static int validate_unique(const struct sdeistate *state, unsigned int i,
			   struct sdeistate_error *err)
{
	const struct kvmcore_sdei_binding *binding = &state->bindings[i];
	const char *object = OBJECT("binding 0x%" PRIx64, (uint64_t)binding->num);

	for (unsigned int j = 0; j < i; j++) {
		const struct kvmcore_sdei_binding *other = &state->bindings[j];

		if (other->num == binding->num)
			return inconsistent(err, object, "num", "once|twice");
		if (other->intid == binding->intid)
			return inconsistent(err, object, "intid", "bound once|%u twice",
					    binding->intid);
		if (other->shared == binding->shared && other->slot == binding->slot)
			return inconsistent(err, object, "slot", "used once|%u twice",
					    binding->slot);
	}
	return 0;
}

static int validate_binding(const struct sdeistate *state, unsigned int i,
			    struct sdeistate_error *err)
{
	const struct kvmcore_sdei_binding *binding = &state->bindings[i];
	const char *object = OBJECT("binding 0x%" PRIx64, (uint64_t)binding->num);
	unsigned int slots = binding->shared ? state->vm.shared_slots : state->vm.private_slots;
	unsigned int n_bits = binding->shared ? 1 : state->n_vcpus;
	unsigned int low = binding->shared ? FIRST_SPI : FIRST_SPI - N_PPI;
	unsigned int high = binding->shared ? LAST_SPI : FIRST_SPI - 1;

	if (binding->shared > 1)
		return inconsistent(err, object, "shared", "0 or 1|%u", binding->shared);
	if (!event_is_supported(state->vm.profile, binding->num) ||
	    binding->num == KVM_SDEI_DEFAULT_EVENT)
		return inconsistent(err, object, "num", "a number of the profile, not 0|0x%" PRIx64,
				    (uint64_t)binding->num);
	if (find_exposed(state, binding->num))
		return inconsistent(err, object, "num", "not exposed too|exposed");
	if (binding->intid < low || binding->intid > high)
		return inconsistent(err, object, "intid", "%u to %u|%u", low, high, binding->intid);
	if (binding->slot >= slots)
		return inconsistent(err, object, "slot", "below %u|%u", slots, binding->slot);
	if (binding->pad[0] || binding->pad[1])
		return inconsistent(err, object, "pad", "0|not 0");
	for (unsigned int bit = n_bits; bit < KVM_SDEI_MAX_VCPUS; bit++)
		if (bit_test(binding->active, bit))
			return inconsistent(err, object, "active", "bits below %u|bit %u", n_bits,
					    bit);
	return validate_unique(state, i, err);
}

int validate_bindings(const struct sdeistate *state, struct sdeistate_error *err)
{
	int ret = 0;

	if (state->n_bindings > SDEISTATE_MAX_BINDINGS)
		return inconsistent(err, "bindings", "count", "at most %u|%u",
				    SDEISTATE_MAX_BINDINGS, state->n_bindings);
	if (state->n_bindings && state->vm.profile != KVMCORE_PROFILE_SPEC)
		return inconsistent(err, "bindings", "count", "0 outside profile spec|%u",
				    state->n_bindings);
	for (unsigned int i = 0; i < state->n_bindings && !ret; i++)
		ret = validate_binding(state, i, err);
	return ret;
}

static int validate_handler(const struct sdeistate *state, unsigned int i,
			    struct sdeistate_error *err)
{
	const struct kvmcore_sdei_handler *handler = &state->handlers[i];
	const char *object = OBJECT("handler of event 0x%" PRIx64 " on vcpu %u",
				    (uint64_t)handler->num, handler->vcpu);
	struct event_kind kind = event_kind(state, handler->num);
	const struct kvm_sdei_vcpu_state *vcpu;

	if (i > 0 && handler_layout.compare(handler - 1, handler) >= 0)
		return inconsistent(err, object, "num", "ascending, each once|another order");
	if (!kind.known)
		return inconsistent(err, object, "num", "exposed or bound|neither");
	if (handler->vcpu >= state->n_vcpus)
		return inconsistent(err, object, "vcpu", "below %u|%u", state->n_vcpus,
				    handler->vcpu);
	if (handler->shared != kind.shared)
		return inconsistent(err, object, "shared", "%u|%u", kind.shared, handler->shared);
	if (handler->route_mode > 1)
		return inconsistent(err, object, "route_mode", "0 or 1|%u", handler->route_mode);
	if (handler->pad[0] || handler->pad[1])
		return inconsistent(err, object, "pad", "0|not 0");
	if (find_registered(state, handler->num))
		return inconsistent(err, object, "num", "registered on no vCPU|registered");
	vcpu = &state->vcpu_state[handler->vcpu];
	if (handler->num != (kind.critical ? vcpu->critical_num : vcpu->normal_num))
		return inconsistent(err, object, "vcpu", "the vCPU it runs on|runs another");
	return 0;
}

int validate_handlers(const struct sdeistate *state, struct sdeistate_error *err)
{
	int ret = 0;

	if (state->n_handlers > SDEISTATE_MAX_HANDLERS)
		return inconsistent(err, "handlers", "count", "at most %u|%u",
				    SDEISTATE_MAX_HANDLERS, state->n_handlers);
	/* kvm-v5 frees a shared event under a PE that still runs it; no command can restore that. */
	if (state->n_handlers && state->vm.profile != KVMCORE_PROFILE_SPEC)
		return inconsistent(err,
				    OBJECT("handler of event 0x%" PRIx64 " on vcpu %u",
					   (uint64_t)state->handlers[0].num,
					   state->handlers[0].vcpu),
				    "registered",
				    "on one vCPU at least outside profile spec|on none");
	for (unsigned int i = 0; i < state->n_handlers && !ret; i++)
		ret = validate_handler(state, i, err);
	return ret;
}

static int validate_trigger(const struct sdeistate *state, unsigned int i,
			    struct sdeistate_error *err)
{
	const struct kvmcore_sdei_pending *pending = &state->pending[i];
	const char *object = OBJECT("pending event 0x%" PRIx64, (uint64_t)pending->num);
	const struct kvm_sdei_registered_event_state *event = find_registered(state, pending->num);

	if (i > 0 && state->pending[i - 1].num >= pending->num)
		return inconsistent(err, object, "num", "ascending, each once|another order");
	if (!event || !event_kind(state, pending->num).shared)
		return inconsistent(err, object, "num", "a registered shared event|another");
	if (event->route_mode)
		return inconsistent(err, object, "route_mode", "0, any PE|%u", event->route_mode);
	if (pending->vcpu != KVMCORE_SDEI_NO_VCPU)
		return inconsistent(err, object, "vcpu", "none|%u", pending->vcpu);
	if (pending->count != 1)
		return inconsistent(err, object, "count", "1|%u", pending->count);
	return 0;
}

int validate_pending(const struct sdeistate *state, struct sdeistate_error *err)
{
	int ret = 0;

	if (state->n_pending && state->vm.profile != KVMCORE_PROFILE_SPEC)
		return inconsistent(err, "pending events", "count", "0 outside profile spec|%u",
				    state->n_pending);
	for (unsigned int i = 0; i < state->n_pending && !ret; i++)
		ret = validate_trigger(state, i, err);
	return ret;
}

/* Group entries need the group, and a fresh VM has none of its own. */
static void check_group(struct target *target, const char *object, unsigned int n_want,
			unsigned int n_have)
{
	if (n_have)
		obstacle(target, SDEISTATE_VM_NOT_FRESH, object, "count", "0|%u", n_have);
	if (n_want && !target->found->vm.has_sdei_info)
		obstacle(target, SDEISTATE_PORT_LACKS, object, "device attribute group 0x5344",
			 "present|absent");
}

void check_bindings(struct target *target)
{
	check_group(target, "bindings", target->state->n_bindings, target->found->n_bindings);
}

void check_handlers(struct target *target)
{
	check_group(target, "handlers", target->state->n_handlers, target->found->n_handlers);
}

void check_pending(struct target *target)
{
	check_group(target, "pending events", target->state->n_pending, target->found->n_pending);
}

int replay_bindings(struct target *target)
{
	const struct sdeistate *state = target->state;
	CLEANUP(cleanup_free) struct kvmcore_sdei_binding *mapped = NULL;

	if (state->n_bindings == 0)
		return 0;
	mapped = malloc(state->n_bindings * sizeof(*mapped));
	if (!mapped)
		return error_no_memory(target->err, "bindings");
	for (unsigned int i = 0; i < state->n_bindings; i++) {
		mapped[i] = state->bindings[i];
		if (!mapped[i].shared)
			map_bits(target, state->bindings[i].active, mapped[i].active);
	}
	return replay_group(target, KVMCORE_SDEI_BINDINGS, "bindings", mapped, state->n_bindings);
}

int replay_handlers(struct target *target)
{
	const struct sdeistate *state = target->state;
	CLEANUP(cleanup_free) struct kvmcore_sdei_handler *mapped = NULL;

	if (state->n_handlers == 0)
		return 0;
	mapped = malloc(state->n_handlers * sizeof(*mapped));
	if (!mapped)
		return error_no_memory(target->err, "handlers");
	for (unsigned int i = 0; i < state->n_handlers; i++) {
		mapped[i] = state->handlers[i];
		mapped[i].vcpu = target->map[mapped[i].vcpu];
	}
	return replay_group(target, KVMCORE_SDEI_HANDLERS, "handlers", mapped, state->n_handlers);
}

int replay_pending(struct target *target)
{
	return replay_group(target, KVMCORE_SDEI_PENDING, "pending events", target->state->pending,
			    target->state->n_pending);
}

void diff_bindings(struct differ *differ)
{
	diff_sorted(differ, &binding_layout, differ->a->bindings, differ->a->n_bindings,
		    differ->b->bindings, differ->b->n_bindings);
}

void diff_handlers(struct differ *differ)
{
	diff_sorted(differ, &handler_layout, differ->a->handlers, differ->a->n_handlers,
		    differ->b->handlers, differ->b->n_handlers);
}

void diff_pending(struct differ *differ)
{
	diff_sorted(differ, &pending_layout, differ->a->pending, differ->a->n_pending,
		    differ->b->pending, differ->b->n_pending);
}
