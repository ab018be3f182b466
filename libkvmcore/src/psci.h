/* SPDX-License-Identifier: Apache-2.0 */
/*
 * psci.h - power of PEs and of the system, PSCI 0.1 to 1.3 as KVM has it
 *
 * Arm DEN0022; arch/arm64/kvm/psci.c. The SDEI side of a PE's power: DEN0054 §6.5.
 */
#ifndef KVMCORE_PSCI_H
#define KVMCORE_PSCI_H

#include <stdint.h>

struct call;

void psci_version(struct call *call);
void psci_cpu_suspend(struct call *call);
void psci_cpu_off(struct call *call);
void psci_cpu_on(struct call *call);
void psci_affinity_info(struct call *call);
void psci_migrate_info_type(struct call *call);
void psci_system_off(struct call *call);
void psci_system_reset(struct call *call);
void psci_features(struct call *call);
void psci_system_suspend(struct call *call);
void psci_system_reset2(struct call *call);
void psci_system_off2(struct call *call);

uint64_t psci_system_suspend_feature(const struct call *call);
uint64_t psci_system_off2_feature(const struct call *call);

#endif
