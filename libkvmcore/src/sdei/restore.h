/* SPDX-License-Identifier: Apache-2.0 */
/*
 * restore.h - state that a VMM sets, after check.h found it possible
 */
#ifndef KVMCORE_SDEI_RESTORE_H
#define KVMCORE_SDEI_RESTORE_H

#include "event.h"

/** restore_exposed() - Return: 0; -ENOMEM, and then the entries before are exposed */
int restore_exposed(struct sdei *sdei, const struct kvm_sdei_exposed_event_state *entry,
		    uint32_t n);

void restore_registered(struct sdei *sdei, const struct kvm_sdei_registered_event_state *entry);
void restore_vcpu_event(struct vcpu *vcpu, const struct kvm_sdei_vcpu_event_state *entry);
void restore_vcpu_state(struct vcpu *vcpu, const struct kvm_sdei_vcpu_state *state);

/** restore_report() - a registered event as GET_REGISTERED_EVENT shows it */
void restore_report(const struct kvmcore_vm *vm, const struct sdei_event *event,
		    struct kvm_sdei_registered_event_state *out);

/** restore_report_vcpu() - a vCPU as GET_VCPU_STATE shows it */
void restore_report_vcpu(const struct vcpu *vcpu, struct kvm_sdei_vcpu_state *out);

#endif
