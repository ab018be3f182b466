// SPDX-License-Identifier: Apache-2.0
/* Where the guest's accesses without memory go. */
#include "vmm.h"

#include <string.h>

static const struct device {
	uint64_t base, size;
	bool (*is_ready)(struct vcpu *vcpu, uint32_t offset); /* to be loaded from; NULL: always */
	uint32_t (*load)(struct vmm *vmm, uint32_t offset);
	void (*store)(struct vmm *vmm, uint32_t offset, uint32_t value);
} devices[] = {
	{ BOARD_UART, BOARD_UART_SIZE, NULL, pl011_load, pl011_store },
	{ BOARD_EVENTS, BOARD_EVENT_SIZE, source_is_ready, source_load, source_store },
};

static const struct device *find(uint64_t ipa)
{
	for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++)
		if (ipa - devices[i].base < devices[i].size)
			return &devices[i];
	return NULL;
}

bool bus_is_ready(struct vcpu *vcpu, uint64_t ipa)
{
	struct vmm *vmm = vcpu->vmm;
	const uint64_t at = ipa & ~vmm->shared;
	const struct device *device = find(at);
	bool ready = true;

	if (!device || !device->is_ready)
		return true;
	pthread_mutex_lock(&vmm->lock);
	ready = device->is_ready(vcpu, (uint32_t)(at - device->base));
	if (!ready)
		gate_wait_a_little(vmm);
	pthread_mutex_unlock(&vmm->lock);
	return ready;
}

bool bus_access(struct vmm *vmm, uint64_t ipa, void *data, unsigned int len, bool write)
{
	const uint64_t at = ipa & ~vmm->shared;
	const struct device *device = find(at);
	uint32_t value = 0;

	if (!device || (ipa & vmm->shared) != vmm->shared)
		return false;
	pthread_mutex_lock(&vmm->lock);
	if (write) {
		memcpy(&value, data, len < sizeof(value) ? len : sizeof(value));
		device->store(vmm, (uint32_t)(at - device->base), value);
	} else {
		value = device->load(vmm, (uint32_t)(at - device->base));
		memset(data, 0, len);
		memcpy(data, &value, len < sizeof(value) ? len : sizeof(value));
	}
	pthread_mutex_unlock(&vmm->lock);
	return true;
}
