// SPDX-License-Identifier: Apache-2.0
/*
 * The entry of the attribute interface: EFAULT for the struct itself is the caller's business, then group (-ENXIO),
 * then what the group checks first, then the attribute. arch/s390/kvm/kvm-s390.c, kvm_s390_vm_{set,get,has}_attr().
 */
#include "s390_attr.h"
#include "vm.h"

#include <errno.h>

static const struct s390_attr_group *const groups[] = {
	&s390_mem_ctrl, &s390_tod, &s390_crypto, &s390_cpu_model, &s390_migration, &s390_topology,
};

static const struct s390_attr_group *find_group(uint32_t number)
{
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		if (groups[i]->group == number)
			return groups[i];
	return NULL;
}

static const struct s390_attr_row *find_row(const struct kvmcore_vm *vm,
					    const struct s390_attr_group *group, uint64_t attr)
{
	const unsigned int n = group->n_rows - (vm->kernel->has_s390_uv_feat ? 0 : group->n_late);

	for (unsigned int i = 0; i < n; i++)
		if (group->row[i].attr == attr)
			return &group->row[i];
	return NULL;
}

int s390_attr_set(struct kvmcore_vm *vm, const struct kvm_device_attr *attr)
{
	const struct s390_attr_group *group = find_group(attr->group);
	const struct s390_attr_row *row;
	int ret;

	if (!group)
		return -ENXIO;
	ret = group->enter ? group->enter(vm, attr, true) : 0;
	if (ret)
		return ret;
	if (group->set_number)
		return group->set_number(vm, attr->attr);
	row = find_row(vm, group, attr->attr);
	return row && row->set ? row->set(vm, attr->addr) : -ENXIO;
}

int s390_attr_get(struct kvmcore_vm *vm, const struct kvm_device_attr *attr)
{
	const struct s390_attr_group *group = find_group(attr->group);
	const struct s390_attr_row *row;
	int ret;

	if (!group)
		return -ENXIO;
	ret = group->enter ? group->enter(vm, attr, false) : 0;
	if (ret)
		return ret;
	if (group->get_any)
		return group->get_any(vm, attr->addr);
	row = find_row(vm, group, attr->attr);
	return row && row->get ? row->get(vm, attr->addr) : -ENXIO;
}

int s390_attr_has(struct kvmcore_vm *vm, const struct kvm_device_attr *attr)
{
	const struct s390_attr_group *group = find_group(attr->group);
	const struct s390_attr_row *row;

	if (!group)
		return -ENXIO;
	if (group->has_any)
		return group->has_any(vm, attr->attr);
	row = find_row(vm, group, attr->attr);
	if (!row)
		return -ENXIO;
	return row->has ? row->has(vm, attr->addr) : 0;
}

bool s390_has_facility(const struct s390 *s, unsigned int number)
{
	const unsigned int word = number / 64;

	return (s->host.facilities[word] & s->facilities[word]) >> (63 - number % 64) & 1;
}
