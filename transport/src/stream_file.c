// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "stream.h"

static const char *file_path(const char *uri)
{
	const char *path = uri_scheme(uri, "file");

	return path ? path : uri;
}

/* Over a file, or over a standard descriptor, which stays open and as blocking as it was. */
static int open_over(const char *name, int fd, bool standard, struct transport_stream **stream,
		     struct transport_error *err)
{
	struct transport_stream *made = stream_new(name, standard ? -1 : fd);

	if (!made) {
		if (!standard)
			close(fd);
		return transport_error_fill(err, -ENOMEM, "no-memory", name, "", "|");
	}
	made->in_fd = fd;
	made->out_fd = fd;
	made->keep_open = standard;
	made->is_file = true;
	*stream = made;
	return 0;
}

static int open_failed(const char *path, int code, struct transport_error *err)
{
	return transport_error_fill(err, code, "io", path, "open", "|%s", strerror(-code));
}

int transport_stream_open_read(const char *uri, struct transport_stream **stream,
			       struct transport_error *err)
{
	const char *path = file_path(uri);
	int fd;

	if (strcmp(uri, "-") == 0)
		return open_over("standard input", STDIN_FILENO, true, stream, err);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return open_failed(path, -errno, err);
	return open_over(path, fd, false, stream, err);
}

/* A new file beside the one it will replace. */
static int open_temporary(const char *path, struct transport_stream **stream,
			  struct transport_error *err)
{
	struct transport_stream *made;
	char *temporary;
	int fd, ret;

	if (asprintf(&temporary, "%s.XXXXXX", path) < 0)
		return transport_error_fill(err, -ENOMEM, "no-memory", path, "", "|");
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0) {
		ret = open_failed(path, -errno, err);
		free(temporary);
		return ret;
	}
	ret = open_over(path, fd, false, &made, err);
	if (ret) {
		unlink(temporary);
		free(temporary);
		return ret;
	}
	made->temporary = temporary;
	made->path = strdup(path);
	if (!made->path) {
		transport_stream_close(made);
		return transport_error_fill(err, -ENOMEM, "no-memory", path, "", "|");
	}
	*stream = made;
	return 0;
}

int transport_stream_open_write(const char *uri, struct transport_stream **stream,
				struct transport_error *err)
{
	const char *path = file_path(uri);
	struct stat st;
	int fd;

	if (strcmp(uri, "-") == 0)
		return open_over("standard output", STDOUT_FILENO, true, stream, err);
	if (stat(path, &st) < 0 || S_ISREG(st.st_mode))
		return open_temporary(path, stream, err);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return open_failed(path, -errno, err);
	return open_over(path, fd, false, stream, err);
}
