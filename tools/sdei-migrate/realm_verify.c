// SPDX-License-Identifier: Apache-2.0
/* The bulk of a file that is only looked at: that it is there, whole, and what the records say (docs/format.md, 6.7). */
#include "realm_bulk.h"

#include <errno.h>
#include <fcntl.h>
#include <kvmcore/measure.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Pages and digests as they come. */
struct reader {
	const struct sdeistate_realm *realm;
	int fd; /* the digests */
	uint8_t page[SDEISTATE_REALM_GRANULE];
	size_t used;
	uint64_t n_hashes, n_pages; /* bytes; pages */
	struct failure *failure;
};

static int damaged(struct failure *failure, const char *field, const char *expected,
		   const char *actual)
{
	return failure_set(failure, SDEISTATE_INCONSISTENT, -EBADMSG, "realm contents", field,
			   expected, actual);
}

static int take_hashes(void *arg, const void *bytes, size_t len)
{
	struct reader *reader = arg;

	if (write(reader->fd, bytes, len) != (ssize_t)len)
		return failure_io(reader->failure, "realm contents", errno ? errno : EIO);
	reader->n_hashes += len;
	return 0;
}

static int check_page(struct reader *reader)
{
	const size_t size = sdeistate_realm_hash_size(reader->realm->hash);
	struct kvmcore_digest have;
	uint8_t want[64];

	if (pread(reader->fd, want, size, (off_t)(reader->n_pages * size)) != (ssize_t)size)
		return damaged(reader->failure, "pages", "one for each digest", "more");
	if (kvmcore_digest((enum kvmcore_hash)reader->realm->hash, reader->page,
			   sizeof(reader->page), &have))
		return failure_set(reader->failure, SDEISTATE_NO_MEMORY, -ENOMEM, NULL, NULL, NULL,
				   NULL);
	reader->n_pages++;
	reader->used = 0;
	return memcmp(have.bytes, want, size)
		       ? damaged(reader->failure, "page", "that of its digest", "another")
		       : 0;
}

static int take_pages(void *arg, const void *bytes, size_t len)
{
	struct reader *reader = arg;
	const uint8_t *from = bytes;
	int ret = 0;

	while (len && !ret) {
		const size_t room = sizeof(reader->page) - reader->used;
		const size_t n = len < room ? len : room;

		memcpy(reader->page + reader->used, from, n);
		reader->used += n;
		from += n;
		len -= n;
		if (reader->used == sizeof(reader->page))
			ret = check_page(reader);
	}
	return ret;
}

/* The list is the one the record vouches for. */
static int check_hashes(const struct reader *reader)
{
	const size_t len = (size_t)reader->n_hashes;
	struct kvmcore_digest digest;
	void *map;
	int ret;

	if (len != sdeistate_realm_part_size(reader->realm, SDEISTATE_REALM_HASHES))
		return damaged(reader->failure, "digests", "one for each page", "another number");
	if (len == 0)
		return 0;
	map = mmap(NULL, len, PROT_READ, MAP_PRIVATE, reader->fd, 0);
	if (map == MAP_FAILED)
		return failure_io(reader->failure, "realm contents", errno);
	ret = kvmcore_digest(KVMCORE_HASH_SHA256, map, len, &digest);
	munmap(map, len);
	return ret || memcmp(digest.bytes, reader->realm->hashes_digest, SDEISTATE_DIGEST_SIZE)
		       ? damaged(reader->failure, "digests", "those of the record", "others")
		       : 0;
}

static int read_frame(struct sealed *sealed, const struct sdeistate_frame *frame,
		      struct reader *reader)
{
	const bool hashes = reader->realm && frame->type == SDEISTATE_FRAME_GRANULE_HASHES;
	const bool pages = reader->realm && frame->type == SDEISTATE_FRAME_REALM_CONTENTS;
	struct sdeistate_error error = { .code = 0 };
	const int ret = sdeistate_next_frame(sealed->opened,
					     hashes  ? take_hashes
					     : pages ? take_pages
						     : NULL,
					     reader, NULL, &error);

	if (ret)
		return error.code ? failure_from(reader->failure, &error) : ret;
	if (hashes)
		return check_hashes(reader);
	if (pages && (reader->used || reader->n_pages != reader->realm->n_granules))
		return damaged(reader->failure, "pages", "one for each digest", "fewer");
	return 0;
}

int realm_bulk_verify(struct sealed *sealed, struct failure *failure)
{
	const char *folder = getenv("TMPDIR");
	const struct sdeistate_manifest *manifest = &sealed->opened->manifest;
	struct reader reader = { .realm = sealed->state ? sealed->state->realm : NULL,
				 .failure = failure };
	struct sdeistate_error error = { .code = 0 };
	int ret = 0;

	if (manifest->n_frames <= 1)
		return 0;
	reader.fd = open(folder ? folder : "/var/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (reader.fd < 0)
		return failure_io(failure, folder ? folder : "/var/tmp", errno);
	for (unsigned int i = 1; i < manifest->n_frames && !ret; i++)
		ret = read_frame(sealed, &manifest->frame[i], &reader);
	if (!ret && sdeistate_next_frame(sealed->opened, NULL, NULL, NULL, &error) != -ENODATA)
		ret = failure_from(failure, &error);
	close(reader.fd);
	return ret;
}
