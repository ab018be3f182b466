// SPDX-License-Identifier: Apache-2.0
/*
 * Who gets an ioctl: the kernel, the service, both, or nobody but the router. docs/embedding.md,
 * "Two back ends".
 */
#include "error_set.h"
#include "router/router.h"
#include "util.h"

#include <errno.h>

#define ON_VM (-1)

/* Capabilities of unmerged series: mainline gave some of these numbers to other things. */
static const uint32_t service_cap[] = {
	KVM_CAP_ARM_SDEI,
	KVM_CAP_ARM_SDEI_V7,
	KVM_CAP_ARM_SDEI_1_0,
	KVM_CAP_FORWARD_HYPERCALL,
	KVM_CAP_ARM_MMIO_GUARD,
	240,
	300, /* realms: v8 to v11, RFC v1 */
};

static bool is_service_cap(uint64_t cap)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(service_cap); i++)
		if (service_cap[i] == cap)
			return true;
	return false;
}

/* The pseudo-registers of KVM SDEI v7: 4..13 of the firmware's class, of any size. */
static bool is_service_reg(uint64_t id)
{
	const uint64_t n = id & 0xffff;

	return (id & KVM_REG_ARM_COPROC_MASK) == KVM_REG_ARM_FW && n >= 4 && n <= 0xd;
}

static int call_kernel(struct sdeistate_router *router, int vcpu, unsigned long cmd, void *arg)
{
	return router->kernel->ioctl(router->kernel->vm, vcpu, cmd, arg);
}

static int call_service(struct sdeistate_router *router, int vcpu, unsigned long cmd, void *arg,
			int without)
{
	if (!router->service.ioctl)
		return without;
	return router->service.ioctl(router->service.vm, vcpu, cmd, arg);
}

/* Both have the vCPU; the kernel decides. */
static int call_both(struct sdeistate_router *router, int vcpu, unsigned long cmd, void *arg)
{
	const int ret = call_kernel(router, vcpu, cmd, arg);
	int also;

	if (ret < 0 || !router->service.ioctl)
		return ret;
	also = router->service.ioctl(router->service.vm, vcpu, cmd, arg);
	if (also < 0)
		return also;
	return cmd == KVM_CREATE_VCPU && also != ret ? -EIO : ret;
}

/* The service keeps no CPU features: it needs to know of power and PSCI only. */
static int init_both(struct sdeistate_router *router, int vcpu, void *arg)
{
	struct kvm_vcpu_init init;
	int ret = call_kernel(router, vcpu, KVMCORE_ARM_VCPU_INIT, arg);

	if (ret < 0 || !router->service.ioctl)
		return ret;
	memcpy(&init, arg, sizeof(init));
	init = (struct kvm_vcpu_init){
		.target = KVM_ARM_TARGET_GENERIC_V8,
		.features = { init.features[0] &
			      (1u << KVM_ARM_VCPU_POWER_OFF | 1u << KVM_ARM_VCPU_PSCI_0_2) },
	};
	return call_service(router, vcpu, KVMCORE_ARM_VCPU_INIT, &init, 0);
}

static int route_vm_group(struct sdeistate_router *router, unsigned long cmd,
			  struct kvm_device_attr *attr)
{
	int ret;

	if (attr->attr == KVMCORE_VM_EXITS)
		return open_attr(router, cmd, attr);
	if (attr->attr != KVMCORE_VM_INFO)
		return -ENXIO; /* the kernel holds registers and memory */
	ret = call_service(router, ON_VM, cmd, attr, -ENXIO);
	if (ret == 0 && cmd == KVM_GET_DEVICE_ATTR && router->has_run)
		((struct kvmcore_vm_info *)(uintptr_t)attr->addr)->has_run = 1;
	return ret;
}

static int route_attr(struct sdeistate_router *router, unsigned long cmd,
		      struct kvm_device_attr *attr)
{
	switch (attr->group) {
	case KVMCORE_GROUP_FILTER:
		return recorder_attr(router, cmd, attr);
	case KVMCORE_GROUP_VM:
		return route_vm_group(router, cmd, attr);
	case KVMCORE_GROUP_SDEI:
	case KVMCORE_GROUP_GUARD:
	case KVMCORE_GROUP_REALM:
	case KVMCORE_GROUP_S390:
		return call_service(router, ON_VM, cmd, attr, -ENXIO);
	case KVM_ARM_VM_SMCCC_CTRL:
		if (cmd == KVM_SET_DEVICE_ATTR && attr->attr == KVM_ARM_VM_SMCCC_FILTER)
			return recorder_set(router, attr);
		break;
	}
	return call_kernel(router, ON_VM, cmd, attr);
}

static int route_locked(struct sdeistate_router *router, unsigned long cmd,
			struct kvm_device_attr *attr)
{
	int ret;

	if (!attr)
		return -EFAULT;
	pthread_mutex_lock(&router->lock);
	ret = route_attr(router, cmd, attr);
	pthread_mutex_unlock(&router->lock);
	return ret;
}

static int route_reg(struct sdeistate_router *router, int vcpu, unsigned long cmd,
		     struct kvm_one_reg *reg)
{
	if (!reg)
		return -EFAULT;
	return is_service_reg(reg->id) ? call_service(router, vcpu, cmd, reg, -ENOENT)
				       : call_kernel(router, vcpu, cmd, reg);
}

static int route_cap(struct sdeistate_router *router, unsigned long cmd, void *arg)
{
	const uint64_t cap = cmd == KVM_CHECK_EXTENSION
				     ? (uintptr_t)arg
				     : (arg ? ((const struct kvm_enable_cap *)arg)->cap : 0);

	if (is_service_cap(cap))
		return call_service(router, ON_VM, cmd, arg,
				    cmd == KVM_CHECK_EXTENSION ? 0 : -EINVAL);
	return call_kernel(router, ON_VM, cmd, arg);
}

static int router_ioctl(void *vm, int vcpu, unsigned long cmd, void *arg)
{
	struct sdeistate_router *router = vm;

	switch (cmd) {
	case KVM_ARM_SDEI_COMMAND:
		return call_service(router, vcpu, cmd, arg, -EINVAL);
	case KVM_SET_DEVICE_ATTR:
	case KVM_GET_DEVICE_ATTR:
	case KVM_HAS_DEVICE_ATTR:
		return vcpu == ON_VM ? route_locked(router, cmd, arg)
				     : call_kernel(router, vcpu, cmd, arg);
	case KVM_GET_ONE_REG:
	case KVM_SET_ONE_REG:
		return route_reg(router, vcpu, cmd, arg);
	case KVM_CHECK_EXTENSION:
	case KVM_ENABLE_CAP:
		return route_cap(router, cmd, arg);
	case KVM_CREATE_VCPU:
	case KVM_SET_MP_STATE:
		return call_both(router, vcpu, cmd, arg);
	case KVMCORE_ARM_VCPU_INIT:
		return init_both(router, vcpu, arg);
	}
	return call_kernel(router, vcpu, cmd, arg);
}

/* Odd while either runs, and another number after every change of either. */
static uint64_t router_epoch(void *vm)
{
	struct sdeistate_router *router = vm;
	const uint64_t a = router->kernel->epoch ? router->kernel->epoch(router->kernel->vm) : 0;
	const uint64_t b = router->service.epoch ? router->service.epoch(router->service.vm) : 0;

	return ((a >> 1) + (b >> 1)) << 1 | ((a | b) & 1);
}

static int router_run(void *vm, int vcpu, int immediate_exit)
{
	struct sdeistate_router *router = vm;
	const struct kvm_run *(*find_page)(void *vm, int vcpu) = router->kernel->exit;
	const struct kvm_run *page;
	int ret;

	if (vcpu < 0 || vcpu >= KVM_SDEI_MAX_VCPUS)
		return -EBADF;
	ret = router->kernel->run(router->kernel->vm, vcpu, immediate_exit);
	page = find_page ? find_page(router->kernel->vm, vcpu) : NULL;
	pthread_mutex_lock(&router->lock);
	router->has_run |= ret >= 0 || ret == -EINTR;
	if (ret == -EINTR && router->open[vcpu].reason == KVM_EXIT_MMIO)
		open_clear(router, vcpu);
	else if (ret >= 0 && page)
		open_note(router, vcpu, page);
	pthread_mutex_unlock(&router->lock);
	return ret;
}

static const struct kvm_run *router_page(void *vm, int vcpu)
{
	struct sdeistate_router *router = vm;
	const struct kvm_run *(*find_page)(void *vm, int vcpu) = router->kernel->exit;

	return find_page(router->kernel->vm, vcpu);
}

static int router_mem_read(void *vm, uint64_t ipa, void *buf, size_t len)
{
	struct sdeistate_router *router = vm;

	return router->kernel->mem_read(router->kernel->vm, ipa, buf, len);
}

static int router_mem_write(void *vm, uint64_t ipa, const void *buf, size_t len)
{
	struct sdeistate_router *router = vm;

	return router->kernel->mem_write(router->kernel->vm, ipa, buf, len);
}

void sdeistate_router_port(struct sdeistate_router *router, struct kvm_port *port)
{
	const struct kvm_port *kernel = router->kernel;
	const bool has_epoch = kernel->epoch || router->service.epoch;

	*port = (struct kvm_port){
		.vm = router,
		.ioctl = router_ioctl,
		.epoch = has_epoch ? router_epoch : NULL,
		.run = kernel->run ? router_run : NULL,
		.exit = kernel->exit ? router_page : NULL,
		.mem_read = kernel->mem_read ? router_mem_read : NULL,
		.mem_write = kernel->mem_write ? router_mem_write : NULL,
		.vcpus = kernel->vcpus,
		.n_vcpus = kernel->n_vcpus,
	};
}

bool sdeistate_router_is_complete(struct sdeistate_router *router)
{
	bool complete;

	pthread_mutex_lock(&router->lock);
	complete = !router->recorder.incomplete;
	pthread_mutex_unlock(&router->lock);
	return complete;
}

/*
 * A range of reserved calls is never taken: -EEXIST from a VM that has not run, -EBUSY from one that
 * has (the order of kvm_smccc_set_filter()), something else where there is no filter at all.
 */
static bool has_run(const struct kvm_port *kernel)
{
	struct kvm_smccc_filter reserved = { .base = 0x80000000u, .nr_functions = 1 };
	struct kvm_device_attr attr = { .group = KVM_ARM_VM_SMCCC_CTRL,
					.attr = KVM_ARM_VM_SMCCC_FILTER,
					.addr = (uintptr_t)&reserved };

	return kernel->ioctl(kernel->vm, ON_VM, KVM_SET_DEVICE_ATTR, &attr) == -EBUSY;
}

int sdeistate_router_new(const struct sdeistate_router_options *options,
			 struct sdeistate_router **router, struct sdeistate_error *err)
{
	struct sdeistate_router *made;

	if (!options->kernel || !options->kernel->ioctl)
		return error_set(err, SDEISTATE_PORT_LACKS, -EOPNOTSUPP, "kernel's port", "ioctl",
				 "present|NULL");
	if (options->n_filter > SDEISTATE_MAX_FILTER)
		return error_set(err, SDEISTATE_OVER_LIMIT, -E2BIG, "SMCCC filter", "ranges",
				 "at most %u|%u", SDEISTATE_MAX_FILTER, options->n_filter);
	made = calloc(1, sizeof(*made));
	if (!made)
		return error_no_memory(err, "router");
	made->kernel = options->kernel;
	if (options->service)
		made->service = *options->service;
	made->reserved_set = options->reserved_set;
	made->has_run = has_run(options->kernel);
	if (made->has_run && !options->filter_given) {
		free(made);
		return error_set(err, SDEISTATE_VM_NOT_FRESH, -EBUSY, "SMCCC filter", "ranges",
				 "a VM that never ran, or the list of what was set before|neither");
	}
	if (recorder_keep(&made->recorder, options->filter, options->n_filter)) {
		free(made);
		return error_no_memory(err, "SMCCC filter");
	}
	pthread_mutex_init(&made->lock, NULL);
	*router = made;
	return 0;
}

struct sdeistate_router *sdeistate_router_free(struct sdeistate_router *router)
{
	if (!router)
		return NULL;
	recorder_free(&router->recorder);
	pthread_mutex_destroy(&router->lock);
	free(router);
	return NULL;
}
