/* SPDX-License-Identifier: Apache-2.0 */
/*
 * qmp_source.h - the QEMU whose machine leaves, as a companion of the VM that leaves with it
 */
#ifndef SDEI_MIGRATE_HOOK_QMP_SOURCE_H
#define SDEI_MIGRATE_HOOK_QMP_SOURCE_H

#include "../companion.h"
#include "qmp.h"

#include <stdbool.h>

struct qmp_source {
	struct qmp *qmp;
	const char *uri; /* where its migration goes */
	bool began;      /* migrate was obeyed */
	bool parked;     /* it waits for migrate-continue */
	bool continued;  /* which was obeyed */
	bool over;       /* it runs again, or has ended */
	bool parks;      /* it would have been parked before we came, too */
};

/**
 * qmp_source_open() - connect, and see that its migration waits for us and cannot fail unnoticed
 *
 * Return: 0; -EPERM policy, with the remedy; errors of qmp_open(). To be closed in either case.
 */
int qmp_source_open(const char *path, const char *uri, struct qmp_source *source,
		    struct failure *failure);

/** qmp_source_close() - for owned locals, too; an ordinary migration is not parked any more */
void qmp_source_close(struct qmp_source *source);

/** qmp_source_companion() - what send wants of it */
struct companion_source qmp_source_companion(struct qmp_source *source);

#endif
