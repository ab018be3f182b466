// SPDX-License-Identifier: Apache-2.0
#include "error_set.h"
#include "file.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <openssl/rand.h>
#include <sdeistate/seal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int fail(struct sdeistate_error *err, const char *path, const char *step, int code)
{
	return error_set(err, code == EEXIST ? SDEISTATE_USAGE : SDEISTATE_IO, -code, path, step,
			 "to be written|%s", strerror(code));
}

static int sync_directory(const char *path)
{
	const char *slash = strrchr(path, '/');
	char dir[PATH_MAX] = ".";
	int fd, ret;

	if (slash)
		snprintf(dir, sizeof(dir), "%.*s", slash == path ? 1 : (int)(slash - path), path);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = fsync(fd) ? -errno : 0;
	close(fd);
	return ret;
}

/* link() refuses an existing name, which rename() would silently replace. */
static int put_in_place(const char *temporary, const char *path, bool replace)
{
	if (replace)
		return rename(temporary, path) ? -errno : 0;
	if (link(temporary, path))
		return -errno;
	unlink(temporary);
	return 0;
}

static int fill(int fd, const void *bytes, size_t len)
{
	int ret = file_write_all(fd, bytes, len);

	if (!ret && fsync(fd))
		ret = -errno;
	if (close(fd) && !ret)
		ret = -errno;
	return ret;
}

int sdeistate_write_file(const char *path, const void *bytes, size_t len, unsigned int mode,
			 bool replace, struct sdeistate_error *err)
{
	char temporary[PATH_MAX];
	uint64_t random;
	int fd, ret;

	if (RAND_bytes((unsigned char *)&random, sizeof(random)) != 1)
		return fail(err, path, "temporary file", EIO);
	if (snprintf(temporary, sizeof(temporary), "%s.%016" PRIx64, path, random) >=
	    (int)sizeof(temporary))
		return fail(err, path, "name", ENAMETOOLONG);
	fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode & 0777);
	if (fd < 0)
		return fail(err, path, "temporary file", errno);
	ret = fill(fd, bytes, len);
	if (!ret)
		ret = put_in_place(temporary, path, replace);
	if (ret) {
		unlink(temporary);
		return fail(err, path, "", -ret);
	}
	ret = sync_directory(path);
	return ret ? fail(err, path, "directory", -ret) : 0;
}
