// SPDX-License-Identifier: Apache-2.0
/*
 * vCPUs between their exit and its end, as a VMM on a kernel sees it: a forwarded call has no
 * completion, an MMIO access is completed by the next KVM_RUN, and one that nobody answered is
 * made again by the instruction at PC (Documentation/virt/kvm/api.rst §5).
 */
#include "router/router.h"
#include "util.h"

#include <errno.h>

#define FLAGS_OFFSET 96 /* of kvm_run.hypercall: longmode and padding in older headers */
#define MAX_LEN      8u

static void describe_access(const struct kvm_run *page, struct kvmcore_exit_state *state)
{
	*state = (struct kvmcore_exit_state){
		.reason = KVM_EXIT_MMIO,
		.nr = page->mmio.phys_addr,
		.flags = page->mmio.is_write ? KVMCORE_EXIT_WRITE : 0,
		.len = (uint8_t)(page->mmio.len < MAX_LEN ? page->mmio.len : MAX_LEN),
		.reg = page->mmio.is_write ? 0 : KVMCORE_EXIT_REG_UNKNOWN,
	};
	if (page->mmio.is_write)
		memcpy(&state->data, page->mmio.data, state->len);
}

void open_note(struct sdeistate_router *router, int vcpu, const struct kvm_run *page)
{
	struct kvmcore_exit_state *state = &router->open[vcpu];

	if (page->exit_reason == KVM_EXIT_HYPERCALL) {
		*state = (struct kvmcore_exit_state){ .reason = KVM_EXIT_HYPERCALL,
						      .nr = page->hypercall.nr };
		memcpy(&state->flags, (const char *)page + FLAGS_OFFSET, sizeof(state->flags));
	} else if (page->exit_reason == KVM_EXIT_MMIO) {
		describe_access(page, state);
	} else {
		*state = (struct kvmcore_exit_state){ .reason = 0 };
	}
	state->vcpu = (uint32_t)vcpu;
}

void open_clear(struct sdeistate_router *router, int vcpu)
{
	router->open[vcpu].reason = 0;
}

static int give_open(struct sdeistate_router *router, uint64_t addr)
{
	struct kvmcore_exit_state *list = calloc(KVM_SDEI_MAX_VCPUS, sizeof(*list));
	unsigned int n = 0;
	int ret;

	if (!list)
		return -ENOMEM;
	for (unsigned int i = 0; i < KVM_SDEI_MAX_VCPUS; i++)
		if (router->open[i].reason)
			list[n++] = router->open[i];
	ret = router_give(addr, list, n, sizeof(*list));
	free(list);
	return ret;
}

/* A kernel cannot be made to complete an access it did not begin. */
static int check_exit(const struct sdeistate_router *router, const struct kvmcore_exit_state *state)
{
	if (state->vcpu >= router->kernel->n_vcpus || state->vcpu >= KVM_SDEI_MAX_VCPUS)
		return -EINVAL;
	if (state->reason != KVM_EXIT_HYPERCALL && state->reason != KVM_EXIT_MMIO)
		return -EINVAL;
	return state->answered ? -EOPNOTSUPP : 0;
}

static int take_open(struct sdeistate_router *router, uint64_t addr)
{
	const struct kvmcore_array *array = (const struct kvmcore_array *)(uintptr_t)addr;
	const struct kvmcore_exit_state *list;
	int ret = 0;

	if (!array)
		return -EFAULT;
	if (array->pad)
		return -EINVAL;
	if (array->count > KVM_SDEI_MAX_VCPUS)
		return -E2BIG;
	list = (const struct kvmcore_exit_state *)(uintptr_t)array->ptr;
	for (uint64_t i = 0; i < array->count && !ret; i++)
		ret = i > 0 && list[i - 1].vcpu >= list[i].vcpu ? -EINVAL
								: check_exit(router, &list[i]);
	if (!ret && router->has_run)
		ret = -EBUSY;
	for (uint64_t i = 0; i < array->count && !ret; i++)
		router->open[list[i].vcpu] = list[i];
	return ret;
}

int open_attr(struct sdeistate_router *router, unsigned long cmd, struct kvm_device_attr *attr)
{
	if (cmd == KVM_HAS_DEVICE_ATTR)
		return 0;
	return cmd == KVM_SET_DEVICE_ATTR ? take_open(router, attr->addr)
					  : give_open(router, attr->addr);
}

int sdeistate_router_answered(struct sdeistate_router *router, int vcpu)
{
	int ret = -ENOENT;

	if (vcpu < 0 || vcpu >= KVM_SDEI_MAX_VCPUS)
		return ret;
	pthread_mutex_lock(&router->lock);
	if (router->open[vcpu].reason) {
		ret = 0;
		if (router->open[vcpu].reason == KVM_EXIT_HYPERCALL)
			open_clear(router, vcpu);
		else
			router->open[vcpu].answered = 1;
	}
	pthread_mutex_unlock(&router->lock);
	return ret;
}

int sdeistate_router_exit(struct sdeistate_router *router, int vcpu,
			  struct kvmcore_exit_state *state)
{
	int ret = -ENOENT;

	if (vcpu < 0 || vcpu >= KVM_SDEI_MAX_VCPUS)
		return ret;
	pthread_mutex_lock(&router->lock);
	if (router->open[vcpu].reason) {
		*state = router->open[vcpu];
		ret = 0;
	}
	pthread_mutex_unlock(&router->lock);
	return ret;
}
