/* SPDX-License-Identifier: Apache-2.0 */
/*
 * field_names.h - the fields of the ABI's structs, named once for diffs and for deltas
 *
 * ONE(type, member), MANY(type, array), FLAG(type, member): 0 or 1. A field's place here is its number in
 * a delta (delta/lists.h): new ones at the end. Padding is zero in a canonical state and has no name.
 */
#ifndef SDEISTATE_FIELD_NAMES_H
#define SDEISTATE_FIELD_NAMES_H

#define EXPOSED_FIELDS(ONE)                                                                   \
	ONE(kvm_sdei_exposed_event_state, type), ONE(kvm_sdei_exposed_event_state, signaled), \
		ONE(kvm_sdei_exposed_event_state, priority),

#define REGISTERED_FIELDS(ONE, MANY)                                  \
	ONE(kvm_sdei_registered_event_state, route_mode),             \
		ONE(kvm_sdei_registered_event_state, route_affinity), \
		MANY(kvm_sdei_registered_event_state, ep_address),    \
		MANY(kvm_sdei_registered_event_state, ep_arg),        \
		MANY(kvm_sdei_registered_event_state, registered),    \
		MANY(kvm_sdei_registered_event_state, enabled),       \
		MANY(kvm_sdei_registered_event_state, unregister_pending),

#define BINDING_FIELDS(ONE, MANY)                                            \
	ONE(kvmcore_sdei_binding, intid), ONE(kvmcore_sdei_binding, shared), \
		ONE(kvmcore_sdei_binding, slot), MANY(kvmcore_sdei_binding, active),

#define PENDING_FIELDS(ONE) ONE(kvmcore_sdei_pending, vcpu), ONE(kvmcore_sdei_pending, count),

#define VCPU_STATE_FIELDS(ONE, MANY, FLAG)                                         \
	FLAG(kvm_sdei_vcpu_state, masked), ONE(kvm_sdei_vcpu_state, critical_num), \
		ONE(kvm_sdei_vcpu_state, normal_num),                              \
		MANY(kvm_sdei_vcpu_state, critical_regs.regs),                     \
		ONE(kvm_sdei_vcpu_state, critical_regs.pc),                        \
		ONE(kvm_sdei_vcpu_state, critical_regs.pstate),                    \
		MANY(kvm_sdei_vcpu_state, normal_regs.regs),                       \
		ONE(kvm_sdei_vcpu_state, normal_regs.pc),                          \
		ONE(kvm_sdei_vcpu_state, normal_regs.pstate),

#define V7_HANDLER_FIELDS(ONE, n) \
	ONE(sdeistate_v7, handler[n].ep_addr), ONE(sdeistate_v7, handler[n].ep_arg),

#define V7_FIELDS(ONE, MANY)                                                                   \
	V7_HANDLER_FIELDS(ONE, 0)                                                              \
	V7_HANDLER_FIELDS(ONE, 1)                                                              \
	V7_HANDLER_FIELDS(ONE, 2)                                                              \
	V7_HANDLER_FIELDS(ONE, 3)                                                              \
	ONE(sdeistate_v7, registered), ONE(sdeistate_v7, enabled), ONE(sdeistate_v7, running), \
		ONE(sdeistate_v7, pending), ONE(sdeistate_v7, context.pc),                     \
		ONE(sdeistate_v7, context.pstate), MANY(sdeistate_v7, context.regs),           \
		ONE(sdeistate_v7, pe_state),

#endif
