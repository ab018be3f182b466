// SPDX-License-Identifier: Apache-2.0
#include "plan/fields.h"
#include "util.h"

/* The ABI's structs, field by field; padding is zero in a canonical state and has no name. */

static const struct field exposed_fields[] = {
	FIELD(kvm_sdei_exposed_event_state, type),
	FIELD(kvm_sdei_exposed_event_state, signaled),
	FIELD(kvm_sdei_exposed_event_state, priority),
};

static const struct field registered_fields[] = {
	FIELD(kvm_sdei_registered_event_state, route_mode),
	FIELD(kvm_sdei_registered_event_state, route_affinity),
	FIELD_ARRAY(kvm_sdei_registered_event_state, ep_address),
	FIELD_ARRAY(kvm_sdei_registered_event_state, ep_arg),
	FIELD_ARRAY(kvm_sdei_registered_event_state, registered),
	FIELD_ARRAY(kvm_sdei_registered_event_state, enabled),
	FIELD_ARRAY(kvm_sdei_registered_event_state, unregister_pending),
};

static const struct field binding_fields[] = {
	FIELD(kvmcore_sdei_binding, intid),
	FIELD(kvmcore_sdei_binding, shared),
	FIELD(kvmcore_sdei_binding, slot),
	FIELD_ARRAY(kvmcore_sdei_binding, active),
};

static const struct field handler_fields[] = {
	FIELD(kvmcore_sdei_handler, shared),   FIELD(kvmcore_sdei_handler, route_mode),
	FIELD(kvmcore_sdei_handler, affinity), FIELD(kvmcore_sdei_handler, ep_address),
	FIELD(kvmcore_sdei_handler, ep_arg),
};

static const struct field pending_fields[] = {
	FIELD(kvmcore_sdei_pending, num),
	FIELD(kvmcore_sdei_pending, vcpu),
	FIELD(kvmcore_sdei_pending, count),
};

static const struct field queue_fields[] = {
	FIELD(kvm_sdei_vcpu_event_state, num),
	FIELD(kvm_sdei_vcpu_event_state, event_count),
};

static const struct field vcpu_state_fields[] = {
	FIELD(kvm_sdei_vcpu_state, masked),
	FIELD(kvm_sdei_vcpu_state, critical_num),
	FIELD(kvm_sdei_vcpu_state, normal_num),
	FIELD_ARRAY(kvm_sdei_vcpu_state, critical_regs.regs),
	FIELD(kvm_sdei_vcpu_state, critical_regs.pc),
	FIELD(kvm_sdei_vcpu_state, critical_regs.pstate),
	FIELD_ARRAY(kvm_sdei_vcpu_state, normal_regs.regs),
	FIELD(kvm_sdei_vcpu_state, normal_regs.pc),
	FIELD(kvm_sdei_vcpu_state, normal_regs.pstate),
};

static const struct field v7_fields[] = {
	FIELD(sdeistate_v7, handler[0].ep_addr),
	FIELD(sdeistate_v7, handler[0].ep_arg),
	FIELD(sdeistate_v7, handler[1].ep_addr),
	FIELD(sdeistate_v7, handler[1].ep_arg),
	FIELD(sdeistate_v7, registered),
	FIELD(sdeistate_v7, enabled),
	FIELD(sdeistate_v7, running),
	FIELD(sdeistate_v7, pending),
	FIELD(sdeistate_v7, context.pc),
	FIELD(sdeistate_v7, context.pstate),
	FIELD_ARRAY(sdeistate_v7, context.regs),
	FIELD(sdeistate_v7, pe_state),
};

static int compare_handler(const void *a, const void *b)
{
	const struct kvmcore_sdei_handler *x = a, *y = b;
	int order = compare_num(a, b);

	return order ? order : (x->vcpu > y->vcpu) - (x->vcpu < y->vcpu);
}

#define LAYOUT(symbol, path, type, order, vcpu, list)                          \
	const struct layout symbol = { path, sizeof(struct type), order, vcpu, \
				       list, ARRAY_SIZE(list) }

LAYOUT(exposed_layout, "exposed", kvm_sdei_exposed_event_state, compare_num, false, exposed_fields);
LAYOUT(registered_layout, "registered", kvm_sdei_registered_event_state, compare_num, false,
       registered_fields);
LAYOUT(binding_layout, "bindings", kvmcore_sdei_binding, compare_num, false, binding_fields);
LAYOUT(handler_layout, "handlers", kvmcore_sdei_handler, compare_handler, true, handler_fields);
LAYOUT(pending_layout, "pending", kvmcore_sdei_pending, compare_num, false, pending_fields);
LAYOUT(queue_layout, "queue", kvm_sdei_vcpu_event_state, NULL, false, queue_fields);
LAYOUT(vcpu_state_layout, "vcpu_state", kvm_sdei_vcpu_state, NULL, false, vcpu_state_fields);
LAYOUT(v7_layout, "v7", sdeistate_v7, NULL, false, v7_fields);
