// SPDX-License-Identifier: Apache-2.0
#include "guard.h"

#include "common/cleanup.h"
#include "qemu.h"

#include <errno.h>
#include <string.h>

/* What the guard cannot do without. */
static const char *const wanted[] = { "events", "return-path" };

int guard_open(const char *path, int patience_ms, bool destination, struct qmp **made,
	       struct failure *failure)
{
	struct qmp *qmp = NULL;
	int ret = qmp_open(path, patience_ms, &qmp, failure);

	if (!ret)
		ret = qemu_turn_on(qmp, wanted, ARRAY_SIZE(wanted), failure);
	if (!ret && destination)
		ret = qemu_check_waiting(qmp, failure);
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
	ret = qemu_status(qmp, status, failure);
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
