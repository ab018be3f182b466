// SPDX-License-Identifier: Apache-2.0
#include "spool.h"

#include "error_set.h"
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int io_error(struct sdeistate_error *err, const char *object, const char *verb, int code)
{
	return error_set(err, SDEISTATE_IO, -code, object, "", "to be %s|%s", verb, strerror(code));
}

int spool_open_file(struct spool *spool, const char *dir, struct sdeistate_error *err)
{
	int fd;

	if (!dir)
		dir = getenv("TMPDIR");
	if (!dir)
		dir = "/var/tmp";
	fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC | O_EXCL, 0600);
	if (fd < 0)
		return io_error(err, dir, "able to hold a temporary file", errno);
	*spool = (struct spool){ .fd = fd };
	return 0;
}

/* Doubling; what was there is wiped, which realloc() would not do. */
static int grow(struct spool *spool, size_t needed, struct sdeistate_error *err)
{
	size_t capacity = spool->capacity ? spool->capacity : 4096;
	uint8_t *bytes;

	while (capacity < needed)
		capacity *= 2;
	bytes = malloc(capacity);
	if (!bytes)
		return error_no_memory(err, "sealed file");
	if (spool->len)
		memcpy(bytes, spool->bytes, (size_t)spool->len);
	if (spool->bytes)
		OPENSSL_cleanse(spool->bytes, (size_t)spool->len);
	free(spool->bytes);
	spool->bytes = bytes;
	spool->capacity = capacity;
	return 0;
}

int spool_write(struct spool *spool, const void *bytes, size_t len, struct sdeistate_error *err)
{
	int ret;

	if (spool->fd >= 0) {
		ret = file_write_all(spool->fd, bytes, len);
		if (ret)
			return io_error(err, "sealed file", "written", -ret);
	} else {
		if (len > SIZE_MAX / 4 - spool->len)
			return error_no_memory(err, "sealed file");
		if (spool->len + len > spool->capacity) {
			ret = grow(spool, (size_t)spool->len + len, err);
			if (ret)
				return ret;
		}
		if (len)
			memcpy(spool->bytes + spool->len, bytes, len);
	}
	spool->len += len;
	return 0;
}

int spool_drain(struct spool *from, struct spool *to, struct sdeistate_error *err)
{
	uint8_t piece[64 << 10];
	uint64_t left = from->len;
	int ret = 0;

	if (from->fd < 0)
		return spool_write(to, from->bytes, (size_t)from->len, err);
	if (lseek(from->fd, 0, SEEK_SET))
		return io_error(err, "temporary file", "read again", errno);
	while (left && !ret) {
		ssize_t got = file_read_some(from->fd, piece,
					     left < sizeof(piece) ? (size_t)left : sizeof(piece));

		if (got <= 0)
			return io_error(err, "temporary file", "read again", got ? (int)-got : EIO);
		ret = spool_write(to, piece, (size_t)got, err);
		left -= (uint64_t)got;
	}
	return ret;
}

void spool_close(struct spool *spool)
{
	if (spool->bytes)
		OPENSSL_cleanse(spool->bytes, (size_t)spool->len);
	free(spool->bytes);
	if (spool->fd >= 0)
		close(spool->fd);
	*spool = (struct spool){ .fd = -1 };
}
