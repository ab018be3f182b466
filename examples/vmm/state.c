// SPDX-License-Identifier: Apache-2.0
#include "state.h"

#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

static int result_of(int ret)
{
	return ret < 0 ? -errno : 0;
}

static int access_reg(struct vmm *vmm, struct item *item, bool write)
{
	struct kvm_one_reg reg = { .id = item->id, .addr = (uintptr_t)item->value };

	if (1u << ((item->id & KVM_REG_SIZE_MASK) >> KVM_REG_SIZE_SHIFT) > ITEM_SIZE)
		return -E2BIG;
	return result_of(
		ioctl(vmm->vcpu[item->where].fd, write ? KVM_SET_ONE_REG : KVM_GET_ONE_REG, &reg));
}

static int access_events(struct vmm *vmm, struct item *item, bool write)
{
	return result_of(ioctl(vmm->vcpu[item->where].fd,
			       write ? KVMCORE_SET_VCPU_EVENTS : KVMCORE_GET_VCPU_EVENTS,
			       item->value));
}

static int access_gic(struct vmm *vmm, struct item *item, bool write)
{
	return kvm_attr(vmm->gic, write ? KVM_SET_DEVICE_ATTR : KVM_GET_DEVICE_ATTR, item->where,
			item->id, item->value);
}

static const struct {
	int (*access)(struct vmm *vmm, struct item *item, bool write);
	bool of_vcpu;
} kinds[NR_ITEMS] = {
	[ITEM_REG] = { access_reg, true },
	[ITEM_EVENTS] = { access_events, true },
	[ITEM_GIC] = { access_gic, false },
};

_Static_assert(sizeof(struct kvmcore_arm64_vcpu_events) == ITEM_SIZE, "the largest item");

int state_read(struct vmm *vmm, struct state *state, const struct item *item)
{
	struct item *list;

	if (state->n == MAX_ITEMS)
		return -E2BIG;
	if (state->n == state->room) {
		state->room = state->room ? 2 * state->room : 1024;
		list = realloc(state->item, state->room * sizeof(*list));
		if (!list)
			return -ENOMEM;
		state->item = list;
	}
	state->item[state->n] = *item;
	return kinds[item->kind].access(vmm, &state->item[state->n], false) ?: (state->n++, 0);
}

int state_save(struct vmm *vmm, struct state *state)
{
	int ret = regs_save(vmm, state);

	if (!ret)
		ret = gic_save(vmm, state);
	if (!ret)
		ret = timer_save(vmm, state);
	return ret;
}

/*
 * Registers of features: a newer kernel has them only in a guest that has the feature, an older one in every guest, where
 * they read as anything (sys_regs.c, reset_unknown() and the visibility of each).
 */
#define MMFR3 KVMCORE_REG_SYS(3u, 0u, 0u, 7u, 3u)
static const struct {
	uint64_t reg, id; /* the register; the ID register that tells of its feature */
	unsigned int shift;
} featured[] = {
	{ KVMCORE_REG_SYS(3u, 0u, 2u, 0u, 3u), MMFR3, 0 },   /* TCR2_EL1: TCRX */
	{ KVMCORE_REG_SYS(3u, 0u, 10u, 2u, 2u), MMFR3, 8 },  /* PIRE0_EL1: S1PIE */
	{ KVMCORE_REG_SYS(3u, 0u, 10u, 2u, 3u), MMFR3, 8 },  /* PIR_EL1: S1PIE */
	{ KVMCORE_REG_SYS(3u, 0u, 10u, 2u, 4u), MMFR3, 16 }, /* POR_EL1: S1POE */
};

static uint64_t value_of(const struct state *state, uint32_t vcpu, uint64_t id)
{
	uint64_t value = 0;

	for (uint32_t i = 0; i < state->n; i++)
		if (state->item[i].kind == ITEM_REG && state->item[i].where == vcpu &&
		    state->item[i].id == id)
			memcpy(&value, state->item[i].value, sizeof(value));
	return value;
}

/* A register that another kernel does not have is no loss if it is zero, or if its feature is not the guest's. */
static bool is_no_loss(const struct state *state, const struct item *item)
{
	static const uint8_t zero[ITEM_SIZE];

	for (size_t i = 0; i < sizeof(featured) / sizeof(featured[0]); i++)
		if (item->id == featured[i].reg)
			return !(value_of(state, item->where, featured[i].id) >> featured[i].shift &
				 0xf);
	return memcmp(item->value, zero, ITEM_SIZE) == 0;
}

/* What state_save() reads somewhere, and nothing else. */
static bool is_carried(const struct vmm *vmm, const struct item *item)
{
	if (item->kind >= NR_ITEMS)
		return false;
	if (kinds[item->kind].of_vcpu && item->where >= vmm->n_vcpus)
		return false;
	if (item->kind == ITEM_REG)
		return regs_is_carried(item->id);
	return item->kind != ITEM_GIC || gic_is_carried(item->where);
}

int state_load(struct vmm *vmm, const struct state *state, const struct item **item)
{
	int ret = 0;

	for (uint32_t i = 0; i < state->n && !ret; i++) {
		struct item copy = state->item[i];

		*item = &state->item[i];
		if (!is_carried(vmm, &copy))
			return -EINVAL;
		ret = kinds[copy.kind].access(vmm, &copy, true);
		if (ret == -ENOENT && copy.kind == ITEM_REG && is_no_loss(state, &copy))
			ret = 0;
	}
	return ret;
}

void state_free(struct state *state)
{
	free(state->item);
	*state = (struct state){ .n = 0 };
}
