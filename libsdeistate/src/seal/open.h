/* SPDX-License-Identifier: Apache-2.0 */
/*
 * open.h - opening with a witness
 */
#ifndef SDEISTATE_SEAL_OPEN_H
#define SDEISTATE_SEAL_OPEN_H

#include "frame_read.h"

#include <sdeistate/seal.h>

/** open_watched() - sdeistate_open(), counting in @watch which doors were opened, even if it fails */
int open_watched(const void *bytes, size_t len, const struct sdeistate_open_options *options,
		 struct open_watch *watch, struct sdeistate_opened **opened,
		 struct sdeistate_error *err);

#endif
