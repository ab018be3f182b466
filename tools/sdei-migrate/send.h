/* SPDX-License-Identifier: Apache-2.0 */
/*
 * send.h - the source's half of sessions: one hand-over, and what all hand-overs of a command share
 */
#ifndef SDEI_MIGRATE_SEND_H
#define SDEI_MIGRATE_SEND_H

#include "cancel.h"
#include "companion.h"
#include "detach.h"
#include "mover.h"
#include "realm_send.h"
#include "watch.h"

/* What the command line says. */
struct send_args {
	const char *control, *state;
	struct realm_options realm;
	struct mover_options mover;
	struct option_number limit_rate;   /* bytes a second */
	struct option_number max_blackout; /* ms */
	const char *on_timeout;            /* cancel, ignore; NULL: cancel */
	const char *level;                 /* of compression; NULL: auto */
	bool dry_run, detach, local;
	struct watch_options watch;
};

/* One for a command. All zero is empty; must not move in memory. */
struct send_shared {
	struct cancel cancel;
	struct ledger *ledger;
	struct mover mover;
	int level;                       /* of compression: mover_level() */
	struct ledger_session described; /* what the ledger is told of each session alike */
};

/* One hand-over, as the session's callbacks see it. */
struct sender {
	const struct send_args *args;
	struct send_shared *shared;
	struct ledger_live live;
	struct transport_control *control;
	struct transport_stream *stream;
	struct realm_sender realm;
	struct ledger_session session;            /* what the ledger holds, or will */
	const struct companion_source *companion; /* NULL: the VM goes alone */
	struct watch watch;
	struct detach detach;
	struct tool *tool; /* whose output goes elsewhere when it detaches */
	bool met;          /* control is open, and the session says which VM it is */
	bool no_trial;     /* the VM is moved without a BASE */
	struct transport_progress *progress;
	struct mover_sealer sealer;
	int latency_fd;     /* latency_hold(); 0: none */
	const char *advice; /* the companion does not run here again; NULL: it does */
};

/** send_share() - take the signals, load the keys, open the ledger. Return: 0; -errno with @failure */
int send_share(const struct tool *tool, const struct send_args *args, struct send_shared *shared,
	       struct failure *failure);

/** send_unshare() - give back everything; for owned locals too */
void send_unshare(struct send_shared *shared);

/** send_meet() - talk to the VMM: which VM is it, unless that is known, and can it go? Return: 0; -errno with @failure */
int send_meet(struct sender *sender, struct failure *failure);

/** send_connect() - to the other host; from now on a signal is held. Return: 0; -errno with @failure */
int send_connect(struct sender *sender, struct failure *failure);

/** send_run() - hand the VM over. Return: as transport_session_send() */
int send_run(struct sender *sender, struct transport_progress *progress,
	     struct transport_session_times *times, struct transport_error *err);

/**
 * send_command() - all of the above, and say how it went
 * @companion: what the VM moves together with; may be NULL
 *
 * Return: exit code.
 */
int send_command(struct tool *tool, const struct send_args *args,
		 const struct companion_source *companion);

/** send_close() - for owned locals too; what the VMM paused for it runs again */
void send_close(struct sender *sender);

#endif
