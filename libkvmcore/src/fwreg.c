// SPDX-License-Identifier: Apache-2.0
#include "fwreg.h"
#include "vm.h"

#include <errno.h>
#include <string.h>

/* The hypercall bitmaps: legal bits and what a new VM starts with. */
struct bmap_row {
	uint64_t mask, reset;
};

static const struct bmap_row bmap_row[NR_BMAPS] = {
	[BMAP_STD] = { 0x1, 0x1 },          /* TRNG_V1_0 */
	[BMAP_STD_HYP] = { 0x1, 0x1 },      /* PV_TIME */
	[BMAP_VENDOR_HYP] = { 0x3, 0x3 },   /* FUNC_FEAT, PTP */
	[BMAP_VENDOR_HYP_2] = { 0x3, 0x0 }, /* DISCOVER_IMPL_VER, DISCOVER_IMPL_CPUS; since 6.15 */
};

/* "KVM SDEI v7" adds KVM_REG_ARM_STD_BIT_SDEI: clearing it hides the service. */
#define STD_BIT_SDEI 0x2u

static struct bmap_row bmap_rules(const struct kvmcore_vm *vm, enum fwreg_bmap bmap)
{
	struct bmap_row row = bmap_row[bmap];

	if (bmap == BMAP_STD && vm->config.profile == KVMCORE_PROFILE_KVM_V7) {
		row.mask |= STD_BIT_SDEI;
		row.reset |= STD_BIT_SDEI;
	}
	return row;
}

void fwreg_init(struct kvmcore_vm *vm)
{
	const struct kvmcore_host *host = &vm->config.host;
	struct fwreg *fw = &vm->fwreg;

	for (unsigned int i = 0; i < NR_BMAPS; i++)
		fw->bmap[i] = bmap_rules(vm, i).reset;
	fw->workaround_1 = host->levels_given ? host->workaround_1 : vm->kernel->host.workaround_1;
	fw->workaround_2 = host->levels_given ? host->workaround_2 : vm->kernel->host.workaround_2;
	if (host->ssbs) /* a guest helps itself: KVM says that there is no firmware for it */
		fw->workaround_2 = LEVEL2_NOT_AVAILABLE;
	fw->workaround_3 = host->levels_given ? host->workaround_3 : vm->kernel->host.workaround_3;
}

uint32_t fwreg_psci_version(const struct vcpu *vcpu)
{
	if (!(vcpu->features & 1u << KVM_ARM_VCPU_PSCI_0_2))
		return PSCI_0_1;
	return vcpu->vm->fwreg.psci_version ? vcpu->vm->fwreg.psci_version
					    : vcpu->vm->kernel->psci_latest;
}

bool fwreg_has_bit(const struct kvmcore_vm *vm, enum fwreg_bmap bmap, unsigned int bit)
{
	return vm->fwreg.bmap[bmap] >> bit & 1;
}

static int set_psci(struct vcpu *vcpu, uint64_t value)
{
	const bool has_0_2 = vcpu->features & 1u << KVM_ARM_VCPU_PSCI_0_2;
	const uint32_t latest = vcpu->vm->kernel->psci_latest;

	switch (value) {
	case PSCI_0_1:
		if (has_0_2)
			return -EINVAL;
		break;
	case PSCI_0_2:
	case PSCI_1_0:
	case PSCI_1_1:
	case PSCI_1_2:
	case PSCI_1_3:
		if (!has_0_2 || value > latest)
			return -EINVAL;
		break;
	default:
		return -EINVAL;
	}
	vcpu->vm->fwreg.psci_version = (uint32_t)value;
	return 0;
}

/* WORKAROUND_1 and _3: the guest may have been told at most what this host can keep. */
static int assert_level(uint64_t value, uint8_t host)
{
	return value & ~0xfULL || value > host ? -EINVAL : 0;
}

#define WA2_ENABLED 0x10u

/* WORKAROUND_2 collapses: "available" and "not required" both need a host that does not require it.
 */
static int assert_level_2(uint64_t value, uint8_t host)
{
	const uint64_t level = value & 0xf;

	if (value & ~(uint64_t)(0xf | WA2_ENABLED))
		return -EINVAL;
	if (value & WA2_ENABLED && level != LEVEL2_AVAILABLE)
		return -EINVAL;
	switch (level) {
	case LEVEL2_NOT_AVAILABLE:
	case LEVEL2_UNKNOWN:
		return 0;
	case LEVEL2_AVAILABLE:
	case LEVEL2_NOT_REQUIRED:
		return host < LEVEL2_NOT_REQUIRED ? -EINVAL : 0;
	}
	return -EINVAL;
}

static int set_bmap(struct kvmcore_vm *vm, enum fwreg_bmap bmap, uint64_t value)
{
	if (value & ~bmap_rules(vm, bmap).mask)
		return -EINVAL;
	if (vm->has_run_once && value != vm->fwreg.bmap[bmap])
		return -EBUSY;
	vm->fwreg.bmap[bmap] = value;
	return 0;
}

static bool is_here(const struct kvmcore_vm *vm, uint64_t id)
{
	return id != KVMCORE_REG_FW_BMAP(BMAP_VENDOR_HYP_2) || vm->kernel->has_vendor_bmap_2;
}

bool fwreg_is_listed(const struct vcpu *vcpu, uint64_t id)
{
	return is_here(vcpu->vm, id);
}

/* Of all but PSCI_VERSION, which takes a vCPU. */
static uint64_t value_of(const struct fwreg *fw, uint64_t id)
{
	if (id == KVMCORE_REG_FW(1))
		return fw->workaround_1;
	if (id == KVMCORE_REG_FW(2))
		return fw->workaround_2;
	if (id == KVMCORE_REG_FW(3))
		return fw->workaround_3;
	return fw->bmap[id - KVMCORE_REG_FW_BMAP(0)];
}

unsigned int fwreg_list(const struct kvmcore_vm *vm, struct kvmcore_vm_fw_reg *reg)
{
	const struct fwreg *fw = &vm->fwreg;
	unsigned int n = 0;

	reg[n++] = (struct kvmcore_vm_fw_reg){ KVMCORE_REG_FW(0),
					       fw->psci_version ? fw->psci_version
								: vm->kernel->psci_latest };
	for (uint64_t id = KVMCORE_REG_FW(1); id <= KVMCORE_REG_FW(3); id++)
		reg[n++] = (struct kvmcore_vm_fw_reg){ id, value_of(fw, id) };
	for (unsigned int i = 0; i < NR_BMAPS; i++)
		if (is_here(vm, KVMCORE_REG_FW_BMAP(i)))
			reg[n++] =
				(struct kvmcore_vm_fw_reg){ KVMCORE_REG_FW_BMAP(i), fw->bmap[i] };
	return n;
}

/* arch/arm64/kvm/hypercalls.c, kvm_arm_get_fw_reg() and kvm_arm_set_fw_reg(). */
int fwreg_get(struct vcpu *vcpu, uint64_t id, void *value)
{
	uint64_t v;

	if (!fwreg_is_listed(vcpu, id))
		return -ENOENT;
	v = id == KVMCORE_REG_FW(0) ? fwreg_psci_version(vcpu) : value_of(&vcpu->vm->fwreg, id);
	memcpy(value, &v, sizeof(v));
	return 0;
}

int fwreg_set(struct vcpu *vcpu, uint64_t id, const void *value)
{
	const struct fwreg *fw = &vcpu->vm->fwreg;
	uint64_t v;

	if (!fwreg_is_listed(vcpu, id))
		return -ENOENT;
	memcpy(&v, value, sizeof(v));
	if (id == KVMCORE_REG_FW(0))
		return set_psci(vcpu, v);
	if (id == KVMCORE_REG_FW(1))
		return assert_level(v, fw->workaround_1);
	if (id == KVMCORE_REG_FW(2))
		return assert_level_2(v, fw->workaround_2);
	if (id == KVMCORE_REG_FW(3))
		return assert_level(v, fw->workaround_3);
	return set_bmap(vcpu->vm, (enum fwreg_bmap)(id - KVMCORE_REG_FW_BMAP(0)), v);
}
