// SPDX-License-Identifier: Apache-2.0
#include "vm_attr.h"
#include "array.h"
#include "exits.h"
#include "user.h"
#include "vcpu_state.h"
#include "vm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MEMBER(name)                                                     \
	_Static_assert(offsetof(struct kvmcore_vm_regs, name) ==         \
			       offsetof(struct kvmcore_vcpu_regs, name), \
		       "the register file is given as it is")
MEMBER(x);
MEMBER(sp);
MEMBER(pc);
MEMBER(pstate);
MEMBER(sp_el1);
MEMBER(elr_el1);
MEMBER(spsr_el1);
MEMBER(sctlr_el1);
MEMBER(vbar_el1);
MEMBER(esr_el1);
MEMBER(far_el1);
_Static_assert(sizeof(struct kvmcore_vm_regs) == sizeof(struct kvmcore_vcpu_regs),
	       "the register file is given as it is");

static int info_get(struct kvmcore_vm *vm, uint64_t addr)
{
	struct kvmcore_vm_info info = {
		.type = vm->config.type,
		.profile = vm->config.profile,
		.ipa_bits = vm->config.ipa_bits,
		.n_vcpus = vm->n_vcpus,
		.generation = vm->config.generation,
		.has_run = vm->has_run_once,
	};

	memcpy(info.uuid, vm->config.uuid, sizeof(info.uuid));
	strncpy(info.kernel, vm->kernel->name, sizeof(info.kernel) - 1);
	return user_write(addr, &info, sizeof(info));
}

/* A realm's registers are hidden one by one, and an s390 VM has others. */
static bool has_regs(const struct kvmcore_vm *vm)
{
	return !vm->realm && !vm->s390;
}

static int check_initialised(const struct kvmcore_vm *vm)
{
	for (unsigned int i = 0; i < vm->n_vcpus; i++)
		if (!vm->vcpu[i]->initialised)
			return -ENOEXEC;
	return 0;
}

static void fill_regs(const void *from, void *out)
{
	const struct kvmcore_vm *vm = from;
	char *to = out;

	for (unsigned int i = 0; i < vm->n_vcpus; i++)
		memcpy(to + i * sizeof(vm->vcpu[i]->regs), &vm->vcpu[i]->regs,
		       sizeof(vm->vcpu[i]->regs));
}

static int regs_get(struct kvmcore_vm *vm, uint64_t addr)
{
	int ret = has_regs(vm) ? check_initialised(vm) : -ENXIO;

	return ret ? ret
		   : array_fill(addr, fill_regs, vm, vm->n_vcpus, sizeof(struct kvmcore_vm_regs));
}

static int regs_set(struct kvmcore_vm *vm, uint64_t addr)
{
	int ret = has_regs(vm) ? check_initialised(vm) : -ENXIO;
	void *entry = NULL;
	size_t n = 0;

	if (!ret)
		ret = vm->has_run_once ? -EBUSY : 0;
	if (!ret)
		ret = array_take(addr, sizeof(struct kvmcore_vm_regs), KVMCORE_MAX_VCPUS, &entry,
				 &n);
	if (!ret && n != vm->n_vcpus)
		ret = -EINVAL;
	for (unsigned int i = 0; i < vm->n_vcpus && !ret; i++)
		memcpy(&vm->vcpu[i]->regs, (const char *)entry + i * sizeof(vm->vcpu[i]->regs),
		       sizeof(vm->vcpu[i]->regs));
	free(entry);
	return ret;
}

static void fill_vcpus(const void *from, void *out)
{
	const struct kvmcore_vm *vm = from;
	struct kvmcore_vm_vcpu *to = out;

	for (unsigned int i = 0; i < vm->n_vcpus; i++) {
		const struct vcpu *vcpu = vm->vcpu[i];

		to[i].mp_state = vcpu_mp_state(vcpu);
		to[i].psci_version = vcpu->initialised ? (uint32_t)fwreg_psci_version(vcpu) : 0;
	}
}

static int vcpus_get(struct kvmcore_vm *vm, uint64_t addr)
{
	if (vm->s390)
		return -ENXIO;
	return array_fill(addr, fill_vcpus, vm, vm->n_vcpus, sizeof(struct kvmcore_vm_vcpu));
}

static void fill_memory(const void *from, void *out)
{
	const struct memslots *slots = from;
	struct kvmcore_vm_memory *to = out;

	for (unsigned int i = 0; i < slots->n; i++)
		to[i] = (struct kvmcore_vm_memory){ slots->slot[i].ipa, slots->slot[i].size };
}

static int memory_get(struct kvmcore_vm *vm, uint64_t addr)
{
	return array_fill(addr, fill_memory, &vm->memslots, vm->memslots.n,
			  sizeof(struct kvmcore_vm_memory));
}

static int fw_regs_get(struct kvmcore_vm *vm, uint64_t addr)
{
	struct kvmcore_vm_fw_reg reg[FWREG_MAX];

	if (!has_regs(vm))
		return -ENXIO;
	return array_give(addr, reg, fwreg_list(vm, reg), sizeof(reg[0]));
}

static const struct attr {
	int (*get)(struct kvmcore_vm *vm, uint64_t addr);
	int (*set)(struct kvmcore_vm *vm, uint64_t addr);
} attr_row[] = {
	[KVMCORE_VM_INFO] = { info_get, NULL },
	[KVMCORE_VM_REGS] = { regs_get, regs_set },
	[KVMCORE_VM_EXITS] = { exits_attr_get, exits_attr_set },
	[KVMCORE_VM_VCPUS] = { vcpus_get, NULL },
	[KVMCORE_VM_MEMORY] = { memory_get, NULL },
	[KVMCORE_VM_FW_REGS] = { fw_regs_get, NULL },
};

int vm_attr_has(struct kvmcore_vm *vm, uint64_t attr)
{
	if (attr >= ARRAY_SIZE(attr_row) || (attr == KVMCORE_VM_VCPUS && vm->s390) ||
	    ((attr == KVMCORE_VM_REGS || attr == KVMCORE_VM_FW_REGS) && !has_regs(vm)))
		return -ENXIO;
	return 0;
}

int vm_attr_get(struct kvmcore_vm *vm, uint64_t attr, uint64_t addr)
{
	return attr < ARRAY_SIZE(attr_row) ? attr_row[attr].get(vm, addr) : -ENXIO;
}

int vm_attr_set(struct kvmcore_vm *vm, uint64_t attr, uint64_t addr)
{
	if (attr >= ARRAY_SIZE(attr_row) || !attr_row[attr].set)
		return -ENXIO;
	return attr_row[attr].set(vm, addr);
}
