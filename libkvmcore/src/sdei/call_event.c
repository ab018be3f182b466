// SPDX-License-Identifier: Apache-2.0
/* The calls that name an event, but for binding and signalling. */
#include "calls.h"
#include "reset.h"
#include "trigger.h"
#include "vm.h"

#define FLAG_RM_PE 1u /* routing mode, in REGISTER's flags and as ROUTING_SET's argument */

enum info {
	INFO_TYPE,
	INFO_SIGNALED,
	INFO_PRIORITY,
	INFO_ROUTING_MODE,
	INFO_ROUTING_AFF,
	NR_INFOS
};

static const struct sdei_profile *profile_of(const struct call *call)
{
	return call->vm->sdei.profile;
}

static uint64_t number_of(const struct call *call)
{
	const uint64_t x1 = call->regs->x[1];

	return profile_of(call)->number_is_32_bit ? (uint32_t)x1 : x1;
}

/* The event that x1 names, or NULL with the profile's answer in *code. */
static struct sdei_event *find_event(const struct call *call, enum sdei_by_event by, int *code)
{
	const struct sdei_absent *absent = &profile_of(call)->absent[by];
	const uint64_t num = number_of(call);
	struct sdei_event *event = event_find(&call->vm->sdei, num);

	if (event)
		*code = event->has_instance ? SDEI_SUCCESS : absent->unregistered;
	else
		*code = sdei_number_is_supported(profile_of(call), num) ? absent->unexposed
									: absent->unsupported;
	return event;
}

static int apply(struct call *call, struct sdei_event *event, enum sdei_op op)
{
	struct sdei *sdei = &call->vm->sdei;
	const struct sdei_cell *cell = event_cell(sdei, event, call->vcpu, op);

	if (cell->verdict == CELL_FORBIDDEN)
		return SDEI_DENIED;
	event_state_put(sdei, event, call->vcpu, cell->next);
	return cell->verdict == CELL_PENDING ? SDEI_PENDING : SDEI_SUCCESS;
}

/* --- REGISTER, DEN0054 §5.1.2 ------------------------------------------------------------------- */

static bool is_bad_route(const struct call *call, uint64_t mode, uint64_t affinity)
{
	if (mode & ~(uint64_t)FLAG_RM_PE)
		return true;
	return profile_of(call)->mpidr_checked && mode == FLAG_RM_PE &&
	       !vm_vcpu_by_mpidr(call->vm, affinity & MPIDR_AFFINITY);
}

static void set_route(struct call *call, struct sdei_event *event, bool first, uint64_t mode,
		      uint64_t affinity)
{
	const struct sdei_profile *profile = profile_of(call);

	if (!event_is_shared(event) && profile->private_unrouted)
		return;
	if (profile->mpidr_checked) /* stored in the one form a vCPU's MPIDR has */
		affinity = mode == FLAG_RM_PE ? affinity & MPIDR_AFFINITY : 0;
	event->instance.route_mode =
		first && profile->first_route_is_affinity ? (uint8_t)affinity : (uint8_t)mode;
	event->instance.route_affinity = affinity;
}

static int enroll(struct call *call, struct sdei_event *event)
{
	const uint64_t *x = call->regs->x;
	const uint32_t index = event_index(event, call->vcpu);
	const bool first = !event->has_instance;
	int code;

	if (event_is_bound_slot(event) && !event->intid)
		return SDEI_DENIED;
	if (first && profile_of(call)->limit_registered &&
	    call->vm->sdei.n_registered == KVM_SDEI_MAX_EVENTS)
		return SDEI_OUT_OF_RESOURCE;
	code = apply(call, event, OP_REGISTER);
	if (code)
		return code;
	event->instance.ep_address[index] = x[2];
	event->instance.ep_arg[index] = x[3];
	set_route(call, event, first, x[4], x[5]);
	return SDEI_SUCCESS;
}

void sdei_call_event_register(struct call *call)
{
	const uint64_t *x = call->regs->x;
	struct sdei_event *event;
	int code;

	event = find_event(call, BY_REGISTER, &code);
	if (!event)
		call_return_error(call, code);
	else if ((profile_of(call)->entry_checked && x[2] == 0) || is_bad_route(call, x[4], x[5]))
		call_return_error(call, SDEI_INVALID_PARAMETERS);
	else
		call_return_error(call, enroll(call, event));
}

/* --- ENABLE, DISABLE, UNREGISTER ------------------------------------------------------------------ */

static void wake_after_enable(struct call *call, struct sdei_event *event)
{
	const struct sdei_profile *profile = profile_of(call);

	if (profile->on_request) {
		if (profile->unmask_requests && call->vcpu->sdei.n_queued)
			trigger_request(call->vcpu, call->vcpu, call->reply);
	} else if (event_is_shared(event)) {
		trigger_wake(call->vm, event, call->vcpu, call->reply);
	}
}

/* DEN0054 §5.1.3 */
void sdei_call_event_enable(struct call *call)
{
	struct sdei_event *event;
	int code;

	event = find_event(call, BY_ENABLE, &code);
	if (event && !code)
		code = apply(call, event, OP_ENABLE);
	if (event && !code)
		wake_after_enable(call, event);
	call_return_error(call, code);
}

/* DEN0054 §5.1.4 */
void sdei_call_event_disable(struct call *call)
{
	struct sdei_event *event;
	int code;

	event = find_event(call, BY_DISABLE, &code);
	if (event && !code)
		code = apply(call, event, OP_DISABLE);
	call_return_error(call, code);
}

/* DEN0054 §5.1.8 */
void sdei_call_event_unregister(struct call *call)
{
	struct sdei_event *event;
	int code;

	event = find_event(call, BY_UNREGISTER, &code);
	if (event && !code)
		code = reset_unregister(call->vcpu, event);
	call_return_error(call, code);
}

/* --- STATUS, GET_INFO ----------------------------------------------------------------------------- */

/* DEN0054 §5.1.9 */
void sdei_call_event_status(struct call *call)
{
	struct sdei_event *event;
	unsigned int state;
	int code;

	event = find_event(call, BY_STATUS, &code);
	if (!event || code) {
		call_return_error(call, code);
		return;
	}
	state = event_state(event, call->vcpu) & (STATE_REGISTERED | STATE_ENABLED | STATE_RUNNING);
	if (profile_of(call)->status_counts_queued && event->n_entries)
		state |= STATE_RUNNING;
	call_return(call, state);
}

/* What DEN0054 table 8 says of routing; the value itself goes to *value. */
static int get_routing(const struct call *call, const struct sdei_event *event, uint64_t info,
		       uint64_t *value)
{
	const struct sdei_profile *profile = profile_of(call);

	if (!event_is_shared(event))
		return SDEI_INVALID_PARAMETERS;
	if (!event->has_instance)
		return SDEI_DENIED;
	if (info == INFO_ROUTING_MODE) {
		*value = event->instance.route_mode;
		return SDEI_SUCCESS;
	}
	if (event->instance.route_mode == 0 && !profile->route_any_has_affinity)
		return SDEI_INVALID_PARAMETERS;
	*value = event->instance.route_affinity;
	return SDEI_SUCCESS;
}

static uint64_t get_signaled(const struct call *call, const struct sdei_event *event)
{
	if (profile_of(call)->signaled_inverted)
		return event->exposed.num != KVM_SDEI_DEFAULT_EVENT;
	return event->exposed.signaled;
}

static int get_info(const struct call *call, const struct sdei_event *event, uint64_t info,
		    uint64_t *value)
{
	switch (info) {
	case INFO_TYPE:
		*value = event->exposed.type;
		return SDEI_SUCCESS;
	case INFO_SIGNALED:
		*value = get_signaled(call, event);
		return SDEI_SUCCESS;
	case INFO_PRIORITY:
		*value = event->exposed.priority;
		return SDEI_SUCCESS;
	case INFO_ROUTING_MODE:
	case INFO_ROUTING_AFF:
		return get_routing(call, event, info, value);
	default:
		return SDEI_INVALID_PARAMETERS;
	}
}

/* DEN0054 §5.1.10 */
void sdei_call_event_get_info(struct call *call)
{
	struct sdei_event *event;
	uint64_t value = 0;
	int code;

	event = find_event(call, BY_GET_INFO, &code);
	if (event && !code)
		code = get_info(call, event, call->regs->x[2], &value);
	call_return(call, code ? (uint64_t)(int64_t)code : value);
}

/* --- ROUTING_SET, DEN0054 §5.1.11 --------------------------------------------------------------- */

static int reroute(struct call *call, struct sdei_event *event, uint64_t mode, uint64_t affinity)
{
	const struct sdei_profile *profile = profile_of(call);
	bool waited;

	if (event_cell(&call->vm->sdei, event, call->vcpu, OP_ROUTING_SET)->verdict !=
		    CELL_ALLOWED ||
	    (profile->status_counts_queued && event->n_entries))
		return SDEI_DENIED;
	waited = profile->held && trigger_reroute(call->vm, event);
	set_route(call, event, false, mode, affinity);
	if (waited)
		trigger_fire(call->vcpu, event, call->vcpu, call->reply);
	return SDEI_SUCCESS;
}

void sdei_call_event_routing_set(struct call *call)
{
	const struct sdei_profile *profile = profile_of(call);
	const uint64_t mode = call->regs->x[2], affinity = call->regs->x[3];
	struct sdei_event *event;
	int code;

	if (!profile->has_routing) {
		call_return_error(call, SDEI_NOT_SUPPORTED);
		return;
	}
	event = find_event(call, BY_ROUTING_SET, &code);
	if (event && is_bad_route(call, mode, affinity))
		code = SDEI_INVALID_PARAMETERS;
	else if (event && !event_is_shared(event))
		code = profile->route_private;
	else if (event && !code)
		code = reroute(call, event, mode, affinity);
	call_return_error(call, code);
}
