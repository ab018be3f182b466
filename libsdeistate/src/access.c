// SPDX-License-Identifier: Apache-2.0
#include "access.h"

static const char *const command_names[] = {
	[KVM_SDEI_CMD_GET_VERSION] = "KVM_SDEI_CMD_GET_VERSION",
	[KVM_SDEI_CMD_GET_EXPOSED_EVENT_COUNT] = "KVM_SDEI_CMD_GET_EXPOSED_EVENT_COUNT",
	[KVM_SDEI_CMD_GET_EXPOSED_EVENT] = "KVM_SDEI_CMD_GET_EXPOSED_EVENT",
	[KVM_SDEI_CMD_SET_EXPOSED_EVENT] = "KVM_SDEI_CMD_SET_EXPOSED_EVENT",
	[KVM_SDEI_CMD_GET_REGISTERED_EVENT_COUNT] = "KVM_SDEI_CMD_GET_REGISTERED_EVENT_COUNT",
	[KVM_SDEI_CMD_GET_REGISTERED_EVENT] = "KVM_SDEI_CMD_GET_REGISTERED_EVENT",
	[KVM_SDEI_CMD_SET_REGISTERED_EVENT] = "KVM_SDEI_CMD_SET_REGISTERED_EVENT",
	[KVM_SDEI_CMD_GET_VCPU_EVENT_COUNT] = "KVM_SDEI_CMD_GET_VCPU_EVENT_COUNT",
	[KVM_SDEI_CMD_GET_VCPU_EVENT] = "KVM_SDEI_CMD_GET_VCPU_EVENT",
	[KVM_SDEI_CMD_SET_VCPU_EVENT] = "KVM_SDEI_CMD_SET_VCPU_EVENT",
	[KVM_SDEI_CMD_GET_VCPU_STATE] = "KVM_SDEI_CMD_GET_VCPU_STATE",
	[KVM_SDEI_CMD_SET_VCPU_STATE] = "KVM_SDEI_CMD_SET_VCPU_STATE",
	[KVM_SDEI_CMD_INJECT_EVENT] = "KVM_SDEI_CMD_INJECT_EVENT",
};

const char *access_command_name(enum kvm_sdei_command cmd)
{
	return command_names[cmd];
}

int access_command(const struct kvm_port *port, int vcpu, enum kvm_sdei_command cmd, uint32_t count,
		   const void *entries)
{
	struct kvm_sdei_cmd command = { .cmd = cmd, .count = count, .pointer = (uintptr_t)entries };

	return port->ioctl(port->vm, vcpu, KVM_ARM_SDEI_COMMAND, &command);
}

int access_count(const struct kvm_port *port, int vcpu, enum kvm_sdei_command cmd, uint32_t *count)
{
	struct kvm_sdei_cmd command = { .cmd = cmd };
	int ret = port->ioctl(port->vm, vcpu, KVM_ARM_SDEI_COMMAND, &command);

	if (ret >= 0)
		*count = command.count;
	return ret;
}

static int attr(const struct kvm_port *port, unsigned long cmd, uint32_t group, uint64_t number,
		const void *value)
{
	struct kvm_device_attr attribute = { .group = group,
					     .attr = number,
					     .addr = (uintptr_t)value };

	return port->ioctl(port->vm, ON_VM, cmd, &attribute);
}

int access_attr_get(const struct kvm_port *port, uint32_t group, uint64_t number, void *value)
{
	return attr(port, KVM_GET_DEVICE_ATTR, group, number, value);
}

int access_attr_set(const struct kvm_port *port, uint32_t group, uint64_t number, const void *value)
{
	return attr(port, KVM_SET_DEVICE_ATTR, group, number, value);
}

int access_reg_get(const struct kvm_port *port, int vcpu, uint64_t id, void *value)
{
	struct kvm_one_reg reg = { .id = id, .addr = (uintptr_t)value };

	return port->ioctl(port->vm, vcpu, KVM_GET_ONE_REG, &reg);
}

int access_reg_set(const struct kvm_port *port, int vcpu, uint64_t id, const void *value)
{
	struct kvm_one_reg reg = { .id = id, .addr = (uintptr_t)value };

	return port->ioctl(port->vm, vcpu, KVM_SET_ONE_REG, &reg);
}
