/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guard.h - what has to be true of QEMU, and what its migration makes of the VM (docs/qemu.md, "The guard")
 */
#ifndef SDEI_MIGRATE_HOOK_GUARD_H
#define SDEI_MIGRATE_HOOK_GUARD_H

#include "destination.h"
#include "qmp.h"
#include "source.h"

/**
 * guard_open() - connect to the monitor at @path and see that a failed migration cannot go unnoticed
 * @patience_ms: as qmp_open()
 *
 * Turns return-path on, and sees that it is; a destination must wait for its migration, and must have been started with -S.
 * Return: 0; -EPERM policy, with the remedy; errors of qmp_open().
 */
int guard_open(const char *path, int patience_ms, bool destination, struct qmp **made,
	       struct failure *failure);

/** guard_source() - follow what QEMU has said. Return: 0; -errno with @failure: QEMU does not answer any more */
int guard_source(struct qmp *qmp, struct source *source, struct failure *failure);

/** guard_destination() - the same; issues cont, and nobody else may */
int guard_destination(struct qmp *qmp, struct destination *destination, struct failure *failure);

#endif
