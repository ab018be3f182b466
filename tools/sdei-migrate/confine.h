/* SPDX-License-Identifier: Apache-2.0 */
/*
 * confine.h - a service gives up what it will not need again (docs/service.md, "What it may do")
 */
#ifndef SDEI_MIGRATE_CONFINE_H
#define SDEI_MIGRATE_CONFINE_H

#include "common/tool.h"

/**
 * confine_process() - no new privileges, and only the system calls of the list, for all threads to come
 * @may_kill: it ends a command that it has started
 *
 * Others fail with EPERM; those that nobody calls by mistake end the process. A build with a sanitizer, whose
 * runtime needs more, only gives up privileges. Return: 0; -errno io with @failure.
 */
int confine_process(bool may_kill, struct failure *failure);

#endif
