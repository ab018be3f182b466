// SPDX-License-Identifier: Apache-2.0
/* docs/qemu.md, "By QEMU's monitor": the source. */
#include "qmp_source.h"

#include "../mover.h"
#include "common/cleanup.h"
#include "qemu.h"

#include <errno.h>
#include <string.h>

#define PARK "pause-before-switchover"

static int check_running(struct qmp *qmp, struct failure *failure)
{
	char status[QEMU_WORD];
	int ret = qemu_status(qmp, status, failure);

	if (ret || strcmp(status, "running") == 0)
		return ret;
	failure_set(failure, SDEISTATE_POLICY, -EPERM, "QEMU", "status", "running", status);
	failure->advice = "The destination would let run what stands still here. Issue cont first; "
			  "to have it paused over there, pause the VM behind --control.";
	return -EPERM;
}

int qmp_source_open(const char *path, const char *uri, struct qmp_source *source,
		    struct failure *failure)
{
	static const char *const wanted[] = { "events", "return-path", PARK };
	int ret;

	*source = (struct qmp_source){ .uri = uri };
	ret = qmp_open(path, 0, &source->qmp, failure);
	if (!ret)
		ret = qemu_check_switchover(source->qmp, failure);
	if (!ret)
		ret = check_running(source->qmp, failure);
	if (!ret)
		ret = qemu_is_on(source->qmp, PARK, &source->parks, failure);
	return ret ? ret : qemu_turn_on(source->qmp, wanted, ARRAY_SIZE(wanted), failure);
}

void qmp_source_close(struct qmp_source *source)
{
	struct failure ignored;

	/* A QEMU that parks where nobody lets it go on stands still for ever. */
	if (source->qmp && !source->parks && (source->over || !source->began))
		qemu_set(source->qmp, PARK, false, &ignored);
	source->qmp = qmp_close(source->qmp);
}

/* --- while it moves ------------------------------------------------------------------------------- */

static int begin(struct qmp_source *source, struct failure *failure)
{
	int ret = qmp_call(source->qmp, "migrate", json_pack("{s:s}", "uri", source->uri), NULL,
			   failure);

	source->began = !ret;
	return ret;
}

static int let_go(struct qmp_source *source, struct failure *failure)
{
	int ret = qmp_call(source->qmp, "migrate-continue",
			   json_pack("{s:s}", "state", "pre-switchover"), NULL, failure);

	source->continued = !ret;
	return ret;
}

static int fail_migration(struct qmp_source *source, enum qmp_event event, struct failure *failure)
{
	struct qemu_migration migration = { .error = "" };
	struct failure ignored;

	if (event == QMP_CANCELLED || event == QMP_CANCELLING)
		return failure_set(failure, SDEISTATE_CANCELLED, -ECANCELED, "QEMU", "migration",
				   "completed", "somebody cancelled it");
	if (event == QMP_COMPLETED)
		return failure_set(failure, SDEISTATE_POLICY, -EPERM, "QEMU", "migration",
				   "completed after migrate-continue", "completed without");
	qemu_migration(source->qmp, &migration, &ignored);
	return failure_set(failure, SDEISTATE_PEER, -EPIPE, "QEMU", "migration", "completed",
			   migration.error[0] ? migration.error : "failed");
}

static int fail_resumed(struct failure *failure)
{
	return failure_set(failure, SDEISTATE_POLICY, -EPERM, "QEMU", "RESUME",
			   "none while its VM stands still", "somebody let it run");
}

static int take_event(struct qmp_source *source, enum transport_wait what, enum qmp_event event,
		      bool *over, struct failure *failure)
{
	const bool arrival = what == TRANSPORT_WAIT_ARRIVAL;

	switch (event) {
	case QMP_STOP:
		*over = !arrival;
		return 0;
	case QMP_PARKED:
		source->parked = true;
		*over = !arrival;
		return 0;
	case QMP_COMPLETED:
		*over = arrival && source->continued;
		return *over ? 0 : fail_migration(source, event, failure);
	case QMP_FAILED:
	case QMP_CANCELLED:
	case QMP_CANCELLING:
		return fail_migration(source, event, failure);
	case QMP_RESUME:
		return arrival && !source->continued ? fail_resumed(failure) : 0;
	default:
		return 0;
	}
}

/* What has happened comes first; only then is it let go, and waited for. */
static int take_next(struct qmp_source *source, enum transport_wait what, int ms, int wake,
		     enum qmp_event *event, struct failure *failure)
{
	int ret = qmp_next(source->qmp, event, failure);

	if (ret || *event != QMP_NOTHING)
		return ret;
	if (what == TRANSPORT_WAIT_STOP && !source->began)
		ret = begin(source, failure);
	else if (what == TRANSPORT_WAIT_ARRIVAL && source->parked && !source->continued)
		ret = let_go(source, failure);
	return ret ? ret : qmp_wait(source->qmp, ms, wake, event, failure);
}

/* It stops its machine a moment before it is parked; a user who stops it means something else. */
static int check_parking(struct qmp_source *source, struct failure *failure)
{
	char status[QEMU_WORD];
	int ret = qemu_status(source->qmp, status, failure);

	if (ret || strcmp(status, "finish-migrate") == 0)
		return ret;
	return failure_set(failure, SDEISTATE_POLICY, -EPERM, "QEMU", "STOP",
			   "its migration's alone", "somebody stopped it while it moved");
}

static int wait_for(void *ctx, enum transport_wait what, int ms, int wake, bool *over,
		    struct transport_error *err)
{
	struct qmp_source *source = ctx;
	enum qmp_event event;
	struct failure failure;
	int ret;

	do {
		ret = take_next(source, what, ms, wake, &event, &failure);
		if (!ret)
			ret = take_event(source, what, event, over, &failure);
	} while (!ret && !*over && event != QMP_NOTHING);
	if (!ret && what == TRANSPORT_WAIT_ARRIVAL && !source->parked)
		ret = check_parking(source, &failure);
	return ret ? mover_error(err, &failure) : 0;
}

/* --- how it ends ---------------------------------------------------------------------------------- */

static const char *stay(void *ctx)
{
	struct qmp_source *source = ctx;
	struct failure failure;

	if (source->began && qemu_bring_back(source->qmp, &failure))
		return "The VM runs here, but QEMU's machine does not. See that the destination's "
		       "QEMU has ended; then cancel the migration here (migrate_cancel), or issue "
		       "cont where it has completed.";
	source->over = true;
	return NULL;
}

/* What has completed must not be let run again by anybody's cont. */
static void left(void *ctx)
{
	struct qmp_source *source = ctx;
	struct failure ignored;

	qemu_quit(source->qmp, &ignored);
}

struct companion_source qmp_source_companion(struct qmp_source *source)
{
	return (struct companion_source){ .ctx = source,
					  .resolve = "hook qmp --qmp SOCK --resolve",
					  .wait = wait_for,
					  .stay = stay,
					  .left = left };
}
