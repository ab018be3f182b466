/* SPDX-License-Identifier: Apache-2.0 */
/*
 * access.h - the ioctls of a VM, through its port
 *
 * Every function returns what the port's ioctl said: >= 0, or -errno.
 */
#ifndef SDEISTATE_ACCESS_H
#define SDEISTATE_ACCESS_H

#include <kvmcore/port.h>
#include <kvmcore/uapi.h>
#include <stddef.h>
#include <stdint.h>

#define ON_VM (-1)

/** access_command() - KVM_ARM_SDEI_COMMAND with @count entries at @entries */
int access_command(const struct kvm_port *port, int vcpu, enum kvm_sdei_command cmd, uint32_t count,
		   const void *entries);

/** access_count() - one of the three COUNT commands */
int access_count(const struct kvm_port *port, int vcpu, enum kvm_sdei_command cmd, uint32_t *count);

/** access_attr_get() - KVM_GET_DEVICE_ATTR on the VM */
int access_attr_get(const struct kvm_port *port, uint32_t group, uint64_t number, void *value);

/** access_attr_set() - KVM_SET_DEVICE_ATTR on the VM */
int access_attr_set(const struct kvm_port *port, uint32_t group, uint64_t number,
		    const void *value);

/** access_reg_get() - KVM_GET_ONE_REG */
int access_reg_get(const struct kvm_port *port, int vcpu, uint64_t id, void *value);

/** access_reg_set() - KVM_SET_ONE_REG */
int access_reg_set(const struct kvm_port *port, int vcpu, uint64_t id, const void *value);

/** access_command_name() - "KVM_SDEI_CMD_GET_VERSION" etc. */
const char *access_command_name(enum kvm_sdei_command cmd);

#endif
