// SPDX-License-Identifier: Apache-2.0
#include "kernel.h"
#include "fwreg.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#ifndef ARRAY_SIZE
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#endif

/*
 * Capabilities as arm64 kernels of Debian answered them under QEMU (-cpu max), those that mean
 * something here; recorded for 6.12 and 7.2. For 6.1 they follow from when each was added, and were
 * compared with one. Numbers instead of names: the build host's header may be older.
 */
#define CAP(number, value)           \
	{                            \
		(number), (value), 0 \
	}
#define CAP_ON_VM(number, value, vm)    \
	{                               \
		(number), (value), (vm) \
	}

#define CAPS_ALL                                                                                \
	CAP(0, 1), CAP(3, 1), CAP(9, 1), CAP(10, 32767), CAP(14, 1), CAP(15, 1), CAP(16, 1),    \
		CAP(23, 1), CAP(41, 1), CAP(66, 512), CAP(70, 1), CAP(81, 1), CAP(87, 1),       \
		CAP(89, 1), CAP(93, 1), CAP(98, 1), CAP(102, 1), CAP(105, 1), CAP(119, 6),      \
		CAP(126, 1), CAP(127, 1), CAP(128, 512), CAP(136, 1), CAP(144, 1), CAP(158, 1), \
		CAP(170, 1), CAP(171, 1), CAP(172, 1), CAP(177, 1), CAP(178, 1), CAP(187, 1),   \
		CAP(198, 1), CAP(215, 1), CAP(216, 1)

#define CAPS_SINCE_6_12 \
	CAP(165, 52), CAP(223, 1048576), CAP(227, 1), CAP(229, 1075843072), CAP(230, 1), CAP(231, 1)

#define CAPS_SINCE_7_2 \
	CAP(234, 1), CAP(239, 1), CAP_ON_VM(243, -EINVAL, 1), CAP(244, 3), CAP(245, 1)

static const struct kernel_cap caps_6_1[] = { CAPS_ALL, CAP(165, 48) };
static const struct kernel_cap caps_6_12[] = { CAPS_ALL, CAPS_SINCE_6_12 };
static const struct kernel_cap caps_7_2[] = { CAPS_ALL, CAPS_SINCE_6_12, CAPS_SINCE_7_2 };

/* Mitigation status is the host's to tell: the architecture's own range, both calling conventions.
 */
static const struct id_range arch_calls[] = {
	{ 0x80000000u, 0x8000ffffu },
	{ 0xc0000000u, 0xc000ffffu },
};

static const struct reserved_set arch_reserved = { 0, arch_calls, ARRAY_SIZE(arch_calls) };

/*
 * What pKVM answers at EL2 would never reach a filter: "KVM: arm64: Prevent FWD_TO_USER of SMCCC to
 * pKVM", v2 (posted December 2025).
 */
static const struct id_range pkvm_calls[] = {
	{ 0x80000000u, 0x8000ffffu },
	{ 0x8600ff01u, 0x8600ff01u },
	{ 0xc0000000u, 0xc000ffffu },
	{ 0xc6000002u, 0xc600003fu },
};

static const struct reserved_set pkvm_reserved = { 1, pkvm_calls, ARRAY_SIZE(pkvm_calls) };

#define PROFILE(text, list, psci)                                                   \
	.name = text, .psci_latest = psci, .cap = list, .n_caps = ARRAY_SIZE(list), \
	.host = { LEVEL_NOT_REQUIRED, LEVEL2_NOT_AVAILABLE, LEVEL_AVAILABLE }

#define ARCH_RESERVED [KVMCORE_VM_ARM64] = &arch_reserved, [KVMCORE_VM_REALM] = &arch_reserved

static const struct kernel_profile profile[] = {
	{ PROFILE("6.1", caps_6_1, PSCI_1_1), .refuses_smc = true, .abort_esr_signed = true,
	  .abort_keeps_access = true },
	{ PROFILE("6.12", caps_6_12, PSCI_1_1), .reserved = { ARCH_RESERVED },
	  .has_s390_uv_feat = true, .abort_keeps_access = true },
	{ PROFILE("7.2", caps_7_2, PSCI_1_3), .reserved = { ARCH_RESERVED },
	  .filter_zero_is_invalid = true, .has_vendor_bmap_2 = true, .has_protected_vms = true,
	  .has_s390_uv_feat = true },
	{ PROFILE("7.2-pkvm", caps_7_2, PSCI_1_3),
	  .reserved = { ARCH_RESERVED, [KVMCORE_VM_PROTECTED] = &pkvm_reserved },
	  .filter_zero_is_invalid = true, .has_vendor_bmap_2 = true, .has_protected_vms = true,
	  .has_s390_uv_feat = true },
};

const struct kernel_profile *kernel_find(const char *name)
{
	if (!name)
		name = "6.12";
	for (size_t i = 0; i < ARRAY_SIZE(profile); i++)
		if (!strcmp(profile[i].name, name))
			return &profile[i];
	return NULL;
}

int kernel_cap(const struct kernel_profile *kernel, uint32_t cap, bool on_vm)
{
	for (unsigned int i = 0; i < kernel->n_caps; i++) {
		const struct kernel_cap *row = &kernel->cap[i];

		if (row->cap == cap)
			return on_vm && row->on_vm ? row->on_vm : row->value;
	}
	return 0;
}
