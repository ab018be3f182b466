/* SPDX-License-Identifier: Apache-2.0 */
/*
 * issues.h - why a destination cannot take a state, all of it
 */
#ifndef SDEI_MIGRATE_ISSUES_H
#define SDEI_MIGRATE_ISSUES_H

#include "common/tool.h"

#include <transport/control.h>

/** issues_json() - one object per obstacle; NULL: no memory */
json_t *issues_json(const struct transport_issues *issues);

/** issues_fail_as() - report @failure, and all that stands in the way (none, maybe) beside it. Return: exit code */
int issues_fail_as(const struct tool *tool, const struct transport_issues *issues,
		   struct failure *failure);

/** issues_fail() - report the first obstacle as the failure, and all of them beside it. Return: exit code */
int issues_fail(const struct tool *tool, const struct transport_issues *issues);

#endif
