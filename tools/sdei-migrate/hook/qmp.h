/* SPDX-License-Identifier: Apache-2.0 */
/*
 * qmp.h - a client of QEMU's monitor: one command at a time, and the events that concern a migration
 *
 * Line-delimited JSON, QEMU docs/interop/qmp-spec. A -qmp socket serves one client.
 */
#ifndef SDEI_MIGRATE_HOOK_QMP_H
#define SDEI_MIGRATE_HOOK_QMP_H

#include "common/failure.h"

#include <sys/types.h>

#define QMP_MAX_LINE   (1u << 20) /* bytes of one message */
#define QMP_MAX_EVENTS 64u        /* that may wait while a command is answered */

enum qmp_event {
	QMP_NOTHING,
	QMP_RESUME,
	QMP_STARTED, /* a migration, either way */
	QMP_PARKED,  /* it stands still before the switchover, and waits for migrate-continue */
	QMP_STOP,
	QMP_COMPLETED,
	QMP_FAILED,
	QMP_CANCELLED,
	QMP_CANCELLING, /* before RESUME; what was sent may have arrived for all that */
};

struct qmp;

/**
 * qmp_open() - connect, and negotiate
 * @patience_ms: how long to wait for somebody to listen there
 *
 * Return: 0; -errno peer, -EBADMSG protocol, -ETIMEDOUT timeout.
 */
int qmp_open(const char *path, int patience_ms, struct qmp **made, struct failure *failure);

/** qmp_close() - takes NULL; returns NULL */
struct qmp *qmp_close(struct qmp *qmp);

/** qmp_fd() - becomes readable when something has come */
int qmp_fd(const struct qmp *qmp);

/** qmp_pid() - the process that opened the socket; 0: unknown */
pid_t qmp_pid(const struct qmp *qmp);

/**
 * qmp_call() - one command; takes @arguments, which may be NULL
 * @result: what it returned, owned; NULL: of no interest
 *
 * Return: 0; -EPERM refused: QEMU's own words; as qmp_open().
 */
int qmp_call(struct qmp *qmp, const char *command, json_t *arguments, json_t **result,
	     struct failure *failure);

/** qmp_call_within() - the same, in @ms; what is answered later is passed over */
int qmp_call_within(struct qmp *qmp, int ms, const char *command, json_t *arguments,
		    json_t **result, struct failure *failure);

/** qmp_next() - the next event; QMP_NOTHING if none has come. Return: 0; as qmp_open() */
int qmp_next(struct qmp *qmp, enum qmp_event *event, struct failure *failure);

/**
 * qmp_wait() - as qmp_next(), but wait for one
 * @ms: at most so long
 * @wake: returns early when this is readable; -1: nothing does
 */
int qmp_wait(struct qmp *qmp, int ms, int wake, enum qmp_event *event, struct failure *failure);

#endif
