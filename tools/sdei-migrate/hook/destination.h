/* SPDX-License-Identifier: Apache-2.0 */
/*
 * destination.h - the fresh VM that takes what QEMU's stream brings
 */
#ifndef SDEI_MIGRATE_HOOK_DESTINATION_H
#define SDEI_MIGRATE_HOOK_DESTINATION_H

#include "../sealed.h"
#include "bus.h"
#include "side.h"

struct destination {
	struct side side;
	struct sealed_keys keys;
	struct policy *policy;
	struct part part[PARTS_MAX]; /* owned */
	unsigned int n, n_loaded;
	uint64_t generation; /* the VM's here */
	bool completed;      /* says QEMU's migration */
};

/**
 * destination_open() - keys, policy, ledger; and reserve the VM, so that it cannot run before a Load
 *
 * Return: 0; -errno with @failure. To be closed in either case.
 */
int destination_open(const struct tool *tool, const struct hook_args *args,
		     struct destination *destination, struct failure *failure);

/** destination_close() - for owned locals, too */
void destination_close(struct destination *destination);

#define OWNED_DESTINATION CLEANUP(destination_close)

/* Load; the context is the struct destination. */
extern const struct bus_ops destination_ops;

/** destination_commit() - let the proved VM run. Return: 0; -EPERM refused: nothing was proved */
int destination_commit(struct destination *destination, struct failure *failure);

/** destination_drop() - throw away what was staged, if it was not committed; never fails loudly */
void destination_drop(struct destination *destination, const char *why);

#endif
