// SPDX-License-Identifier: Apache-2.0
/*
 * kvm-v5 <-> kvm-v7: per-vCPU pseudo-registers know two private, normal events and one trigger each
 * (KVM SDEI v7, patches 04/22 and 17/22). Of the two numbers, v5's rule knows event 0 only.
 */
#include "convert/convert.h"
#include "error_set.h"
#include "state/events.h"
#include "util.h"

#include <errno.h>
#include <inttypes.h>

#define NONE         KVM_SDEI_INVALID_EVENT
#define STD_BIT_SDEI UINT64_C(2)

static void drop_foreign_events(struct conversion *conversion)
{
	struct sdeistate *state = conversion->state;

	for (unsigned int i = state->n_exposed; i-- > 0;) {
		const struct kvm_sdei_exposed_event_state event = state->exposed[i];
		const char *object = OBJECT("event 0x%" PRIx64, (uint64_t)event.num);

		if (event.num == 0 && !event.type && !event.priority) {
			if (event.signaled != 1)
				conversion_lose(conversion, object, "signaled",
						"%u becomes 1, the only value of kvm-v7",
						event.signaled);
			continue;
		}
		conversion_lose(
			conversion, object, "num",
			"kvm-v7 has only private, normal events 0 and 1; all about it is lost");
		remove_event(state, event.num);
	}
}

static uint32_t count_queued(const struct sdeistate *state, unsigned int vcpu)
{
	const struct sdeistate_vcpu *of = &state->vcpu[vcpu];

	for (unsigned int i = 0; i < of->n_events; i++)
		if (state->vcpu_events[of->first_event + i].num == 0)
			return state->vcpu_events[of->first_event + i].event_count;
	return 0;
}

static void fill_v7(struct conversion *conversion, unsigned int i)
{
	const struct sdeistate *state = conversion->state;
	const struct kvm_sdei_registered_event_state *event = find_registered(state, 0);
	const struct kvm_sdei_vcpu_state *vcpu = &state->vcpu_state[i];
	struct sdeistate_v7 *v7 = &state->v7[i];
	uint32_t count = count_queued(state, i);
	bool running = vcpu->normal_num == 0,
	     pending = event && bit_test(event->unregister_pending, i);

	v7->pe_state = vcpu->masked;
	v7->running = running;
	v7->registered = event && bit_test(event->registered, i) && !(running && pending);
	v7->enabled = v7->registered && bit_test(event->enabled, i);
	v7->pending = count > running;
	if (count > running + 1u)
		conversion_lose(conversion, OBJECT("event 0x0 of vcpu %u", i), "event_count",
				"%u triggers become one", count - running);
	if (pending && !running)
		conversion_lose(conversion, OBJECT("event 0x0 of vcpu %u", i), "unregister_pending",
				"stale in kvm-v5, where it forbids to register again; gone");
	if (event && (v7->registered || v7->running)) {
		v7->handler[0].ep_addr = event->ep_address[i];
		v7->handler[0].ep_arg = event->ep_arg[i];
	}
	if (running) {
		memcpy(v7->context.regs, vcpu->normal_regs.regs, sizeof(v7->context.regs));
		v7->context.pc = vcpu->normal_regs.pc;
		v7->context.pstate = vcpu->normal_regs.pstate;
	}
}

static void clear_queue_parts(struct sdeistate *state)
{
	for (unsigned int i = 0; i < state->n_vcpus; i++)
		state->vcpu[i].first_event = state->vcpu[i].n_events = 0;
	state->n_exposed = state->n_registered = state->n_bindings = state->n_handlers = 0;
	state->n_vcpu_events = state->n_pending = 0;
	free(TAKE(state->exposed));
	free(TAKE(state->registered));
	free(TAKE(state->bindings));
	free(TAKE(state->handlers));
	free(TAKE(state->vcpu_events));
	free(TAKE(state->pending));
	free(TAKE(state->vcpu_state));
}

/*
 * KVM_REG_ARM_STD_BIT_SDEI, bit 1 of STD_BMAP, is v7's alone: a guest of the others always has SDEI
 * ("KVM SDEI v7", patch 03/22).
 */
static struct sdeistate_fw_reg *find_std(struct sdeistate *state)
{
	for (unsigned int i = 0; i < state->n_fw_regs; i++)
		if (state->fw_regs[i].id == KVMCORE_REG_FW_BMAP(0))
			return &state->fw_regs[i];
	return NULL;
}

static void drop_sdei_bit(struct conversion *conversion)
{
	struct sdeistate_fw_reg *std = find_std(conversion->state);

	if (!std)
		return;
	if (!(std->value & STD_BIT_SDEI))
		conversion_lose(conversion, "firmware register std", "bit 1",
				"the VMM hid SDEI from the guest, which kvm-v5 cannot");
	std->value &= ~STD_BIT_SDEI;
}

int convert_v5_to_v7(struct conversion *conversion)
{
	struct sdeistate *state = conversion->state;
	struct sdeistate_fw_reg *std = find_std(state);

	if (std)
		std->value |= STD_BIT_SDEI;
	drop_foreign_events(conversion);
	state->v7 = calloc(state->n_vcpus + 1u, sizeof(*state->v7));
	if (!state->v7)
		return -ENOMEM;
	for (unsigned int i = 0; i < state->n_vcpus; i++)
		fill_v7(conversion, i);
	clear_queue_parts(state);
	state->vm.profile = KVMCORE_PROFILE_KVM_V7;
	return 0;
}

/* v5 keeps the bits of a handler that was unregistered while it runs, and marks it. */
static void fill_slot(struct kvm_sdei_registered_event_state *event, const struct sdeistate_v7 *v7,
		      unsigned int i)
{
	if (!((v7->registered | v7->running) & 1))
		return;
	bit_set(event->registered, i);
	if (v7->enabled & 1 || !(v7->registered & 1))
		bit_set(event->enabled, i);
	if (!(v7->registered & 1))
		bit_set(event->unregister_pending, i);
	event->ep_address[i] = v7->handler[0].ep_addr;
	event->ep_arg[i] = v7->handler[0].ep_arg;
}

static void fill_vcpu(struct conversion *conversion, unsigned int i)
{
	struct sdeistate *state = conversion->state;
	const struct sdeistate_v7 *v7 = &state->v7[i];
	struct kvm_sdei_vcpu_state *vcpu = &state->vcpu_state[i];
	uint32_t running = v7->running & 1, pending = v7->pending & 1;
	const char *object = OBJECT("vcpu %u", i);

	vcpu->masked = (__u8)v7->pe_state;
	vcpu->critical_num = vcpu->normal_num = NONE;
	if ((v7->registered | v7->running | v7->pending) & 2)
		conversion_lose(conversion, object, "event 0x1",
				"not a number of kvm-v5; its handler is lost");
	if (pending && !(v7->registered & 1)) {
		conversion_lose(conversion, object, "pending",
				"event 0 waits without a handler, which kvm-v5 cannot say");
		pending = 0;
	}
	state->vcpu[i].first_event = state->n_vcpu_events;
	state->vcpu[i].n_events = running + pending > 0;
	if (running + pending)
		state->vcpu_events[state->n_vcpu_events++] =
			(struct kvm_sdei_vcpu_event_state){ .event_count = running + pending };
	if (!running)
		return;
	vcpu->normal_num = 0;
	memcpy(vcpu->normal_regs.regs, v7->context.regs, sizeof(vcpu->normal_regs.regs));
	vcpu->normal_regs.pc = v7->context.pc;
	vcpu->normal_regs.pstate = v7->context.pstate;
}

int convert_v7_to_v5(struct conversion *conversion)
{
	struct sdeistate *state = conversion->state;
	uint64_t any = 0;

	state->exposed = calloc(1, sizeof(*state->exposed));
	state->registered = calloc(1, sizeof(*state->registered));
	state->vcpu_events = calloc(state->n_vcpus + 1u, sizeof(*state->vcpu_events));
	state->vcpu_state = calloc(state->n_vcpus + 1u, sizeof(*state->vcpu_state));
	if (!state->exposed || !state->registered || !state->vcpu_events || !state->vcpu_state)
		return -ENOMEM;
	drop_sdei_bit(conversion);
	state->exposed[0].signaled = 1;
	state->n_exposed = 1;
	for (unsigned int i = 0; i < state->n_vcpus; i++) {
		any |= state->v7[i].registered | state->v7[i].running;
		fill_slot(&state->registered[0], &state->v7[i], i);
		fill_vcpu(conversion, i);
	}
	state->n_registered = any & 1;
	free(TAKE(state->v7));
	state->vm.profile = KVMCORE_PROFILE_KVM_V5;
	return 0;
}
