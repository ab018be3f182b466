// SPDX-License-Identifier: Apache-2.0
/* What the guest lets its host emulate (docs/abi-guard.md): the VMM asks libkvmcore before it answers an access. */
#include "vmm.h"

#include <errno.h>
#include <stdlib.h>

#define SOME 64u

int guard_memory(struct vmm *vmm)
{
	struct kvm_userspace_memory_region ram = { .guest_phys_addr = BOARD_RAM,
						   .memory_size = vmm->options->memory,
						   .userspace_addr = (uintptr_t)vmm->ram };

	return kvmcore_ioctl(vmm->core, -1, KVM_SET_USER_MEMORY_REGION, &ram);
}

static bool is_in(const struct kvmcore_guard_range *range, uint64_t n, uint64_t ipa)
{
	for (uint64_t i = 0; i < n; i++)
		if (ipa - range[i].base < range[i].size)
			return true;
	return false;
}

/* Both ends have to be guarded; an access is shorter than a granule. */
static bool asks(struct vmm *vmm, uint64_t ipa, unsigned int len)
{
	struct kvmcore_guard_range some[SOME], *range = some;
	struct kvmcore_array array = { .capacity = SOME, .ptr = (uintptr_t)some };
	struct kvm_device_attr attr = { .group = KVMCORE_GROUP_GUARD,
					.attr = KVMCORE_GUARD_RANGES,
					.addr = (uintptr_t)&array };
	bool found = false;
	int ret;

	while ((ret = kvmcore_ioctl(vmm->core, -1, KVM_GET_DEVICE_ATTR, &attr)) == -ENOSPC) {
		if (range != some)
			free(range);
		array.capacity = array.count;
		range = calloc(array.capacity, sizeof(*range));
		if (!range)
			return false;
		array.ptr = (uintptr_t)range;
	}
	if (!ret)
		found = is_in(range, array.count, ipa) && is_in(range, array.count, ipa + len - 1);
	if (range != some)
		free(range);
	return found;
}

bool guard_allows(struct vmm *vmm, uint64_t ipa, unsigned int len)
{
	bool allowed;

	if (vmm->options->kind != GUEST_GUARDED)
		return true;
	allowed = asks(vmm, ipa, len);
	pthread_mutex_lock(&vmm->lock);
	vmm->allowed += allowed;
	vmm->refused += !allowed;
	pthread_mutex_unlock(&vmm->lock);
	return allowed;
}
