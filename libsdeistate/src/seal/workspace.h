/* SPDX-License-Identifier: Apache-2.0 */
/*
 * workspace.h - what one frame after another is expanded with
 */
#ifndef SDEISTATE_SEAL_WORKSPACE_H
#define SDEISTATE_SEAL_WORKSPACE_H

#include <sdeistate/seal.h>
#include <zstd.h>

struct sdeistate_workspace {
	ZSTD_DCtx *zstd;
};

#endif
