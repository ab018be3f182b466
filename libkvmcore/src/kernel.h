/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kernel.h - what differs between the kernels whose KVM is modelled: data, not code
 */
#ifndef KVMCORE_KERNEL_H
#define KVMCORE_KERNEL_H

#include <kvmcore/kvmcore.h>

struct id_range {
	uint32_t first, last; /* both ends belong to the range */
};

/* Function ids that a VMM may not put under the filter. */
struct reserved_set {
	uint32_t number; /* struct kvmcore_filter_info */
	const struct id_range *range;
	unsigned int n_ranges;
};

struct kernel_cap {
	uint32_t cap;
	int value; /* on the system's file descriptor */
	int on_vm; /* on a VM's, where that differs; 0: the same */
};

struct kernel_profile {
	const char *name;
	uint32_t psci_latest;
	/* What the filter keeps for itself, by VM type; NULL: such a VM has no filter attribute. */
	const struct reserved_set *reserved[KVMCORE_NR_VM_TYPES];
	bool filter_zero_is_invalid; /* base 0, count 0: -EINVAL instead of -EEXIST */
	bool has_vendor_bmap_2;
	bool has_protected_vms;
	bool has_s390_uv_feat; /* since 6.6 */
	bool refuses_smc;      /* before 6.4 a guest's SMC reaches no service */
	bool abort_esr_signed; /* ESR_EL1 of an abort that KVM makes has ones in its upper half */
	/* A second run completes an access that an abort has answered; docs/abi.md, Power. */
	bool abort_keeps_access;
	const struct kernel_cap *cap;
	unsigned int n_caps;
	struct {
		uint8_t workaround_1, workaround_2, workaround_3;
	} host; /* default mitigation levels */
};

/** kernel_find() - the profile of that name ("6.1", ...); NULL gives the default. NULL if unknown
 */
const struct kernel_profile *kernel_find(const char *name);

/** kernel_cap() - what KVM_CHECK_EXTENSION answers on the system's or a VM's descriptor; 0 if
 * unknown */
int kernel_cap(const struct kernel_profile *kernel, uint32_t cap, bool on_vm);

#endif
