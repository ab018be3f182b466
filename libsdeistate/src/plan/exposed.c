// SPDX-License-Identifier: Apache-2.0
#include "plan/fields.h"
#include "plan/parts.h"
#include "state/events.h"

#define NAME(event) OBJECT("exposed event 0x%" PRIx64, (uint64_t)(event)->num)

int capture_exposed(struct capture *capture)
{
	struct sdeistate *state = capture->state;
	void *array = NULL;
	int ret = capture_commands(capture, KVM_SDEI_CMD_GET_EXPOSED_EVENT_COUNT,
				   sizeof(*state->exposed), KVM_SDEI_MAX_EVENTS, &array,
				   &state->n_exposed);

	if (ret)
		return ret;
	state->exposed = array;
	for (unsigned int i = 0; i < state->n_exposed; i++) {
		struct kvm_sdei_exposed_event_state *event = &state->exposed[i];

		memset(event->padding, 0, sizeof(event->padding));
		if (!event->notifier)
			continue;
		/* A kernel pointer (KVM SDEI v5, patch 02/22): meaningless elsewhere, and
		 * dangerous. */
		if (!(capture->options->flags & SDEISTATE_CAPTURE_DROP_NOTIFIERS))
			return inconsistent(capture->err, NAME(event), "notifier", "0|not 0");
		event->notifier = 0;
		capture_note(capture, NAME(event), "notifier",
			     "a notifier was installed; it stays behind");
	}
	sort_entries(&exposed_layout, state->exposed, state->n_exposed);
	return 0;
}

static int validate_event(const struct sdeistate *state, unsigned int i,
			  struct sdeistate_error *err)
{
	const struct kvm_sdei_exposed_event_state *event = &state->exposed[i];

	if (!event_is_supported(state->vm.profile, event->num))
		return inconsistent(err, NAME(event), "num", "a number of the profile|0x%" PRIx64,
				    (uint64_t)event->num);
	if (i > 0 && state->exposed[i - 1].num >= event->num)
		return inconsistent(err, NAME(event), "num", "above 0x%" PRIx64 "|0x%" PRIx64,
				    (uint64_t)state->exposed[i - 1].num, (uint64_t)event->num);
	if (event->type > 1)
		return inconsistent(err, NAME(event), "type", "0 or 1|%u", event->type);
	if (event->priority > 1)
		return inconsistent(err, NAME(event), "priority", "0 or 1|%u", event->priority);
	if (event->notifier)
		return inconsistent(err, NAME(event), "notifier", "0|not 0");
	for (size_t j = 0; j < sizeof(event->padding); j++)
		if (event->padding[j])
			return inconsistent(err, NAME(event), "padding", "0|%u", event->padding[j]);
	/* DEN0054 §4.1: event 0 is private and normal. */
	if (state->vm.profile == KVMCORE_PROFILE_SPEC && event->num == KVM_SDEI_DEFAULT_EVENT &&
	    (event->type || event->priority))
		return inconsistent(err, NAME(event), "type", "private and normal|another");
	return 0;
}

int validate_exposed(const struct sdeistate *state, struct sdeistate_error *err)
{
	int ret = 0;

	if (state->n_exposed > KVM_SDEI_MAX_EVENTS)
		return inconsistent(err, "exposed events", "count", "at most %u|%u",
				    KVM_SDEI_MAX_EVENTS, state->n_exposed);
	for (unsigned int i = 0; i < state->n_exposed && !ret; i++)
		ret = validate_event(state, i, err);
	return ret;
}

static bool is_same_event(const struct kvm_sdei_exposed_event_state *a,
			  const struct kvm_sdei_exposed_event_state *b)
{
	return a->type == b->type && a->signaled == b->signaled && a->priority == b->priority;
}

/* Exposing again is allowed for the same event only, and nothing can be taken back. */
void check_exposed(struct target *target)
{
	const struct sdeistate *state = target->state, *found = target->found;

	for (unsigned int i = 0; i < state->n_exposed; i++) {
		const struct kvm_sdei_exposed_event_state *want = &state->exposed[i], *have;

		have = find_exposed(found, want->num);
		if (have && !is_same_event(want, have))
			obstacle(target, SDEISTATE_INCOMPATIBLE,
				 OBJECT("exposed event 0x%" PRIx64, (uint64_t)want->num), "",
				 "type %u, signaled %u, priority %u|exposed with %u, %u, %u",
				 want->type, want->signaled, want->priority, have->type,
				 have->signaled, have->priority);
	}
	for (unsigned int i = 0; i < found->n_exposed; i++)
		if (!find_exposed(state, found->exposed[i].num))
			obstacle(target, SDEISTATE_VM_NOT_FRESH,
				 OBJECT("exposed event 0x%" PRIx64,
					(uint64_t)found->exposed[i].num),
				 "", "not exposed|exposed");
}

/*
 * Only what the destination lacks: the series counts an event that is exposed again against its
 * limit (KVM SDEI v5, patch 18/22), so that 65 events could not be given to a VM that has them.
 */
int replay_exposed(struct target *target)
{
	const struct sdeistate *state = target->state;
	CLEANUP(cleanup_free) struct kvm_sdei_exposed_event_state *missing = NULL;
	unsigned int n = 0;

	missing = calloc(state->n_exposed + 1u, sizeof(*missing));
	if (!missing)
		return error_no_memory(target->err, "exposed events");
	for (unsigned int i = 0; i < state->n_exposed; i++)
		if (!find_exposed(target->found, state->exposed[i].num))
			missing[n++] = state->exposed[i];
	if (n == 0)
		return 0;
	return replayed(target,
			access_command(target->port, ON_VM, KVM_SDEI_CMD_SET_EXPOSED_EVENT, n,
				       missing),
			"exposed events", "KVM_SDEI_CMD_SET_EXPOSED_EVENT");
}

void diff_exposed(struct differ *differ)
{
	diff_sorted(differ, &exposed_layout, differ->a->exposed, differ->a->n_exposed,
		    differ->b->exposed, differ->b->n_exposed);
}
