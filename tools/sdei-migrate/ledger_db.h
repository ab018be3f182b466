/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ledger_db.h - the ledger's inside, shared by its writing and its reading half
 */
#ifndef SDEI_MIGRATE_LEDGER_DB_H
#define SDEI_MIGRATE_LEDGER_DB_H

#include "ledger.h"

#include <pthread.h>
#include <sqlite3.h>

struct ledger;

/* What one caller wants to be written, inside a transaction. Return: 0; -errno with @failure. */
typedef int (*ledger_write_fn)(struct ledger *ledger, void *arg, struct failure *failure);

/* One caller in the line; on its stack. */
struct ledger_turn {
	struct ledger_turn *next;
	ledger_write_fn write; /* NULL: it wants to be alone */
	void *arg;
	struct failure *failure;
	int ret;
	bool over, lead;
	pthread_cond_t wake;
};

struct ledger {
	sqlite3 *db;
	char *path;
	pthread_mutex_t lock;     /* of the next two */
	struct ledger_turn *line; /* who waits */
	bool busy;                /* somebody is at the database */
	int live_fd;              /* of STATE/live; -1: not opened yet */
};

/** ledger_fail() - what the database said. Return: -EIO io; -EBADMSG damaged */
int ledger_fail(const struct ledger *ledger, struct failure *failure);

/** ledger_prepare() - a statement, to be given back with ledger_finalize(). Return: as ledger_fail() */
int ledger_prepare(struct ledger *ledger, const char *sql, sqlite3_stmt **statement,
		   struct failure *failure);

/** ledger_run() - statements without parameters and rows. Return: as ledger_fail() */
int ledger_run(struct ledger *ledger, const char *sql, struct failure *failure);

/** ledger_finish() - a prepared statement without rows. Return: as ledger_fail() */
int ledger_finish(struct ledger *ledger, sqlite3_stmt *statement, struct failure *failure);

/** ledger_end() - commit, or with @ret roll back. Return: @ret; as ledger_fail() */
int ledger_end(struct ledger *ledger, int ret, struct failure *failure);

/** ledger_bind_id() - a parameter's value by name; as the three below */
void ledger_bind_id(sqlite3_stmt *statement, const char *name, const struct transport_id *id);
/** ledger_bind_text() - copied */
void ledger_bind_text(sqlite3_stmt *statement, const char *name, const char *text);
/** ledger_bind_number() - signed, 64 bits */
void ledger_bind_number(sqlite3_stmt *statement, const char *name, int64_t number);
/** ledger_bind_bytes() - copied */
void ledger_bind_bytes(sqlite3_stmt *statement, const char *name, const void *bytes, size_t len);

/** ledger_generation() - the highest this host knows of a VM; 0 if none. Return: as ledger_fail() */
int ledger_generation(struct ledger *ledger, const struct transport_id *vm, uint64_t *generation,
		      struct failure *failure);

/** ledger_raise() - make it @generation. Return: as ledger_fail() */
int ledger_raise(struct ledger *ledger, const struct transport_id *vm, uint64_t generation,
		 struct failure *failure);

/**
 * ledger_use_up() - ledger_consume() inside a transaction
 * @session: the one it came in; NULL: none
 * @former: the generation known before
 */
int ledger_use_up(struct ledger *ledger, const struct ledger_use *use,
		  const struct transport_id *session, uint64_t *former, uint64_t *next,
		  struct failure *failure);

/**
 * ledger_write() - have @write done and on the disk; perhaps in one transaction with what others wait for
 *
 * Return: what @write returned, and only this caller's writes are undone then; as ledger_fail().
 */
int ledger_write(struct ledger *ledger, ledger_write_fn write, void *arg, struct failure *failure);

/** ledger_enter() - be alone with the database, to read what is on the disk, until ledger_leave() */
void ledger_enter(struct ledger *ledger);

/** ledger_leave() - the next, please */
void ledger_leave(struct ledger *ledger);

/** ledger_finalize() - for owned locals */
void ledger_finalize(sqlite3_stmt **statement);

#define OWNED_STATEMENT CLEANUP(ledger_finalize)

#endif
