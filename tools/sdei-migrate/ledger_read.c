// SPDX-License-Identifier: Apache-2.0
#include "ledger_db.h"

#include <errno.h>
#include <string.h>

/* The columns, in the order of COLUMNS. */
enum column {
	ID,
	ROLE,
	VM,
	SNAPSHOT,
	GENERATION,
	STATE,
	CONTROL,
	PEER,
	KEY,
	PEER_CRT,
	INSECURE,
	PEER_KEY,
	NOTE,
	OVERRIDDEN,
	PROOF,
	BEGAN,
	CHANGED,
	VMM,
};

#define COLUMNS                                                                           \
	"SELECT id, role, vm, snapshot, generation, state, control, peer, key, peer_crt," \
	" insecure, peer_key, note, overridden, proof, began, changed,"                   \
	" (SELECT instance FROM vmms WHERE session = id) FROM sessions "

static bool take_id(sqlite3_stmt *row, int column, struct transport_id *id)
{
	const char *text = (const char *)sqlite3_column_text(row, column);

	return text && transport_id_parse(text, id) == 0;
}

static bool take_text(sqlite3_stmt *row, int column, char *out, size_t size)
{
	const char *text = (const char *)sqlite3_column_text(row, column);
	const size_t len = text ? strlen(text) : size;

	if (len >= size)
		return false;
	memcpy(out, text, len + 1);
	return true;
}

static bool take_bytes(sqlite3_stmt *row, int column, void *out, size_t max, size_t *len)
{
	*len = (size_t)sqlite3_column_bytes(row, column);
	if (*len > max)
		return false;
	if (*len)
		memcpy(out, sqlite3_column_blob(row, column), *len);
	return true;
}

static bool take_state(sqlite3_stmt *row, struct ledger_session *session)
{
	const char *name = (const char *)sqlite3_column_text(row, STATE);
	const int role = sqlite3_column_int(row, ROLE);

	if (!name || role < 0 || role >= TRANSPORT_NR_ROLES)
		return false;
	session->role = (enum transport_role)role;
	session->state = transport_session_state_find(name);
	return session->state != TRANSPORT_NR_SESSION_STATES;
}

static int read_row(const struct ledger *ledger, sqlite3_stmt *row, struct ledger_session *session,
		    struct failure *failure)
{
	struct ledger_session got = { .began = sqlite3_column_int64(row, BEGAN),
				      .changed = sqlite3_column_int64(row, CHANGED) };
	size_t key_len;

	got.offer.vm.generation = (uint64_t)sqlite3_column_int64(row, GENERATION);
	got.insecure = sqlite3_column_int(row, INSECURE) != 0;
	got.overridden = sqlite3_column_int(row, OVERRIDDEN) != 0;
	if (sqlite3_column_type(row, VMM) != SQLITE_NULL && !take_id(row, VMM, &got.vmm))
		return failure_set(failure, SDEISTATE_DAMAGED, -EBADMSG, ledger->path, "vmms",
				   "a row this version wrote", "another");
	if (!take_id(row, ID, &got.offer.session) || !take_id(row, VM, &got.offer.vm.uuid) ||
	    !take_id(row, SNAPSHOT, &got.offer.snapshot) || !take_state(row, &got) ||
	    !take_text(row, CONTROL, got.control, sizeof(got.control)) ||
	    !take_text(row, PEER, got.peer, sizeof(got.peer)) ||
	    !take_text(row, KEY, got.key, sizeof(got.key)) ||
	    !take_text(row, PEER_CRT, got.peer_crt, sizeof(got.peer_crt)) ||
	    !take_text(row, NOTE, got.note, sizeof(got.note)) ||
	    !take_bytes(row, PEER_KEY, got.peer_key, sizeof(got.peer_key), &key_len) ||
	    key_len != sizeof(got.peer_key) ||
	    !take_bytes(row, PROOF, got.proof.bytes, sizeof(got.proof.bytes), &got.proof.len))
		return failure_set(failure, SDEISTATE_DAMAGED, -EBADMSG, ledger->path, "session",
				   "a row this version wrote", "another");
	*session = got;
	return 0;
}

static int find(struct ledger *ledger, const struct transport_id *id,
		struct ledger_session *session, struct failure *failure)
{
	OWNED_STATEMENT sqlite3_stmt *row = NULL;
	char text[TRANSPORT_ID_TEXT_SIZE];
	int step, ret = ledger_prepare(ledger, COLUMNS "WHERE id=:id", &row, failure);

	if (ret)
		return ret;
	transport_id_print(id, text);
	sqlite3_bind_text(row, 1, text, -1, SQLITE_TRANSIENT);
	step = sqlite3_step(row);
	if (step == SQLITE_DONE)
		return failure_set(failure, SDEISTATE_USAGE, -ENOENT, "session", "id",
				   "one that status lists", text);
	return step == SQLITE_ROW ? read_row(ledger, row, session, failure)
				  : ledger_fail(ledger, failure);
}

int ledger_find(struct ledger *ledger, const struct transport_id *id,
		struct ledger_session *session, struct failure *failure)
{
	int ret;

	ledger_enter(ledger);
	ret = find(ledger, id, session, failure);
	ledger_leave(ledger);
	return ret;
}

static int each(struct ledger *ledger,
		int (*visit)(void *ctx, const struct ledger_session *session), void *ctx,
		struct failure *failure)
{
	OWNED_STATEMENT sqlite3_stmt *row = NULL;
	struct ledger_session session;
	int step, ret = ledger_prepare(ledger, COLUMNS "ORDER BY began, rowid", &row, failure);

	while (!ret && (step = sqlite3_step(row)) != SQLITE_DONE) {
		ret = step == SQLITE_ROW ? read_row(ledger, row, &session, failure)
					 : ledger_fail(ledger, failure);
		if (!ret)
			ret = visit(ctx, &session);
	}
	return ret;
}

int ledger_each(struct ledger *ledger,
		int (*visit)(void *ctx, const struct ledger_session *session), void *ctx,
		struct failure *failure)
{
	int ret;

	ledger_enter(ledger);
	ret = each(ledger, visit, ctx, failure);
	ledger_leave(ledger);
	return ret;
}
