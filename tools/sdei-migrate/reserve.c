// SPDX-License-Identifier: Apache-2.0
#include "reserve.h"

#include "client.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define TRY_AGAIN_NS 5000000 /* until a VMM that was started listens */

/* Which VM takes it: the only one, or the one whose socket bears its UUID. */
static int find_control(const struct receiver *receiver, const struct transport_id *vm,
			char path[LEDGER_PATH_SIZE], struct transport_error *err)
{
	char uuid[TRANSPORT_ID_TEXT_SIZE];
	int len;

	transport_id_print(vm, uuid);
	if (receiver->control)
		len = snprintf(path, LEDGER_PATH_SIZE, "%s", receiver->control);
	else
		len = snprintf(path, LEDGER_PATH_SIZE, "%s/%s.sock", receiver->vms, uuid);
	if (len < 0 || len >= (int)LEDGER_PATH_SIZE)
		return transport_error_fill(err, -ENAMETOOLONG, "over-limit", "control socket",
					    "path", "a shorter path|%s", path);
	return 0;
}

/* Whoever has the VM: a session that is alive keeps it; what a dead recv left is thrown away. */
static int free_vm(struct receiver *receiver, struct transport_control *control,
		   struct transport_error *err)
{
	struct ledger_session left;
	struct transport_vm_status status;
	struct failure failure;
	int ret = transport_control_status(control, &status, err);

	if (ret)
		return ret;
	if (receive_is_live(receiver, &status.session))
		return transport_error_fill(err, -EBUSY, "busy", "VM", "session",
					    "no other session|one that is alive");
	ret = ledger_find(receiver->ledger, &status.session, &left, &failure);
	if (ret == -ENOENT)
		/* Reserved and never recorded: nobody was promised anything. */
		return transport_control_abort(control, &status.session, err);
	if (!ret && left.role != TRANSPORT_DESTINATION)
		return transport_error_fill(err, -EBUSY, "busy", "VM", "session",
					    "no other session|one that hands it over");
	if (!ret)
		ret = receive_settle_one(receiver, &left, &failure);
	return ret ? mover_error(err, &failure) : 0;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* No VMM yet, rather than one that does not want us. */
static bool is_absent(int code)
{
	return code == -ENOENT || code == -ECONNREFUSED;
}

/* The other side waits for READY meanwhile: be done before it gives up. */
static int wait_for_vmm(const struct receiver *receiver, const char *path,
			struct reservation *reservation, struct transport_error *err)
{
	const int patience = receiver->mover->timeout_ms / 4 * 3;
	const int64_t deadline = now_ms() + patience;
	int ret;

	do {
		ret = transport_control_open(path, patience, &reservation->control, err);
		if (!is_absent(ret))
			return ret;
		ret = spawner_look(receiver->spawner, reservation->vmm, err);
		if (ret)
			return ret;
		nanosleep(&(struct timespec){ .tv_nsec = TRY_AGAIN_NS }, NULL);
	} while (now_ms() < deadline);
	return transport_error_fill(err, -ETIMEDOUT, "timeout", "VMM of --spawn", path,
				    "a socket within %d ms|none", patience);
}

/* A VMM of this VM that answers is the one; else one is started. */
static int meet_vmm(const struct receiver *receiver, const struct transport_offer *offer,
		    const char *path, struct reservation *reservation, struct transport_error *err)
{
	struct spawn_request request = { .session = offer->session, .vm = offer->vm.uuid };
	int ret = transport_control_open(path, receiver->mover->timeout_ms, &reservation->control,
					 err);

	if (!receiver->spawner || (ret && !is_absent(ret)))
		return ret;
	if (!ret)
		return spawner_share(receiver->spawner, &request, &reservation->vmm, err);
	if (strlen(path) >= sizeof(request.control))
		return transport_error_fill(err, -ENAMETOOLONG, "over-limit", "control socket",
					    "path", "at most %zu bytes|%s",
					    sizeof(request.control) - 1, path);
	memcpy(request.control, path, strlen(path) + 1);
	ret = spawner_start(receiver->spawner, &request, &reservation->vmm, err);
	return ret ? ret : wait_for_vmm(receiver, path, reservation, err);
}

int reserve_vm(struct receiver *receiver, const struct transport_offer *offer,
	       char path[LEDGER_PATH_SIZE], struct reservation *reservation,
	       struct transport_error *err)
{
	int ret = find_control(receiver, &offer->vm.uuid, path, err);

	if (!ret)
		ret = meet_vmm(receiver, offer, path, reservation, err);
	if (ret)
		return ret;
	ret = transport_control_reserve(reservation->control, &offer->session, err);
	if (ret != -EBUSY)
		return ret;
	ret = free_vm(receiver, reservation->control, err);
	return ret ? ret : transport_control_reserve(reservation->control, &offer->session, err);
}

int reserve_explain(const struct receiver *receiver, const struct reservation *reservation, int ret,
		    struct transport_error *err)
{
	struct transport_error died;

	if (ret && err && reservation->vmm &&
	    spawner_look(receiver->spawner, reservation->vmm, &died)) {
		*err = died;
		err->code = ret;
	}
	return ret;
}

void reserve_end(const struct receiver *receiver, struct reservation *reservation,
		 enum transport_session_state state)
{
	transport_control_close(reservation->control);
	/* NEW: it never came to a record. In doubt, nobody knows who runs: leave it. */
	if (reservation->vmm &&
	    (state == TRANSPORT_SESSION_ABORTED || state == TRANSPORT_SESSION_NEW))
		spawner_end(receiver->spawner, reservation->vmm);
	else if (reservation->vmm)
		spawner_keep(receiver->spawner, reservation->vmm);
	*reservation = (struct reservation){ .vmm = 0 };
}

static int count_sessions(void *ctx, const struct ledger_session *session)
{
	*(unsigned int *)ctx += session->role == TRANSPORT_DESTINATION;
	return 0;
}

/*
 * Nobody at the control socket: a mistake, unless this host has sessions that others may ask about, which
 * it can answer without its VMM.
 */
int reserve_check(const struct receiver *receiver, struct failure *failure)
{
	OWNED_CONTROL struct transport_control *control = NULL;
	struct transport_error err;
	unsigned int n = 0;
	struct stat st;

	if (receiver->vms) {
		if (stat(receiver->vms, &st) < 0)
			return failure_io(failure, receiver->vms, errno);
		return S_ISDIR(st.st_mode) ? 0 : failure_io(failure, receiver->vms, ENOTDIR);
	}
	if (transport_control_open(receiver->control, receiver->mover->timeout_ms, &control,
				   &err) == 0)
		return 0;
	if (ledger_each(receiver->ledger, count_sessions, &n, failure))
		return failure->code;
	if (n == 0)
		return client_failure(failure, &err);
	tool_say(receiver->tool,
		 "%s: no VMM answers (%s); until one does, this only answers resolve",
		 receiver->control, err.actual);
	return 0;
}
