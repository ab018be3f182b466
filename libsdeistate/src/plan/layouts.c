// SPDX-License-Identifier: Apache-2.0
#include "plan/field_names.h"
#include "plan/fields.h"
#include "util.h"

static const struct field exposed_fields[] = { EXPOSED_FIELDS(FIELD) };

static const struct field registered_fields[] = { REGISTERED_FIELDS(FIELD, FIELD_ARRAY) };

static const struct field binding_fields[] = { BINDING_FIELDS(FIELD, FIELD_ARRAY) };

static const struct field handler_fields[] = {
	FIELD(kvmcore_sdei_handler, shared),   FIELD(kvmcore_sdei_handler, route_mode),
	FIELD(kvmcore_sdei_handler, affinity), FIELD(kvmcore_sdei_handler, ep_address),
	FIELD(kvmcore_sdei_handler, ep_arg),
};

static const struct field pending_fields[] = { FIELD(kvmcore_sdei_pending, num),
					       PENDING_FIELDS(FIELD) };

static const struct field queue_fields[] = {
	FIELD(kvm_sdei_vcpu_event_state, num),
	FIELD(kvm_sdei_vcpu_event_state, event_count),
};

static const struct field vcpu_state_fields[] = { VCPU_STATE_FIELDS(FIELD, FIELD_ARRAY, FIELD) };

static const struct field v7_fields[] = { V7_FIELDS(FIELD, FIELD_ARRAY) };

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
