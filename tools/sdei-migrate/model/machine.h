/* SPDX-License-Identifier: Apache-2.0 */
/*
 * machine.h - one VM of libkvmcore with its memory, built from a description
 */
#ifndef SDEI_MIGRATE_MODEL_MACHINE_H
#define SDEI_MIGRATE_MODEL_MACHINE_H

#include "description.h"

#include <kvmcore/port.h>
#include <sdeistate/sdeistate.h>
#include <transport/error.h>

struct machine {
	const struct model_description *description; /* borrowed */
	struct kvmcore_vm *core;
	struct kvm_port core_port; /* of the core itself */
	struct kvm_port port;      /* the same, with a list of vCPUs that is always up to date */
	void *memory[MODEL_MAX_MEMORY];
};

/* Who a machine is: a destination becomes the VM that moves in. */
struct machine_identity {
	uint8_t uuid[16];
	uint64_t generation;
};

/**
 * machine_new() - a fresh, paused VM
 * @identity: NULL: what the description says
 *
 * vCPUs of type arm64 are created and initialised; of other types when machine_complete() or a replay does.
 * Return: 0; -EINVAL if the core refuses the description (usage, names the field); -ENOMEM.
 */
int machine_new(const struct model_description *description,
		const struct machine_identity *identity, struct machine **machine,
		struct transport_error *err);

/** machine_free() - takes NULL. Return: NULL */
struct machine *machine_free(struct machine *machine);

/** machine_complete() - create the vCPUs that are still missing. Return: 0; the core's -errno */
int machine_complete(struct machine *machine, struct transport_error *err);

/**
 * machine_ioctl() - an ioctl whose pointers nobody vouches for
 *
 * The port's is for callers that know theirs to be good. Return: the ioctl's result, or -errno; -EFAULT for
 * memory that is not there.
 */
int machine_ioctl(struct machine *machine, int vcpu, unsigned long cmd, void *arg);

/** machine_info() - what the VM says of itself. Return: 0; -errno */
int machine_info(struct machine *machine, struct kvmcore_vm_info *info);

/**
 * machine_written() - the parts of memory that are not zero, in whole pages, and no realm's own
 *
 * At most SDEISTATE_MAX_REGIONS: beyond that whole memory regions are named.
 * Return: how many were written to @region.
 */
unsigned int machine_written(const struct machine *machine,
			     struct sdeistate_region region[SDEISTATE_MAX_REGIONS]);

#endif
