/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attr.h - device attributes of a VM and of a vCPU: one row per group
 *
 * The common part (reading struct kvm_device_attr, finding the group, refusing flags, what a kernel
 * says to a group or a direction it lacks) is here; a group's functions decide about its
 * attributes.
 */
#ifndef KVMCORE_ATTR_H
#define KVMCORE_ATTR_H

struct kvmcore_vm;
struct vcpu;

/* KVM_SET_DEVICE_ATTR, _GET_ and _HAS_; @vcpu NULL for the VM. @arg is the caller's pointer. */
int attr_set(struct kvmcore_vm *vm, struct vcpu *vcpu, void *arg);
int attr_get(struct kvmcore_vm *vm, struct vcpu *vcpu, void *arg);
int attr_has(struct kvmcore_vm *vm, struct vcpu *vcpu, void *arg);

#endif
