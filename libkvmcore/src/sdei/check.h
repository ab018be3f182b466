/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check.h - is what a VMM wants to set possible? Nothing changes here
 *
 * The first checks of each are those of the posted series, in its order; profiles with set_checked
 * then look at every invariant of DEN0054 table 13.
 */
#ifndef KVMCORE_SDEI_CHECK_H
#define KVMCORE_SDEI_CHECK_H

#include "event.h"

/* Each: 0, or the error of the first entry that is wrong. docs/abi-sdei.md lists them. */
int check_exposed(const struct sdei *sdei, const struct kvm_sdei_exposed_event_state *entry,
		  uint32_t n);
int check_registered(const struct kvmcore_vm *vm,
		     const struct kvm_sdei_registered_event_state *entry, uint32_t n);
int check_vcpu_events(const struct vcpu *vcpu, const struct kvm_sdei_vcpu_event_state *entry,
		      uint32_t n);
int check_vcpu_state(const struct vcpu *vcpu, const struct kvm_sdei_vcpu_state *state);

/** check_is_announced() - does a restore say that the unregistered handler runs on @vcpu? */
bool check_is_announced(const struct sdei_event *event, const struct vcpu *vcpu);

#endif
