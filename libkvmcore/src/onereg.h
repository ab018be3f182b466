/* SPDX-License-Identifier: Apache-2.0 */
/*
 * onereg.h - KVM_GET_ONE_REG, KVM_SET_ONE_REG, KVM_GET_REG_LIST over one table
 */
#ifndef KVMCORE_ONEREG_H
#define KVMCORE_ONEREG_H

struct kvmcore_vm;
struct vcpu;

int onereg_get(struct kvmcore_vm *vm, struct vcpu *vcpu, void *arg);
int onereg_set(struct kvmcore_vm *vm, struct vcpu *vcpu, void *arg);
int onereg_list(struct kvmcore_vm *vm, struct vcpu *vcpu, void *arg);

#endif
