/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exits.h - what a model vCPU leaves in its kvm_run page, and what its next run does about it
 *
 * Documentation/virt/kvm/api.rst §5.
 */
#ifndef KVMCORE_EXITS_H
#define KVMCORE_EXITS_H

#include <kvmcore/kvmcore.h>

struct kvmcore_vm;
struct vcpu;

/** exits_fill_call() - a guest call ended with @reply: fill the page if it left the guest */
void exits_fill_call(struct vcpu *vcpu, const struct kvmcore_reply *reply);

/** exits_fill_event() - KVM_EXIT_SYSTEM_EVENT */
void exits_fill_event(struct vcpu *vcpu, uint32_t type, uint64_t data);

/** exits_fill_mmio() - KVM_EXIT_MMIO: PC stays at the load or store until the next run */
void exits_fill_mmio(struct vcpu *vcpu, const struct kvmcore_mmio *access);

/** exits_fill_nisv() - KVM_EXIT_ARM_NISV: nothing is left to finish, the VMM emulates */
void exits_fill_nisv(struct vcpu *vcpu, uint64_t esr_iss, uint64_t ipa);

/** exits_finish() - what the kernel does first in KVM_RUN: complete the exit before this one */
void exits_finish(struct vcpu *vcpu);

/**
 * exits_act() - a model vCPU of a running VM is about to execute an instruction: the same, if it may
 *
 * Return: 0; -ENOEXEC before KVM_ARM_VCPU_INIT; -EPERM while the PE is off or asleep, or its realm not active.
 */
int exits_act(struct vcpu *vcpu, struct kvmcore_reply *reply);

/** exits_drain() - the same without entering the guest: a forwarded call stays unanswered */
void exits_drain(struct vcpu *vcpu);

/** exits_answered_by_x0() - the VMM wrote x0: a forwarded call has its answer */
void exits_answered_by_x0(struct vcpu *vcpu);

/* Attribute KVMCORE_VM_EXITS: the exits of all vCPUs. Errors: docs/abi.md, "Power". */
int exits_attr_get(struct kvmcore_vm *vm, uint64_t addr);
int exits_attr_set(struct kvmcore_vm *vm, uint64_t addr);

/** exits_refuse() - an abort answers the MMIO access that @vcpu has left for, before it is injected */
void exits_refuse(struct vcpu *vcpu);

#endif
