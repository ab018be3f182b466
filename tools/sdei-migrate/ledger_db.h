/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ledger_db.h - the ledger's inside, shared by its writing and its reading half
 */
#ifndef SDEI_MIGRATE_LEDGER_DB_H
#define SDEI_MIGRATE_LEDGER_DB_H

#include "ledger.h"

#include <sqlite3.h>

struct ledger {
	sqlite3 *db;
	char *path;
};

/** ledger_fail() - what the database said. Return: -EIO io; -EBADMSG damaged */
int ledger_fail(const struct ledger *ledger, struct failure *failure);

/** ledger_prepare() - a statement; owned by the caller. Return: as ledger_fail() */
int ledger_prepare(struct ledger *ledger, const char *sql, sqlite3_stmt **statement,
		   struct failure *failure);

/** ledger_finalize() - for owned locals */
void ledger_finalize(sqlite3_stmt **statement);

#define OWNED_STATEMENT CLEANUP(ledger_finalize)

#endif
