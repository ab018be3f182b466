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
