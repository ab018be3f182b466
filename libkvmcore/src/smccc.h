/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smccc.h - the services that are neither SDEI nor PSCI: architecture, TRNG, PV time, vendor
 * hypervisor
 *
 * Arm DEN0028 (SMCCC), DEN0098 (TRNG), DEN0057 (PV time);
 * Documentation/virt/kvm/arm/hypercalls.rst.
 */
#ifndef KVMCORE_SMCCC_H
#define KVMCORE_SMCCC_H

#include <stdint.h>

struct call;
struct vcpu;

void smccc_version(struct call *call);
void smccc_arch_features(struct call *call);
void smccc_workaround(struct call *call);
uint64_t smccc_workaround_1_feature(const struct call *call);
uint64_t smccc_workaround_2_feature(const struct call *call);
uint64_t smccc_workaround_3_feature(const struct call *call);
void smccc_vendor_uid(struct call *call);
void smccc_vendor_features(struct call *call);
void smccc_vendor_ptp(struct call *call);

void trng_version(struct call *call);
void trng_features(struct call *call);
void trng_get_uuid(struct call *call);
void trng_rnd32(struct call *call);
void trng_rnd64(struct call *call);

void pvtime_features(struct call *call);
void pvtime_stolen_time(struct call *call);
int pvtime_attr_set(struct vcpu *vcpu, uint64_t attr, uint64_t addr);
int pvtime_attr_get(struct vcpu *vcpu, uint64_t attr, uint64_t addr);
int pvtime_attr_has(struct vcpu *vcpu, uint64_t attr);

#endif
