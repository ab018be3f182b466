// SPDX-License-Identifier: Apache-2.0
/* docs/qemu.md, "By QEMU's monitor": the destination. */
#include "qmp_destination.h"

#include "../mover.h"
#include "common/cleanup.h"
#include "qemu.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define ARRIVAL_MS 20000 /* the source's QEMU has completed: what is still on its way here */
#define LOOK_MS    5

/* A QEMU before 9.1 knows no such argument, and ends when its migration fails. */
static int listen_at(struct qmp *qmp, const char *uri, struct failure *failure)
{
	bool stays = false;
	int ret = qemu_takes(qmp, "migrate-incoming", "exit-on-error", &stays, failure);

	if (ret)
		return ret;
	ret = qmp_call(qmp, "migrate-incoming",
		       stays ? json_pack("{s:s, s:b}", "uri", uri, "exit-on-error", 0)
			     : json_pack("{s:s}", "uri", uri),
		       NULL, failure);
	if (ret == -EPERM)
		failure->advice = "Start the destination's QEMU with -S -incoming defer.";
	return ret;
}

/* tcp:HOST:0 is a free port, which only QEMU knows. */
static int say_address(const struct tool *tool, struct qmp *qmp, const char *uri,
		       struct failure *failure)
{
	OWNED_JSON json_t *reply = NULL;
	const json_t *address;
	const char *host, *port;
	int ret = qmp_call(qmp, "query-migrate", NULL, &reply, failure);

	if (ret)
		return ret;
	address = json_array_get(json_object_get(reply, "socket-address"), 0);
	host = json_string_value(json_object_get(address, "host"));
	port = json_string_value(json_object_get(address, "port"));
	tool_event(tool, host && port ? json_pack("{s:s, s:o}", "event", "incoming", "uri",
						  json_sprintf("tcp:%s:%s", host, port))
				      : json_pack("{s:s, s:s}", "event", "incoming", "uri", uri));
	return 0;
}

int qmp_destination_open(const struct tool *tool, const char *path, const char *uri,
			 struct qmp_destination *destination, struct failure *failure)
{
	static const char *const wanted[] = { "events", "return-path" };
	int ret;

	*destination = (struct qmp_destination){ .lock = PTHREAD_MUTEX_INITIALIZER };
	ret = qmp_open(path, 0, &destination->qmp, failure);
	if (!ret)
		ret = qemu_check_switchover(destination->qmp, failure);
	if (!ret)
		ret = qemu_turn_on(destination->qmp, wanted, ARRAY_SIZE(wanted), failure);
	if (!ret)
		ret = qemu_check_waiting(destination->qmp, failure);
	if (!ret)
		ret = listen_at(destination->qmp, uri, failure);
	return ret ? ret : say_address(tool, destination->qmp, uri, failure);
}

void qmp_destination_close(struct qmp_destination *destination)
{
	destination->qmp = qmp_close(destination->qmp);
	pthread_mutex_destroy(&destination->lock);
}

/* --- what it says ------------------------------------------------------------------------------- */

static void fail(struct qmp_destination *destination, enum sdeistate_reason reason,
		 const char *field, const char *expected, const char *actual)
{
	if (!destination->failed)
		failure_set(&destination->why, reason, -EPIPE, "destination's QEMU", field,
			    expected, actual);
	destination->failed = true;
}

static void take_event(struct qmp_destination *destination, enum qmp_event event)
{
	struct failure ignored;

	switch (event) {
	case QMP_COMPLETED:
		destination->completed = true;
		if (!destination->met)
			fail(destination, SDEISTATE_POLICY, "migration",
			     "one that begins with hook qmp at the source", "it came without");
		break;
	case QMP_FAILED:
	case QMP_CANCELLED:
		fail(destination, SDEISTATE_PEER, "migration", "completed",
		     "it failed, or was cancelled");
		break;
	case QMP_RESUME:
		/* Somebody else's cont: whatever has come, it has run without the VM. */
		if (destination->released)
			break;
		qmp_call(destination->qmp, "stop", NULL, NULL, &ignored);
		fail(destination, SDEISTATE_POLICY, "RESUME", "none before this hook's cont",
		     "somebody let it run; it was stopped again");
		break;
	default:
		break;
	}
}

/* Under the lock: all that has come. */
static void read_events(struct qmp_destination *destination)
{
	enum qmp_event event = QMP_NOTHING;
	struct failure failure;
	int ret = 0;

	if (destination->failed && !destination->qmp)
		return;
	do {
		ret = qmp_next(destination->qmp, &event, &failure);
		if (!ret)
			take_event(destination, event);
	} while (!ret && event != QMP_NOTHING);
	if (ret)
		fail(destination, SDEISTATE_PEER, "monitor", "open",
		     "it ended, as QEMU 7.2 does when "
		     "its migration fails");
}

static int look(void *ctx, struct failure *failure)
{
	struct qmp_destination *destination = ctx;
	int ret = 0;

	pthread_mutex_lock(&destination->lock);
	read_events(destination);
	if (destination->failed) {
		*failure = destination->why;
		ret = failure->code;
	}
	pthread_mutex_unlock(&destination->lock);
	return ret;
}

/* --- what the session asks ------------------------------------------------------------------------ */

static int alive(void *ctx, struct transport_error *err)
{
	struct qmp_destination *destination = ctx;
	struct failure failure;

	pthread_mutex_lock(&destination->lock);
	destination->met = true;
	pthread_mutex_unlock(&destination->lock);
	return look(destination, &failure) ? mover_error(err, &failure) : 0;
}

static int arrived(void *ctx, struct transport_error *err)
{
	struct qmp_destination *destination = ctx;
	struct failure failure;

	for (int waited = 0; waited < ARRIVAL_MS; waited += LOOK_MS) {
		if (look(destination, &failure))
			return mover_error(err, &failure);
		if (destination->completed)
			return 0;
		nanosleep(&(struct timespec){ .tv_nsec = LOOK_MS * 1000000 }, NULL);
	}
	return transport_error_fill(err, -ETIMEDOUT, "timeout", "destination's QEMU", "migration",
				    "completed, as at the source|not yet");
}

static void discard(void *ctx)
{
	struct qmp_destination *destination = ctx;

	pthread_mutex_lock(&destination->lock);
	destination->stuck = qemu_quit(destination->qmp, &destination->how) == -ETIMEDOUT;
	pthread_mutex_unlock(&destination->lock);
}

static void run(void *ctx)
{
	struct qmp_destination *destination = ctx;

	pthread_mutex_lock(&destination->lock);
	destination->released = true;
	destination->stuck = qmp_call(destination->qmp, "cont", NULL, NULL, &destination->how) != 0;
	pthread_mutex_unlock(&destination->lock);
}

struct companion_destination qmp_destination_companion(struct qmp_destination *destination)
{
	return (struct companion_destination){ .ctx = destination,
					       .fd = qmp_fd(destination->qmp),
					       .look = look,
					       .alive = alive,
					       .arrived = arrived,
					       .discard = discard,
					       .run = run };
}
