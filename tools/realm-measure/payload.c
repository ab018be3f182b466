// SPDX-License-Identifier: Apache-2.0
#include "payload.h"

#include "common/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <zlib.h>

#define IMAGE_MAGIC       0x644d5241u /* "ARM\x64" */
#define IMAGE_HEADER      64u
#define OLD_TEXT_OFFSET   0x80000u
#define COPY_SIZE         (1u << 16)
#define MAX_UNPACKED_SIZE (UINT64_C(4) << 30)

static uint64_t get_le(const uint8_t *at, unsigned int size)
{
	uint64_t value = 0;

	for (unsigned int i = 0; i < size; i++)
		value |= (uint64_t)at[i] << 8 * i;
	return value;
}

int payload_unnamed(void)
{
	const char *dir = getenv("TMPDIR");
	int fd = open(dir && *dir ? dir : "/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	return fd < 0 ? -errno : fd;
}

static int write_all(int fd, const uint8_t *data, size_t len)
{
	while (len) {
		ssize_t done = write(fd, data, len);

		if (done < 0 && errno != EINTR)
			return -errno;
		if (done > 0) {
			data += done;
			len -= (size_t)done;
		}
	}
	return 0;
}

/* A pipe cannot be mapped. Return: descriptor of an unnamed file with the same bytes; -errno */
static int spool(int from)
{
	OWNED_MEMORY uint8_t *buf = malloc(COPY_SIZE);
	int to = buf ? payload_unnamed() : -ENOMEM;

	while (to >= 0) {
		ssize_t got = read(from, buf, COPY_SIZE);
		int ret = 0;

		if (got == 0)
			break;
		if (got > 0)
			ret = write_all(to, buf, (size_t)got);
		else if (errno != EINTR)
			ret = -errno;
		if (ret) {
			close(to);
			to = ret;
		}
	}
	return to;
}

/* Takes the mapping of @fd as far as it reaches now. */
static int map(int fd, const char *name, const char *path, struct blob **blob)
{
	struct blob *made = calloc(1, sizeof(*made));
	struct stat st;

	if (!made)
		return -ENOMEM;
	made->name = strdup(name);
	made->path = strdup(path);
	if (!made->name || !made->path || fstat(fd, &st)) {
		blob_free(made);
		return -ENOMEM;
	}
	made->size = (uint64_t)st.st_size;
	if (made->size) {
		void *at = mmap(NULL, made->size, PROT_READ, MAP_PRIVATE, fd, 0);

		if (at == MAP_FAILED) {
			int error = errno;

			blob_free(made);
			return -error;
		}
		made->bytes = at;
		made->mapped = true;
	}
	*blob = made;
	return 0;
}

static int open_path(const char *path)
{
	struct stat st;
	int fd, spooled;

	fd = !strcmp(path, "-") ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode))
		return fd;
	spooled = S_ISDIR(st.st_mode) ? -EISDIR : spool(fd);
	close(fd);
	return spooled;
}

int payload_open(const char *path, const char *name, struct blob **blob, struct failure *failure)
{
	int fd = open_path(path);
	int ret = fd < 0 ? fd : map(fd, name, path, blob);

	if (fd >= 0)
		close(fd);
	return ret ? failure_io(failure, path, -ret) : 0;
}

static int inflate_to(int fd, const struct blob *packed)
{
	OWNED_MEMORY uint8_t *out = malloc(COPY_SIZE);
	z_stream z = { 0 };
	uint64_t at = 0, written = 0;
	int status = Z_OK, ret = 0;

	if (!out || inflateInit2(&z, 16 + MAX_WBITS) != Z_OK)
		return -ENOMEM;
	while (!ret && status == Z_OK) {
		if (!z.avail_in && at < packed->size) {
			uint64_t left = packed->size - at;

			z.next_in = (Bytef *)(uintptr_t)(packed->bytes + at);
			z.avail_in = left > COPY_SIZE ? COPY_SIZE : (uInt)left;
			at += z.avail_in;
		}
		z.next_out = out;
		z.avail_out = COPY_SIZE;
		status = inflate(&z, Z_NO_FLUSH);
		if (status != Z_OK && status != Z_STREAM_END)
			ret = -EBADMSG;
		else
			ret = write_all(fd, out, COPY_SIZE - z.avail_out);
		written += COPY_SIZE - z.avail_out;
		if (written > MAX_UNPACKED_SIZE)
			ret = -EFBIG;
	}
	inflateEnd(&z);
	return ret;
}

static int unpack(struct blob **blob, struct failure *failure)
{
	int fd = payload_unnamed();
	struct blob *unpacked = NULL;
	int ret = fd < 0 ? fd : inflate_to(fd, *blob);

	if (!ret)
		ret = map(fd, (*blob)->name, (*blob)->path, &unpacked);
	if (fd >= 0)
		close(fd);
	if (ret == -EBADMSG)
		return failure_set(failure, SDEISTATE_DAMAGED, ret, (*blob)->path, "gzip",
				   "a whole gzip file", "a broken one");
	if (ret == -EFBIG)
		return failure_set(failure, SDEISTATE_OVER_LIMIT, ret, (*blob)->path, "gzip",
				   "at most 4 GiB unpacked", "more");
	if (ret)
		return failure_io(failure, (*blob)->path, -ret);
	blob_free(*blob);
	*blob = unpacked;
	return 0;
}

int payload_open_kernel(const char *path, struct blob **blob, struct failure *failure)
{
	struct blob *made = NULL;
	int ret = payload_open(path, "KERNEL", &made, failure);

	if (!ret && made->size > 2 && made->bytes[0] == 0x1f && made->bytes[1] == 0x8b)
		ret = unpack(&made, failure);
	if (ret)
		blob_free(made);
	else
		*blob = made;
	return ret;
}

int payload_from_bytes(const char *name, uint8_t *bytes, size_t size, struct blob **blob)
{
	struct blob *made = calloc(1, sizeof(*made));

	if (!made) {
		free(bytes);
		return -ENOMEM;
	}
	made->bytes = bytes;
	made->size = size;
	made->name = strdup(name);
	if (!made->name) {
		blob_free(made);
		return -ENOMEM;
	}
	*blob = made;
	return 0;
}

/* Before Linux 3.17 the size was 0 and the offset not to be relied on. */
int payload_image_header(const struct blob *blob, struct image_header *header)
{
	struct image_header made;

	if (blob->size < IMAGE_HEADER || get_le(blob->bytes + 56, 4) != IMAGE_MAGIC)
		return -EINVAL;
	made.text_offset = get_le(blob->bytes + 8, 8);
	made.image_size = get_le(blob->bytes + 16, 8);
	if (!made.image_size)
		made.text_offset = OLD_TEXT_OFFSET;
	if (made.image_size < blob->size)
		made.image_size = blob->size;
	if (made.text_offset >= PAYLOAD_MAX || made.image_size >= PAYLOAD_MAX)
		return -EINVAL;
	*header = made;
	return 0;
}
