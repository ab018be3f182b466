/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bus.h - org.qemu.VMState1 on a bus, one connection for each Id (docs/qemu.md, "On the bus")
 *
 * QEMU asks each connection that queues for the name org.qemu.VMState1 for its Id, and saves or loads one blob by
 * it (QEMU docs/interop/dbus-vmstate.rst).
 */
#ifndef SDEI_MIGRATE_HOOK_BUS_H
#define SDEI_MIGRATE_HOOK_BUS_H

#include "common/failure.h"
#include "parts.h"

#include <poll.h>

#define BUS_MAX_ID 255u /* bytes of an Id that QEMU takes */

/* What the calls do. Each is called in the thread of bus_process(); a failure is the caller's answer. */
struct bus_ops {
	/* @saved is borrowed until the next call; at least one byte. */
	int (*save)(void *ctx, unsigned int part, struct part *saved, struct failure *failure);
	int (*load)(void *ctx, unsigned int part, const struct part *bytes,
		    struct failure *failure);
	int (*clear)(void *ctx, struct failure *failure);
	int (*resume)(void *ctx, struct failure *failure);
};

struct bus;

/**
 * bus_open() - connect to @address @n times, as @id and those counted on from it
 * @id: "NAME", or "NAME.K" where @n is above 1: then NAME.K to NAME.K+n-1
 *
 * Return: 0; -EINVAL usage: an Id that cannot be counted on, or is too long; -EEXIST busy: another helper on that bus
 * has one of the Ids; -errno peer: the bus.
 */
int bus_open(const char *address, const char *id, unsigned int n, const struct bus_ops *ops,
	     void *ctx, struct bus **made, struct failure *failure);

/** bus_poll() - what to wait for: PARTS_MAX entries at most. Return: how many; @timeout_ms is shortened */
unsigned int bus_poll(const struct bus *bus, struct pollfd *pfd, int *timeout_ms);

/** bus_process() - answer what has come. Return: 0; -errno peer: the bus is gone */
int bus_process(struct bus *bus, struct failure *failure);

/** bus_id() - the Id of a part */
const char *bus_id(const struct bus *bus, unsigned int part);

/** bus_close() - send what is to be sent, and disconnect; takes NULL; returns NULL */
struct bus *bus_close(struct bus *bus);

/** bus_error_name() - "org.sdeimig.Error.BadSignature" for bad-signature */
void bus_error_name(enum sdeistate_reason reason, char *name, size_t size);

#endif
