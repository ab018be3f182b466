// SPDX-License-Identifier: Apache-2.0
#include "plan/fields.h"
#include "plan/parts.h"
#include "state/events.h"

#include <stdio.h>

static int check_length(const struct capture *capture, unsigned int vcpu, uint32_t n)
{
	if (n <= MAX_QUEUE)
		return 0;
	return error_set(capture->err, SDEISTATE_OVER_LIMIT, -E2BIG, OBJECT("vcpu %u", vcpu),
			 "events", "at most %u|%u", MAX_QUEUE, n);
}

static int count_events(struct capture *capture, unsigned int vcpu, uint32_t *n)
{
	int ret = access_count(capture->port, (int)vcpu, KVM_SDEI_CMD_GET_VCPU_EVENT_COUNT, n);

	if (ret < 0)
		return capture_failed(capture, ret,
				      OBJECT("KVM_SDEI_CMD_GET_VCPU_EVENT_COUNT of vcpu %u", vcpu));
	return check_length(capture, vcpu, *n);
}

/* First the counts of all, so that one array takes everything. */
static int count_all(struct capture *capture)
{
	struct sdeistate *state = capture->state;
	int ret = 0;

	for (unsigned int i = 0; i < state->n_vcpus && !ret; i++) {
		ret = count_events(capture, i, &state->vcpu[i].n_events);
		if (!ret)
			state->n_vcpu_events += state->vcpu[i].n_events;
	}
	if (ret)
		return ret;
	state->vcpu_events = calloc(state->n_vcpu_events + 1u, sizeof(*state->vcpu_events));
	return state->vcpu_events ? 0 : error_no_memory(capture->err, "vcpu events");
}

/* One vCPU's queue, into the array at @first; no more than was counted then, no more than is left.
 */
static int read_events(struct capture *capture, unsigned int i, unsigned int first)
{
	struct sdeistate *state = capture->state;
	struct sdeistate_vcpu *vcpu = &state->vcpu[i];
	struct kvm_sdei_vcpu_event_state *queue = &state->vcpu_events[first];
	uint32_t again = 0;
	int ret = 0;

	if (vcpu->n_events)
		ret = access_command(capture->port, (int)i, KVM_SDEI_CMD_GET_VCPU_EVENT,
				     vcpu->n_events, queue);
	if (ret < 0)
		return capture_failed(capture, ret,
				      OBJECT("KVM_SDEI_CMD_GET_VCPU_EVENT of vcpu %u", i));
	ret = count_events(capture, i, &again);
	if (ret)
		return ret;
	capture->changed |= again != vcpu->n_events;
	if (again < vcpu->n_events)
		vcpu->n_events = again;
	vcpu->first_event = first;
	for (unsigned int j = 0; j < vcpu->n_events; j++)
		queue[j].padding = 0;
	return 0;
}

_Static_assert(sizeof(struct kvmcore_sdei_pending) == sizeof(struct kvm_sdei_vcpu_event_state),
	       "one becomes the other in place");

/* All queues in one array, which ends as the state's own. Return: as capture_array() */
static int read_at_once(struct capture *capture)
{
	struct sdeistate *state = capture->state;
	CLEANUP(cleanup_free) void *array = NULL;
	unsigned int n = 0, vcpu = 0;
	int ret =
		capture_array(capture, KVMCORE_GROUP_SDEI, KVMCORE_SDEI_QUEUES, "queues",
			      sizeof(*state->vcpu_events), state->n_vcpus * MAX_QUEUE, &array, &n);

	for (unsigned int i = 0; i < n; i++) {
		const struct kvmcore_sdei_pending entry =
			((const struct kvmcore_sdei_pending *)array)[i];

		if (entry.vcpu < vcpu || entry.vcpu >= state->n_vcpus)
			return inconsistent(capture->err, "queues", "vcpu",
					    "ascending, below %u|%u", state->n_vcpus, entry.vcpu);
		vcpu = entry.vcpu;
		state->vcpu[vcpu].n_events++;
		((struct kvm_sdei_vcpu_event_state *)array)[i] =
			(struct kvm_sdei_vcpu_event_state){ .num = entry.num,
							    .event_count = entry.count };
	}
	for (unsigned int i = 0, first = 0; i < state->n_vcpus && !ret; i++) {
		state->vcpu[i].first_event = first;
		first += state->vcpu[i].n_events;
		ret = check_length(capture, i, state->vcpu[i].n_events);
	}
	if (ret)
		return ret;
	state->vcpu_events = TAKE(array);
	state->n_vcpu_events = n;
	return 0;
}

/* One vCPU after the other, as the series has it. */
static int read_each(struct capture *capture)
{
	struct sdeistate *state = capture->state;
	unsigned int first = 0;
	int ret = count_all(capture);

	for (unsigned int i = 0; i < state->n_vcpus && !ret; i++) {
		ret = read_events(capture, i, first);
		first += state->vcpu[i].n_events;
	}
	state->n_vcpu_events = first;
	return ret;
}

int capture_vcpu_events(struct capture *capture)
{
	int ret = read_at_once(capture);

	return ret == -ENXIO ? read_each(capture) : ret;
}

static bool is_running(const struct sdeistate *state, unsigned int vcpu, uint64_t num)
{
	return state->vcpu_state[vcpu].critical_num == num ||
	       state->vcpu_state[vcpu].normal_num == num;
}

/*
 * Profile spec has edge semantics (DEN0054 §5.1.16.1): one trigger that waits beside the run in
 * progress, and for a shared event of any PE it waits outside the queues. kvm-v5 counts every trigger.
 */
static uint32_t max_count(const struct sdeistate *state, unsigned int vcpu,
			  const struct event_facts *event)
{
	if (state->vm.profile != KVMCORE_PROFILE_SPEC)
		return UINT32_MAX;
	if (!event->registered || (event->kind.shared && event->registered->route_mode == 0))
		return 1;
	return is_running(state, vcpu, event->num) ? 2 : 1;
}

#define NAME(num, vcpu) OBJECT("queued event 0x%" PRIx64 " of vcpu %u", (uint64_t)(num), (vcpu))

/* Profile spec: a trigger of a shared event waits at the PE it is routed to, or at none. */
static int validate_place(const struct sdeistate *state, unsigned int vcpu,
			  const struct event_facts *event, struct sdeistate_error *err)
{
	const struct kvm_sdei_registered_event_state *registered = event->registered;
	uint64_t mpidr = state->vcpu[vcpu].mpidr;

	if (registered && registered->route_mode && registered->route_affinity != mpidr)
		return inconsistent(err, NAME(event->num, vcpu), "vcpu",
				    "the one with MPIDR 0x%" PRIx64 "|0x%" PRIx64,
				    (uint64_t)registered->route_affinity, mpidr);
	if ((!registered || !registered->route_mode) && !is_running(state, vcpu, event->num))
		return inconsistent(err, NAME(event->num, vcpu), "vcpu",
				    "one it runs on|one it waits at");
	return 0;
}

static int validate_entry(const struct sdeistate *state, unsigned int vcpu,
			  const struct kvm_sdei_vcpu_event_state *entry,
			  const struct event_facts *event, struct sdeistate_error *err)
{
	if (!event)
		return inconsistent(err, NAME(entry->num, vcpu), "num", "exposed or bound|neither");
	if (!event->registered && !event->runs_unregistered)
		return inconsistent(err, NAME(entry->num, vcpu), "num",
				    "registered|not registered");
	if (entry->event_count != 1 &&
	    (entry->event_count == 0 || entry->event_count > max_count(state, vcpu, event)))
		return inconsistent(err, NAME(entry->num, vcpu), "event_count", "1 to %u|%u",
				    max_count(state, vcpu, event), entry->event_count);
	if (entry->padding)
		return inconsistent(err, NAME(entry->num, vcpu), "padding", "0|%u", entry->padding);
	if (state->vm.profile == KVMCORE_PROFILE_SPEC && event->kind.shared)
		return validate_place(state, vcpu, event, err);
	return 0;
}

/* GET lists the critical queue first; what is not in that order cannot come out of a replay again. */
static int validate_queue(const struct sdeistate *state, unsigned int vcpu,
			  struct event_index *index, struct sdeistate_error *err)
{
	const struct sdeistate_vcpu *of = &state->vcpu[vcpu];
	bool normal = false;

	for (unsigned int i = 0; i < of->n_events; i++) {
		const struct kvm_sdei_vcpu_event_state *entry =
			&state->vcpu_events[of->first_event + i];
		struct event_facts *event = event_index_find(index, entry->num);
		int ret = validate_entry(state, vcpu, entry, event, err);

		if (ret)
			return ret;
		if (normal && event->kind.critical)
			return inconsistent(err, NAME(entry->num, vcpu), "position",
					    "critical events before normal ones|behind");
		if (event->seen_on == vcpu + 1)
			return inconsistent(err, NAME(entry->num, vcpu), "num",
					    "once in a queue|twice");
		normal |= !event->kind.critical;
		event->seen_on = vcpu + 1;
	}
	return 0;
}

int validate_vcpu_events(const struct sdeistate *state, struct sdeistate_error *err)
{
	struct event_index index;
	int ret = 0;

	event_index_fill(&index, state);
	for (unsigned int i = 0; i < state->n_vcpus && !ret; i++) {
		if (state->vcpu[i].n_events > MAX_QUEUE)
			return inconsistent(err, OBJECT("vcpu %u", i), "events", "at most %u|%u",
					    MAX_QUEUE, state->vcpu[i].n_events);
		ret = validate_queue(state, i, &index, err);
	}
	return ret;
}

/* A second replay would add to what the first one left. */
void check_vcpu_events(struct target *target)
{
	for (unsigned int i = 0; i < target->found->n_vcpus; i++)
		if (target->found->vcpu[i].n_events)
			obstacle(target, SDEISTATE_VM_NOT_FRESH, OBJECT("vcpu %u", i),
				 "queued events", "0|%u", target->found->vcpu[i].n_events);
}

int replay_vcpu_events(struct target *target)
{
	const struct sdeistate *state = target->state;
	int ret = 0;

	for (unsigned int i = 0; i < state->n_vcpus && !ret; i++) {
		const struct sdeistate_vcpu *vcpu = &state->vcpu[i];

		if (vcpu->n_events == 0)
			continue;
		ret = access_command(target->port, (int)target->map[i], KVM_SDEI_CMD_SET_VCPU_EVENT,
				     vcpu->n_events, &state->vcpu_events[vcpu->first_event]);
		if (ret < 0)
			return replayed(target, ret, OBJECT("queued events of vcpu %u", i),
					"KVM_SDEI_CMD_SET_VCPU_EVENT");
	}
	return ret;
}

struct queue {
	const struct kvm_sdei_vcpu_event_state *entry;
	unsigned int n;
};

static struct queue find_queue(const struct sdeistate *state, unsigned int vcpu)
{
	if (vcpu >= state->n_vcpus || !state->vcpu_events)
		return (struct queue){ NULL, 0 };
	return (struct queue){ state->vcpu_events + state->vcpu[vcpu].first_event,
			       state->vcpu[vcpu].n_events };
}

void diff_vcpu_events(struct differ *differ)
{
	const struct sdeistate *a = differ->a, *b = differ->b;
	unsigned int n = a->n_vcpus > b->n_vcpus ? a->n_vcpus : b->n_vcpus;
	struct layout layout = queue_layout;
	char path[64];

	for (unsigned int i = 0; i < n && !differ->ret; i++) {
		const struct queue x = find_queue(a, i), y = find_queue(b, i);

		if (x.n == y.n && (x.n == 0 || !memcmp(x.entry, y.entry, x.n * sizeof(*x.entry))))
			continue;
		snprintf(path, sizeof(path), "vcpu[%u].queue", i);
		layout.name = path;
		diff_indexed(differ, &layout, x.entry, x.n, y.entry, y.n);
	}
}
