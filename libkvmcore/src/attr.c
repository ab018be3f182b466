// SPDX-License-Identifier: Apache-2.0
#include "attr.h"
#include "smccc.h"
#include "user.h"
#include "vm.h"
#include "vm_attr.h"

#include <errno.h>

#define TYPE(name) (1u << KVMCORE_VM_##name)
#define ANY_TYPE   (~0u)
#define ARM_TYPES  (~TYPE(S390)) /* an s390 VM has no SMCCC, hence no SDEI, filter or guard */

struct vm_group {
	uint32_t group;
	uint32_t types; /* set of TYPE() */
	bool no_flags;  /* struct kvm_device_attr's flags must be 0, else -EINVAL */
	int (*set)(struct kvmcore_vm *vm, uint64_t attr, uint64_t addr);
	int (*get)(struct kvmcore_vm *vm, uint64_t attr, uint64_t addr);
	int (*has)(struct kvmcore_vm *vm, uint64_t attr);
};

static const struct vm_group vm_group[] = {
	{ KVM_ARM_VM_SMCCC_CTRL, TYPE(ARM64) | TYPE(REALM) | TYPE(PROTECTED), false,
	  filter_attr_set, NULL, filter_attr_has },
	{ KVMCORE_GROUP_SDEI, ARM_TYPES, false, sdei_attr_set, sdei_attr_get, sdei_attr_has },
	{ KVMCORE_GROUP_FILTER, ARM_TYPES, false, filter_state_set, filter_state_get,
	  filter_state_has },
	{ KVMCORE_GROUP_GUARD, ARM_TYPES, false, guard_attr_set, guard_attr_get, guard_attr_has },
	{ KVMCORE_GROUP_REALM, TYPE(REALM), false, NULL, realm_attr_get, realm_attr_has },
	{ KVMCORE_GROUP_S390, TYPE(S390), false, NULL, s390_state_get, s390_state_has },
	{ KVMCORE_GROUP_VM, ANY_TYPE, false, vm_attr_set, vm_attr_get, vm_attr_has },
};

struct vcpu_group {
	uint32_t group;
	int no_set, no_get, no_has; /* the answers of a group without functions */
	int (*set)(struct vcpu *vcpu, uint64_t attr, uint64_t addr);
	int (*get)(struct vcpu *vcpu, uint64_t attr, uint64_t addr);
	int (*has)(struct vcpu *vcpu, uint64_t attr);
};

static const struct vcpu_group vcpu_group[] = {
	/* KVM_ARM_VCPU_PMU_V3_CTRL: no model vCPU has a PMU */
	{ 0, -ENODEV, -ENODEV, -ENXIO, NULL, NULL, NULL },
	{ KVM_ARM_VCPU_PVTIME_CTRL, 0, 0, 0, pvtime_attr_set, pvtime_attr_get, pvtime_attr_has },
};

static const struct vm_group *find_vm_group(const struct kvmcore_vm *vm, uint32_t group)
{
	for (size_t i = 0; i < ARRAY_SIZE(vm_group); i++)
		if (vm_group[i].group == group && vm_group[i].types & 1u << vm->config.type)
			return &vm_group[i];
	return NULL;
}

static const struct vcpu_group *find_vcpu_group(uint32_t group)
{
	for (size_t i = 0; i < ARRAY_SIZE(vcpu_group); i++)
		if (vcpu_group[i].group == group)
			return &vcpu_group[i];
	return NULL;
}

/* This project's groups exist whatever the kernel's own VM attributes are. */
static bool is_ours(uint32_t group)
{
	return group == KVMCORE_GROUP_SDEI || group == KVMCORE_GROUP_FILTER ||
	       group == KVMCORE_GROUP_GUARD || group == KVMCORE_GROUP_REALM ||
	       group == KVMCORE_GROUP_S390 || group == KVMCORE_GROUP_VM;
}

/* An s390 VM has groups of its own under the kernel's numbers (src/s390/). */
static bool is_s390(const struct kvmcore_vm *vm, const struct vcpu *vcpu,
		    const struct kvm_device_attr *attr)
{
	return vm->s390 && !vcpu && !is_ours(attr->group);
}

/* Before Linux 6.4, and for a protected VM, arm64 has no attribute ioctls on a VM at all. */
static bool has_vm_attributes(const struct kvmcore_vm *vm)
{
	return vm->kernel->reserved[vm->config.type];
}

static int find(const struct kvmcore_vm *vm, const struct kvm_device_attr *attr,
		const struct vm_group **group)
{
	if (!has_vm_attributes(vm) && !is_ours(attr->group))
		return -EINVAL;
	*group = find_vm_group(vm, attr->group);
	if (!*group)
		return -ENXIO;
	return (*group)->no_flags && attr->flags ? -EINVAL : 0;
}

int attr_set(struct kvmcore_vm *vm, struct vcpu *vcpu, void *arg)
{
	struct kvm_device_attr attr;
	const struct vm_group *group;
	int ret;

	if (user_read(&attr, (uintptr_t)arg, sizeof(attr)))
		return -EFAULT;
	if (is_s390(vm, vcpu, &attr))
		return s390_attr_set(vm, &attr);
	if (vcpu) {
		const struct vcpu_group *g = find_vcpu_group(attr.group);

		if (!g)
			return -ENXIO;
		return g->set ? g->set(vcpu, attr.attr, attr.addr) : g->no_set;
	}
	ret = find(vm, &attr, &group);
	if (ret)
		return ret;
	return group->set ? group->set(vm, attr.attr, attr.addr) : -ENXIO;
}

/* arm64 has no KVM_GET_DEVICE_ATTR on a VM: whatever a kernel's own group is asked for is -EINVAL.
 */
static int get_of_vm(struct kvmcore_vm *vm, const struct kvm_device_attr *attr)
{
	const struct vm_group *group;
	int ret = find(vm, attr, &group);

	if (!is_ours(attr->group))
		return -EINVAL;
	if (ret)
		return ret;
	return group->get ? group->get(vm, attr->attr, attr->addr) : -ENXIO;
}

int attr_get(struct kvmcore_vm *vm, struct vcpu *vcpu, void *arg)
{
	struct kvm_device_attr attr;
	const struct vcpu_group *g;

	if (user_read(&attr, (uintptr_t)arg, sizeof(attr)))
		return -EFAULT;
	if (is_s390(vm, vcpu, &attr))
		return s390_attr_get(vm, &attr);
	if (!vcpu)
		return get_of_vm(vm, &attr);
	g = find_vcpu_group(attr.group);
	if (!g)
		return -ENXIO;
	return g->get ? g->get(vcpu, attr.attr, attr.addr) : g->no_get;
}

int attr_has(struct kvmcore_vm *vm, struct vcpu *vcpu, void *arg)
{
	struct kvm_device_attr attr;
	const struct vm_group *group;
	int ret;

	if (user_read(&attr, (uintptr_t)arg, sizeof(attr)))
		return -EFAULT;
	if (is_s390(vm, vcpu, &attr))
		return s390_attr_has(vm, &attr);
	if (vcpu) {
		const struct vcpu_group *g = find_vcpu_group(attr.group);

		if (!g)
			return -ENXIO;
		return g->has ? g->has(vcpu, attr.attr) : g->no_has;
	}
	ret = find(vm, &attr, &group);
	return ret ? ret : group->has(vm, attr.attr);
}
