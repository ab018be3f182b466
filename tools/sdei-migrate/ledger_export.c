// SPDX-License-Identifier: Apache-2.0
#include "ledger_export.h"

#include "ledger_db.h"

#include <errno.h>
#include <sdeistate/trust.h>
#include <string.h>

/* What happened, in the order in which it began. The columns: at, event, vm, and what history_json() names. */
static const char history[] =
	"SELECT began, 'hand-over', vm, snapshot, id, CASE role WHEN 0 THEN 'source' ELSE"
	" 'destination' END, state, note, overridden FROM sessions WHERE :vm IS NULL OR vm=:vm "
	"UNION ALL SELECT at, 'restore', vm, snapshot, NULL, NULL, 'committed', '', 0 FROM consumed"
	" WHERE session IS NULL AND (:vm IS NULL OR vm=:vm) "
	"UNION ALL SELECT at, 'override', vm, snapshot, NULL, NULL, rule, reason, 1 FROM overrides"
	" WHERE :vm IS NULL OR vm=:vm ORDER BY 1";

static const char *const tables[] = { "sessions", "vmms", "consumed", "generations", "overrides" };

static json_t *text_json(sqlite3_stmt *row, int column)
{
	const char *text = (const char *)sqlite3_column_text(row, column);

	return text && *text ? json_string(text) : json_null();
}

static json_t *time_json(int64_t seconds)
{
	char text[SDEISTATE_TIME_SIZE];

	sdeistate_time_print(seconds > 0 ? (uint64_t)seconds : 0, text);
	return json_string(text);
}

static json_t *history_json(sqlite3_stmt *row)
{
	static const char *const names[] = {
		"vm", "snapshot", "session", "side", "outcome", "note"
	};
	json_t *json = json_object();

	json_object_set_new(json, "at", time_json(sqlite3_column_int64(row, 0)));
	json_object_set_new(json, "event", text_json(row, 1));
	for (int i = 0; i < (int)ARRAY_SIZE(names); i++)
		json_object_set_new(json, names[i], text_json(row, i + 2));
	json_object_set_new(json, "overridden", json_boolean(sqlite3_column_int(row, 8)));
	return json;
}

int ledger_history(struct ledger *ledger, const struct transport_id *vm,
		   int (*visit)(void *ctx, json_t *event), void *ctx, struct failure *failure)
{
	OWNED_STATEMENT sqlite3_stmt *row = NULL;
	char text[TRANSPORT_ID_TEXT_SIZE];
	int step, ret = ledger_prepare(ledger, history, &row, failure);

	if (!ret && vm) {
		transport_id_print(vm, text);
		sqlite3_bind_text(row, 1, text, -1, SQLITE_TRANSIENT);
	}
	while (!ret && (step = sqlite3_step(row)) != SQLITE_DONE)
		ret = step == SQLITE_ROW ? visit(ctx, history_json(row))
					 : ledger_fail(ledger, failure);
	return ret;
}

/* Generations are 64 bits wide, and so are texts with 0x; times and flags are numbers. */
static json_t *column_json(sqlite3_stmt *row, int column)
{
	const char *name = sqlite3_column_name(row, column);

	switch (sqlite3_column_type(row, column)) {
	case SQLITE_INTEGER:
		return strcmp(name, "generation") == 0 || strcmp(name, "former") == 0
			       ? number_json((uint64_t)sqlite3_column_int64(row, column))
			       : json_integer(sqlite3_column_int64(row, column));
	case SQLITE_BLOB:
		return hex_json(sqlite3_column_blob(row, column),
				(size_t)sqlite3_column_bytes(row, column));
	case SQLITE_TEXT:
		return json_string((const char *)sqlite3_column_text(row, column));
	default:
		return json_null();
	}
}

static int export_table(struct ledger *ledger, const char *table,
			int (*visit)(void *ctx, json_t *row), void *ctx, struct failure *failure)
{
	OWNED_STATEMENT sqlite3_stmt *row = NULL;
	char sql[64];
	int step, ret;

	snprintf(sql, sizeof(sql), "SELECT * FROM %s ORDER BY rowid", table);
	ret = ledger_prepare(ledger, sql, &row, failure);
	while (!ret && (step = sqlite3_step(row)) != SQLITE_DONE) {
		json_t *json;

		if (step != SQLITE_ROW)
			return ledger_fail(ledger, failure);
		json = json_pack("{s:s}", "table", table);
		for (int i = 0; json && i < sqlite3_column_count(row); i++)
			json_object_set_new(json, sqlite3_column_name(row, i), column_json(row, i));
		ret = visit(ctx, json);
	}
	return ret;
}

int ledger_export(struct ledger *ledger, int (*visit)(void *ctx, json_t *row), void *ctx,
		  struct failure *failure)
{
	int ret = 0;

	for (size_t i = 0; i < ARRAY_SIZE(tables) && !ret; i++)
		ret = export_table(ledger, tables[i], visit, ctx, failure);
	return ret;
}
