/* SPDX-License-Identifier: Apache-2.0 */
/*
 * receive.h - the destination's half of sessions: one connection, and what all connections share
 */
#ifndef SDEI_MIGRATE_RECEIVE_H
#define SDEI_MIGRATE_RECEIVE_H

#include "companion.h"
#include "keyring.h"
#include "mover.h"
#include "spawner.h"
#include "watch.h"

#include <pthread.h>

struct visitor;

/* What all connections of one recv share. */
struct receiver {
	const struct tool *tool;
	struct watch_options watch;
	struct ledger *ledger;
	struct keyring *keys;
	const struct mover *mover; /* for what does not change; the keys are each connection's */
	const char *control;       /* the one VM's socket; or */
	const char *vms;           /* the folder of UUID.sock */
	struct spawner *spawner; /* starts a VMM where none listens there; NULL: none is started */
	const char *realm_contents; /* folder of referred pages; may be NULL */
	uint64_t max_state;         /* bytes of a sealed state */
	bool stay_paused;
	bool dry_run; /* take none, say what would stand in the way */
	const struct companion_destination *companion; /* NULL: VMs come alone */
	const struct ledger_word *word;                /* a rule that does not count, or NULL */
	pthread_mutex_t lock;                          /* of the list */
	struct visitor *visitors;                      /* sessions that are recorded and not over */
};

/* How one connection went. */
struct visit_result {
	struct transport_visit visit;
	_Atomic bool begun; /* it has said, and signed, what it wants */
	enum transport_session_state state;
	int ret;
	bool peers_error;
	struct transport_error error; /* if ret */
};

/* Who accepted a connection and hears of its sessions, in the connection's thread. */
struct receive_desk {
	void *ctx;
	const struct mover *mover; /* the keys of this connection */
	int cancel_fd;             /* readable: it goes, unless a session has begun */
	/* Asked before each session, after result->begun was cleared: may it begin? */
	bool (*is_open)(void *ctx);
	/* A session, a question or an attempt is over. */
	void (*tell)(void *ctx, const struct visit_result *result);
};

/** receive_all() - serve one accepted connection, session after session, to its end; closes @stream */
void receive_all(struct receiver *receiver, struct transport_stream *stream,
		 const struct receive_desk *desk, struct visit_result *result);

/** receive_is_live() - does a connection of this recv work on that session? */
bool receive_is_live(struct receiver *receiver, const struct transport_id *id);

/** receive_settle_one() - end a session that another recv began. Return: as settle_destination() */
int receive_settle_one(struct receiver *receiver, struct ledger_session *session,
		       struct failure *failure);

/**
 * receive_settle() - end what a former recv with this ledger left
 *
 * Return: how many sessions stay in doubt; -errno with @failure.
 */
int receive_settle(struct receiver *receiver, struct failure *failure);

#endif
