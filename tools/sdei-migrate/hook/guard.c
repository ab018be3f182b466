// SPDX-License-Identifier: Apache-2.0
#include "guard.h"

#include "common/file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MAX_CMDLINE (256u << 10)

/* What the guard cannot do without. */
static json_t *capabilities(void)
{
	return json_pack("{s:[{s:s, s:b}, {s:s, s:b}]}", "capabilities", "capability", "events",
			 "state", 1, "capability", "return-path", "state", 1);
}

static int check_return_path(struct qmp *qmp, struct failure *failure)
{
	OWNED_JSON json_t *list = NULL;
	const json_t *item;
	size_t i;
	int ret = qmp_call(qmp, "query-migrate-capabilities", NULL, &list, failure);

	if (ret)
		return ret;
	json_array_foreach(list, i, item)
	{
		const char *name = json_string_value(json_object_get(item, "capability"));

		if (name && strcmp(name, "return-path") == 0 &&
		    json_is_true(json_object_get(item, "state")))
			return 0;
	}
	failure_set(failure, SDEISTATE_POLICY, -EPERM, "QEMU", "return-path", "on", "off");
	failure->advice = "Without it the source does not learn that the destination failed. "
			  "Whoever migrates must not turn it off (virsh migrate --tunnelled does).";
	return -EPERM;
}

static int read_status(struct qmp *qmp, char *status, size_t size, struct failure *failure)
{
	OWNED_JSON json_t *reply = NULL;
	const char *text;
	int ret = qmp_call(qmp, "query-status", NULL, &reply, failure);

	if (ret)
		return ret;
	text = json_string_value(json_object_get(reply, "status"));
	snprintf(status, size, "%s", text ? text : "");
	return 0;
}

/* QMP does not tell whether -S was given; the process that opened the socket does, where it may be looked at. */
enum started { STARTED_PAUSED, STARTED_RUNNING, STARTED_UNKNOWN };

static enum started find_pause(pid_t pid)
{
	OWNED_MEMORY uint8_t *line = NULL;
	struct failure ignored;
	char path[48];
	size_t len;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	if (pid <= 0 || file_read(path, MAX_CMDLINE, &line, &len, &ignored) ||
	    !strstr((const char *)line, "qemu"))
		return STARTED_UNKNOWN;
	for (size_t at = 0; at < len; at += strlen((const char *)line + at) + 1)
		if (strcmp((const char *)line + at, "-S") == 0 ||
		    strcmp((const char *)line + at, "--S") == 0)
			return STARTED_PAUSED;
	return STARTED_RUNNING;
}

static int check_waiting(struct qmp *qmp, struct failure *failure)
{
	char status[32];
	int ret = read_status(qmp, status, sizeof(status), failure);

	if (ret)
		return ret;
	if (strcmp(status, "inmigrate") != 0)
		return failure_set(failure, SDEISTATE_POLICY, -EPERM, "QEMU", "status",
				   "inmigrate: started with -S -incoming", status);
	if (find_pause(qmp_pid(qmp)) == STARTED_RUNNING) {
		failure_set(failure, SDEISTATE_POLICY, -EPERM, "QEMU", "-S", "given", "not given");
		failure->advice =
			"Start the destination's QEMU with -S: without, its guest runs before "
			"anybody has looked at what came.";
		return -EPERM;
	}
	/* In this state stop is what -S is: QEMU softmmu/runstate.c, qmp_stop(). */
	return qmp_call(qmp, "stop", NULL, NULL, failure);
}

int guard_open(const char *path, int patience_ms, bool destination, struct qmp **made,
	       struct failure *failure)
{
	struct qmp *qmp = NULL;
	int ret = qmp_open(path, patience_ms, &qmp, failure);

	if (!ret)
		ret = qmp_call(qmp, "migrate-set-capabilities", capabilities(), NULL, failure);
	if (!ret)
		ret = check_return_path(qmp, failure);
	if (!ret && destination)
		ret = check_waiting(qmp, failure);
	if (ret)
		qmp_close(qmp);
	else
		*made = qmp;
	return ret;
}

/* --- the source --------------------------------------------------------------------------------- */

static int end_failed(struct source *source, struct failure *failure)
{
	struct side *side = &source->side;
	struct failure why;
	int ret = 0;

	if (side->state == SIDE_GIVEN) {
		ret = source_take_back(source, "QEMU's migration failed", failure);
		failure_set(&why, SDEISTATE_CANCELLED, -ECANCELED, "migration", "outcome",
			    "completed", "QEMU's migration failed, or was cancelled");
		why.vm_source = "running";
		side_fail(side, &why);
	} else if (side->failed) {
		ret = side_settle(side, TRANSPORT_SESSION_ABORTED, "Save failed", failure);
		side->state = SIDE_OVER;
	}
	return ret;
}

static int end_completed(struct source *source, struct failure *failure)
{
	struct side *side = &source->side;
	struct failure why;

	if (side->state == SIDE_GIVEN)
		return source_clear(source, failure);
	failure_set(&why, SDEISTATE_POLICY, -EPERM, "migration", "Save", "called by QEMU",
		    "never: it completed without this state");
	why.advice = "Give the source's QEMU its object dbus-vmstate on this bus.";
	why.vm_source = "running";
	side_fail(side, &why);
	side->state = SIDE_OVER;
	return side_settle(side, TRANSPORT_SESSION_ABORTED, "nothing was saved", failure);
}

int guard_source(struct qmp *qmp, struct source *source, struct failure *failure)
{
	enum qmp_event event = QMP_NOTHING;
	int ret;

	do {
		ret = qmp_next(qmp, &event, failure);
		if (!ret && event == QMP_COMPLETED)
			ret = end_completed(source, failure);
		else if (!ret &&
			 (event == QMP_FAILED || event == QMP_CANCELLED || event == QMP_RESUME))
			ret = end_failed(source, failure);
	} while (!ret && event != QMP_NOTHING && source->side.state != SIDE_OVER);
	return ret;
}

/* --- the destination ---------------------------------------------------------------------------- */

static int refuse(struct destination *destination, enum sdeistate_reason reason, const char *field,
		  const char *expected, const char *actual, const char *advice)
{
	struct failure why;

	failure_set(&why, reason, -EPERM, "QEMU", field, expected, actual);
	why.advice = advice;
	why.vm_destination = "ended";
	side_fail(&destination->side, &why);
	destination_drop(destination, actual);
	return 0;
}

/* D14: the VM behind the control socket first; QEMU's guest must not call into what may not run. */
static int let_run(struct qmp *qmp, struct destination *destination, struct failure *failure)
{
	char status[32];
	int ret;

	if (destination->side.state != SIDE_PROVED)
		return refuse(destination, SDEISTATE_POLICY, "Load", "called before the end",
			      "never: the migration completed without this state",
			      "Give both QEMUs their object dbus-vmstate. The destination stays "
			      "paused; quit it.");
	ret = read_status(qmp, status, sizeof(status), failure);
	if (!ret)
		ret = destination_commit(destination, failure);
	if (ret || destination->side.args->stay_paused || strcmp(status, "running") == 0)
		return ret;
	return qmp_call(qmp, "cont", NULL, NULL, failure);
}

/* Somebody else let QEMU run, or -S was missing where it could not be seen. */
static int stop_again(struct qmp *qmp, struct destination *destination, struct failure *failure)
{
	int ret = qmp_call(qmp, "stop", NULL, NULL, failure);

	/* What was proved is kept: the source may have given it up already. It runs when QEMU has completed. */
	if (ret || destination->side.state == SIDE_PROVED)
		return ret;
	return refuse(destination, SDEISTATE_POLICY, "RESUME", "none before this helper's cont",
		      "it ran without a verified Load",
		      "It was stopped again. Only this helper may issue cont.");
}

int guard_destination(struct qmp *qmp, struct destination *destination, struct failure *failure)
{
	enum qmp_event event = QMP_NOTHING;
	int ret;

	do {
		ret = qmp_next(qmp, &event, failure);
		if (!ret && event == QMP_COMPLETED)
			ret = let_run(qmp, destination, failure);
		else if (!ret && event == QMP_RESUME)
			ret = stop_again(qmp, destination, failure);
		else if (!ret && (event == QMP_FAILED || event == QMP_CANCELLED))
			ret = refuse(destination, SDEISTATE_PEER, "migration", "completed",
				     "QEMU's migration failed", NULL);
	} while (!ret && event != QMP_NOTHING && destination->side.state != SIDE_OVER);
	return ret;
}
