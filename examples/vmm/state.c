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

/* A register that another kernel does not have, and that means nothing here, is no loss. */
static bool is_absent(const struct item *item, int ret)
{
	static const uint8_t zero[ITEM_SIZE];

	return ret == -ENOENT && item->kind == ITEM_REG && !memcmp(item->value, zero, ITEM_SIZE);
}

int state_load(struct vmm *vmm, const struct state *state, const struct item **item)
{
	int ret = 0;

	for (uint32_t i = 0; i < state->n && !ret; i++) {
		struct item copy = state->item[i];

		*item = &state->item[i];
		if (copy.kind >= NR_ITEMS ||
		    (kinds[copy.kind].of_vcpu && copy.where >= vmm->n_vcpus))
			return -EINVAL;
		ret = kinds[copy.kind].access(vmm, &copy, true);
		if (is_absent(&copy, ret))
			ret = 0;
	}
	return ret;
}

void state_free(struct state *state)
{
	free(state->item);
	*state = (struct state){ .n = 0 };
}
