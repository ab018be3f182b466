// SPDX-License-Identifier: Apache-2.0
/*
 * What a VM can hold and no record carries yet: a capture refuses it by name, because a hand-over
 * that loses it would change the guest without a word (docs/records.md, "What is refused").
 */
#include "plan/parts.h"

#include <kvmcore/uapi.h>

int capture_refuse_type(const struct capture *capture)
{
	static const char *const name[KVMCORE_NR_VM_TYPES] = {
		[KVMCORE_VM_ARM64] = "arm64",
		[KVMCORE_VM_REALM] = "realm",
		[KVMCORE_VM_S390] = "s390",
		[KVMCORE_VM_PROTECTED] = "protected",
	};
	const uint32_t type = capture->state->vm.type;

	if (type == KVMCORE_VM_ARM64 || type == KVMCORE_VM_REALM || type == KVMCORE_VM_S390 ||
	    capture->options->kind == SDEISTATE_BASE)
		return 0;
	return error_set(capture->err, SDEISTATE_INCOMPATIBLE, -EOPNOTSUPP, "vm", "type",
			 "arm64, realm or s390: no other is carried|%u (%s)", type,
			 type < KVMCORE_NR_VM_TYPES ? name[type] : "unknown");
}

/*
 * Which hypercalls the guest may make. A new VM has every bit but those of the second vendor word
 * (Documentation/virt/kvm/arm/fw-pseudo-registers.rst); v7 of the series adds one for SDEI.
 */
int capture_refuse(const struct capture *capture)
{
	const bool v7 = capture->state->vm.profile == KVMCORE_PROFILE_KVM_V7;
	const struct {
		const char *name;
		uint64_t reset;
	} bitmap[] = {
		{ "std", v7 ? 3 : 1 },
		{ "std_hyp", 1 },
		{ "vendor_hyp", 3 },
		{ "vendor_hyp_2", 0 },
	};

	if (capture->state->vm.type == KVMCORE_VM_S390)
		return 0;
	for (unsigned int i = 0; i < ARRAY_SIZE(bitmap) && capture->state->n_vcpus; i++) {
		uint64_t value = 0;
		int ret = access_reg_get(capture->port, 0, KVMCORE_REG_FW_BMAP(i), &value);

		if (ret == -ENOENT)
			continue;
		if (ret < 0)
			return capture_failed(capture, ret,
					      OBJECT("firmware bitmap register %s",
						     bitmap[i].name));
		if (value != bitmap[i].reset)
			return error_set(capture->err, SDEISTATE_INCOMPATIBLE, -EOPNOTSUPP,
					 "firmware bitmap registers", bitmap[i].name,
					 "0x%" PRIx64 ": no other is carried|0x%" PRIx64,
					 bitmap[i].reset, value);
	}
	return 0;
}
