/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sdei.h - the SDEI service of one VM: what the rest of the core may ask of it
 *
 * The caller holds vm->lock. Behaviour by profile: docs/abi.md, "SDEI".
 */
#ifndef KVMCORE_SDEI_H
#define KVMCORE_SDEI_H

#include <kvmcore/kvmcore.h>

struct call;
struct vcpu;
struct sdei;
struct sdei_vcpu;

/* Life. Both objects are embedded: struct sdei in the VM, struct sdei_vcpu in the vCPU. */
int sdei_init(struct kvmcore_vm *vm); /* reads vm->config; -ENOMEM, -EINVAL */
void sdei_exit(struct kvmcore_vm *vm);
int sdei_vcpu_init(struct vcpu *vcpu); /* -ENOMEM; masked, nothing running */
void sdei_vcpu_exit(struct vcpu *vcpu);

/* PE power, DEN0054 §6.5: CPU_ON clears private handlers and masks; both may have to kick others. */
void sdei_power_on(struct vcpu *vcpu, struct kvmcore_reply *reply);
void sdei_power_off(struct vcpu *vcpu, struct kvmcore_reply *reply);
/* Power-down: masked on wake, registrations kept. */
void sdei_power_suspend(struct vcpu *vcpu, struct kvmcore_reply *reply);
void sdei_system_reset(struct kvmcore_vm *vm); /* as after creation, but for what the VMM exposed */

/* vcpu->power was written without PSCI (KVM_SET_MP_STATE, KVM_ARM_VCPU_INIT): nothing is lost or masked. */
void sdei_power_changed(struct vcpu *vcpu);

/* CPU_OFF, SYSTEM_OFF or SYSTEM_RESET from inside a handler: complete the handlers first (§6.5.4). */
void sdei_unwind(struct vcpu *vcpu, struct kvmcore_regs *regs, struct kvmcore_reply *reply);

/* The 19 calls: rows of the call table point here. One function per call, named after it. */
void sdei_call_version(struct call *call);
void sdei_call_event_register(struct call *call);
void sdei_call_event_enable(struct call *call);
void sdei_call_event_disable(struct call *call);
void sdei_call_event_context(struct call *call);
void sdei_call_event_complete(struct call *call);
void sdei_call_event_complete_and_resume(struct call *call);
void sdei_call_event_unregister(struct call *call);
void sdei_call_event_status(struct call *call);
void sdei_call_event_get_info(struct call *call);
void sdei_call_event_routing_set(struct call *call);
void sdei_call_pe_mask(struct call *call);
void sdei_call_pe_unmask(struct call *call);
void sdei_call_interrupt_bind(struct call *call);
void sdei_call_interrupt_release(struct call *call);
void sdei_call_event_signal(struct call *call);
void sdei_call_features(struct call *call);
void sdei_call_private_reset(struct call *call);
void sdei_call_shared_reset(struct call *call);

/* Entry to the guest: deliver at most one event. Return: delivered */
bool sdei_deliver(struct vcpu *vcpu, struct kvmcore_regs *regs, struct kvmcore_reply *reply);

/* Would it find something to deliver? False is certain. */
bool sdei_may_deliver(const struct vcpu *vcpu);

/* Registers that a delivery, and COMPLETE_AND_RESUME, read: KVMCORE_MASK_*. */
uint32_t sdei_deliver_reads(const struct kvmcore_vm *vm, uint32_t features);
uint32_t sdei_resume_reads(const struct kvmcore_vm *vm, uint32_t features);

/* Triggers from outside. Errors as the public functions of the same name. */
int sdei_inject(struct vcpu *vcpu, uint64_t num, struct kvmcore_reply *reply);
int sdei_raise(struct kvmcore_vm *vm, uint32_t intid, int vcpu, struct kvmcore_reply *reply);

/*
 * KVM_ARM_SDEI_COMMAND; @vcpu NULL for the VM's file descriptor. @arg is the caller's pointer. Calls
 * vm_changed() for the commands that change something, so that reading does not move the epoch.
 */
int sdei_ioctl(struct kvmcore_vm *vm, struct vcpu *vcpu, void *arg);

/* Group KVMCORE_GROUP_SDEI on the VM; @addr is the caller's pointer. -ENXIO for an unknown attribute. */
int sdei_attr_set(struct kvmcore_vm *vm, uint64_t attr, uint64_t addr);
int sdei_attr_get(struct kvmcore_vm *vm, uint64_t attr, uint64_t addr);
int sdei_attr_has(struct kvmcore_vm *vm, uint64_t attr);

/* v7 pseudo-registers; @buf has the size the id says. -ENOENT for an id that is not one of them. */
int sdei_reg_get(struct vcpu *vcpu, uint64_t id, void *buf);
int sdei_reg_set(struct vcpu *vcpu, uint64_t id, const void *buf);
/* Their ids in list order, from @first on; NULL-terminated by 0. Empty unless the profile has them. */
const uint64_t *sdei_reg_list(const struct kvmcore_vm *vm);

/* masked, running handlers and the length of the queue, for kvmcore_vcpu_status(). */
void sdei_status(const struct vcpu *vcpu, struct kvmcore_vcpu_status *status);

#include "sdei_state.h" /* struct sdei, struct sdei_vcpu */

#endif
