// SPDX-License-Identifier: Apache-2.0
/*
 * Group CPU_MODEL: which machine the guest believes to be on. Order of checks as in arch/s390/kvm/kvm-s390.c,
 * kvm_s390_set_processor*(): PROCESSOR and PROCESSOR_SUBFUNC look at vCPUs before they read, the others afterwards.
 */
#include "s390_attr.h"
#include "user.h"
#include "vm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int set_processor(struct kvmcore_vm *vm, uint64_t addr)
{
	struct s390 *s = vm->s390;
	struct kvm_s390_vm_cpu_processor in;

	if (vm->n_vcpus)
		return -EBUSY;
	if (user_read(&in, addr, sizeof(in)))
		return -EFAULT;
	s->cpuid = in.cpuid;
	if (in.ibc && s->host.lowest_ibc) {
		s->ibc = in.ibc;
		if (in.ibc > s->host.unblocked_ibc)
			s->ibc = s->host.unblocked_ibc;
		else if (in.ibc < s->host.lowest_ibc)
			s->ibc = s->host.lowest_ibc;
	}
	memcpy(s->facilities, in.fac_list, sizeof(s->facilities)); /* the kernel checks none */
	return 0;
}

static int get_processor(struct kvmcore_vm *vm, uint64_t addr)
{
	struct kvm_s390_vm_cpu_processor out = { .cpuid = vm->s390->cpuid, .ibc = vm->s390->ibc };

	memcpy(out.fac_list, vm->s390->facilities, sizeof(out.fac_list));
	return user_write(addr, &out, sizeof(out));
}

static int get_machine(struct kvmcore_vm *vm, uint64_t addr)
{
	const struct s390_host *host = &vm->s390->host;
	struct kvm_s390_vm_cpu_machine out = {
		.cpuid = host->cpuid,
		.ibc = (uint32_t)host->lowest_ibc << 16 | host->unblocked_ibc,
	};

	memcpy(out.fac_mask, host->facilities, sizeof(out.fac_mask));
	memcpy(out.fac_list, host->facilities, sizeof(out.fac_list));
	return user_write(addr, &out, sizeof(out));
}

static int set_feat(struct kvmcore_vm *vm, uint64_t addr)
{
	struct kvm_s390_vm_cpu_feat in;

	if (user_read(&in, addr, sizeof(in)))
		return -EFAULT;
	for (size_t i = 0; i < 16; i++)
		if (in.feat[i] & ~vm->s390->host.feat[i])
			return -EINVAL;
	if (vm->n_vcpus)
		return -EBUSY;
	memcpy(vm->s390->feat, in.feat, sizeof(in.feat));
	return 0;
}

static int get_feat(struct kvmcore_vm *vm, uint64_t addr)
{
	return user_write(addr, vm->s390->feat, sizeof(vm->s390->feat));
}

static int get_machine_feat(struct kvmcore_vm *vm, uint64_t addr)
{
	return user_write(addr, vm->s390->host.feat, sizeof(vm->s390->host.feat));
}

static int set_subfunc(struct kvmcore_vm *vm, uint64_t addr)
{
	if (vm->n_vcpus)
		return -EBUSY;
	if (user_read(&vm->s390->subfunc, addr, sizeof(vm->s390->subfunc)))
		return -EFAULT;
	vm->s390->subfunc_written = true;
	return 0;
}

/* The document promises -EINVAL before the first write; the code returns the host's values. */
static int get_subfunc(struct kvmcore_vm *vm, uint64_t addr)
{
	if (vm->s390->strict_document && !vm->s390->subfunc_written)
		return -EINVAL;
	return user_write(addr, &vm->s390->subfunc, sizeof(vm->s390->subfunc));
}

static int get_machine_subfunc(struct kvmcore_vm *vm, uint64_t addr)
{
	return user_write(addr, &vm->s390->host.subfunc, sizeof(vm->s390->host.subfunc));
}

static int set_uv_feat(struct kvmcore_vm *vm, uint64_t addr)
{
	uint64_t feat;

	if (user_read(&feat, addr, sizeof(feat)))
		return -EFAULT;
	if (feat & ~vm->s390->host.uv_feat)
		return -EINVAL;
	if (vm->n_vcpus)
		return -EBUSY;
	vm->s390->uv_feat = feat;
	return 0;
}

static int get_uv_feat(struct kvmcore_vm *vm, uint64_t addr)
{
	return user_write(addr, &vm->s390->uv_feat, sizeof(vm->s390->uv_feat));
}

static int get_machine_uv_feat(struct kvmcore_vm *vm, uint64_t addr)
{
	return user_write(addr, &vm->s390->host.uv_feat, sizeof(vm->s390->host.uv_feat));
}

static const struct s390_attr_row rows[] = {
	{ KVM_S390_VM_CPU_PROCESSOR, set_processor, get_processor, NULL },
	{ KVM_S390_VM_CPU_MACHINE, NULL, get_machine, NULL },
	{ KVM_S390_VM_CPU_PROCESSOR_FEAT, set_feat, get_feat, NULL },
	{ KVM_S390_VM_CPU_MACHINE_FEAT, NULL, get_machine_feat, NULL },
	{ KVM_S390_VM_CPU_PROCESSOR_SUBFUNC, set_subfunc, get_subfunc, NULL },
	{ KVM_S390_VM_CPU_MACHINE_SUBFUNC, NULL, get_machine_subfunc, NULL },
	{ KVM_S390_VM_CPU_PROCESSOR_UV_FEAT_GUEST, set_uv_feat, get_uv_feat, NULL },
	{ KVM_S390_VM_CPU_MACHINE_UV_FEAT_GUEST, NULL, get_machine_uv_feat, NULL },
};

const struct s390_attr_group s390_cpu_model = {
	.group = KVM_S390_VM_CPU_MODEL,
	.row = rows,
	.n_rows = sizeof(rows) / sizeof(rows[0]),
	.n_late = 2, /* UV_FEAT_GUEST */
};
