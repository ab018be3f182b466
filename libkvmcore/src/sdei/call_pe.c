// SPDX-License-Identifier: Apache-2.0
/* The calls about the interface, the calling PE, and the handler that runs on it. */
#include "calls.h"
#include "handler.h"
#include "vm.h"

#include <errno.h>

#define CONTEXT_REGS 18u /* x0..x17 */

enum feature { FEATURE_BIND_SLOTS, FEATURE_RELATIVE_MODE };

static const struct sdei_profile *profile_of(const struct call *call)
{
	return call->vm->sdei.profile;
}

/* DEN0054 §5.1.1 */
void sdei_call_version(struct call *call)
{
	call_return(call, profile_of(call)->version);
}

/* DEN0054 §5.1.17 */
void sdei_call_features(struct call *call)
{
	const struct sdei *sdei = &call->vm->sdei;

	switch (call->regs->x[1]) {
	case FEATURE_BIND_SLOTS:
		call_return(call, sdei->n_slots[0] | (uint64_t)sdei->n_slots[1] << 16);
		break;
	case FEATURE_RELATIVE_MODE:
		call_return_error(call, sdei->profile->relative_mode);
		break;
	default:
		call_return_error(call, SDEI_INVALID_PARAMETERS);
	}
}

/* DEN0054 §5.1.12 */
void sdei_call_pe_mask(struct call *call)
{
	struct sdei_vcpu *pe = &call->vcpu->sdei;
	const bool changes = !pe->masked;

	pe->masked = true;
	trigger_update(call->vcpu, call->reply);
	call_return(call, profile_of(call)->mask_tells_change && changes);
}

/* DEN0054 §5.1.13 */
void sdei_call_pe_unmask(struct call *call)
{
	struct sdei_vcpu *pe = &call->vcpu->sdei;

	pe->masked = false;
	trigger_update(call->vcpu, call->reply);
	if (profile_of(call)->unmask_requests && pe->n_queued)
		trigger_request(call->vcpu, call->vcpu, call->reply);
	call_return(call, SDEI_SUCCESS);
}

/* --- SIGNAL, DEN0054 §5.1.16 -------------------------------------------------------------------- */

static struct vcpu *find_target(struct call *call)
{
	if (!profile_of(call)->signal_has_target)
		return call->vcpu;
	return vm_vcpu_by_mpidr(call->vm, call->regs->x[2] & MPIDR_AFFINITY);
}

static int signal_event(struct call *call)
{
	const struct sdei_profile *profile = profile_of(call);
	const uint64_t num =
		profile->number_is_32_bit ? (uint32_t)call->regs->x[1] : call->regs->x[1];
	struct sdei_event *event = event_find(&call->vm->sdei, KVM_SDEI_DEFAULT_EVENT);
	struct vcpu *target = find_target(call);
	unsigned int state;

	if (num != KVM_SDEI_DEFAULT_EVENT || !event || !target)
		return SDEI_INVALID_PARAMETERS;
	state = event_state(event, target);
	if (!(state & STATE_REGISTERED) || state & STATE_UNREGISTER)
		return SDEI_INVALID_PARAMETERS;
	if (!profile->signal_held && (!(state & STATE_ENABLED) || target->sdei.masked))
		return SDEI_INVALID_PARAMETERS;
	trigger_fire(target, event, call->vcpu, call->reply);
	return SDEI_SUCCESS;
}

void sdei_call_event_signal(struct call *call)
{
	call_return_error(call, signal_event(call));
}

/* --- CONTEXT, COMPLETE, COMPLETE_AND_RESUME ---------------------------------------------------------- */

/* DEN0054 §5.1.5 */
void sdei_call_event_context(struct call *call)
{
	const struct sdei_vcpu *pe = &call->vcpu->sdei;
	const enum sdei_class top = handler_top(pe);
	const uint64_t param = call->regs->x[1];

	if (profile_of(call)->context_param_first && param >= CONTEXT_REGS)
		call_return_error(call, SDEI_INVALID_PARAMETERS);
	else if (top == SDEI_NR_CLASSES)
		call_return_error(call, SDEI_DENIED);
	else if (param >= CONTEXT_REGS)
		call_return_error(call, SDEI_INVALID_PARAMETERS);
	else
		call_return(call, pe->context[top].regs[param]);
}

/* Nothing runs here. The posted series left x0 as it was. */
static void refuse_complete(struct call *call)
{
	if (profile_of(call)->complete_denied)
		call_return_error(call, SDEI_DENIED);
}

/* DEN0054 §5.1.6 */
void sdei_call_event_complete(struct call *call)
{
	const enum sdei_class top = handler_top(&call->vcpu->sdei);

	if (top == SDEI_NR_CLASSES) {
		refuse_complete(call);
		return;
	}
	handler_end(call->vcpu, top, call->regs, call->reply);
	call->reply->returned = false;
}

/* DEN0054 §5.1.7 and §5.2.2 */
void sdei_call_event_complete_and_resume(struct call *call)
{
	const enum sdei_class top = handler_top(&call->vcpu->sdei);

	if (top == SDEI_NR_CLASSES) {
		refuse_complete(call);
		return;
	}
	handler_end_and_resume(call->vcpu, top, call->regs->x[1], call->regs, call->reply);
	call->reply->returned = false;
}

/* --- KVM_SDEI_CMD_INJECT_EVENT ---------------------------------------------------------------------- */

static int inject_refusal(const struct vcpu *vcpu, const struct sdei_event *event)
{
	const struct sdei_profile *profile = vcpu->vm->sdei.profile;
	const unsigned int state = event_state(event, vcpu);

	if (!(state & STATE_REGISTERED) || state & STATE_UNREGISTER)
		return profile->numbers == NUMBERS_V7 ? -ENOENT : -EPERM;
	if (!profile->held && (!(state & STATE_ENABLED) || vcpu->sdei.masked))
		return -EPERM;
	if (!queue_has(&vcpu->sdei, event) && vcpu->sdei.n_queued >= queue_limit(profile))
		return -ERANGE;
	return 0;
}

int sdei_inject(struct vcpu *vcpu, uint64_t num, struct kvmcore_reply *reply)
{
	struct sdei *sdei = &vcpu->vm->sdei;
	struct sdei_event *event;
	int ret;

	if (!sdei_number_is_supported(sdei->profile, num))
		return -EINVAL;
	event = event_find(sdei, num);
	if (!event || !event->has_instance)
		return -ENOENT;
	ret = inject_refusal(vcpu, event);
	if (ret)
		return ret;
	trigger_fire(vcpu, event, NULL, reply);
	return 0;
}
