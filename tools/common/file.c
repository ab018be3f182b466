// SPDX-License-Identifier: Apache-2.0
#include "file.h"

#include "cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <string.h>
#include <sys/stat.h>

#define FIRST_SIZE (16u << 10)

static int open_input(const char *path)
{
	return strcmp(path, "-") == 0 ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
}

static int read_all(int fd, size_t max, uint8_t **data, size_t *len)
{
	OWNED_MEMORY uint8_t *buffer = NULL;
	size_t size = 0, used = 0;

	for (;;) {
		ssize_t got;

		if (used + 1 >= size) {
			uint8_t *grown;

			if (used > max)
				return -E2BIG;
			size = size ? 2 * size : FIRST_SIZE;
			grown = realloc(buffer, size);
			if (!grown)
				return -ENOMEM;
			buffer = grown;
		}
		got = read(fd, buffer + used, size - used - 1);
		if (got < 0 && errno != EINTR)
			return -errno;
		if (got == 0)
			break;
		used += got > 0 ? (size_t)got : 0;
	}
	if (used > max)
		return -E2BIG;
	buffer[used] = '\0';
	*data = buffer;
	*len = used;
	buffer = NULL;
	return 0;
}

int file_read(const char *path, size_t max, uint8_t **data, size_t *len, struct failure *failure)
{
	OWNED_FD int fd = open_input(path);
	char expected[64];
	int ret;

	if (fd < 0)
		return failure_io(failure, path, errno);
	ret = read_all(fd, max, data, len);
	if (ret == -E2BIG) {
		snprintf(expected, sizeof(expected), "at most %zu bytes", max);
		return failure_set(failure, SDEISTATE_OVER_LIMIT, ret, path, "size", expected,
				   "more");
	}
	return ret ? failure_io(failure, path, -ret) : 0;
}

static int write_all(int fd, const uint8_t *data, size_t len)
{
	while (len) {
		const ssize_t done = write(fd, data, len);

		if (done < 0 && errno != EINTR)
			return -errno;
		if (done > 0) {
			data += done;
			len -= (size_t)done;
		}
	}
	return 0;
}

static int sync_directory_of(const char *path)
{
	OWNED_MEMORY char *copy = strdup(path);
	OWNED_FD int fd = -1;

	if (!copy)
		return -ENOMEM;
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

static int write_new(const char *path, const void *data, size_t len, mode_t mode)
{
	OWNED_FD int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	int ret;

	if (fd < 0)
		return -errno;
	ret = write_all(fd, data, len);
	return ret ? ret : fsync(fd) < 0 ? -errno : 0;
}

static int replace(const char *path, const void *data, size_t len, mode_t mode)
{
	OWNED_MEMORY char *beside = NULL;
	int ret;

	if (asprintf(&beside, "%s.%ld.tmp", path, (long)getpid()) < 0) {
		beside = NULL;
		return -ENOMEM;
	}
	ret = write_new(beside, data, len, mode);
	if (ret == 0 && rename(beside, path) < 0)
		ret = -errno;
	if (ret && ret != -EEXIST)
		unlink(beside);
	return ret ? ret : sync_directory_of(path);
}

bool file_is_replaced(const char *path)
{
	struct stat status;

	return strcmp(path, "-") != 0 && (stat(path, &status) < 0 || S_ISREG(status.st_mode));
}

static int write_through(const char *path, const void *data, size_t len)
{
	OWNED_FD int fd =
		strcmp(path, "-") == 0 ? dup(STDOUT_FILENO) : open(path, O_WRONLY | O_CLOEXEC);

	return fd < 0 ? -errno : write_all(fd, data, len);
}

int file_write(const char *path, const void *data, size_t len, unsigned int mode,
	       struct failure *failure)
{
	const int ret = file_is_replaced(path) ? replace(path, data, len, mode)
					       : write_through(path, data, len);

	return ret ? failure_io(failure, path, -ret) : 0;
}
