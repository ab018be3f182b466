/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rig.h - a VM whose guest does exactly what a test says
 *
 * Each vCPU's registers stand in rig.regs[]; call() puts function id and arguments into x0..x5, makes
 * the call and returns x0. Everything goes through the public interface.
 */
#ifndef TESTS_SDEI_RIG_H
#define TESTS_SDEI_RIG_H

#include "support/check.h"

#include <kvmcore/kvmcore.h>
#include <stdlib.h>
#include <string.h>

#define RIG_MAX_VCPUS 8
#define RIG_MPIDR(v)  ((uint64_t)(v) << 8 | 1u) /* neither index nor vcpu_id */
#define NO_PE         0x7700u                   /* an affinity nobody has */

#define INV           (-2)
#define DEN           (-3)
#define PEND          (-5)
#define OOR           (-10)
#define NS            (-1)

enum call_id {
	VERSION = 0x20,
	EVENT_REGISTER,
	EVENT_ENABLE,
	EVENT_DISABLE,
	EVENT_CONTEXT,
	EVENT_COMPLETE,
	EVENT_COMPLETE_AND_RESUME,
	EVENT_UNREGISTER,
	EVENT_STATUS,
	EVENT_GET_INFO,
	EVENT_ROUTING_SET,
	PE_MASK,
	PE_UNMASK,
	INTERRUPT_BIND,
	INTERRUPT_RELEASE,
	EVENT_SIGNAL,
	FEATURES,
	PRIVATE_RESET,
	SHARED_RESET,
	UNASSIGNED,
	PSCI_CPU_SUSPEND = 0x01,
	PSCI_CPU_OFF = 0x02,
	PSCI_CPU_ON = 0x03,
};

enum { INFO_TYPE, INFO_SIGNALED, INFO_PRIORITY, INFO_ROUTING_MODE, INFO_ROUTING_AFF };
enum { RM_ANY, RM_PE };
enum { PRIVATE, SHARED };
enum { NORMAL, CRITICAL };

#define ENTRY(v, num) (0xffff800000010000ULL + (uint64_t)(v)*0x100 + ((num)&0xff) * 8)
#define ARG(v, num)   (0xabc000ULL + (uint64_t)(v)*0x100 + ((num)&0xff))

struct rig {
	struct kvmcore_vm *vm;
	unsigned int n;
	struct kvmcore_regs regs[RIG_MAX_VCPUS];
	struct kvmcore_reply reply;
};

/* A VM that runs, or one that waits for state to be set (rig_open_paused()). */
void rig_open(struct rig *rig, enum kvmcore_profile profile, unsigned int n_vcpus);
void rig_open_paused(struct rig *rig, enum kvmcore_profile profile, unsigned int n_vcpus);
void rig_open_config(struct rig *rig, const struct kvmcore_config *config, unsigned int n_vcpus);
void rig_go(struct rig *rig);
void rig_close(struct rig *rig);

int64_t rig_call(struct rig *rig, unsigned int v, enum call_id id, const uint64_t args[5]);
#define call(rig, v, ...)          CALL_WITH(rig, v, __VA_ARGS__, 0)
#define CALL_WITH(rig, v, id, ...) rig_call((rig), (v), (id), (const uint64_t[6]){ __VA_ARGS__ })

/* Entry to the guest. Return: was an event delivered? */
bool enter(struct rig *rig, unsigned int v);

/* REGISTER with ENTRY() and ARG(), from the vCPU that will handle it. */
int64_t rig_register(struct rig *rig, unsigned int v, uint64_t num, uint64_t flags,
		     uint64_t affinity);
/* The same, then ENABLE and PE_UNMASK. Return: did all three succeed? */
bool rig_arm(struct rig *rig, unsigned int v, uint64_t num);

bool kicks(const struct rig *rig, unsigned int v);

/* Commands. @v -1: the VM's file descriptor. */
int rig_cmd(struct rig *rig, int v, uint32_t cmd, uint32_t count, const void *ptr);
uint32_t rig_count(struct rig *rig, int v, uint32_t cmd);
int rig_expose(struct rig *rig, uint64_t num, uint8_t type, uint8_t priority);
int rig_inject(struct rig *rig, unsigned int v, uint64_t num);
int rig_attr_get(struct rig *rig, uint64_t which, void *entry, uint64_t capacity, uint64_t *n);
int rig_attr_set(struct rig *rig, uint64_t which, const void *entry, uint64_t n);
struct kvm_sdei_vcpu_state rig_state(struct rig *rig, unsigned int v);
/* The count of @num in @v's queue; 0 if it is not there. */
uint32_t rig_queued(struct rig *rig, unsigned int v, uint64_t num);

#endif
