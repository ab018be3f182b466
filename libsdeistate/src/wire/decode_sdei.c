// SPDX-License-Identifier: Apache-2.0
/*
 * What the 13 commands and group 0x5344 tell.
 */
#include "error_set.h"
#include "plan/parts.h"
#include "sdeistate.pb-c.h"
#include "state/events.h"
#include "wire/read.h"

/* An array of the state with @n entries, zeroed. Return: 0; -ENOMEM */
#define ALLOCATE(reader, array, n) \
	(((array) = calloc((n) + 1u, sizeof(*(array)))) ? 0 : read_no_memory(reader))

int wire_decode_exposed(const ProtobufCMessage *message, struct reader *reader)
{
	const Sdeistate__Exposed *m = (const Sdeistate__Exposed *)message;
	struct sdeistate *state = reader->state;
	int ret = read_limit(reader, "n_events", m->n_events, KVM_SDEI_MAX_EVENTS);

	if (ret || (ret = read_length(reader, "num", m->n_num, m->n_events)) ||
	    (ret = read_length(reader, "type", m->type.len, m->n_events)) ||
	    (ret = read_length(reader, "signaled", m->signaled.len, m->n_events)) ||
	    (ret = read_length(reader, "priority", m->priority.len, m->n_events)) ||
	    (ret = ALLOCATE(reader, state->exposed, m->n_events)))
		return ret;
	state->n_exposed = m->n_events;
	for (unsigned int i = 0; i < m->n_events; i++) {
		state->exposed[i].num = m->num[i];
		state->exposed[i].type = m->type.data[i];
		state->exposed[i].signaled = m->signaled.data[i];
		state->exposed[i].priority = m->priority.data[i];
	}
	return 0;
}

/* Numbers go where an event's bits are set; where a whole word is, at once. */
static void place_slots(const struct kvm_sdei_registered_event_state *event, __u64 *array,
			struct column_reader *from, unsigned int words)
{
	for (unsigned int word = 0; word < words; word++) {
		uint64_t used = slots_used(event, word);

		if (used == ~UINT64_C(0)) {
			column_take(from, &array[64 * word], 64);
			continue;
		}
		for (; used; used &= used - 1)
			column_take(from, &array[64 * word + (unsigned int)__builtin_ctzll(used)],
				    1);
	}
}

static size_t count_slots(const struct sdeistate *state, unsigned int words)
{
	size_t n = 0;

	for (unsigned int i = 0; i < state->n_registered; i++)
		for (unsigned int word = 0; word < words; word++)
			n += (size_t)__builtin_popcountll(slots_used(&state->registered[i], word));
	return n;
}

static int read_bitmaps(const Sdeistate__Registered *m, struct reader *reader, unsigned int words)
{
	struct sdeistate *state = reader->state;
	uint64_t *registered, *enabled, *unregister_pending;
	size_t n = (size_t)words * m->n_events;
	int ret = read_column(reader, m->registered, "registered", &registered, n);

	if (ret || (ret = read_column(reader, m->enabled, "enabled", &enabled, n)) ||
	    (ret = read_column(reader, m->unregister_pending, "unregister_pending",
			       &unregister_pending, n)))
		return ret;
	for (unsigned int i = 0; i < m->n_events; i++) {
		struct kvm_sdei_registered_event_state *event = &state->registered[i];
		const size_t bytes = words * sizeof(uint64_t);

		memcpy(event->registered, &registered[(size_t)i * words], bytes);
		memcpy(event->enabled, &enabled[(size_t)i * words], bytes);
		memcpy(event->unregister_pending, &unregister_pending[(size_t)i * words], bytes);
	}
	return 0;
}

static int read_slots(const Sdeistate__Registered *m, struct reader *reader, unsigned int words)
{
	struct sdeistate *state = reader->state;
	size_t n_slots = count_slots(state, words);
	struct column_reader address, arg;
	int ret = column_check(m->ep_address, n_slots, reader->object, "ep_address", &address,
			       reader->err);

	if (!ret)
		ret = column_check(m->ep_arg, n_slots, reader->object, "ep_arg", &arg, reader->err);
	for (unsigned int i = 0; i < state->n_registered && !ret; i++) {
		struct kvm_sdei_registered_event_state *event = &state->registered[i];

		place_slots(event, event->ep_address, &address, words);
		place_slots(event, event->ep_arg, &arg, words);
	}
	return ret;
}

/* The bitmaps are as wide as the topology has vCPUs; one bit at least, for shared events. */
static int read_width(struct reader *reader, uint32_t n_bits, unsigned int *words)
{
	unsigned int want = reader->state->n_vcpus ? reader->state->n_vcpus : 1;
	int ret = read_length(reader, "n_bits", n_bits, want);

	*words = (want + 63) / 64;
	return ret;
}

int wire_decode_registered(const ProtobufCMessage *message, struct reader *reader)
{
	const Sdeistate__Registered *m = (const Sdeistate__Registered *)message;
	struct sdeistate *state = reader->state;
	unsigned int words;
	uint64_t *affinity;
	int ret = read_limit(reader, "n_events", m->n_events, KVM_SDEI_MAX_EVENTS);

	if (ret || (ret = read_width(reader, m->n_bits, &words)) ||
	    (ret = read_length(reader, "num", m->n_num, m->n_events)) ||
	    (ret = read_length(reader, "route_mode", m->route_mode.len, m->n_events)) ||
	    (ret = read_column(reader, m->route_affinity, "route_affinity", &affinity,
			       m->n_events)) ||
	    (ret = ALLOCATE(reader, state->registered, m->n_events)))
		return ret;
	state->n_registered = m->n_events;
	for (unsigned int i = 0; i < m->n_events; i++) {
		state->registered[i].num = m->num[i];
		state->registered[i].route_mode = m->route_mode.data[i];
		state->registered[i].route_affinity = affinity[i];
	}
	ret = read_bitmaps(m, reader, words);
	return ret ? ret : read_slots(m, reader, words);
}

int wire_decode_bindings(const ProtobufCMessage *message, struct reader *reader)
{
	const Sdeistate__Bindings *m = (const Sdeistate__Bindings *)message;
	struct sdeistate *state = reader->state;
	unsigned int n = m->n_bindings, words;
	uint64_t *active;
	int ret = read_limit(reader, "n_bindings", n, SDEISTATE_MAX_BINDINGS);

	if (ret || (ret = read_width(reader, m->n_bits, &words)) ||
	    (ret = read_length(reader, "num", m->n_num, n)) ||
	    (ret = read_length(reader, "intid", m->n_intid, n)) ||
	    (ret = read_length(reader, "shared", m->shared.len, n)) ||
	    (ret = read_length(reader, "slot", m->slot.len, n)) ||
	    (ret = read_column(reader, m->active, "active", &active, (size_t)n * words)) ||
	    (ret = ALLOCATE(reader, state->bindings, n)))
		return ret;
	state->n_bindings = n;
	for (unsigned int i = 0; i < n; i++) {
		state->bindings[i].num = m->num[i];
		state->bindings[i].intid = m->intid[i];
		state->bindings[i].shared = m->shared.data[i];
		state->bindings[i].slot = m->slot.data[i];
		memcpy(state->bindings[i].active, &active[(size_t)i * words],
		       words * sizeof(uint64_t));
	}
	return 0;
}

int wire_decode_handlers(const ProtobufCMessage *message, struct reader *reader)
{
	const Sdeistate__Handlers *m = (const Sdeistate__Handlers *)message;
	struct sdeistate *state = reader->state;
	unsigned int n = m->n_handlers;
	uint64_t *affinity, *address, *arg;
	int ret = read_limit(reader, "n_handlers", n, SDEISTATE_MAX_HANDLERS);

	if (ret || (ret = read_length(reader, "num", m->n_num, n)) ||
	    (ret = read_length(reader, "vcpu", m->n_vcpu, n)) ||
	    (ret = read_length(reader, "shared", m->shared.len, n)) ||
	    (ret = read_length(reader, "route_mode", m->route_mode.len, n)) ||
	    (ret = read_column(reader, m->affinity, "affinity", &affinity, n)) ||
	    (ret = read_column(reader, m->ep_address, "ep_address", &address, n)) ||
	    (ret = read_column(reader, m->ep_arg, "ep_arg", &arg, n)) ||
	    (ret = ALLOCATE(reader, state->handlers, n)))
		return ret;
	state->n_handlers = n;
	for (unsigned int i = 0; i < n; i++)
		state->handlers[i] = (struct kvmcore_sdei_handler){
			.num = m->num[i],
			.vcpu = m->vcpu[i],
			.shared = m->shared.data[i],
			.route_mode = m->route_mode.data[i],
			.affinity = affinity[i],
			.ep_address = address[i],
			.ep_arg = arg[i],
		};
	return 0;
}

/* How many events each queue has, and so where it begins. */
static int read_queues(const Sdeistate__VcpuEvents *m, struct reader *reader, unsigned int *total)
{
	struct sdeistate *state = reader->state;
	uint64_t *n_events;
	int ret = read_length(reader, "n_vcpus", m->n_vcpus, state->n_vcpus);

	if (!ret)
		ret = read_column(reader, m->n_events, "n_events", &n_events, state->n_vcpus);
	*total = 0;
	for (unsigned int i = 0; i < state->n_vcpus && !ret; i++) {
		ret = read_limit(reader, "n_events", n_events[i], MAX_QUEUE);
		state->vcpu[i].first_event = *total;
		state->vcpu[i].n_events = (uint32_t)n_events[i];
		*total += (uint32_t)n_events[i];
	}
	return ret;
}

int wire_decode_vcpu_events(const ProtobufCMessage *message, struct reader *reader)
{
	const Sdeistate__VcpuEvents *m = (const Sdeistate__VcpuEvents *)message;
	struct sdeistate *state = reader->state;
	uint64_t *num, *count;
	unsigned int n;
	int ret = read_queues(m, reader, &n);

	if (ret || (ret = read_column(reader, m->num, "num", &num, n)) ||
	    (ret = read_column(reader, m->event_count, "event_count", &count, n)) ||
	    (ret = ALLOCATE(reader, state->vcpu_events, n)))
		return ret;
	state->n_vcpu_events = n;
	for (unsigned int i = 0; i < n && !ret; i++) {
		ret = read_limit(reader, "event_count", count[i], UINT32_MAX);
		state->vcpu_events[i].num = num[i];
		state->vcpu_events[i].event_count = (uint32_t)count[i];
	}
	return ret;
}

int wire_decode_pending(const ProtobufCMessage *message, struct reader *reader)
{
	const Sdeistate__Pending *m = (const Sdeistate__Pending *)message;
	struct sdeistate *state = reader->state;
	unsigned int n = m->n_pending;
	int ret = read_limit(reader, "n_pending", n, MAX_QUEUE);

	if (ret || (ret = read_length(reader, "num", m->n_num, n)) ||
	    (ret = read_length(reader, "vcpu", m->n_vcpu, n)) ||
	    (ret = read_length(reader, "count", m->n_count, n)) ||
	    (ret = ALLOCATE(reader, state->pending, n)))
		return ret;
	state->n_pending = n;
	for (unsigned int i = 0; i < n; i++)
		state->pending[i] =
			(struct kvmcore_sdei_pending){ m->num[i], m->vcpu[i], m->count[i] };
	return 0;
}

/* The handlers of one class: ascending vCPUs, a number that is not "none", 20 registers each. */
static int place_contexts(struct reader *reader, const char *const *field, bool critical, size_t n,
			  const uint32_t *vcpu, size_t n_num, const uint64_t *num,
			  const Sdeistate__Column *column)
{
	const size_t per_context = sizeof(struct kvm_sdei_vcpu_regs_state) / sizeof(uint64_t);
	struct sdeistate *state = reader->state;
	uint64_t *regs;
	int ret = read_length(reader, field[1], n_num, n);

	if (!ret)
		ret = read_limit(reader, field[0], n, state->n_vcpus);
	if (!ret)
		ret = read_column(reader, column, field[2], &regs, n * per_context);
	for (size_t i = 0; i < n && !ret; i++) {
		struct kvm_sdei_vcpu_state *to;

		if (vcpu[i] >= state->n_vcpus || (i > 0 && vcpu[i] <= vcpu[i - 1]))
			return error_set(reader->err, SDEISTATE_DAMAGED, -EBADMSG, reader->object,
					 field[0], "ascending, below %u|%u", state->n_vcpus,
					 vcpu[i]);
		if (num[i] == KVM_SDEI_INVALID_EVENT)
			return error_set(reader->err, SDEISTATE_DAMAGED, -EBADMSG, reader->object,
					 field[1], "an event|none");
		to = &state->vcpu_state[vcpu[i]];
		*(critical ? &to->critical_num : &to->normal_num) = num[i];
		memcpy(critical ? &to->critical_regs : &to->normal_regs, &regs[i * per_context],
		       sizeof(to->normal_regs));
	}
	return ret;
}

int wire_decode_vcpu_state(const ProtobufCMessage *message, struct reader *reader)
{
	static const char *const critical[] = { "critical_vcpu", "critical_num", "critical_regs" };
	static const char *const normal[] = { "normal_vcpu", "normal_num", "normal_regs" };
	const Sdeistate__VcpuState *m = (const Sdeistate__VcpuState *)message;
	struct sdeistate *state = reader->state;
	unsigned int n = state->n_vcpus;
	int ret = read_length(reader, "n_vcpus", m->n_vcpus, n);

	if (ret || (ret = read_length(reader, "masked", m->masked.len, (n + 7) / 8)) ||
	    (ret = ALLOCATE(reader, state->vcpu_state, n)))
		return ret;
	if (n % 8 && m->masked.data[n / 8] >> (n % 8))
		return error_set(reader->err, SDEISTATE_DAMAGED, -EBADMSG, reader->object, "masked",
				 "bits below %u|another", n);
	for (unsigned int i = 0; i < n; i++) {
		state->vcpu_state[i].masked = m->masked.data[i / 8] >> (i % 8) & 1;
		state->vcpu_state[i].critical_num = KVM_SDEI_INVALID_EVENT;
		state->vcpu_state[i].normal_num = KVM_SDEI_INVALID_EVENT;
	}
	ret = place_contexts(reader, critical, true, m->n_critical_vcpu, m->critical_vcpu,
			     m->n_critical_num, m->critical_num, m->critical_regs);
	return ret ? ret
		   : place_contexts(reader, normal, false, m->n_normal_vcpu, m->normal_vcpu,
				    m->n_normal_num, m->normal_num, m->normal_regs);
}
