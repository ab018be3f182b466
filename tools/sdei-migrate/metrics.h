/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metrics.h - a Prometheus text file that several commands of one host count in
 *
 * docs/watching.md lists the series. The file is its own memory: it is read, changed and replaced as a whole under a lock
 * of its folder, so that the collector (node_exporter's textfile) never sees half of it.
 */
#ifndef SDEI_MIGRATE_METRICS_H
#define SDEI_MIGRATE_METRICS_H

#include "common/failure.h"

#include <transport/session.h>

struct metrics_session {
	enum transport_role role;
	enum transport_session_state state;
	const struct transport_session_times *times;
};

/**
 * metrics_count() - add one session to the file
 *
 * Return: 0; -EINVAL for a file that this program did not write, which stays as it is; -EBUSY if its folder was locked
 * for a second; another -errno.
 */
int metrics_count(const char *path, const struct metrics_session *session, struct failure *failure);

#endif
