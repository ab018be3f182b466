/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vm_attr.h - group KVMCORE_GROUP_VM: who the VM is, and its vCPUs' registers at once
 *
 * @addr is the caller's pointer. -ENXIO for an attribute that is not there.
 */
#ifndef KVMCORE_VM_ATTR_H
#define KVMCORE_VM_ATTR_H

#include <stdint.h>

struct kvmcore_vm;

int vm_attr_set(struct kvmcore_vm *vm, uint64_t attr, uint64_t addr);
int vm_attr_get(struct kvmcore_vm *vm, uint64_t attr, uint64_t addr);
int vm_attr_has(struct kvmcore_vm *vm, uint64_t attr);

#endif
