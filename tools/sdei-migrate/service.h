/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service.h - recv as a service: who connects gets a thread, until a signal or the one session is over
 */
#ifndef SDEI_MIGRATE_SERVICE_H
#define SDEI_MIGRATE_SERVICE_H

#include "mover.h"
#include "receive.h"

/* What the command line says. */
struct recv_args {
	const char *control, *vms, *spawn, *state;
	struct ledger_word word;
	const char *realm_contents;
	struct option_number max_state;
	bool once, stay_paused, dry_run, no_seccomp;
	struct mover_options mover;
	struct watch_options watch;
};

/**
 * service_run() - listen, say so, serve, and say how each session went
 * @companion: what the one VM moves together with; may be NULL
 *
 * Return: exit code.
 */
int service_run(struct tool *tool, const struct recv_args *args,
		const struct companion_destination *companion);

/**
 * service_tell() - say how a visit went: an event, and of a failure what to do
 * @insecure: it came without TLS on purpose
 *
 * Return: its exit code.
 */
int service_tell(const struct tool *tool, const struct visit_result *result, bool insecure);

#endif
