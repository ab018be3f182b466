// SPDX-License-Identifier: Apache-2.0
#include "snapshot.h"

#include "common/cleanup.h"
#include "payload.h"

#include <errno.h>
#include <fcntl.h>
#include <sdeistate/sdeistate.h>
#include <sdeistate/seal.h>
#include <sdeistate/trust.h>
#include <string.h>
#include <sys/mman.h>

#define PIECE (4u << 20) /* pages are hashed as many at a time */

static void release_opened(struct sdeistate_opened **opened)
{
	sdeistate_opened_free(*opened);
}

static void release_trust(struct sdeistate_trust **trust)
{
	sdeistate_trust_free(*trust);
}

static void release_key(struct sdeistate_key **key)
{
	sdeistate_key_free(*key);
}

static int no_memory(struct failure *failure)
{
	return failure_set(failure, SDEISTATE_NO_MEMORY, -ENOMEM, NULL, NULL, NULL, NULL);
}

bool snapshot_is_bytes(const uint8_t *data, size_t len)
{
	struct sdeistate_peek peek;

	return len >= SDEISTATE_PREFIX_SIZE && sdeistate_peek(data, len, &peek, NULL) != -ENOMSG;
}

bool snapshot_is(const char *path)
{
	uint8_t prefix[SDEISTATE_PREFIX_SIZE];
	int fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
	ssize_t got = fd < 0 ? -1 : pread(fd, prefix, sizeof(prefix), 0);

	if (fd >= 0)
		close(fd);
	return got > 0 && snapshot_is_bytes(prefix, (size_t)got);
}

void snapshot_close(struct snapshot *s)
{
	if (s->digests)
		munmap(s->digests, s->digests_size);
	sdeistate_free(s->state);
	*s = (struct snapshot){ 0 };
}

/* --- Pages and digests -------------------------------------------------------------------------------- */

/* What the frames of a file bring: digests go to an unnamed file, so that memory stays flat. */
struct bulk {
	const struct sdeistate_realm *realm;
	enum kvmcore_hash hash;
	size_t digest_size;
	int pages,
		digests; /* descriptors: digests of pages that were hashed, and those of the file */
	uint8_t *piece;
	size_t filled;
	uint64_t size; /* of the frame so far */
};

static int put(int fd, const uint8_t *data, size_t len)
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

static int put_digests(void *user, uint64_t first, uint32_t n, const struct kvmcore_digest *digest)
{
	uint8_t packed[sizeof(*digest) * 64];
	struct bulk *b = user;
	size_t filled = 0;
	int ret = 0;

	(void)first;
	for (uint32_t i = 0; !ret && i < n; i++) {
		memcpy(packed + filled, digest[i].bytes, b->digest_size);
		filled += b->digest_size;
		if (i + 1 < n && filled + b->digest_size <= sizeof(packed))
			continue;
		ret = put(b->pages, packed, filled);
		filled = 0;
	}
	return ret;
}

static int flush_piece(struct bulk *b)
{
	const struct kvmcore_image image = { .map = b->piece, .size = b->filled };

	b->filled = 0;
	return kvmcore_image_hash(b->hash, &image, 0, put_digests, b);
}

static int take_pages(void *user, const void *bytes, size_t len)
{
	struct bulk *b = user;
	const uint8_t *at = bytes;
	int ret = 0;

	while (!ret && len) {
		size_t n = len < PIECE - b->filled ? len : PIECE - b->filled;

		memcpy(b->piece + b->filled, at, n);
		b->filled += n;
		at += n;
		len -= n;
		ret = b->filled == PIECE ? flush_piece(b) : 0;
	}
	return ret;
}

static int take_digests(void *user, const void *bytes, size_t len)
{
	struct bulk *b = user;

	return put(b->digests, bytes, len);
}

/* The frame that comes is not known before it came: the manifest lists them in order. */
static int read_frame(struct sdeistate_opened *opened, unsigned int i, struct bulk *b,
		      struct sdeistate_error *error)
{
	const uint32_t type = opened->manifest.frame[i].type & ~SDEISTATE_RECORD_OPTIONAL;
	sdeistate_sink sink = type == SDEISTATE_FRAME_REALM_CONTENTS   ? take_pages
			      : type == SDEISTATE_FRAME_GRANULE_HASHES ? take_digests
								       : NULL;
	int *fd = sink == take_pages ? &b->pages : &b->digests;
	int ret;

	if (sink && *fd < 0)
		*fd = payload_unnamed();
	if (sink && *fd < 0)
		return *fd;
	ret = sdeistate_next_frame(opened, sink, b, NULL, error);
	return ret || sink != take_pages || !b->filled ? ret : flush_piece(b);
}

static int read_frames(struct sdeistate_opened *opened, struct bulk *b, struct failure *failure)
{
	struct sdeistate_error error = { 0 };
	int ret = 0;

	for (unsigned int i = 1; !ret && i < opened->manifest.n_frames; i++)
		ret = read_frame(opened, i, b, &error);
	if (!ret) {
		ret = sdeistate_next_frame(opened, NULL, NULL, NULL, &error);
		ret = ret == -ENODATA ? 0 : ret;
	}
	if (ret && error.reason)
		return failure_from(failure, &error);
	return ret ? failure_io(failure, "snapshot", -ret) : 0;
}

/* Digests that were stated have to be those that the state, which was signed, names. */
static int map_digests(int fd, const struct bulk *b, struct snapshot *s, struct failure *failure)
{
	size_t size = (size_t)(b->realm->n_granules * b->digest_size);
	struct kvmcore_digest digest;
	void *map;

	if (lseek(fd, 0, SEEK_END) != (off_t)size)
		return failure_set(failure, SDEISTATE_INCONSISTENT, -EBADMSG, "snapshot", "pages",
				   "as many as the realm has", "another number");
	if (!size)
		return 0;
	map = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		return failure_io(failure, "snapshot", errno);
	if (kvmcore_digest(KVMCORE_HASH_SHA256, map, size, &digest) ||
	    memcmp(digest.bytes, b->realm->hashes_digest, sizeof(b->realm->hashes_digest)) != 0) {
		munmap(map, size);
		return failure_set(failure, SDEISTATE_INCONSISTENT, -EBADMSG, "snapshot", "pages",
				   "the digests that the state names", "others");
	}
	if (s->digests)
		munmap(s->digests, s->digests_size);
	s->digests = map;
	s->digests_size = size;
	return 0;
}

static int load_bulk(struct sdeistate_opened *opened, struct snapshot *s, struct failure *failure)
{
	OWNED_MEMORY uint8_t *piece = malloc(PIECE);
	struct bulk b = {
		.realm = s->realm,
		.hash = (enum kvmcore_hash)s->realm->hash,
		.digest_size = sdeistate_realm_hash_size(s->realm->hash),
		.pages = -1,
		.digests = -1,
		.piece = piece,
	};
	int ret = piece ? read_frames(opened, &b, failure) : no_memory(failure);

	if (!ret && b.digests >= 0)
		ret = map_digests(b.digests, &b, s, failure);
	if (!ret && b.pages >= 0)
		ret = map_digests(b.pages, &b, s, failure);
	if (b.digests >= 0)
		close(b.digests);
	if (b.pages >= 0)
		close(b.pages);
	return ret;
}

/* --- Opening ------------------------------------------------------------------------------------------- */

static int load_trust(const struct snapshot_options *o, const char *path,
		      struct sdeistate_trust **trust, struct failure *failure)
{
	struct sdeistate_error error;

	if (o->only_show)
		return 0;
	if (!o->trust || !o->trust->n)
		return failure_set(failure, SDEISTATE_NOTHING_TO_VERIFY, -ENOKEY, path,
				   "--trust-anchor", "the public key of whoever signed it", "none");
	*trust = sdeistate_trust_new();
	if (!*trust)
		return no_memory(failure);
	for (size_t i = 0; i < o->trust->n; i++)
		if (sdeistate_trust_load_into(*trust, o->trust->item[i], &error))
			return failure_from(failure, &error);
	return 0;
}

static int decode(struct sdeistate_opened *opened, struct snapshot *s, const char *path,
		  struct failure *failure)
{
	const struct sdeistate_buffer *stream = &opened->stream;
	struct sdeistate_error error;

	if (opened->manifest.kind != SDEISTATE_KIND_FINAL &&
	    opened->manifest.kind != SDEISTATE_KIND_BASE)
		return failure_set(failure, SDEISTATE_NOTHING_TO_VERIFY, -EINVAL, path, "kind",
				   "a whole state", sdeistate_kind_name(opened->manifest.kind));
	if (sdeistate_decode(stream->data, stream->len, &s->state, &error) ||
	    sdeistate_validate(s->state, &error))
		return failure_from(failure, &error);
	s->realm = s->state->realm;
	return s->realm ? 0
			: failure_set(failure, SDEISTATE_NOTHING_TO_VERIFY, -EINVAL, path, "VM",
				      "a realm", "a VM of another type");
}

int snapshot_open(const char *path, const struct snapshot_options *options,
		  struct snapshot *snapshot, struct failure *failure)
{
	CLEANUP(release_opened) struct sdeistate_opened *opened = NULL;
	CLEANUP(release_trust) struct sdeistate_trust *trust = NULL;
	CLEANUP(release_key) struct sdeistate_key *key = NULL;
	struct sdeistate_open_options how = { .flags = SDEISTATE_OPEN_ANY_AUDIENCE };
	snapshot_cleanup struct snapshot s = { 0 };
	struct sdeistate_error error;
	int ret = load_trust(options, path, &trust, failure), fd = -1;

	if (!ret && options->key && sdeistate_key_load(options->key, &key, &error))
		ret = failure_from(failure, &error);
	if (ret)
		return ret;
	if (options->only_show)
		how.flags |= SDEISTATE_OPEN_ANY_SIGNER | SDEISTATE_OPEN_ANY_TIME;
	how.trust = trust;
	how.secret = (const struct sdeistate_key *const *)&key;
	how.n_secrets = key ? 1 : 0;
	if (!options->bytes)
		fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC) : dup(STDIN_FILENO);
	if (!options->bytes && fd < 0)
		return failure_io(failure, path, errno);
	ret = options->bytes ? sdeistate_open(options->bytes, options->len, &how, &opened, &error)
			     : sdeistate_open_fd(fd, &how, &opened, &error);
	ret = ret ? failure_from(failure, &error) : decode(opened, &s, path, failure);
	if (!ret)
		ret = load_bulk(opened, &s, failure);
	if (fd >= 0)
		close(fd);
	if (!ret) {
		*snapshot = s;
		s = (struct snapshot){ 0 };
	}
	return ret;
}
