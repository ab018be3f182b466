// SPDX-License-Identifier: Apache-2.0
#include "attr.h"
#include "onereg.h"
#include "user.h"
#include "vcpu_state.h"
#include "vm.h"

#include <errno.h>

/* Where a number is answered: on which descriptor of which architecture. */
#define ARM_VM    (1u << 0)
#define ARM_VCPU  (1u << 1)
#define S390_VM   (1u << 2)
#define S390_VCPU (1u << 3)
#define ANY_VM    (ARM_VM | S390_VM)
#define CHANGES   (1u << 4) /* a capture may see a difference: the epoch moves on */

struct ioctl_row {
	unsigned long cmd;
	uint32_t flags;
	int (*handle)(struct kvmcore_vm *vm, struct vcpu *vcpu, void *arg);
};

static int create_vcpu(struct kvmcore_vm *vm, struct vcpu *vcpu, void *arg);
static int check_extension(struct kvmcore_vm *vm, struct vcpu *vcpu, void *arg);
static int enable_cap(struct kvmcore_vm *vm, struct vcpu *vcpu, void *arg);
static int set_memory(struct kvmcore_vm *vm, struct vcpu *vcpu, void *arg);
static int preferred_target(struct kvmcore_vm *vm, struct vcpu *vcpu, void *arg);

static int finalize(struct kvmcore_vm *vm, struct vcpu *vcpu, void *arg);

/* These four do not look at who asks. */
#define S390_IOCTL(name, function)                                                        \
	static int s390_ioctl_##name(struct kvmcore_vm *vm, struct vcpu *vcpu, void *arg) \
	{                                                                                 \
		(void)vcpu;                                                               \
		return function(vm, arg);                                                 \
	}
S390_IOCTL(get_skeys, s390_get_skeys)
S390_IOCTL(set_skeys, s390_set_skeys)
S390_IOCTL(get_cmma, s390_get_cmma_bits)
S390_IOCTL(set_cmma, s390_set_cmma_bits)

static int psci_complete(struct kvmcore_vm *vm, struct vcpu *vcpu, void *arg)
{
	(void)vm;
	return realm_psci_complete(vcpu, (uintptr_t)arg);
}

static const struct ioctl_row ioctl_row[] = {
	{ KVM_GET_ONE_REG, ARM_VCPU, onereg_get },
	{ KVM_SET_ONE_REG, ARM_VCPU | CHANGES, onereg_set },
	{ KVM_ARM_SDEI_COMMAND, ARM_VM | ARM_VCPU, sdei_ioctl },
	{ KVM_GET_DEVICE_ATTR, ANY_VM | ARM_VCPU, attr_get },
	{ KVM_SET_DEVICE_ATTR, ANY_VM | ARM_VCPU | CHANGES, attr_set },
	{ KVM_HAS_DEVICE_ATTR, ANY_VM | ARM_VCPU, attr_has },
	{ KVM_GET_MP_STATE, ARM_VCPU, vcpu_ioctl_get_mp_state },
	{ KVM_SET_MP_STATE, ARM_VCPU | CHANGES, vcpu_ioctl_set_mp_state },
	{ KVMCORE_GET_VCPU_EVENTS, ARM_VCPU, vcpu_ioctl_get_events },
	{ KVMCORE_SET_VCPU_EVENTS, ARM_VCPU | CHANGES, vcpu_ioctl_set_events },
	{ KVMCORE_ARM_VCPU_INIT, ARM_VCPU | CHANGES, vcpu_ioctl_init },
	{ KVM_GET_REG_LIST, ARM_VCPU, onereg_list },
	{ KVM_CREATE_VCPU, ANY_VM, create_vcpu },
	{ KVM_CHECK_EXTENSION, ANY_VM, check_extension },
	{ KVM_ENABLE_CAP, ARM_VM | CHANGES, enable_cap },
	{ KVM_SET_USER_MEMORY_REGION, ANY_VM | CHANGES, set_memory },
	{ KVMCORE_ARM_PREFERRED_TARGET, ARM_VM, preferred_target },
	{ KVM_ARM_VCPU_FINALIZE, ARM_VCPU | CHANGES, finalize },
	{ KVM_ARM_VCPU_RMM_PSCI_COMPLETE, ARM_VCPU, psci_complete },
	{ KVM_ENABLE_CAP, S390_VM, s390_enable_cap },
	{ KVM_GET_ONE_REG, S390_VCPU, s390_one_reg },
	{ KVM_SET_ONE_REG, S390_VCPU, s390_one_reg },
	{ KVM_GET_MP_STATE, S390_VCPU, s390_get_mp_state },
	{ KVM_SET_MP_STATE, S390_VCPU | CHANGES, s390_set_mp_state },
	{ KVM_S390_GET_SKEYS, S390_VM, s390_ioctl_get_skeys },
	{ KVM_S390_SET_SKEYS, S390_VM | CHANGES, s390_ioctl_set_skeys },
	{ KVM_S390_GET_CMMA_BITS, S390_VM, s390_ioctl_get_cmma },
	{ KVM_S390_SET_CMMA_BITS, S390_VM | CHANGES, s390_ioctl_set_cmma },
};

static int create_vcpu(struct kvmcore_vm *vm, struct vcpu *vcpu, void *arg)
{
	const uintptr_t id = (uintptr_t)arg;

	(void)vcpu;
	if (id >= KVMCORE_MAX_VCPUS)
		return -EINVAL;
	return vm_vcpu_create(vm, (uint32_t)id, vcpu_mpidr_of_id((uint32_t)id));
}

/* What a VM adds to its kernel's list: the posted series, and the dialects it was made with. */
static int check_extension(struct kvmcore_vm *vm, struct vcpu *vcpu, void *arg)
{
	const uintptr_t cap = (uintptr_t)arg;
	const uint32_t dialects = vm->config.dialects;

	(void)vcpu;
	if (vm->s390)
		return s390_cap(vm, cap);
	if (vm->realm && cap <= UINT32_MAX && !realm_allows_cap(vm, (uint32_t)cap))
		return 0;
	if (cap == realm_cap(vm))
		return vm->config.host.page_size == 4096;
	switch (cap) {
	case KVM_CAP_ARM_MMIO_GUARD:
		return vm->config.guard == KVMCORE_GUARD_S && !vm->nisv_to_user;
	case KVM_CAP_ARM_NISV_TO_USER:
		return !guard_excludes_nisv(vm);
	case KVM_CAP_ARM_SDEI:
		return 1;
	case KVM_CAP_ARM_SDEI_V7:
		return vm->config.profile == KVMCORE_PROFILE_KVM_V7;
	case KVM_CAP_ARM_SDEI_1_0:
		return !!(dialects & KVMCORE_DIALECT_SDEI_1_0);
	case KVM_CAP_FORWARD_HYPERCALL:
		return !!(dialects & KVMCORE_DIALECT_FORWARD_HYPERCALL);
	}
	return cap > UINT32_MAX ? 0 : kernel_cap(vm->kernel, (uint32_t)cap, true);
}

int kvmcore_check_extension(const char *kernel, long cap)
{
	const struct kernel_profile *profile = kernel_find(kernel);

	if (!profile || cap < 0 || cap > UINT32_MAX)
		return 0;
	return cap == KVM_CAP_ARM_SDEI ? 1 : kernel_cap(profile, (uint32_t)cap, false);
}

static int enable_nisv(struct kvmcore_vm *vm, const struct kvm_enable_cap *cap)
{
	(void)cap;
	if (guard_excludes_nisv(vm))
		return -EINVAL;
	vm->nisv_to_user = true;
	return 0;
}

static int enable_system_suspend(struct kvmcore_vm *vm, const struct kvm_enable_cap *cap)
{
	(void)cap;
	vm->system_suspend = true;
	return 0;
}

static int enable_sdei_1_0(struct kvmcore_vm *vm, const struct kvm_enable_cap *cap)
{
	(void)cap;
	if (!(vm->config.dialects & KVMCORE_DIALECT_SDEI_1_0))
		return -EINVAL;
	vm->dialects |= KVMCORE_DIALECT_SDEI_1_0;
	return 0;
}

#define FORWARD_WITHOUT_PSCI 1u

static int enable_forward(struct kvmcore_vm *vm, const struct kvm_enable_cap *cap)
{
	if (!(vm->config.dialects & KVMCORE_DIALECT_FORWARD_HYPERCALL) ||
	    cap->args[0] & ~(uint64_t)FORWARD_WITHOUT_PSCI)
		return -EINVAL;
	vm->dialects |= KVMCORE_DIALECT_FORWARD_HYPERCALL;
	vm->forward_psci = !(cap->args[0] & FORWARD_WITHOUT_PSCI);
	return 0;
}

static const struct {
	uint32_t cap;
	int (*enable)(struct kvmcore_vm *vm, const struct kvm_enable_cap *cap);
} cap_row[] = {
	{ KVM_CAP_ARM_NISV_TO_USER, enable_nisv },
	{ KVM_CAP_ARM_SYSTEM_SUSPEND, enable_system_suspend },
	{ KVM_CAP_ARM_SDEI_1_0, enable_sdei_1_0 },
	{ KVM_CAP_FORWARD_HYPERCALL, enable_forward },
};

static int enable_cap(struct kvmcore_vm *vm, struct vcpu *vcpu, void *arg)
{
	struct kvm_enable_cap cap;

	(void)vcpu;
	if (user_read(&cap, (uintptr_t)arg, sizeof(cap)))
		return -EFAULT;
	if (cap.flags)
		return -EINVAL;
	if (cap.cap == realm_cap(vm))
		return realm_enable_cap(vm, &cap);
	if (vm->realm && !realm_allows_cap(vm, cap.cap))
		return -EINVAL;
	for (size_t i = 0; i < ARRAY_SIZE(cap_row); i++)
		if (cap_row[i].cap == cap.cap)
			return cap_row[i].enable(vm, &cap);
	return -EINVAL;
}

static int set_memory(struct kvmcore_vm *vm, struct vcpu *vcpu, void *arg)
{
	struct kvm_userspace_memory_region region;

	(void)vcpu;
	if (user_read(&region, (uintptr_t)arg, sizeof(region)))
		return -EFAULT;
	if (vm->realm && realm_check_slot(vm, &region))
		return -EINVAL;
	return memslot_set(vm, &region);
}

/* Model vCPUs have no SVE, so a REC is all there is to finalise. */
static int finalize(struct kvmcore_vm *vm, struct vcpu *vcpu, void *arg)
{
	int feature;

	if (!vcpu->initialised)
		return -ENOEXEC;
	if (user_read(&feature, (uintptr_t)arg, sizeof(feature)))
		return -EFAULT;
	if (feature == KVM_ARM_VCPU_SVE)
		return -EPERM;
	return feature == (int)realm_rec_feature(vm) ? realm_finalize(vcpu) : -EINVAL;
}

static int preferred_target(struct kvmcore_vm *vm, struct vcpu *vcpu, void *arg)
{
	const struct kvm_vcpu_init init = { .target = KVM_ARM_TARGET_GENERIC_V8 };

	(void)vm;
	(void)vcpu;
	return user_write((uintptr_t)arg, &init, sizeof(init));
}

static int run_row(struct kvmcore_vm *vm, struct vcpu *vcpu, unsigned long cmd, void *arg)
{
	const uint32_t level = vm->s390 ? (vcpu ? S390_VCPU : S390_VM) : vcpu ? ARM_VCPU : ARM_VM;

	for (size_t i = 0; i < ARRAY_SIZE(ioctl_row); i++) {
		const struct ioctl_row *row = &ioctl_row[i];
		int ret;

		if (row->cmd != cmd || !(row->flags & level))
			continue;
		ret = row->handle(vm, vcpu, arg);
		if (ret >= 0 && row->flags & CHANGES)
			vm_changed(vm);
		return ret;
	}
	return vm->s390 ? -ENOTTY : -EINVAL; /* arm64's answer is its own */
}

int kvmcore_ioctl(struct kvmcore_vm *vm, int index, unsigned long cmd, void *arg)
{
	struct vcpu *vcpu;
	int ret;

	pthread_mutex_lock(&vm->lock);
	vcpu = vm_vcpu(vm, index);
	ret = index != -1 && !vcpu ? -EBADF : run_row(vm, vcpu, cmd, arg);
	pthread_mutex_unlock(&vm->lock);
	return ret;
}

/* A system without VMs: what /dev/kvm itself answers. */
int kvmcore_system_ioctl(const char *kernel, unsigned long cmd, void *arg)
{
	if (!kernel_find(kernel))
		return -ENODEV;
	switch (cmd) {
	case KVM_GET_API_VERSION:
		return arg ? -EINVAL : KVM_API_VERSION;
	case KVM_GET_VCPU_MMAP_SIZE:
		return arg ? -EINVAL : (int)RUN_SIZE;
	case KVM_CHECK_EXTENSION:
		return kvmcore_check_extension(kernel, (long)(intptr_t)arg);
	}
	return -EINVAL;
}
