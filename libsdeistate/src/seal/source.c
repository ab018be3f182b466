// SPDX-License-Identifier: Apache-2.0
#include "source.h"

#include "error_set.h"
#include "file.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static size_t take_ahead(struct source *source, uint8_t *buf, size_t len)
{
	const size_t have = source->to - source->from, n = len < have ? len : have;

	if (n)
		memcpy(buf, source->ahead + source->from, n);
	source->from += n;
	return n;
}

/* The parts of a file's head are small: one read brings them all. Nobody else reads this descriptor. */
static ssize_t read_ahead(struct source *source, uint8_t *buf, size_t len)
{
	size_t got = take_ahead(source, buf, len);
	ssize_t n = 1;

	while (got < len && n > 0) {
		const bool small = len - got < SOURCE_AHEAD;

		n = small ? read(source->fd, source->ahead, SOURCE_AHEAD)
			  : file_read_some(source->fd, buf + got, len - got);
		if (n < 0 && small && errno == EINTR) {
			n = 1;
			continue;
		}
		if (n < 0)
			return small ? -errno : n;
		source->from = 0;
		source->to = small ? (size_t)n : 0;
		got += small ? take_ahead(source, buf + got, len - got) : (size_t)n;
	}
	return (ssize_t)got;
}

int source_some(struct source *source, void *buf, size_t len, size_t *got,
		struct sdeistate_error *err)
{
	ssize_t n;

	if (source->bytes) {
		size_t left = source->len - (size_t)source->consumed;

		n = (ssize_t)(len < left ? len : left);
		if (n)
			memcpy(buf, source->bytes + source->consumed, (size_t)n);
	} else {
		n = read_ahead(source, buf, len);
	}
	if (n < 0)
		return error_set(err, SDEISTATE_IO, (int)n, "sealed file", "", "to be readable|%s",
				 strerror((int)-n));
	source->consumed += (uint64_t)n;
	*got = (size_t)n;
	return 0;
}

int source_exactly(struct source *source, void *buf, size_t len, const char *what,
		   struct sdeistate_error *err)
{
	size_t got = 0;
	int ret = source_some(source, buf, len, &got, err);

	if (!ret && got != len)
		ret = error_set(err, SDEISTATE_DAMAGED, -EBADMSG, "sealed file", what,
				"%zu bytes|the file ends after %zu", len, got);
	return ret;
}
