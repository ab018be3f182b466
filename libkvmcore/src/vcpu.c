// SPDX-License-Identifier: Apache-2.0
#include "vm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

uint64_t vcpu_mpidr_of_id(uint32_t vcpu_id)
{
	return (vcpu_id & 0xf) | (uint64_t)(vcpu_id >> 4 & 0xff) << 8 |
	       (uint64_t)(vcpu_id >> 12 & 0xff) << 16;
}

void vcpu_reset(struct vcpu *vcpu, uint64_t entry, uint64_t context)
{
	vcpu->regs = (struct kvmcore_vcpu_regs){ .pc = entry, .pstate = PSTATE_RESET };
	vcpu->regs.x[0] = context;
	vcpu->regs.sctlr_el1 = SCTLR_RESET;
	vcpu->events = (struct kvmcore_arm64_vcpu_events){ 0 };
	vcpu->pending = PENDING_NONE;
	vcpu->refused = PENDING_NONE;
}

/* One mapping for all vCPUs there can be; memory is what their exits make of it. */
static int map_runs(struct kvmcore_vm *vm)
{
	void *runs;

	if (vm->runs)
		return 0;
	runs = mmap(NULL, RUNS_SIZE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (runs == MAP_FAILED)
		return -ENOMEM;
	madvise(runs, RUNS_SIZE, MADV_NOHUGEPAGE);
	vm->runs = runs;
	return 0;
}

void vcpu_unmap_runs(struct kvmcore_vm *vm)
{
	if (vm->runs)
		munmap(vm->runs, RUNS_SIZE);
	vm->runs = NULL;
}

int vcpu_create(struct kvmcore_vm *vm, uint32_t vcpu_id, uint64_t mpidr, struct vcpu **vcpu)
{
	struct vcpu *new = calloc(1, sizeof(*new));

	if (!new)
		return -ENOMEM;
	new->vm = vm;
	new->index = vm->n_vcpus;
	new->vcpu_id = vcpu_id;
	new->mpidr = mpidr;
	new->power = POWER_ON;
	new->initialised = vm->s390; /* only arm64 has KVM_ARM_VCPU_INIT */
	new->pvtime_ipa = PVTIME_UNSET;
	vcpu_reset(new, 0, 0);
	if (map_runs(vm) || sdei_vcpu_init(new)) {
		free(new);
		return -ENOMEM;
	}
	new->run = (struct kvm_run *)(vm->runs + (size_t) new->index *RUN_SIZE);
	*vcpu = new;
	return 0;
}

struct vcpu *vcpu_destroy(struct vcpu *vcpu)
{
	if (!vcpu)
		return NULL;
	sdei_vcpu_exit(vcpu);
	free(vcpu);
	return NULL;
}

void vcpu_regs_load(const struct vcpu *vcpu, struct kvmcore_regs *regs)
{
	memcpy(regs->x, vcpu->regs.x, sizeof(regs->x));
	regs->pc = vcpu->regs.pc;
	regs->pstate = vcpu->regs.pstate;
	regs->elr_el1 = vcpu->regs.elr_el1;
	regs->spsr_el1 = vcpu->regs.spsr_el1;
	regs->sctlr_el1 = vcpu->regs.sctlr_el1;
	regs->vbar_el1 = vcpu->regs.vbar_el1;
	regs->features = vcpu->vm->config.pe_features;
}

void vcpu_regs_store(struct vcpu *vcpu, const struct kvmcore_regs *regs)
{
	memcpy(vcpu->regs.x, regs->x, sizeof(regs->x));
	vcpu->regs.pc = regs->pc;
	vcpu->regs.pstate = regs->pstate;
	vcpu->regs.elr_el1 = regs->elr_el1;
	vcpu->regs.spsr_el1 = regs->spsr_el1;
}
