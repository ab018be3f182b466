// SPDX-License-Identifier: Apache-2.0
#include "plan/fields.h"
#include "plan/parts.h"
#include "state/events.h"

#define NAME(vcpu) OBJECT("vcpu %u", (vcpu))
#define NONE       KVM_SDEI_INVALID_EVENT

/*
 * One context, canonical. kvm-v5 keeps any unsupported number verbatim and takes it for "none" (KVM
 * SDEI v5, patch 19/22); the registers of a handler that has completed mean nothing either.
 */
static void tidy_context(const struct capture *capture, unsigned int vcpu, const char *field,
			 __u64 *num, struct kvm_sdei_vcpu_regs_state *regs)
{
	if (capture->state->vm.profile == KVMCORE_PROFILE_KVM_V5 && *num != NONE &&
	    !event_is_supported(KVMCORE_PROFILE_KVM_V5, *num)) {
		capture_note(capture, OBJECT("vcpu %u", vcpu), field,
			     "0x%" PRIx64 " is no event number; taken as none", (uint64_t)*num);
		*num = NONE;
	}
	if (*num == NONE)
		memset(regs, 0, sizeof(*regs));
}

/* One vCPU after the other, as the series has it. */
static int read_each(struct capture *capture)
{
	struct sdeistate *state = capture->state;

	state->vcpu_state = calloc(state->n_vcpus + 1u, sizeof(*state->vcpu_state));
	if (!state->vcpu_state)
		return error_no_memory(capture->err, "vcpu states");
	for (unsigned int i = 0; i < state->n_vcpus; i++) {
		int ret = access_command(capture->port, (int)i, KVM_SDEI_CMD_GET_VCPU_STATE, 1,
					 &state->vcpu_state[i]);

		if (ret < 0)
			return capture_failed(capture, ret,
					      OBJECT("KVM_SDEI_CMD_GET_VCPU_STATE of vcpu %u", i));
	}
	return 0;
}

int capture_vcpu_state(struct capture *capture)
{
	struct sdeistate *state = capture->state;
	void *array = NULL;
	int ret = capture_per_vcpu(capture, KVMCORE_GROUP_SDEI, KVMCORE_SDEI_VCPUS, "vcpu states",
				   sizeof(*state->vcpu_state), &array);

	if (ret == -ENXIO)
		ret = read_each(capture);
	else
		state->vcpu_state = array;
	for (unsigned int i = 0; i < state->n_vcpus && !ret; i++) {
		struct kvm_sdei_vcpu_state *vcpu = &state->vcpu_state[i];

		memset(vcpu->padding, 0, sizeof(vcpu->padding));
		tidy_context(capture, i, "critical_num", &vcpu->critical_num, &vcpu->critical_regs);
		tidy_context(capture, i, "normal_num", &vcpu->normal_num, &vcpu->normal_regs);
	}
	return ret;
}

static bool is_queued(const struct sdeistate *state, unsigned int vcpu, uint64_t num)
{
	const struct sdeistate_vcpu *of = &state->vcpu[vcpu];

	for (unsigned int i = 0; i < of->n_events; i++)
		if (state->vcpu_events[of->first_event + i].num == num)
			return true;
	return false;
}

/* Running and registered here, or at least known to run without being registered. */
static bool is_handled(const struct sdeistate *state, unsigned int vcpu,
		       const struct event_facts *event)
{
	unsigned int slot = event->kind.shared ? 0 : vcpu;

	if (event->registered)
		return slots_used(event->registered, slot / 64) >> (slot % 64) & 1;
	for (unsigned int i = 0; i < state->n_handlers; i++)
		if (state->handlers[i].num == event->num && state->handlers[i].vcpu == vcpu)
			return true;
	return false;
}

static int validate_context(const struct sdeistate *state, struct event_index *index,
			    unsigned int vcpu, bool critical, struct sdeistate_error *err)
{
	static const struct kvm_sdei_vcpu_regs_state zero;
	const struct kvm_sdei_vcpu_state *of = &state->vcpu_state[vcpu];
	const char *field = critical ? "critical_num" : "normal_num";
	const uint64_t num = critical ? of->critical_num : of->normal_num;
	struct event_facts *event;

	if (num == NONE) {
		if (memcmp(critical ? &of->critical_regs : &of->normal_regs, &zero, sizeof(zero)))
			return inconsistent(err, NAME(vcpu),
					    critical ? "critical_regs" : "normal_regs",
					    "zero while nothing runs|not zero");
		return 0;
	}
	event = event_index_find(index, num);
	if (!event)
		return inconsistent(err, NAME(vcpu), field,
				    "none, or an event that exists|0x%" PRIx64, num);
	if (event->kind.critical != critical)
		return inconsistent(err, NAME(vcpu), field, "an event of this priority|0x%" PRIx64,
				    num);
	if (!is_queued(state, vcpu, num))
		return inconsistent(err, NAME(vcpu), field,
				    "an event of its queue, which counts the run|0x%" PRIx64, num);
	if (!is_handled(state, vcpu, event))
		return inconsistent(err, NAME(vcpu), field,
				    "an event with a handler here|0x%" PRIx64, num);
	if (state->vm.profile == KVMCORE_PROFILE_SPEC &&
	    state->vcpu[vcpu].mp_state == KVM_MP_STATE_STOPPED)
		return inconsistent(err, NAME(vcpu), field, "none on a PE that is off|0x%" PRIx64,
				    num);
	event->n_running++;
	return 0;
}

static int validate_vcpu(const struct sdeistate *state, struct event_index *index, unsigned int i,
			 struct sdeistate_error *err)
{
	const struct kvm_sdei_vcpu_state *vcpu = &state->vcpu_state[i];
	int ret;

	if (vcpu->masked > 1)
		return inconsistent(err, NAME(i), "masked", "0 or 1|%u", vcpu->masked);
	for (size_t j = 0; j < sizeof(vcpu->padding); j++)
		if (vcpu->padding[j])
			return inconsistent(err, NAME(i), "padding", "0|%u", vcpu->padding[j]);
	ret = validate_context(state, index, i, true, err);
	return ret ? ret : validate_context(state, index, i, false, err);
}

/* DEN0054 §4.3: one instance of a shared event runs in the whole system. */
static int validate_shared_run(const struct event_facts *event, struct sdeistate_error *err)
{
	if (!event->kind.shared || event->n_running <= 1)
		return 0;
	return inconsistent(err, OBJECT("shared event 0x%" PRIx64, event->num), "running",
			    "on one vCPU at most|on %u", event->n_running);
}

/* Unregister-pending is derived in profile spec: where the bit stands, the handler runs. */
static int validate_unregister_pending(const struct sdeistate *state,
				       const struct kvm_sdei_registered_event_state *event,
				       struct sdeistate_error *err)
{
	for (unsigned int word = 0; word < BITMAP_WORDS; word++)
		for (uint64_t left = event->unregister_pending[word]; left; left &= left - 1) {
			unsigned int i = 64 * word + (unsigned int)__builtin_ctzll(left);

			if (state->vcpu_state[i].critical_num == event->num ||
			    state->vcpu_state[i].normal_num == event->num)
				continue;
			return inconsistent(
				err, OBJECT("registered event 0x%" PRIx64, (uint64_t)event->num),
				"unregister_pending", "where the handler runs|vcpu %u", i);
		}
	return 0;
}

int validate_vcpu_state(const struct sdeistate *state, struct sdeistate_error *err)
{
	struct event_index index;
	int ret = 0;

	event_index_fill(&index, state);
	for (unsigned int i = 0; i < state->n_vcpus && !ret; i++)
		ret = validate_vcpu(state, &index, i, err);
	if (state->vm.profile != KVMCORE_PROFILE_SPEC)
		return ret;
	for (unsigned int i = 0; i < index.n && !ret; i++) {
		const struct event_facts *event = &index.facts[i];

		if (!event->registered)
			continue;
		ret = validate_shared_run(event, err);
		if (!ret && !event->kind.shared)
			ret = validate_unregister_pending(state, event->registered, err);
	}
	return ret;
}

void check_vcpu_state(struct target *target)
{
	for (unsigned int i = 0; i < target->found->n_vcpus && target->found->vcpu_state; i++) {
		const struct kvm_sdei_vcpu_state *vcpu = &target->found->vcpu_state[i];

		if (vcpu->critical_num != NONE || vcpu->normal_num != NONE)
			obstacle(target, SDEISTATE_VM_NOT_FRESH, OBJECT("vcpu %u", i),
				 "running handler", "none|0x%" PRIx64,
				 (uint64_t)(vcpu->critical_num != NONE ? vcpu->critical_num
								       : vcpu->normal_num));
	}
}

int replay_vcpu_state(struct target *target)
{
	const struct sdeistate *state = target->state;
	int ret = 0;

	for (unsigned int i = 0; i < state->n_vcpus && !ret; i++) {
		ret = access_command(target->port, (int)target->map[i], KVM_SDEI_CMD_SET_VCPU_STATE,
				     1, &state->vcpu_state[i]);
		if (ret < 0)
			return replayed(target, ret, NAME(i), "KVM_SDEI_CMD_SET_VCPU_STATE");
	}
	return ret;
}

void diff_vcpu_state(struct differ *differ)
{
	const struct sdeistate *a = differ->a, *b = differ->b;

	diff_indexed(differ, &vcpu_state_layout, a->vcpu_state, a->vcpu_state ? a->n_vcpus : 0,
		     b->vcpu_state, b->vcpu_state ? b->n_vcpus : 0);
}
