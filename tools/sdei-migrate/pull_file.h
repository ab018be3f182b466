/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pull_file.h - a file that gets its name when it is whole
 *
 * Until then its bytes stand in NAME.part, and NAME.part.info says of which object they are:
 *
 *	sdei-migrate pull 1
 *	url URL		without a query
 *	etag "TAG"
 *
 * An interrupted pull leaves both; the next one goes on from there. "-" and what is no regular file (a device,
 * a pipe) get their bytes from a file without a name, all of them at the end.
 */
#ifndef SDEI_MIGRATE_PULL_FILE_H
#define SDEI_MIGRATE_PULL_FILE_H

#include "common/tool.h"

#include <transport/http.h>

struct pull_file {
	const char *path, *url; /* borrowed */
	int fd;                 /* of what there is */
	char *part, *info;      /* owned; NULL: nothing has a name */
	uint64_t have;          /* bytes from an earlier run */
	char etag[TRANSPORT_HTTP_MAX_ETAG];
};

/**
 * pull_file_open() - the part file of @path, locked, or one without a name
 *
 * Return: 0; -EEXIST "io" if @path is there and may not be replaced; -EBUSY "busy"; -errno. To be closed in either case.
 */
int pull_file_open(const char *path, const char *url, bool overwrite, struct pull_file *file,
		   struct failure *failure);

/** pull_file_begin() - note what object the bytes of the pull_file @opaque will be of; as struct transport_pull wants it */
int pull_file_begin(void *opaque, const char *etag, struct transport_error *err);

/** pull_file_readable() - a name under which the bytes can be opened now, in @name */
void pull_file_readable(const struct pull_file *file, char *name, size_t size);

/** pull_file_finish() - give it its name, or its bytes to the standard output. Return: 0; -errno */
int pull_file_finish(struct pull_file *file, bool overwrite, struct failure *failure);

/** pull_file_drop() - nothing of it is worth keeping */
void pull_file_drop(struct pull_file *file);

/** pull_file_keeps() - can another run go on with what there is? */
bool pull_file_keeps(const struct pull_file *file);

/** pull_file_close() - for owned locals; what nobody can go on with is removed */
void pull_file_close(struct pull_file *file);
#define OWNED_PULL_FILE CLEANUP(pull_file_close)

#endif
