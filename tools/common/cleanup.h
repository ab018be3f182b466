/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cleanup.h - owned locals give back what they own when they go out of scope
 */
#ifndef TOOLS_COMMON_CLEANUP_H
#define TOOLS_COMMON_CLEANUP_H

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CLEANUP(release) __attribute__((cleanup(release)))

static inline void cleanup_free(void *where)
{
	free(*(void **)where);
}

static inline void cleanup_close(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void cleanup_file(FILE *const *file)
{
	if (*file)
		fclose(*file);
}

static inline void cleanup_json(json_t *const *json)
{
	json_decref(*json);
}

#define OWNED_MEMORY CLEANUP(cleanup_free)
#define OWNED_FD     CLEANUP(cleanup_close)
#define OWNED_FILE   CLEANUP(cleanup_file)
#define OWNED_JSON   CLEANUP(cleanup_json)

#ifndef ARRAY_SIZE
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#endif

#endif
