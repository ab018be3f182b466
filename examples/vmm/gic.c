// SPDX-License-Identifier: Apache-2.0
/* The kernel's GICv3 (Documentation/virt/kvm/devices/arm-vgic-v3.rst), without an ITS. */
#include "state.h"

#include <errno.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SYSREG(op0, op1, crn, crm, op2) \
	((op0) << 14 | (op1) << 11 | (crn) << 7 | (crm) << 3 | (op2))

/* Arm IHI 0069H.b §12.9.1 and §12.11.1: offset, and bits for each interrupt (0: one word). */
struct gic_reg {
	uint32_t offset, bits;
};

/* Configuration before what is pending, so that level and edge are told apart. */
static const struct gic_reg distributor[] = {
	{ 0x0008, 0 },  /* GICD_IIDR: how the kernel's GIC of that time behaved */
	{ 0x0000, 0 },  /* GICD_CTLR */
	{ 0x0080, 1 },  /* GICD_IGROUPR */
	{ 0x0100, 1 },  /* GICD_ISENABLER */
	{ 0x0c00, 2 },  /* GICD_ICFGR */
	{ 0x6000, 64 }, /* GICD_IROUTER */
	{ 0x0400, 8 },  /* GICD_IPRIORITYR */
	{ 0x0200, 1 },  /* GICD_ISPENDR */
	{ 0x0300, 1 },  /* GICD_ISACTIVER */
};

#define FIRST_OF_ALL 2u /* of these before the redistributors */

static const struct gic_reg redistributor[] = {
	{ 0x00000, 0 }, /* GICR_CTLR */
	{ 0x00014, 0 }, /* GICR_WAKER */
	{ 0x10080, 1 }, /* GICR_IGROUPR0 */
	{ 0x10100, 1 }, /* GICR_ISENABLER0 */
	{ 0x10c00, 2 }, /* GICR_ICFGR0, 1 */
	{ 0x10400, 8 }, /* GICR_IPRIORITYR */
	{ 0x10200, 1 }, /* GICR_ISPENDR0 */
	{ 0x10300, 1 }, /* GICR_ISACTIVER0 */
};

/* ICC_*_EL1; those that only more priority bits bring may be absent. */
static const struct {
	uint32_t id;
	bool optional;
} interface[] = {
	{ SYSREG(3, 0, 12, 12, 5), false }, /* SRE */
	{ SYSREG(3, 0, 12, 12, 4), false }, /* CTLR */
	{ SYSREG(3, 0, 12, 12, 6), false }, /* IGRPEN0 */
	{ SYSREG(3, 0, 12, 12, 7), false }, /* IGRPEN1 */
	{ SYSREG(3, 0, 4, 6, 0), false },   /* PMR */
	{ SYSREG(3, 0, 12, 8, 3), false },  /* BPR0 */
	{ SYSREG(3, 0, 12, 12, 3), false }, /* BPR1 */
	{ SYSREG(3, 0, 12, 8, 4), false },  /* AP0R0 */
	{ SYSREG(3, 0, 12, 8, 5), true },   { SYSREG(3, 0, 12, 8, 6), true },
	{ SYSREG(3, 0, 12, 8, 7), true },   { SYSREG(3, 0, 12, 9, 0), false }, /* AP1R0 */
	{ SYSREG(3, 0, 12, 9, 1), true },   { SYSREG(3, 0, 12, 9, 2), true },
	{ SYSREG(3, 0, 12, 9, 3), true },
};

bool gic_is_carried(uint32_t group)
{
	return group == KVM_DEV_ARM_VGIC_GRP_DIST_REGS ||
	       group == KVM_DEV_ARM_VGIC_GRP_REDIST_REGS ||
	       group == KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS ||
	       group == KVM_DEV_ARM_VGIC_GRP_LEVEL_INFO;
}

int gic_create(struct vmm *vmm)
{
	struct kvm_create_device device = { .type = KVM_DEV_TYPE_ARM_VGIC_V3 };
	uint64_t gicd = BOARD_GICD | vmm->shared, gicr = BOARD_GICR | vmm->shared;
	uint32_t n = BOARD_NR_IRQS;
	const unsigned long set = KVM_SET_DEVICE_ATTR;
	int ret;

	if (ioctl(vmm->fd, KVM_CREATE_DEVICE, &device) < 0)
		return -errno;
	vmm->gic = (int)device.fd;
	ret = kvm_attr(vmm->gic, set, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_DIST, &gicd);
	if (!ret)
		ret = kvm_attr(vmm->gic, set, KVM_DEV_ARM_VGIC_GRP_ADDR,
			       KVM_VGIC_V3_ADDR_TYPE_REDIST, &gicr);
	if (!ret)
		ret = kvm_attr(vmm->gic, set, KVM_DEV_ARM_VGIC_GRP_NR_IRQS, 0, &n);
	if (!ret)
		ret = kvm_attr(vmm->gic, set, KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT,
			       NULL);
	return ret;
}

/* Bits 63:32 of an attribute: Aff3.Aff2.Aff1.Aff0 of the vCPU it is about. */
static uint64_t affinity(const struct vmm *vmm, unsigned int vcpu)
{
	const uint64_t mpidr = vmm->name[vcpu].mpidr;

	return ((mpidr & 0xffffff) | (mpidr >> 32 & 0xff) << 24) << 32;
}

static int save_words(struct vmm *vmm, struct state *state, uint32_t group, uint64_t who,
		      const struct gic_reg *reg, uint32_t first, uint32_t end)
{
	struct item item = { .kind = ITEM_GIC, .where = group };
	const uint32_t begin = reg->offset + first * reg->bits / 8;
	const uint32_t after = reg->bits ? reg->offset + end * reg->bits / 8 : begin + 4;
	int ret = 0;

	for (uint32_t offset = begin; offset < after && !ret; offset += 4) {
		item.id = who | offset;
		ret = state_read(vmm, state, &item);
	}
	return ret;
}

static int save_interface(struct vmm *vmm, struct state *state, uint64_t who)
{
	struct item item = { .kind = ITEM_GIC, .where = KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS };
	int ret = 0;

	for (size_t i = 0; i < COUNT(interface) && !ret; i++) {
		item.id = who | interface[i].id;
		ret = state_read(vmm, state, &item);
		if (interface[i].optional && (ret == -ENXIO || ret == -EINVAL))
			ret = 0;
	}
	return ret;
}

/* The input lines of 32 interrupts from @first on. */
static int save_level(struct vmm *vmm, struct state *state, uint64_t who, uint32_t first)
{
	const struct item item = {
		.kind = ITEM_GIC,
		.where = KVM_DEV_ARM_VGIC_GRP_LEVEL_INFO,
		.id = who | VGIC_LEVEL_INFO_LINE_LEVEL << KVM_DEV_ARM_VGIC_LINE_LEVEL_INFO_SHIFT |
		      first,
	};

	return state_read(vmm, state, &item);
}

static int save_of_vcpu(struct vmm *vmm, struct state *state, unsigned int vcpu)
{
	const uint64_t who = affinity(vmm, vcpu);
	int ret = 0;

	for (size_t i = 0; i < COUNT(redistributor) && !ret; i++)
		ret = save_words(vmm, state, KVM_DEV_ARM_VGIC_GRP_REDIST_REGS, who,
				 &redistributor[i], 0, BOARD_FIRST_SPI);
	if (!ret)
		ret = save_level(vmm, state, who, 0);
	return ret ? ret : save_interface(vmm, state, who);
}

static int save_distributor(struct vmm *vmm, struct state *state, size_t first, size_t end)
{
	int ret = 0;

	for (size_t i = first; i < end && !ret; i++)
		ret = save_words(vmm, state, KVM_DEV_ARM_VGIC_GRP_DIST_REGS, 0, &distributor[i],
				 BOARD_FIRST_SPI, BOARD_NR_IRQS);
	return ret;
}

/*
 * GICD_CTLR early: what becomes pending while the distributor is off is queued nowhere, and an interrupt between
 * CPUs would be lost (vgic_target_oracle(), arch/arm64/kvm/vgic/vgic.c).
 */
int gic_save(struct vmm *vmm, struct state *state)
{
	int ret = save_distributor(vmm, state, 0, FIRST_OF_ALL);

	for (unsigned int i = 0; i < vmm->n_vcpus && !ret; i++)
		ret = save_of_vcpu(vmm, state, i);
	if (!ret)
		ret = save_distributor(vmm, state, FIRST_OF_ALL, COUNT(distributor));
	for (uint32_t first = BOARD_FIRST_SPI; first < BOARD_NR_IRQS && !ret; first += 32)
		ret = save_level(vmm, state, affinity(vmm, 0), first);
	return ret;
}
