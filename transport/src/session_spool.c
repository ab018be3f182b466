// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE /* O_TMPFILE */
#include "session_spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const char *folder(void)
{
	const char *named = getenv("TMPDIR");

	return named ? named : "/var/tmp";
}

static int io_failed(struct transport_error *err)
{
	const int code = errno;

	return transport_error_fill(err, -code, "io", "sealed state", folder(), "|%s",
				    strerror(code));
}

int session_spool_add(struct session_spool *spool, uint64_t max, const void *bytes, size_t len,
		      struct transport_error *err)
{
	const uint8_t *from = bytes;

	if (len > max || spool->size > max - len)
		return transport_error_fill(err, -E2BIG, "over-limit", "sealed state", "size",
					    "at most %llu bytes|more", (unsigned long long)max);
	if (spool->fd < 0)
		spool->fd = open(folder(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (spool->fd < 0)
		return io_failed(err);
	while (len) {
		const ssize_t n = write(spool->fd, from, len);

		if (n < 0 && errno != EINTR)
			return io_failed(err);
		from += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
		spool->size += n > 0 ? (uint64_t)n : 0;
	}
	return 0;
}

int session_spool_map(const struct session_spool *spool, struct transport_buffer *whole,
		      struct transport_error *err)
{
	void *map = mmap(NULL, (size_t)spool->size, PROT_READ, MAP_PRIVATE, spool->fd, 0);

	if (map == MAP_FAILED)
		return io_failed(err);
	transport_buffer_adopt(whole, map, (size_t)spool->size);
	return 0;
}

void session_spool_close(struct session_spool *spool)
{
	if (spool->fd >= 0)
		close(spool->fd);
	*spool = (struct session_spool)SESSION_SPOOL_EMPTY;
}
