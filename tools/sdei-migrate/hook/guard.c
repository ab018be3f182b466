// SPDX-License-Identifier: Apache-2.0
#include "guard.h"

#include "common/cleanup.h"
#include "qemu.h"

#include <errno.h>
#include <string.h>

#define GLANCE_MS 300   /* while QEMU may be in Save, and does not answer its monitor */
#define ANSWER_MS 20000 /* afterwards */

/* What the guard cannot do without. */
static const char *const wanted[] = { "events", "return-path" };

/* A source that still waits for another's migration would take that one's end for its own. */
static int check_started(struct qmp *qmp, struct failure *failure)
{
	char status[QEMU_WORD];
	int ret = qemu_status(qmp, status, failure);

	if (ret || strcmp(status, "inmigrate") != 0)
		return ret;
	return failure_set(failure, SDEISTATE_POLICY, -EPERM, "QEMU", "status",
			   "a VM that is here, to be migrated away", status);
}

int guard_open(const char *path, int patience_ms, bool destination, struct qmp **made,
	       struct failure *failure)
{
	struct qmp *qmp = NULL;
	int ret = qmp_open(path, patience_ms, &qmp, failure);

	if (!ret)
		ret = qemu_turn_on(qmp, wanted, ARRAY_SIZE(wanted), failure);
	if (!ret)
		ret = destination ? qemu_check_waiting(qmp, failure) : check_started(qmp, failure);
	if (ret)
		qmp_close(qmp);
	else
		*made = qmp;
	return ret;
}

/* Whoever migrates may have changed what was seen at the start. Return: 0; -EPERM policy; errors of qmp_call() */
static int look_again(struct qmp *qmp, struct side *side, int ms, struct failure *why)
{
	const int ret = qemu_check_capabilities(qmp, wanted, ARRAY_SIZE(wanted), ms, why);

	side->unseen = ret && ret != -EPERM;
	return ret;
}

/* --- the source --------------------------------------------------------------------------------- */

static int cancel_unseen(struct qmp *qmp, struct source *source, struct failure *failure)
{
	struct failure why;

	if (look_again(qmp, &source->side, GLANCE_MS, &why) != -EPERM)
		return 0;
	why.vm_source = "running";
	side_fail(&source->side, &why);
	/* Its end comes as an event. */
	return qmp_call(qmp, "migrate_cancel", NULL, NULL, failure);
}

static bool waits_for_resume(const struct side *side)
{
	return strcmp(side->args->run_when, "resume") == 0;
}

/*
 * What was sent may have arrived, and the destination may run it. QEMU asks nobody when it cancels, and a connection
 * that broke, also by migrate_cancel itself, ends in the same "failed" as a destination that refused: from version 9
 * on its reason tells the two apart (QEMU migration/migration.c, source_return_path_thread()).
 */
static int check_given(struct qmp *qmp, enum qmp_event event, struct failure *failure)
{
	static const char refused[] = "Sibling indicated error";
	struct qemu_migration migration = { .error = "" };
	int ret = 0;

	if (event == QMP_FAILED)
		ret = qemu_migration(qmp, &migration, failure);
	if (ret)
		return ret;
	if (event == QMP_FAILED &&
	    (!migration.error[0] || strncmp(migration.error, refused, strlen(refused)) == 0))
		return 0;
	return failure_set(failure, SDEISTATE_IN_DOUBT, -EINPROGRESS, "migration", "outcome",
			   "completed, or refused by the destination",
			   migration.error[0] ? migration.error
					      : "cancelled, or let run, after Save");
}

static int take_back(struct source *source, struct failure *failure)
{
	struct failure why;

	if (source_take_back(source, "QEMU's migration failed", failure))
		return failure->code;
	failure_set(&why, SDEISTATE_CANCELLED, -ECANCELED, "migration", "outcome", "completed",
		    "QEMU's migration failed, or was cancelled");
	why.vm_source = "running";
	side_fail(&source->side, &why);
	return 0;
}

/* It came to nothing, or is about to. */
static int end_failed(struct qmp *qmp, struct source *source, enum qmp_event event,
		      struct failure *failure)
{
	struct side *side = &source->side;

	if (side->state == SIDE_GIVEN && waits_for_resume(side))
		return event == QMP_CANCELLING ? 0 : take_back(source, failure);
	if (side->state == SIDE_GIVEN)
		return check_given(qmp, event, failure) ? failure->code
							: take_back(source, failure);
	if (!side->failed || event == QMP_CANCELLING)
		return 0;
	side->state = SIDE_OVER;
	return side_settle(side, TRANSPORT_SESSION_ABORTED, "Save failed", failure);
}

static int end_completed(struct qmp *qmp, struct source *source, struct failure *failure)
{
	struct side *side = &source->side;
	const bool was_unseen = side->unseen;
	struct failure why;

	if (side->state == SIDE_GIVEN) {
		/* Without a return path it has completed when all was sent, whatever became of it. */
		const int ret = look_again(qmp, side, ANSWER_MS, failure);

		return ret == -EPERM || (ret && was_unseen) ? ret : source_clear(source, failure);
	}
	failure_set(&why, SDEISTATE_POLICY, -EPERM, "migration", "Save", "called by QEMU",
		    "never: it completed without this state");
	why.advice = "Give the source's QEMU its object dbus-vmstate on this bus.";
	why.vm_source = "running";
	side_fail(side, &why);
	side->state = SIDE_OVER;
	return side_settle(side, TRANSPORT_SESSION_ABORTED, "nothing was saved", failure);
}

static int take_source(struct qmp *qmp, struct source *source, enum qmp_event event,
		       struct failure *failure)
{
	switch (event) {
	case QMP_STARTED:
		return cancel_unseen(qmp, source, failure);
	case QMP_COMPLETED:
		return end_completed(qmp, source, failure);
	case QMP_FAILED:
	case QMP_CANCELLING:
	case QMP_CANCELLED:
	case QMP_RESUME:
		return end_failed(qmp, source, event, failure);
	default:
		return 0;
	}
}

int guard_source(struct qmp *qmp, struct source *source, struct failure *failure)
{
	struct side *side = &source->side;
	enum qmp_event event = QMP_STARTED;
	int ret = 0;

	/* Where an answer came too late, it has woken us. */
	if (side->unseen && side->state == SIDE_WAITING)
		ret = cancel_unseen(qmp, source, failure);
	while (!ret && event != QMP_NOTHING && side->state != SIDE_OVER) {
		ret = qmp_next(qmp, &event, failure);
		if (!ret)
			ret = take_source(qmp, source, event, failure);
	}
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

static int refuse_unseen(struct qmp *qmp, struct destination *destination)
{
	struct failure why;

	if (look_again(qmp, &destination->side, GLANCE_MS, &why) != -EPERM)
		return 0;
	why.vm_destination = "ended";
	side_fail(&destination->side, &why);
	destination_drop(destination, why.actual);
	return 0;
}

/* D14: the VM behind the control socket first; QEMU's guest must not call into what may not run. */
static int let_run(struct qmp *qmp, struct destination *destination, struct failure *failure)
{
	char status[QEMU_WORD];
	int ret;

	if (destination->side.state != SIDE_PROVED)
		return refuse(destination, SDEISTATE_POLICY, "Load", "called before the end",
			      "never: the migration completed without this state",
			      "Give both QEMUs their object dbus-vmstate. The destination stays "
			      "paused; quit it.");
	destination->completed = true;
	if (waits_for_resume(&destination->side))
		return 0;
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
	int ret;

	if (destination->completed && waits_for_resume(&destination->side))
		return destination_commit(destination, failure);
	ret = qmp_call(qmp, "stop", NULL, NULL, failure);
	/* What was proved is kept: the source may have given it up already. It runs when QEMU has completed. */
	if (ret || destination->side.state == SIDE_PROVED)
		return ret;
	return refuse(destination, SDEISTATE_POLICY, "RESUME", "none before this helper's cont",
		      "it ran without a verified Load",
		      "It was stopped again. Only this helper may issue cont.");
}

static int take_destination(struct qmp *qmp, struct destination *destination, enum qmp_event event,
			    struct failure *failure)
{
	switch (event) {
	case QMP_STARTED:
		return refuse_unseen(qmp, destination);
	case QMP_COMPLETED:
		return let_run(qmp, destination, failure);
	case QMP_RESUME:
		return stop_again(qmp, destination, failure);
	case QMP_FAILED:
	case QMP_CANCELLED:
		return refuse(destination, SDEISTATE_PEER, "migration", "completed",
			      "QEMU's migration failed", NULL);
	default:
		return 0;
	}
}

int guard_destination(struct qmp *qmp, struct destination *destination, struct failure *failure)
{
	const struct side *side = &destination->side;
	enum qmp_event event = QMP_STARTED;
	int ret = 0;

	if (side->unseen && side->state == SIDE_WAITING)
		ret = refuse_unseen(qmp, destination);
	while (!ret && event != QMP_NOTHING && side->state != SIDE_OVER) {
		ret = qmp_next(qmp, &event, failure);
		if (!ret)
			ret = take_destination(qmp, destination, event, failure);
	}
	return ret;
}
