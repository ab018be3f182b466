// SPDX-License-Identifier: Apache-2.0
#include "qmp_follow.h"

#include "common/cleanup.h"
#include "qemu.h"

#include <errno.h>
#include <string.h>

static void close_qmp(struct qmp **qmp)
{
	*qmp = qmp_close(*qmp);
}

static int end(struct qmp *qmp, const char **qemu, struct failure *failure)
{
	*qemu = "ended";
	return qemu_quit(qmp, failure);
}

static int run_again(struct qmp *qmp, const char **qemu, struct failure *failure)
{
	int ret = qemu_bring_back(qmp, failure);

	*qemu = "running";
	return ret ? ret : qemu_set(qmp, "pause-before-switchover", false, failure);
}

static int run_here(struct qmp *qmp, const char *vm_here, const char **qemu,
		    struct failure *failure)
{
	char status[QEMU_WORD];
	int ret = qemu_status(qmp, status, failure);

	if (ret)
		return ret;
	*qemu = "running";
	if (strcmp(status, "running") == 0)
		return 0;
	if (strcmp(status, "paused") != 0)
		return failure_set(failure, SDEISTATE_BUSY, -EBUSY, "QEMU", "status",
				   "paused, its migration completed", status);
	if (strcmp(vm_here, "running") == 0)
		return qmp_call(qmp, "cont", NULL, NULL, failure);
	*qemu = "paused";
	return 0;
}

int qmp_follow(const char *path, const struct ledger_session *session, const char *vm_here,
	       const char **qemu, struct failure *failure)
{
	CLEANUP(close_qmp) struct qmp *qmp = NULL;
	const bool runs_there = session->state == TRANSPORT_SESSION_COMMITTED;
	const bool source = session->role == TRANSPORT_SOURCE;
	int ret = qmp_open(path, 0, &qmp, failure);

	if ((ret == -ENOENT || ret == -ECONNREFUSED) && source == runs_there) {
		*qemu = "ended";
		return 0;
	}
	if (ret)
		return ret;
	if (source == runs_there)
		return end(qmp, qemu, failure);
	return source ? run_again(qmp, qemu, failure) : run_here(qmp, vm_here, qemu, failure);
}
