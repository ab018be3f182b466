// SPDX-License-Identifier: Apache-2.0
#include "ledger_db.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SCHEMA_VERSION 2
#define BUSY_MS        10000

static const char schema[] =
	"CREATE TABLE IF NOT EXISTS sessions("
	" id TEXT PRIMARY KEY, role INTEGER NOT NULL, vm TEXT NOT NULL, snapshot TEXT NOT NULL,"
	" generation INTEGER NOT NULL, former INTEGER, state TEXT NOT NULL, control TEXT NOT NULL,"
	" peer TEXT NOT NULL, key TEXT NOT NULL, peer_crt TEXT NOT NULL, insecure INTEGER NOT NULL,"
	" peer_key BLOB NOT NULL, note TEXT NOT NULL, overridden INTEGER NOT NULL, proof BLOB,"
	" began INTEGER NOT NULL, changed INTEGER NOT NULL);"
	"CREATE TABLE IF NOT EXISTS consumed("
	" snapshot TEXT PRIMARY KEY, vm TEXT NOT NULL, generation INTEGER NOT NULL,"
	" session TEXT, at INTEGER NOT NULL);"
	"CREATE TABLE IF NOT EXISTS generations(vm TEXT PRIMARY KEY, generation INTEGER NOT NULL);"
	"CREATE TABLE IF NOT EXISTS vmms(session TEXT PRIMARY KEY, instance TEXT NOT NULL);"
	/* since version 2 */
	"CREATE TABLE IF NOT EXISTS overrides("
	" snapshot TEXT NOT NULL, vm TEXT NOT NULL, rule TEXT NOT NULL, reason TEXT NOT NULL,"
	" at INTEGER NOT NULL);";

int ledger_fail(const struct ledger *ledger, struct failure *failure)
{
	const int code = sqlite3_errcode(ledger->db);
	const bool damaged = code == SQLITE_CORRUPT || code == SQLITE_NOTADB;

	return failure_set(failure, damaged ? SDEISTATE_DAMAGED : SDEISTATE_IO,
			   damaged ? -EBADMSG : -EIO, ledger->path, "ledger", NULL,
			   sqlite3_errmsg(ledger->db));
}

int ledger_run(struct ledger *ledger, const char *sql, struct failure *failure)
{
	return sqlite3_exec(ledger->db, sql, NULL, NULL, NULL) == SQLITE_OK
		       ? 0
		       : ledger_fail(ledger, failure);
}

/* It stays compiled for the next who wants the same; ledger_close() ends it. */
void ledger_finalize(sqlite3_stmt **statement)
{
	if (!*statement)
		return;
	sqlite3_reset(*statement);
	sqlite3_clear_bindings(*statement);
}

/* The database knows all its statements: nothing has to be kept beside it, and none gets lost. */
static sqlite3_stmt *find_kept(struct ledger *ledger, const char *sql)
{
	sqlite3_stmt *kept = NULL;

	while ((kept = sqlite3_next_stmt(ledger->db, kept)))
		if (strcmp(sqlite3_sql(kept), sql) == 0 && !sqlite3_stmt_busy(kept))
			break;
	return kept;
}

int ledger_prepare(struct ledger *ledger, const char *sql, sqlite3_stmt **statement,
		   struct failure *failure)
{
	sqlite3_stmt *kept = find_kept(ledger, sql);

	if (!kept && sqlite3_prepare_v2(ledger->db, sql, -1, &kept, NULL) != SQLITE_OK)
		return ledger_fail(ledger, failure);
	*statement = kept;
	return 0;
}

/* A statement without rows. */
int ledger_finish(struct ledger *ledger, sqlite3_stmt *statement, struct failure *failure)
{
	return sqlite3_step(statement) == SQLITE_DONE ? 0 : ledger_fail(ledger, failure);
}

static int check_version(struct ledger *ledger, struct failure *failure)
{
	OWNED_STATEMENT sqlite3_stmt *statement = NULL;
	char found[16];
	int version, ret = ledger_prepare(ledger, "PRAGMA user_version", &statement, failure);

	if (ret)
		return ret;
	if (sqlite3_step(statement) != SQLITE_ROW)
		return ledger_fail(ledger, failure);
	version = sqlite3_column_int(statement, 0);
	if (version <= SCHEMA_VERSION)
		return 0;
	snprintf(found, sizeof(found), "%d", version);
	return failure_set(failure, SDEISTATE_NEWER, -EPROTONOSUPPORT, ledger->path,
			   "schema version", "at most 2", found);
}

static int set_up(struct ledger *ledger, struct failure *failure)
{
	int ret;

	sqlite3_busy_timeout(ledger->db, BUSY_MS);
	ret = ledger_run(ledger, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;", failure);
	if (!ret)
		ret = check_version(ledger, failure);
	if (!ret)
		ret = ledger_run(ledger, "BEGIN IMMEDIATE", failure);
	if (ret)
		return ret;
	ret = ledger_run(ledger, schema, failure);
	if (!ret)
		ret = ledger_run(ledger, "PRAGMA user_version=2", failure);
	sqlite3_exec(ledger->db, ret ? "ROLLBACK" : "COMMIT", NULL, NULL, NULL);
	return ret;
}

static int open_in(const char *dir, struct ledger **ledger, struct failure *failure)
{
	OWNED_LEDGER struct ledger *made = calloc(1, sizeof(*made));
	mode_t mask;
	int ret;

	if (!made || asprintf(&made->path, "%s/ledger.db", dir) < 0)
		return failure_set(failure, SDEISTATE_NO_MEMORY, -ENOMEM, "ledger", NULL, NULL,
				   NULL);
	made->lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
	made->live_fd = -1;
	mask = umask(077);
	ret = sqlite3_open_v2(made->path, &made->db,
			      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX,
			      NULL);
	ret = ret == SQLITE_OK ? set_up(made, failure) : ledger_fail(made, failure);
	umask(mask);
	if (ret)
		return ret;
	*ledger = made;
	made = NULL;
	return 0;
}

int ledger_open(const char *given, struct ledger **ledger, struct failure *failure)
{
	OWNED_MEMORY char *dir = NULL;
	int ret = tool_state_dir(given, &dir, failure);

	return ret ? ret : open_in(dir, ledger, failure);
}

int ledger_open_existing(const char *given, struct ledger **ledger, struct failure *failure)
{
	OWNED_MEMORY char *dir = NULL, *path = NULL;
	int ret = tool_state_path(given, &dir, failure);

	if (ret)
		return ret;
	if (asprintf(&path, "%s/ledger.db", dir) < 0) {
		path = NULL;
		return failure_set(failure, SDEISTATE_NO_MEMORY, -ENOMEM, "ledger", NULL, NULL,
				   NULL);
	}
	if (access(path, F_OK) < 0)
		return failure_set(failure, SDEISTATE_USAGE, -errno, path, "--state",
				   "a folder where send, recv or restore keeps its records",
				   strerror(errno));
	return open_in(dir, ledger, failure);
}

struct ledger *ledger_close(struct ledger *ledger)
{
	sqlite3_stmt *statement;

	if (ledger) {
		while (ledger->db && (statement = sqlite3_next_stmt(ledger->db, NULL)))
			sqlite3_finalize(statement);
		sqlite3_close(ledger->db);
		if (ledger->live_fd >= 0)
			close(ledger->live_fd);
		pthread_mutex_destroy(&ledger->lock);
		free(ledger->path);
		free(ledger);
	}
	return NULL;
}

void ledger_release(struct ledger **ledger)
{
	*ledger = ledger_close(*ledger);
}

void ledger_bind_id(sqlite3_stmt *statement, const char *name, const struct transport_id *id)
{
	char text[TRANSPORT_ID_TEXT_SIZE];

	transport_id_print(id, text);
	sqlite3_bind_text(statement, sqlite3_bind_parameter_index(statement, name), text, -1,
			  SQLITE_TRANSIENT);
}

void ledger_bind_text(sqlite3_stmt *statement, const char *name, const char *text)
{
	sqlite3_bind_text(statement, sqlite3_bind_parameter_index(statement, name), text, -1,
			  SQLITE_TRANSIENT);
}

void ledger_bind_number(sqlite3_stmt *statement, const char *name, int64_t number)
{
	sqlite3_bind_int64(statement, sqlite3_bind_parameter_index(statement, name), number);
}

void ledger_bind_bytes(sqlite3_stmt *statement, const char *name, const void *bytes, size_t len)
{
	sqlite3_bind_blob64(statement, sqlite3_bind_parameter_index(statement, name), bytes, len,
			    SQLITE_TRANSIENT);
}

static int insert_session(struct ledger *ledger, const struct ledger_session *session,
			  uint64_t former, struct failure *failure)
{
	OWNED_STATEMENT sqlite3_stmt *statement = NULL;
	char text[TRANSPORT_ID_TEXT_SIZE];
	int step, ret = ledger_prepare(
			  ledger,
			  "INSERT INTO sessions VALUES(:id, :role, :vm, :snapshot, "
			  ":generation, :former, :state, :control, :peer, :key, :peer_crt, "
			  ":insecure, :peer_key, :note, 0, NULL, :now, :now)",
			  &statement, failure);

	if (ret)
		return ret;
	ledger_bind_id(statement, ":id", &session->offer.session);
	ledger_bind_number(statement, ":role", session->role);
	ledger_bind_id(statement, ":vm", &session->offer.vm.uuid);
	ledger_bind_id(statement, ":snapshot", &session->offer.snapshot);
	ledger_bind_number(statement, ":generation", (int64_t)session->offer.vm.generation);
	ledger_bind_number(statement, ":former", (int64_t)former);
	ledger_bind_text(statement, ":state", transport_session_state_name(session->state));
	ledger_bind_text(statement, ":control", session->control);
	ledger_bind_text(statement, ":peer", session->peer);
	ledger_bind_text(statement, ":key", session->key);
	ledger_bind_text(statement, ":peer_crt", session->peer_crt);
	ledger_bind_number(statement, ":insecure", session->insecure);
	ledger_bind_bytes(statement, ":peer_key", session->peer_key, sizeof(session->peer_key));
	ledger_bind_text(statement, ":note", session->note);
	ledger_bind_number(statement, ":now", time(NULL));
	step = sqlite3_step(statement);
	transport_id_print(&session->offer.session, text);
	if (step == SQLITE_CONSTRAINT)
		return failure_set(failure, SDEISTATE_ALREADY_USED, -EEXIST, "session", "id",
				   "a new one; two movers on one host need a --state each", text);
	return step == SQLITE_DONE ? 0 : ledger_fail(ledger, failure);
}

/* Which VMM had the VM, where it says so. */
static int insert_vmm(struct ledger *ledger, const struct ledger_session *session,
		      struct failure *failure)
{
	OWNED_STATEMENT sqlite3_stmt *statement = NULL;
	int ret;

	if (transport_id_is_zero(&session->vmm))
		return 0;
	ret = ledger_prepare(ledger, "INSERT INTO vmms VALUES(:id, :instance)", &statement,
			     failure);
	if (ret)
		return ret;
	ledger_bind_id(statement, ":id", &session->offer.session);
	ledger_bind_id(statement, ":instance", &session->vmm);
	return ledger_finish(ledger, statement, failure);
}

int ledger_end(struct ledger *ledger, int ret, struct failure *failure)
{
	if (!ret)
		ret = ledger_run(ledger, "COMMIT", failure);
	if (ret)
		sqlite3_exec(ledger->db, "ROLLBACK", NULL, NULL, NULL);
	return ret;
}

/* What ledger_begin() was given. */
struct beginning {
	const struct ledger_session *session;
	const struct ledger_word *word;
	uint64_t next;
};

static int begin(struct ledger *ledger, void *arg, struct failure *failure)
{
	struct beginning *beginning = arg;
	const struct ledger_session *session = beginning->session;
	const struct transport_offer *offer = &session->offer;
	const struct ledger_use use = { .snapshot = offer->snapshot,
					.vm = offer->vm.uuid,
					.generation = offer->vm.generation,
					.word = beginning->word };
	uint64_t former = 0;
	int ret = 0;

	if (session->role == TRANSPORT_DESTINATION)
		ret = ledger_use_up(ledger, &use, &offer->session, &former, &beginning->next,
				    failure);
	if (!ret)
		ret = insert_session(ledger, session, former, failure);
	return ret ? ret : insert_vmm(ledger, session, failure);
}

int ledger_begin(struct ledger *ledger, const struct ledger_session *session,
		 const struct ledger_word *word, uint64_t *next, struct failure *failure)
{
	struct beginning beginning = { session, word, session->offer.vm.generation + 1 };
	int ret = ledger_write(ledger, begin, &beginning, failure);

	if (!ret && next)
		*next = beginning.next;
	return ret;
}

static int update_session(struct ledger *ledger, const struct ledger_session *session,
			  struct failure *failure)
{
	OWNED_STATEMENT sqlite3_stmt *statement = NULL;
	int ret = ledger_prepare(
		ledger,
		"UPDATE sessions SET state=:state, note=:note, overridden=:overridden,"
		" proof=:proof, changed=:now WHERE id=:id",
		&statement, failure);

	if (ret)
		return ret;
	ledger_bind_text(statement, ":state", transport_session_state_name(session->state));
	ledger_bind_text(statement, ":note", session->note);
	ledger_bind_number(statement, ":overridden", session->overridden);
	if (session->proof.len)
		ledger_bind_bytes(statement, ":proof", session->proof.bytes, session->proof.len);
	ledger_bind_number(statement, ":now", time(NULL));
	ledger_bind_id(statement, ":id", &session->offer.session);
	ret = ledger_finish(ledger, statement, failure);
	if (!ret && sqlite3_changes(ledger->db) == 0)
		ret = failure_set(failure, SDEISTATE_USAGE, -ENOENT, "session", "id",
				  "one of the ledger", "another");
	return ret;
}

/* A session that came to nothing gives the generation back, unless the VM has moved on since. */
static int restore_generation(struct ledger *ledger, const struct ledger_session *session,
			      struct failure *failure)
{
	OWNED_STATEMENT sqlite3_stmt *statement = NULL;
	int ret = ledger_prepare(ledger,
				 "UPDATE generations SET generation="
				 "(SELECT former FROM sessions WHERE id=:id)"
				 " WHERE vm=:vm AND generation=:raised",
				 &statement, failure);

	if (ret)
		return ret;
	ledger_bind_id(statement, ":id", &session->offer.session);
	ledger_bind_id(statement, ":vm", &session->offer.vm.uuid);
	ledger_bind_number(statement, ":raised", (int64_t)session->offer.vm.generation + 1);
	return ledger_finish(ledger, statement, failure);
}

static int settle_generation(struct ledger *ledger, const struct ledger_session *session,
			     struct failure *failure)
{
	const struct transport_vm_info *vm = &session->offer.vm;
	uint64_t known;
	int ret = 0;

	if (session->role == TRANSPORT_DESTINATION && session->state == TRANSPORT_SESSION_ABORTED)
		return restore_generation(ledger, session, failure);
	if (session->role == TRANSPORT_SOURCE && session->state == TRANSPORT_SESSION_COMMITTED) {
		ret = ledger_generation(ledger, &vm->uuid, &known, failure);
		if (!ret && known < vm->generation + 1)
			ret = ledger_raise(ledger, &vm->uuid, vm->generation + 1, failure);
	}
	return ret;
}

static int settle(struct ledger *ledger, void *arg, struct failure *failure)
{
	const struct ledger_session *session = arg;
	int ret = update_session(ledger, session, failure);

	return ret ? ret : settle_generation(ledger, session, failure);
}

int ledger_settle(struct ledger *ledger, const struct ledger_session *session,
		  struct failure *failure)
{
	return ledger_write(ledger, settle, (void *)(uintptr_t)session, failure);
}
