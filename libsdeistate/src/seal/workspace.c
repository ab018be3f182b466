// SPDX-License-Identifier: Apache-2.0
#include "workspace.h"

#include <stdlib.h>

struct sdeistate_workspace *sdeistate_workspace_new(void)
{
	struct sdeistate_workspace *made = calloc(1, sizeof(*made));

	if (made)
		made->zstd = ZSTD_createDCtx();
	return made && made->zstd ? made : sdeistate_workspace_free(made);
}

struct sdeistate_workspace *sdeistate_workspace_free(struct sdeistate_workspace *workspace)
{
	if (!workspace)
		return NULL;
	ZSTD_freeDCtx(workspace->zstd);
	ZSTD_freeCCtx(workspace->compressor);
	free(workspace);
	return NULL;
}

ZSTD_CCtx *workspace_compressor(struct sdeistate_workspace *workspace)
{
	if (!workspace->compressor)
		workspace->compressor = ZSTD_createCCtx();
	else
		ZSTD_CCtx_reset(workspace->compressor, ZSTD_reset_session_and_parameters);
	return workspace->compressor;
}
