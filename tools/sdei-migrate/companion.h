/* SPDX-License-Identifier: Apache-2.0 */
/*
 * companion.h - what a VM moves together with, by a way of its own (docs/protocol.md, 3.9)
 *
 * The machine that QEMU migrates while `hook qmp` moves the VM behind the control socket. Each side has a half; it decides when,
 * the session decides whether.
 */
#ifndef SDEI_MIGRATE_COMPANION_H
#define SDEI_MIGRATE_COMPANION_H

#include "common/failure.h"

#include <transport/session.h>

struct companion_source {
	void *ctx;
	/* The command that ends a doubt about both, without its ID. */
	const char *resolve;
	/*
	 * As struct transport_source_ops' wait: TRANSPORT_WAIT_STOP begins its move and lasts until it stands still,
	 * TRANSPORT_WAIT_ARRIVAL lets it go over. Returns early when @wake is readable.
	 */
	int (*wait)(void *ctx, enum transport_wait what, int ms, int wake, bool *over,
		    struct transport_error *err);
	/* ABORTED: it has to run here again. Return: NULL if it does; otherwise what is to be done about it */
	const char *(*stay)(void *ctx);
	/* COMMITTED: it must not run here any more */
	void (*left)(void *ctx);
};

struct companion_destination {
	void *ctx;
	int fd; /* readable when look() has something to see */
	/* From the thread that accepts, also when no session is there. Return: 0; -errno with @failure: none can succeed any more */
	int (*look)(void *ctx, struct failure *failure);
	/* Can it still come? From a session's thread, as the following */
	int (*alive)(void *ctx, struct transport_error *err);
	/* COMMIT has come. Return: 0 if it is here, whole, and waits; otherwise the session is aborted */
	int (*arrived)(void *ctx, struct transport_error *err);
	/* ABORTED is on disk: it must never run here */
	void (*discard)(void *ctx);
	/* The VM runs, and the source was told: let it run, too */
	void (*run)(void *ctx);
};

#endif
