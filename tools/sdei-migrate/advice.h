/* SPDX-License-Identifier: Apache-2.0 */
/*
 * advice.h - what to do after a session that failed, where the reasons' own advice is about files
 */
#ifndef SDEI_MIGRATE_ADVICE_H
#define SDEI_MIGRATE_ADVICE_H

#include "common/failure.h"

/** advice_source() - for who runs send, and his VM runs on; NULL: the reason's own will do */
const char *advice_source(const struct failure *failure);

/** advice_destination() - for who runs recv; NULL: the reason's own will do */
const char *advice_destination(const struct failure *failure);

#endif
