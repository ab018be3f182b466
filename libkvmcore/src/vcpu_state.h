/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vcpu_state.h - the vCPU ioctls about initialisation, power state and pending aborts
 */
#ifndef KVMCORE_VCPU_STATE_H
#define KVMCORE_VCPU_STATE_H

#include <stdbool.h>
#include <stdint.h>

struct kvmcore_vm;
struct vcpu;

int vcpu_ioctl_init(struct kvmcore_vm *vm, struct vcpu *vcpu, void *arg);
uint32_t vcpu_mp_state(const struct vcpu *vcpu);
int vcpu_ioctl_get_mp_state(struct kvmcore_vm *vm, struct vcpu *vcpu, void *arg);
int vcpu_ioctl_set_mp_state(struct kvmcore_vm *vm, struct vcpu *vcpu, void *arg);
int vcpu_ioctl_get_events(struct kvmcore_vm *vm, struct vcpu *vcpu, void *arg);
int vcpu_ioctl_set_events(struct kvmcore_vm *vm, struct vcpu *vcpu, void *arg);

/**
 * vcpu_inject_abort() - a synchronous external data abort is taken to EL1
 * @va: goes to FAR_EL1
 *
 * Writes ESR, FAR, ELR, SPSR, PSTATE and PC; arch/arm64/kvm/inject_fault.c, inject_abt64().
 */
void vcpu_inject_abort(struct vcpu *vcpu, uint64_t va);

#endif
