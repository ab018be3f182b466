/* SPDX-License-Identifier: Apache-2.0 */
/*
 * qemu.h - what a QEMU is and has to be, asked over its monitor and not told by its version
 */
#ifndef SDEI_MIGRATE_HOOK_QEMU_H
#define SDEI_MIGRATE_HOOK_QEMU_H

#include "qmp.h"

#include <stdbool.h>

#define QEMU_WORD  32u  /* bytes of a state's name */
#define QEMU_WORDS 256u /* bytes of what it says of an error */

/* How its migration stands: query-migrate. */
struct qemu_migration {
	char status[QEMU_WORD]; /* "none" where it knows of none */
	char error[QEMU_WORDS]; /* its words, or "" */
};

/**
 * qemu_turn_on() - turn these capabilities of its migration on, and see that they are
 *
 * Return: 0; -EPERM policy, with the remedy; errors of qmp_call().
 */
int qemu_turn_on(struct qmp *qmp, const char *const *names, size_t n, struct failure *failure);

/**
 * qemu_check_capabilities() - are all of @names on, and nothing that lets the destination run before the end?
 * @ms: how long it may take to answer
 *
 * Return: 0; -EPERM policy, with the remedy; errors of qmp_call_within().
 */
int qemu_check_capabilities(struct qmp *qmp, const char *const *names, size_t n, int ms,
			    struct failure *failure);

/** qemu_set() - one capability of its migration. Return: as qmp_call() */
int qemu_set(struct qmp *qmp, const char *name, bool on, struct failure *failure);

/** qemu_is_on() - one capability of its migration; false where it does not know the name. Return: as qmp_call() */
int qemu_is_on(struct qmp *qmp, const char *name, bool *on, struct failure *failure);

/** qemu_status() - query-status: "running", "inmigrate" etc. Return: as qmp_call() */
int qemu_status(struct qmp *qmp, char status[QEMU_WORD], struct failure *failure);

/** qemu_migration() - query-migrate. Return: as qmp_call() */
int qemu_migration(struct qmp *qmp, struct qemu_migration *migration, struct failure *failure);

/**
 * qemu_check_waiting() - does it wait for a migration, and was it told not to run after it?
 *
 * Makes it so that it does not. Return: 0; -EPERM policy, with the remedy; errors of qmp_call().
 */
int qemu_check_waiting(struct qmp *qmp, struct failure *failure);

/**
 * qemu_check_switchover() - may its migration be parked, so that only we let it go on?
 *
 * Not where libvirt does that itself, nor where the destination may run before the end (postcopy).
 * Return: 0; -EPERM policy, with the remedy; errors of qmp_call().
 */
int qemu_check_switchover(struct qmp *qmp, struct failure *failure);

/** qemu_find_child() - the first of @type below @path, such as "/objects"; "" if there is none. Return: as qmp_call() */
int qemu_find_child(struct qmp *qmp, const char *path, const char *type, char name[QEMU_WORDS],
		    struct failure *failure);

/** qemu_takes() - does @command have an argument of this name? Return: as qmp_call() */
int qemu_takes(struct qmp *qmp, const char *command, const char *argument, bool *takes,
	       struct failure *failure);

/** qemu_quit() - end it, and wait until it is gone. Return: 0; -ETIMEDOUT timeout; as qmp_call() */
int qemu_quit(struct qmp *qmp, struct failure *failure);

/**
 * qemu_bring_back() - the migration came to nothing, or its result does not count: let it run here again
 *
 * Cancels what goes on, waits for RESUME, and issues cont where it has completed. The destination's QEMU must not run, ever.
 * Return: 0; -EBUSY busy: it does not run after all; errors of qmp_call().
 */
int qemu_bring_back(struct qmp *qmp, struct failure *failure);

#endif
