/* SPDX-License-Identifier: Apache-2.0 */
/*
 * private_bus.h - a dbus-daemon for one VM, which lets two users in and nobody else
 */
#ifndef SDEI_MIGRATE_HOOK_PRIVATE_BUS_H
#define SDEI_MIGRATE_HOOK_PRIVATE_BUS_H

#include "common/failure.h"

#include <sys/types.h>

/* All zero is none. */
struct private_bus {
	pid_t pid;
};

/**
 * private_bus_start() - run dbus-daemon at @address for this user and @user
 * @address: "unix:path=..." and the like, without characters that XML gives a meaning
 * @user: name or number; NULL: nobody else
 *
 * It listens when this returns. Return: 0; -EINVAL usage: no such user, or such an address; -errno io; -ECONNREFUSED
 * peer: dbus-daemon did not start.
 */
int private_bus_start(const char *address, const char *user, struct private_bus *bus,
		      struct failure *failure);

/** private_bus_stop() - end it, if it was started */
void private_bus_stop(struct private_bus *bus);

#endif
