/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ledger_export.h - the ledger for people and for other programs: what happened, and every row
 *
 * Both give each object away to @visit, which returns 0 to go on; another value ends it and is returned.
 */
#ifndef SDEI_MIGRATE_LEDGER_EXPORT_H
#define SDEI_MIGRATE_LEDGER_EXPORT_H

#include "ledger.h"

/**
 * ledger_history() - hand-overs, restores and rules set aside, oldest first
 * @vm: only this one; NULL: all
 *
 * Return: 0; what @visit returned; -EIO io; -EBADMSG damaged.
 */
int ledger_history(struct ledger *ledger, const struct transport_id *vm,
		   int (*visit)(void *ctx, json_t *event), void *ctx, struct failure *failure);

/** ledger_export() - every row of every table, with its table's name. Return: as ledger_history() */
int ledger_export(struct ledger *ledger, int (*visit)(void *ctx, json_t *row), void *ctx,
		  struct failure *failure);

#endif
