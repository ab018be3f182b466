/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ledger.h - what this host must not forget: used snapshots, VM generations, sessions
 *
 * One SQLite database, DIR/ledger.db, in WAL mode with synchronous=FULL: what a call has returned from
 * is on the disk; what several threads have to write at a time goes there together. Two hosts never share
 * one. Any number of processes and threads of one host may. See docs/ledger.md.
 */
#ifndef SDEI_MIGRATE_LEDGER_H
#define SDEI_MIGRATE_LEDGER_H

#include "common/tool.h"

#include <transport/session.h>

#define LEDGER_PATH_SIZE 512u

struct ledger;

/**
 * ledger_open() - open or create the ledger of a state directory
 * @given: --state, or NULL for the default
 *
 * Return: 0; -errno with @failure: io, newer (made by a later version), damaged.
 */
int ledger_open(const char *given, struct ledger **ledger, struct failure *failure);

/**
 * ledger_open_existing() - open a ledger, and create nothing
 *
 * Return: as ledger_open(); -ENOENT usage: there is none.
 */
int ledger_open_existing(const char *given, struct ledger **ledger, struct failure *failure);

/** ledger_close() - Return: NULL */
struct ledger *ledger_close(struct ledger *ledger);

/** ledger_release() - for owned locals */
void ledger_release(struct ledger **ledger);

#define OWNED_LEDGER CLEANUP(ledger_release)

/* One side of one session. Texts that do not fit are refused, not cut. */
struct ledger_session {
	enum transport_role role;
	struct transport_offer offer;
	uint8_t peer_key[TRANSPORT_KEY_ID_SIZE];
	enum transport_session_state state;
	char control[LEDGER_PATH_SIZE]; /* socket of the VMM here */
	char peer[TRANSPORT_MAX_URI];   /* source: where the destination listens */
	char key[LEDGER_PATH_SIZE];     /* source: as it was named on the command line */
	char peer_crt[LEDGER_PATH_SIZE];
	bool insecure;           /* no TLS, on purpose */
	struct transport_id vmm; /* source: which instance had the VM; zero: it did not say */
	char note[256];          /* why it ended so; the operator's reason */
	bool overridden;         /* the operator decided, not the peer */
	struct transport_proof proof;
	int64_t began, changed; /* seconds since 1970 */
};

/* The operator sets a rule aside, by name; recorded where it was needed. Borrowed. */
struct ledger_word {
	const char *rule; /* already-used, rollback or expired */
	const char *reason;
};

/**
 * ledger_begin() - write down a session before the VM stops; on disk when it returns
 * @word: at a destination, a rule that does not count; NULL: all count
 * @next: the VM's generation at the destination; may be NULL
 *
 * A destination consumes the snapshot id and raises the VM's generation in the same transaction.
 * Return: 0; -EEXIST already-used: this session, or this snapshot; -ESTALE rollback: a newer generation
 * of this VM was here; -EIO io.
 */
int ledger_begin(struct ledger *ledger, const struct ledger_session *session,
		 const struct ledger_word *word, uint64_t *next, struct failure *failure);

/**
 * ledger_settle() - where the session stands now
 *
 * Writes state, note, overridden and proof of @session. ABORTED gives a destination its VM's former
 * generation back, but never the snapshot id; COMMITTED raises a source's.
 * Return: 0; -ENOENT usage: no such session; -EIO io.
 */
int ledger_settle(struct ledger *ledger, const struct ledger_session *session,
		  struct failure *failure);

/** ledger_find() - one session. Return: 0; -ENOENT usage; -EIO io; -EBADMSG damaged */
int ledger_find(struct ledger *ledger, const struct transport_id *id,
		struct ledger_session *session, struct failure *failure);

/**
 * ledger_each() - every session, oldest first, until @visit returns other than 0
 *
 * @visit leaves the ledger alone. Return: 0; what @visit returned; -EIO io; -ENOMEM.
 */
int ledger_each(struct ledger *ledger,
		int (*visit)(void *ctx, const struct ledger_session *session), void *ctx,
		struct failure *failure);

/* A snapshot to be used up, and how. */
struct ledger_use {
	struct transport_id snapshot, vm;
	uint64_t generation;            /* the one it was taken at */
	const struct ledger_word *word; /* NULL: every rule counts */
};

/**
 * ledger_check() - may this snapshot be used? Changes nothing
 * @next: the generation the VM would have: above all that this host has known
 *
 * Return: as ledger_consume().
 */
int ledger_check(struct ledger *ledger, const struct ledger_use *use, uint64_t *next,
		 struct failure *failure);

/**
 * ledger_consume() - use a snapshot that did not come in a session, once
 * @next: the VM's generation from now on
 *
 * On disk when it returns, with the operator's word if it was needed.
 * Return: 0; -EEXIST already-used; -ESTALE rollback; -E2BIG over-limit; -EIO io.
 */
int ledger_consume(struct ledger *ledger, const struct ledger_use *use, uint64_t *next,
		   struct failure *failure);

/** ledger_override() - write down that @use->word was needed. Return: 0; -EIO io */
int ledger_override(struct ledger *ledger, const struct ledger_use *use, struct failure *failure);

/* That a command is still at a session; the kernel takes it back when the process is gone. All zero with fd -1 is none. */
struct ledger_live {
	int fd; /* the ledger's */
	struct transport_id session;
};

/**
 * ledger_live_begin() - say so, before the session is written down
 *
 * @live is to be ended before the ledger is closed. Return: 0; -errno io.
 */
int ledger_live_begin(struct ledger *ledger, const struct transport_id *id,
		      struct ledger_live *live, struct failure *failure);

/** ledger_live_end() - it is over; takes none, too */
void ledger_live_end(struct ledger_live *live);

/** ledger_is_live() - does a command of this host still work on this session? */
bool ledger_is_live(const struct ledger *ledger, const struct transport_id *id);

/* --state of every command that reads or writes it. */
#define LEDGER_STATE_ROW(type_of_args, member)                                                    \
	{                                                                                         \
		.name = "--state", .argument = "DIR", .help = "where this host keeps its ledger", \
		.offset = offsetof(type_of_args, member), .type = OPTION_TEXT,                    \
		.names = OPTION_NAMES_DIRECTORY                                                   \
	}

#endif
