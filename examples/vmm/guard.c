// SPDX-License-Identifier: Apache-2.0
/* What the guest lets its host emulate (docs/abi-guard.md): the VMM asks libkvmcore before it answers an access. */
#include "vmm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

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

static void free_ranges(struct kvmcore_guard_range **range)
{
	free(*range);
}

/*
 * What the guest has guarded so far: in @some, which has room for SOME and is often enough, or in
 * @more. Return: where; NULL: no memory
 */
static const struct kvmcore_guard_range *get(const struct vmm *vmm,
					     struct kvmcore_guard_range *some,
					     struct kvmcore_guard_range **more, uint64_t *n)
{
	struct kvmcore_array array = { .capacity = SOME, .ptr = (uintptr_t)some };
	struct kvm_device_attr attr = { .group = KVMCORE_GROUP_GUARD,
					.attr = KVMCORE_GUARD_RANGES,
					.addr = (uintptr_t)&array };
	int ret;

	while ((ret = kvmcore_ioctl(vmm->core, -1, KVM_GET_DEVICE_ATTR, &attr)) == -ENOSPC) {
		free(*more);
		array.capacity = array.count;
		*more = calloc(array.capacity, sizeof(**more));
		if (!*more)
			return NULL;
		array.ptr = (uintptr_t)*more;
	}
	*n = ret ? 0 : array.count;
	return *more ?: some;
}

/* For guard_tell(): when the guest has ended, its guard has too. With the lock held by nobody. */
static void remember(struct vmm *vmm, const struct kvmcore_guard_range *range, uint64_t n)
{
	pthread_mutex_lock(&vmm->lock);
	vmm->n_guarded = n < MAX_GUARDED ? (unsigned int)n : MAX_GUARDED;
	memcpy(vmm->guarded, range, vmm->n_guarded * sizeof(*range));
	pthread_mutex_unlock(&vmm->lock);
}

static bool is_enrolled(const struct vmm *vmm)
{
	struct kvmcore_guard_state state;
	struct kvm_device_attr attr = { .group = KVMCORE_GROUP_GUARD,
					.attr = KVMCORE_GUARD_INFO,
					.addr = (uintptr_t)&state };

	return kvmcore_ioctl(vmm->core, -1, KVM_GET_DEVICE_ATTR, &attr) || state.flags & 1;
}

/* Both ends have to be guarded; an access is shorter than a granule. */
static bool asks(struct vmm *vmm, uint64_t ipa, unsigned int len)
{
	CLEANUP(free_ranges) struct kvmcore_guard_range *more = NULL;
	struct kvmcore_guard_range some[SOME];
	const struct kvmcore_guard_range *range;
	uint64_t n;

	if (!is_enrolled(vmm))
		return true;
	range = get(vmm, some, &more, &n);
	if (!range)
		return false;
	remember(vmm, range, n);
	return is_in(range, n, ipa) && is_in(range, n, ipa + len - 1);
}

void guard_tell(const struct vmm *vmm)
{
	if (vmm->options->kind != GUEST_GUARDED)
		return;
	for (unsigned int i = 0; i < vmm->n_guarded; i++)
		vmm_say("{\"guarded\":[%llu,%llu]}", (unsigned long long)vmm->guarded[i].base,
			(unsigned long long)vmm->guarded[i].size);
	vmm_say("{\"guard\":{\"allowed\":%lu,\"refused\":%lu}}", vmm->allowed, vmm->refused);
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
