// SPDX-License-Identifier: Apache-2.0
/*
 * What a VM can hold and no record carries yet: a capture refuses it by name, because a hand-over
 * that loses it would change the guest without a word (docs/records.md, "What is refused").
 */
#include "plan/parts.h"

#include <kvmcore/kvmcore.h>

static int left_out(const struct capture *capture, const char *object, const char *field,
		    uint64_t actual)
{
	return error_set(capture->err, SDEISTATE_INCOMPATIBLE, -EOPNOTSUPP, object, field,
			 "none: not carried|%" PRIu64, actual);
}

int capture_refuse_type(const struct capture *capture)
{
	static const char *const name[KVMCORE_NR_VM_TYPES] = {
		[KVMCORE_VM_ARM64] = "arm64",
		[KVMCORE_VM_REALM] = "realm",
		[KVMCORE_VM_S390] = "s390",
		[KVMCORE_VM_PROTECTED] = "protected",
	};
	const uint32_t type = capture->state->vm.type;

	if (type == KVMCORE_VM_ARM64 || capture->options->kind == SDEISTATE_BASE)
		return 0;
	return error_set(capture->err, SDEISTATE_INCOMPATIBLE, -EOPNOTSUPP, "vm", "type",
			 "arm64: no other is carried|%u (%s)", type,
			 type < KVMCORE_NR_VM_TYPES ? name[type] : "unknown");
}

static int refuse_guard(const struct capture *capture)
{
	struct kvmcore_guard_state info = { .count = 0 };
	struct kvmcore_array shared = { .capacity = 0 };
	int ret = access_attr_get(capture->port, KVMCORE_GROUP_GUARD, KVMCORE_GUARD_INFO, &info);

	if (ret == -ENXIO)
		return 0;
	if (ret < 0)
		return capture_failed(capture, ret, "MMIO guard");
	if (info.count)
		return left_out(capture, "MMIO guard", "ranges", info.count);
	if (info.flags)
		return left_out(capture, "MMIO guard", "enrolled", info.flags);
	ret = access_attr_get(capture->port, KVMCORE_GROUP_GUARD, KVMCORE_GUARD_SHARED, &shared);
	if (ret < 0 && ret != -ENOSPC)
		return capture_failed(capture, ret, "MMIO guard");
	return shared.count ? left_out(capture, "MMIO guard", "shared ranges", shared.count) : 0;
}

/*
 * Which hypercalls the guest may make. A new VM has every bit but those of the second vendor word
 * (Documentation/virt/kvm/arm/fw-pseudo-registers.rst); v7 of the series adds one for SDEI.
 */
static int refuse_bitmaps(const struct capture *capture)
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

int capture_refuse(const struct capture *capture)
{
	int ret = refuse_guard(capture);

	return ret ? ret : refuse_bitmaps(capture);
}
