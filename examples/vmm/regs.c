// SPDX-License-Identifier: Apache-2.0
/*
 * A vCPU's registers, as KVM_GET_REG_LIST names them, and its pending SError
 * (Documentation/virt/kvm/api.rst).
 */
#include "state.h"

#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#define MAX_REGS      4096u
#define COPROC(class) ((uint64_t)(class) << KVM_REG_ARM_COPROC_SHIFT)

/* Firmware registers travel with the SDEI state, by sdei-migrate, and are signed; the counter is the VM's. */
bool regs_is_carried(uint64_t id)
{
	const uint64_t class = id & KVM_REG_ARM_COPROC_MASK;

	return id != KVM_REG_ARM_TIMER_CNT && id != KVM_REG_ARM_PTIMER_CNT &&
	       class != COPROC(0x14) && class != COPROC(0x16);
}

/* They come last, by timer.c. */
static bool is_timer(uint64_t id)
{
	return id == KVM_REG_ARM_TIMER_CTL || id == KVM_REG_ARM_TIMER_CVAL ||
	       id == KVM_REG_ARM_PTIMER_CTL || id == KVM_REG_ARM_PTIMER_CVAL;
}

static void free_list(struct kvm_reg_list **list)
{
	free(*list);
}

static int list_registers(const struct vcpu *vcpu, struct kvm_reg_list **list)
{
	struct kvm_reg_list count = { .n = 0 };
	CLEANUP(free_list) struct kvm_reg_list *ids = NULL;

	if (ioctl(vcpu->fd, KVM_GET_REG_LIST, &count) == 0 || errno != E2BIG || count.n > MAX_REGS)
		return -EINVAL;
	ids = calloc(1, sizeof(*ids) + count.n * sizeof(ids->reg[0]));
	if (!ids)
		return -ENOMEM;
	ids->n = count.n;
	if (ioctl(vcpu->fd, KVM_GET_REG_LIST, ids) < 0)
		return -EINVAL;
	*list = ids;
	ids = NULL;
	return 0;
}

static int save_vcpu(struct vmm *vmm, unsigned int index, struct state *state)
{
	struct item item = { .kind = ITEM_REG, .where = index };
	CLEANUP(free_list) struct kvm_reg_list *list = NULL;
	int ret = list_registers(&vmm->vcpu[index], &list);

	for (uint64_t i = 0; !ret && i < list->n; i++) {
		item.id = list->reg[i];
		if (regs_is_carried(item.id) && !is_timer(item.id))
			ret = state_read(vmm, state, &item);
	}
	item = (struct item){ .kind = ITEM_EVENTS, .where = index };
	return ret ? ret : state_read(vmm, state, &item);
}

int regs_save(struct vmm *vmm, struct state *state)
{
	int ret = 0;

	for (unsigned int i = 0; i < vmm->n_vcpus && !ret; i++)
		ret = save_vcpu(vmm, i, state);
	return ret;
}
