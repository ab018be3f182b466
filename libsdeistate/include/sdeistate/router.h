/* SPDX-License-Identifier: Apache-2.0 */
/*
 * router.h - one port in front of two back ends, for a VMM whose guest runs on a real KVM
 *
 * SDEI, the MMIO guard and realms live in a service such as libkvmcore; registers, memory and the
 * SMCCC filter live in the kernel. The router is the VMM's way to both: what belongs to a posted
 * but unmerged series, or to this project's attribute groups, never reaches the kernel, where the
 * same numbers may mean something else. On the way it writes down what no kernel gives back: filter
 * ranges that were set, and vCPUs that left the guest and have not been answered. So a VMM makes its
 * SETs and its runs through the router's port, and gives the same port to capture and replay.
 *
 * docs/embedding.md, "Two back ends", has the table of who gets what.
 */
#ifndef SDEISTATE_ROUTER_H
#define SDEISTATE_ROUTER_H

#include <kvmcore/port.h>
#include <kvmcore/uapi.h>
#include <sdeistate/error.h>
#include <stdbool.h>

struct sdeistate_router;

/* Both ports are borrowed, with all in them, until the router is freed. */
struct sdeistate_router_options {
	const struct kvm_port *kernel;  /* ioctl and vcpus at least */
	const struct kvm_port *service; /* NULL: there is none, and none of what it would hold */
	uint32_t reserved_set;          /* of the kernel, as struct kvmcore_filter_info */
	/* What was set before the router was there, one entry for each SET that succeeded; copied. */
	const struct kvm_smccc_filter *filter;
	unsigned int n_filter;
	bool filter_given; /* the two above are the whole list, even if it is empty */
};

/**
 * sdeistate_router_new() - stand in front of a VM
 *
 * Asks the kernel once, by a SET that it refuses in any case, whether the VM has run. If it has, the
 * router was not there when the filter was made, and needs the list (filter_given).
 * Return: 0 with *@router owned by the caller; -EOPNOTSUPP port-lacks: the kernel's port has no
 * ioctl; -EBUSY vm-not-fresh: the VM has run and no list was given; -E2BIG over-limit; -ENOMEM.
 */
SDEISTATE_API int sdeistate_router_new(const struct sdeistate_router_options *options,
				       struct sdeistate_router **router,
				       struct sdeistate_error *err);

/** sdeistate_router_free() - NULL is allowed; the back ends stay. Return: NULL */
SDEISTATE_API struct sdeistate_router *sdeistate_router_free(struct sdeistate_router *router);

/**
 * sdeistate_router_port() - the port to use in place of both; valid as long as the router
 *
 * After KVM_CREATE_VCPU fill the kernel's port again, then this one. Its functions may be called from any thread, as KVM's.
 */
SDEISTATE_API void sdeistate_router_port(struct sdeistate_router *router, struct kvm_port *port);

/**
 * sdeistate_router_answered() - the VMM has answered what a vCPU left the guest for
 *
 * A forwarded call is answered in its registers; an MMIO load in the vCPU's page. Each call has to be told: one that
 * is not stays open over a KVM_RUN that ends with -EINTR, which may not have reached the guest. An MMIO access is
 * completed by any run.
 * Return: 0; -ENOENT if nothing was open.
 */
SDEISTATE_API int sdeistate_router_answered(struct sdeistate_router *router, int vcpu);

/**
 * sdeistate_router_exit() - what a vCPU waits for, also one that came from another host that way
 *
 * Return: 0; -ENOENT if nothing is open.
 */
SDEISTATE_API int sdeistate_router_exit(struct sdeistate_router *router, int vcpu,
					struct kvmcore_exit_state *state);

/**
 * sdeistate_router_is_complete() - does the list of filter ranges say all?
 *
 * Not any more once the kernel has refused a range as taken that meets nothing on the list: somebody set
 * one past the router. A capture fails then (-ESTALE) and names the filter.
 * Return: whether it does.
 */
SDEISTATE_API bool sdeistate_router_is_complete(struct sdeistate_router *router);

#endif
