/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state.h - what the kernel holds of a guest, as a list of things to read here and to write there, in the order
 * in which they are written
 */
#ifndef VMM_STATE_H
#define VMM_STATE_H

#include "vmm.h"

#define ITEM_SIZE 64u /* bytes of the largest: struct kvm_vcpu_events */
#define MAX_ITEMS 16384u

enum item_kind {
	ITEM_REG,    /* one register of vCPU `where` */
	ITEM_EVENTS, /* KVM_GET_VCPU_EVENTS of vCPU `where` */
	ITEM_GIC,    /* attribute `id` of group `where` */
	NR_ITEMS
};

struct item {
	uint32_t kind; /* enum item_kind */
	uint32_t where;
	uint64_t id;
	uint8_t value[ITEM_SIZE];
};

struct state {
	struct item *item;
	uint32_t n, room;
};

/** state_read() - add what @item names, with its value. Return: 0; the GET's -errno; -ENOMEM; -E2BIG */
int state_read(struct vmm *vmm, struct state *state, const struct item *item);
/** state_save() - all vCPUs are out of the guest and drained. Return: 0; -errno with a message said */
int state_save(struct vmm *vmm, struct state *state);
/** state_load() - into a VM that has not run. Return: 0; -errno with @item the one that was refused */
int state_load(struct vmm *vmm, const struct state *state, const struct item **item);
void state_free(struct state *state);

/* --- the parts of state_save(), in this order --- */

int regs_save(struct vmm *vmm, struct state *state);
/** regs_is_carried() - is this a register of the list, or one that sdei-migrate or the VM itself has? */
bool regs_is_carried(uint64_t id);
int gic_save(struct vmm *vmm, struct state *state);
/** gic_is_carried() - has gic_save() attributes of this group? */
bool gic_is_carried(uint32_t group);
int timer_save(struct vmm *vmm, struct state *state);

#endif
