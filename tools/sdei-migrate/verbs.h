/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verbs.h - the commands of sdei-migrate, in the order --help lists them
 *
 * X(name) stands for `const struct verb verb_<name>` in a cmd_*.c file.
 */
#ifndef SDEI_MIGRATE_VERBS_H
#define SDEI_MIGRATE_VERBS_H

#include "common/tool.h"

/* clang-format off */
#define SDEI_MIGRATE_VERBS(X)
/* clang-format on */

#define X(name) extern const struct verb verb_##name;
SDEI_MIGRATE_VERBS(X)
#undef X

#endif
