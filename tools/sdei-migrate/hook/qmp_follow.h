/* SPDX-License-Identifier: Apache-2.0 */
/*
 * qmp_follow.h - let QEMU do what a session has come to, when the hook that began it is gone
 */
#ifndef SDEI_MIGRATE_HOOK_QMP_FOLLOW_H
#define SDEI_MIGRATE_HOOK_QMP_FOLLOW_H

#include "../ledger.h"

/**
 * qmp_follow() - source: run again, or end; destination: run, or end
 * @path: its monitor; one that must end may be gone already
 * @session: COMMITTED or ABORTED
 * @vm_here: the state of the VM behind the control socket; a paused one's QEMU stays paused
 * @qemu: becomes "running", "paused" or "ended"; not owned
 *
 * Return: 0; -EBUSY busy: it does not; errors of qmp_open() and qmp_call().
 */
int qmp_follow(const char *path, const struct ledger_session *session, const char *vm_here,
	       const char **qemu, struct failure *failure);

#endif
