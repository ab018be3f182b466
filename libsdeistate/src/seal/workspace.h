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
	ZSTD_CCtx *compressor; /* NULL until one is wanted */
};

/** workspace_compressor() - the kept one, without the settings of before. Return: NULL: no memory */
ZSTD_CCtx *workspace_compressor(struct sdeistate_workspace *workspace);

#endif
