// SPDX-License-Identifier: Apache-2.0
#include "file.h"

#include "error_set.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int io_error(struct sdeistate_error *err, const char *path, const char *field, int code)
{
	return error_set(err, code == ENOENT ? SDEISTATE_NO_KEY : SDEISTATE_IO, -code, path, field,
			 "to be readable|%s", strerror(code));
}

int file_write_all(int fd, const void *bytes, size_t len)
{
	const char *at = bytes;

	while (len) {
		ssize_t done = write(fd, at, len);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		at += done;
		len -= (size_t)done;
	}
	return 0;
}

ssize_t file_read_some(int fd, void *buf, size_t len)
{
	size_t got = 0;

	while (got < len) {
		ssize_t n = read(fd, (char *)buf + got, len - got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		got += (size_t)n;
	}
	return (ssize_t)got;
}

static int check_secret(const struct stat *st, const char *path, struct sdeistate_error *err)
{
	if (st->st_mode & 077)
		return error_set(err, SDEISTATE_KEY_PERMISSIONS, -EPERM, path, "mode",
				 "0600 or less|0%03o", (unsigned int)(st->st_mode & 0777));
	if (st->st_uid != geteuid() && st->st_uid != 0)
		return error_set(err, SDEISTATE_KEY_PERMISSIONS, -EPERM, path, "owner",
				 "user %u or root|user %u", (unsigned int)geteuid(),
				 (unsigned int)st->st_uid);
	return 0;
}

static int read_open_file(int fd, const char *path, size_t max, struct sdeistate_buffer *content,
			  struct sdeistate_error *err)
{
	struct sdeistate_buffer got = { malloc(max + 1), max + 1 };
	ssize_t len;

	if (!got.data)
		return error_no_memory(err, path);
	len = file_read_some(fd, got.data, max + 1);
	if (len < 0 || (size_t)len > max) {
		sdeistate_buffer_free(&got);
		if (len < 0)
			return io_error(err, path, "content", (int)-len);
		return error_set(err, SDEISTATE_OVER_LIMIT, -EFBIG, path, "size",
				 "at most %zu bytes|more", max);
	}
	got.len = (size_t)len;
	*content = got;
	return 0;
}

static int read_path(const char *path, int flags, bool secret, size_t max,
		     struct sdeistate_buffer *content, struct sdeistate_error *err)
{
	struct stat st;
	int fd, ret;

	/* Without O_NONBLOCK a FIFO in a key's place would hang us. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | flags);
	if (fd < 0 && errno == ELOOP && flags & O_NOFOLLOW)
		return error_set(err, SDEISTATE_IO, -ELOOP, path, "type",
				 "the key's file itself|a symbolic link");
	if (fd < 0)
		return io_error(err, path, "", errno);
	if (fstat(fd, &st))
		ret = io_error(err, path, "", errno);
	else if (!S_ISREG(st.st_mode))
		ret = error_set(err, SDEISTATE_IO, -EINVAL, path, "type",
				"a regular file|something else");
	else
		ret = secret ? check_secret(&st, path, err) : 0;
	if (!ret)
		ret = read_open_file(fd, path, max, content, err);
	close(fd);
	return ret;
}

int file_read(const char *path, size_t max, struct sdeistate_buffer *content,
	      struct sdeistate_error *err)
{
	return read_path(path, 0, false, max, content, err);
}

int file_read_secret(const char *path, size_t max, struct sdeistate_buffer *content,
		     struct sdeistate_error *err)
{
	return read_path(path, O_NOFOLLOW, true, max, content, err);
}
