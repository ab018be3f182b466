/* SPDX-License-Identifier: Apache-2.0 */
/*
 * qmp_destination.h - the QEMU that waits for a machine, as a companion of the VM that comes with it
 */
#ifndef SDEI_MIGRATE_HOOK_QMP_DESTINATION_H
#define SDEI_MIGRATE_HOOK_QMP_DESTINATION_H

#include "../companion.h"
#include "common/tool.h"
#include "qmp.h"

#include <pthread.h>
#include <stdbool.h>

struct qmp_destination {
	pthread_mutex_t lock; /* of all that follows: the session has a thread of its own */
	struct qmp *qmp;
	bool met;       /* a source came that waits along */
	bool completed; /* its migration is here, whole */
	bool failed;    /* it cannot come any more, and why: */
	struct failure why;
	bool released; /* cont was issued, by us */
	bool stuck;    /* it did not obey, and how: */
	struct failure how;
};

/**
 * qmp_destination_open() - connect, see that it waits and will not run by itself, and let it listen
 * @uri: where its migration comes in
 *
 * Says the address where it listens. Return: 0; -EPERM policy, with the remedy; errors of qmp_open(). To be closed in either case.
 */
int qmp_destination_open(const struct tool *tool, const char *path, const char *uri,
			 struct qmp_destination *destination, struct failure *failure);

/** qmp_destination_close() - for owned locals, too */
void qmp_destination_close(struct qmp_destination *destination);

/** qmp_destination_companion() - what recv wants of it */
struct companion_destination qmp_destination_companion(struct qmp_destination *destination);

#endif
