// SPDX-License-Identifier: Apache-2.0
/*
 * The guest's clock. One offset for the whole VM (Documentation/virt/kvm/api.rst,
 * KVM_ARM_SET_COUNTER_OFFSET) makes both of its counters the host's minus that; it is chosen anew
 * whenever the guest goes on, so that for the guest no time passes while it stands still.
 */
#include "state.h"

#include <errno.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>

#ifndef KVM_ARM_SET_COUNTER_OFFSET /* older <linux/kvm.h> */
struct kvm_arm_counter_offset {
	__u64 counter_offset;
	__u64 reserved;
};
#define KVM_ARM_SET_COUNTER_OFFSET _IOW(KVMIO, 0xb5, struct kvm_arm_counter_offset)
#endif

static uint64_t host_count(void)
{
	uint64_t count;

	__asm__ volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(count));
	return count;
}

uint64_t timer_hz(void)
{
	uint64_t hz;

	__asm__("mrs %0, cntfrq_el0" : "=r"(hz));
	return hz;
}

int timer_stop(struct vmm *vmm)
{
	return kvm_get(&vmm->vcpu[0], KVM_REG_ARM_TIMER_CNT, &vmm->count);
}

int timer_go(struct vmm *vmm)
{
	struct kvm_arm_counter_offset offset = { .counter_offset = host_count() - vmm->count };

	return vmm_told(ioctl(vmm->fd, KVM_ARM_SET_COUNTER_OFFSET, &offset) < 0 ? -errno : 0,
			"KVM_ARM_SET_COUNTER_OFFSET, which Linux has since 6.4");
}

/* Behind everything else: a timer that has run out raises its line as soon as it is loaded. */
int timer_save(struct vmm *vmm, struct state *state)
{
	static const uint64_t reg[] = { KVM_REG_ARM_TIMER_CVAL, KVM_REG_ARM_TIMER_CTL,
					KVM_REG_ARM_PTIMER_CVAL, KVM_REG_ARM_PTIMER_CTL };
	int ret = 0;

	for (unsigned int i = 0; i < vmm->n_vcpus; i++)
		for (size_t k = 0; k < sizeof(reg) / sizeof(reg[0]) && !ret; k++)
			ret = state_read(vmm, state, &(struct item){ ITEM_REG, i, reg[k], { 0 } });
	return ret;
}
