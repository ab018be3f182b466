// SPDX-License-Identifier: Apache-2.0
/*
 * A realm's monitor in the VMM: an ABI for real guests, measured as a monitor measures, but without its
 * isolation. The steps are those of the posted series, v8 (docs/abi-realm.md).
 */
#include "vmm.h"

#include <stdio.h>
#include <string.h>

#define PAGE 4096ull

static int command(struct vmm *vmm, uint64_t number, const void *arg)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_ARM_RME_V8,
				      .args = { number, (uintptr_t)arg } };

	return kvmcore_ioctl(vmm->core, -1, KVM_ENABLE_CAP, &cap);
}

/* The personalisation value is the VM's UUID. */
int realm_create(struct vmm *vmm)
{
	struct kvm_cap_arm_rme_config_item item = { .cfg = KVM_CAP_ARM_RME_CFG_RPV };
	int ret;

	memcpy(item.rpv, vmm->options->uuid, sizeof(vmm->options->uuid));
	ret = command(vmm, KVM_CAP_ARM_RME_CONFIG_REALM, &item);
	return ret ? ret : command(vmm, KVM_CAP_ARM_RME_CREATE_RD, NULL);
}

static int populate(struct vmm *vmm, unsigned int i)
{
	const struct kvm_arm_rme_populate_realm range = {
		.base = vmm->image[i].ipa,
		.size = (vmm->image[i].size + PAGE - 1) & ~(PAGE - 1),
		.flags = KVM_ARM_RME_POPULATE_FLAGS_MEASURE,
	};

	return command(vmm, KVM_CAP_ARM_RME_POPULATE_REALM, &range);
}

/* A REC is measured with the registers it begins with: those the loader gave the kernel's vCPU. */
static int add_rec(struct vmm *vmm, unsigned int i)
{
	const uint64_t ids[] = { KVMCORE_REG_PC, KVMCORE_REG_X(0) };
	int feature = KVM_ARM_VCPU_REC_V8, ret = 0;

	for (size_t n = 0; n < sizeof(ids) / sizeof(ids[0]) && !ret && i == 0; n++) {
		uint64_t value;
		struct kvm_one_reg reg = { .id = ids[n], .addr = (uintptr_t)&value };

		ret = kvm_get(&vmm->vcpu[i], ids[n], &value);
		if (!ret)
			ret = kvmcore_ioctl(vmm->core, (int)i, KVM_SET_ONE_REG, &reg);
	}
	return ret ? ret : kvmcore_ioctl(vmm->core, (int)i, KVM_ARM_VCPU_FINALIZE, &feature);
}

static void tell(struct vmm *vmm)
{
	struct kvmcore_realm_info info;
	struct kvm_device_attr attr = { .group = KVMCORE_GROUP_REALM,
					.attr = KVMCORE_REALM_INFO,
					.addr = (uintptr_t)&info };
	char text[2 * sizeof(info.rim) + 1] = "";

	if (kvmcore_ioctl(vmm->core, -1, KVM_GET_DEVICE_ATTR, &attr))
		return;
	for (size_t i = 0; i < sizeof(info.rim); i++)
		snprintf(text + 2 * i, 3, "%02x", info.rim[i]);
	vmm_say("realm RIM %s", text);
	for (unsigned int i = 0; i < vmm->n_images; i++)
		vmm_say("realm image %#llx %llu", (unsigned long long)vmm->image[i].ipa,
			(unsigned long long)vmm->image[i].size);
}

int realm_build(struct vmm *vmm)
{
	const struct kvm_arm_rme_init_ripas ram = { .base = BOARD_RAM,
						    .size = vmm->options->memory };
	int ret = command(vmm, KVM_CAP_ARM_RME_INIT_IPA_REALM, &ram);

	for (unsigned int i = 0; i < vmm->n_images && !ret; i++)
		ret = populate(vmm, i);
	for (unsigned int i = 0; i < vmm->n_vcpus && !ret; i++)
		ret = add_rec(vmm, i);
	if (!ret)
		ret = command(vmm, KVM_CAP_ARM_RME_ACTIVATE_REALM, NULL);
	if (!ret)
		tell(vmm);
	return ret;
}
