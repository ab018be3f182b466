// SPDX-License-Identifier: Apache-2.0
#include "source.h"

#include "error_set.h"
#include "file.h"

#include <errno.h>
#include <string.h>

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
		n = file_read_some(source->fd, buf, len);
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
