/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verify_many.h - many sealed files on all processors; what is said of them in the order they were named
 */
#ifndef SDEI_MIGRATE_VERIFY_MANY_H
#define SDEI_MIGRATE_VERIFY_MANY_H

#include "sealed.h"

#define VERIFY_MAX_THREADS 8u

/* One file, and what came of it. */
struct many_item {
	const char *path;
	int ret; /* 0; -errno, then @failure says why */
	uint8_t id[SDEISTATE_ID_SIZE];
	struct failure failure;
};

/* Fills @item but for its path. Called by several threads at once, each with a @workspace of its own, or NULL. */
typedef void (*many_verify)(const void *arg, struct many_item *item,
			    struct sdeistate_workspace *workspace);

/**
 * verify_many() - one line for each of @files, in their order
 * @max_threads: no more than these, nor than there are processors for this process
 *
 * Return: 0; the exit code of the first file that failed
 */
int verify_many(struct tool *tool, const struct option_list *files, unsigned int max_threads,
		many_verify verify, const void *arg);

#endif
