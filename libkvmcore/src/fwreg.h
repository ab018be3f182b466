/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fwreg.h - the firmware pseudo-registers of one VM
 *
 * Documentation/virt/kvm/arm/fw-pseudo-registers.rst. They are read and written through a vCPU, but
 * belong to the VM and are stored once. The WORKAROUND registers are assertions about the host: a
 * SET is checked and stores nothing.
 */
#ifndef KVMCORE_FWREG_H
#define KVMCORE_FWREG_H

#include <stdbool.h>
#include <stdint.h>

struct kvmcore_vm;
struct kvmcore_vm_fw_reg;
struct vcpu;

enum fwreg_bmap { BMAP_STD, BMAP_STD_HYP, BMAP_VENDOR_HYP, BMAP_VENDOR_HYP_2, NR_BMAPS };

#define PSCI_0_1 0x00000001u
#define PSCI_0_2 0x00000002u
#define PSCI_1_0 0x00010000u
#define PSCI_1_1 0x00010001u
#define PSCI_1_2 0x00010002u
#define PSCI_1_3 0x00010003u

/* Mitigation levels of a host, as the WORKAROUND registers encode them. */
enum { LEVEL_NOT_AVAILABLE, LEVEL_AVAILABLE, LEVEL_NOT_REQUIRED };
enum { LEVEL2_NOT_AVAILABLE, LEVEL2_UNKNOWN, LEVEL2_AVAILABLE, LEVEL2_NOT_REQUIRED };

#define FWREG_MAX (4u + NR_BMAPS) /* registers a VM may have */

/* Embedded in struct kvmcore_vm. */
struct fwreg {
	uint32_t psci_version; /* 0: nobody wrote it, the latest holds */
	uint64_t bmap[NR_BMAPS];
	uint8_t workaround_1, workaround_2, workaround_3;
};

void fwreg_init(struct kvmcore_vm *vm);

/** fwreg_psci_version() - what PSCI_VERSION means for @vcpu: 0.1 without the PSCI_0_2 feature */
uint32_t fwreg_psci_version(const struct vcpu *vcpu);

/** fwreg_has_bit() - is a hypercall bitmap's bit set? */
bool fwreg_has_bit(const struct kvmcore_vm *vm, enum fwreg_bmap bmap, unsigned int bit);

/** fwreg_list() - all, ascending, as a vCPU with PSCI_0_2 reads them. Return: how many, at most FWREG_MAX */
unsigned int fwreg_list(const struct kvmcore_vm *vm, struct kvmcore_vm_fw_reg *reg);

/* One-register access; -ENOENT for an id this kernel does not have. Errors: docs/abi.md. */
int fwreg_get(struct vcpu *vcpu, uint64_t id, void *value);
int fwreg_set(struct vcpu *vcpu, uint64_t id, const void *value);
bool fwreg_is_listed(const struct vcpu *vcpu, uint64_t id);

#endif
