// SPDX-License-Identifier: Apache-2.0
#include "realm_bulk.h"

#include "client.h"
#include "vmm.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <kvmcore/measure.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK (1u << 20)
#define REF   "ref="

/* A realm's pages on their way out. */
struct taker {
	struct transport_control *control;
	const struct transport_id *session;
	const struct sdeistate_realm *realm;
	struct transport_error *err;
};

static int io_failed(struct transport_error *err, const char *object, int code)
{
	return transport_error_fill(err, code, "io", object, "", "|%s", strerror(-code));
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

int realm_bulk_check(const char *how, struct failure *failure)
{
	if (!how || strcmp(how, "embed") == 0)
		return 0;
	if (strncmp(how, REF, strlen(REF)) == 0 &&
	    strlen(how) < REALM_BULK_MAX_REFERENCE - 2 * SDEISTATE_DIGEST_SIZE)
		return 0;
	return failure_set(failure, SDEISTATE_USAGE, -EINVAL, "command line", "--realm-contents",
			   "embed, or ref=PREFIX", how);
}

static int open_spool(struct transport_error *err)
{
	const char *folder = getenv("TMPDIR");
	const int fd = open(folder ? folder : "/var/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	return fd < 0 ? io_failed(err, folder ? folder : "/var/tmp", -errno) : fd;
}

static int write_all(int fd, const uint8_t *bytes, size_t len, struct transport_error *err)
{
	while (len) {
		const ssize_t n = write(fd, bytes, len);

		if (n < 0 && errno != EINTR)
			return io_failed(err, "realm contents", -errno);
		bytes += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
	return 0;
}

/* Exactly @len bytes from @at on. */
static int read_all(int fd, uint64_t at, void *buf, size_t len, struct transport_error *err)
{
	uint8_t *to = buf;

	while (len) {
		const ssize_t n = pread(fd, to, len, (off_t)at);

		if (n == 0)
			return transport_error_fill(err, -EBADMSG, "damaged", "realm contents",
						    "size", "%zu bytes more|the end", len);
		if (n < 0 && errno != EINTR)
			return io_failed(err, "realm contents", -errno);
		to += n > 0 ? n : 0;
		at += n > 0 ? (uint64_t)n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
	return 0;
}

/* --- out ------------------------------------------------------------------------------------------------ */

/* A part as the VMM has it, to @fd. */
static int spool_part(const struct taker *taker, uint32_t part, int fd)
{
	const uint64_t size = sdeistate_realm_part_size(taker->realm, part);
	OWNED_BUFFER struct transport_buffer bytes = { .max = CHUNK };
	int ret = 0;

	for (uint64_t at = 0; at < size && !ret; at += CHUNK) {
		const size_t n = size - at < CHUNK ? (size_t)(size - at) : CHUNK;

		bytes.len = 0;
		ret = transport_control_read(taker->control, taker->session, part, at, n, &bytes,
					     taker->err);
		if (!ret && bytes.len != n)
			ret = transport_error_fill(taker->err, -EBADMSG, "protocol",
						   "control message READ", "bytes", "%zu|%zu", n,
						   bytes.len);
		if (!ret)
			ret = write_all(fd, bytes.data, bytes.len, taker->err);
	}
	return ret;
}

/* The digests are those the record vouches for. */
static int check_hashes(const struct taker *taker, int fd)
{
	const uint64_t size = sdeistate_realm_part_size(taker->realm, SDEISTATE_REALM_HASHES);
	void *map = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, fd, 0);
	struct kvmcore_digest digest;
	int ret;

	if (map == MAP_FAILED)
		return io_failed(taker->err, "realm contents", -errno);
	ret = kvmcore_digest(KVMCORE_HASH_SHA256, map, (size_t)size, &digest);
	munmap(map, (size_t)size);
	if (ret)
		return io_failed(taker->err, "realm contents", ret);
	if (memcmp(digest.bytes, taker->realm->hashes_digest, SDEISTATE_DIGEST_SIZE))
		return transport_error_fill(taker->err, -ESTALE, "differs", "realm contents",
					    "granule hashes", "those of the record|others");
	return 0;
}

/* Pages from @first on, each against its digest. */
static int check_pages(const struct taker *taker, const uint8_t *page, uint64_t first, size_t n,
		       int hashes)
{
	const size_t size = sdeistate_realm_hash_size(taker->realm->hash);
	struct kvmcore_digest have;
	uint8_t want[64];

	for (size_t i = 0; i < n; i++) {
		int ret = read_all(hashes, (first + i) * size, want, size, taker->err);

		if (!ret)
			ret = kvmcore_digest((enum kvmcore_hash)taker->realm->hash,
					     page + i * SDEISTATE_REALM_GRANULE,
					     SDEISTATE_REALM_GRANULE, &have);
		if (ret)
			return ret;
		if (memcmp(have.bytes, want, size))
			return transport_error_fill(
				taker->err, -ESTALE, "differs", "realm contents", "page",
				"what was measured|page %" PRIu64 " of the list has changed since; "
				"ref=PREFIX can name the images it was built from",
				first + i);
	}
	return 0;
}

static int check_contents(const struct taker *taker, int fd, int hashes)
{
	const uint64_t size = sdeistate_realm_part_size(taker->realm, SDEISTATE_REALM_CONTENTS);
	OWNED_MEMORY uint8_t *chunk = malloc(CHUNK);
	int ret = chunk ? 0
			: transport_error_fill(taker->err, -ENOMEM, "no-memory", "realm contents",
					       "", "|");

	for (uint64_t at = 0; at < size && !ret; at += CHUNK) {
		const size_t n = size - at < CHUNK ? (size_t)(size - at) : CHUNK;

		ret = read_all(fd, at, chunk, n, taker->err);
		if (!ret)
			ret = check_pages(taker, chunk, at / SDEISTATE_REALM_GRANULE,
					  n / SDEISTATE_REALM_GRANULE, hashes);
	}
	return ret;
}

static int take_contents(const struct taker *taker, int hashes, int *fd)
{
	const int spool = open_spool(taker->err);
	int ret = spool < 0 ? spool : spool_part(taker, SDEISTATE_REALM_CONTENTS, spool);

	if (!ret)
		ret = check_contents(taker, spool, hashes);
	if (ret && spool >= 0)
		close(spool);
	else if (!ret)
		*fd = spool;
	return ret;
}

/* Under its name completely, or not at all. */
static int publish(const struct taker *taker, const char *path, int hashes)
{
	CLEANUP(close_fd) int spool = -1;
	CLEANUP(close_fd) int fd = -1;
	OWNED_MEMORY uint8_t *chunk = malloc(CHUNK);
	OWNED_MEMORY char *name = NULL;
	const uint64_t size = sdeistate_realm_part_size(taker->realm, SDEISTATE_REALM_CONTENTS);
	int ret = take_contents(taker, hashes, &spool);

	if (ret)
		return ret;
	if (!chunk || asprintf(&name, "%s.%d", path, getpid()) < 0)
		return transport_error_fill(taker->err, -ENOMEM, "no-memory", path, "", "|");
	fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return io_failed(taker->err, name, -errno);
	for (uint64_t at = 0; at < size && !ret; at += CHUNK) {
		const size_t n = size - at < CHUNK ? (size_t)(size - at) : CHUNK;

		ret = read_all(spool, at, chunk, n, taker->err);
		if (!ret)
			ret = write_all(fd, chunk, n, taker->err);
	}
	if (!ret && (fsync(fd) < 0 || rename(name, path) < 0))
		ret = io_failed(taker->err, path, -errno);
	if (ret)
		unlink(name);
	return ret;
}

/* A file of that name that is there already has to be the pages. */
static int refer(const struct taker *taker, const char *prefix, int hashes, char **text)
{
	char hex[2 * SDEISTATE_DIGEST_SIZE + 1];
	OWNED_MEMORY char *path = NULL;
	CLEANUP(close_fd) int fd = -1;
	int ret = 0;

	for (size_t i = 0; i < SDEISTATE_DIGEST_SIZE; i++)
		snprintf(hex + 2 * i, 3, "%02x", taker->realm->hashes_digest[i]);
	if (asprintf(&path, "%s%s", prefix, hex) < 0) {
		path = NULL;
		return transport_error_fill(taker->err, -ENOMEM, "no-memory", prefix, "", "|");
	}
	if (!strstr(prefix, "://")) {
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0 && errno != ENOENT)
			return io_failed(taker->err, path, -errno);
		ret = fd >= 0 ? check_contents(taker, fd, hashes) : publish(taker, path, hashes);
	}
	if (!ret) {
		*text = path;
		path = NULL;
	}
	return ret;
}

static long read_frame(void *arg, void *buf, size_t len)
{
	struct realm_frame *frame = arg;
	ssize_t n;

	if (len > frame->size - frame->at)
		len = (size_t)(frame->size - frame->at);
	if (len && frame->text) {
		memcpy(buf, frame->text + frame->at, len);
		n = (ssize_t)len;
	} else {
		do
			n = len ? pread(frame->fd, buf, len, (off_t)frame->at) : 0;
		while (n < 0 && errno == EINTR);
	}
	if (n < 0)
		return -errno;
	frame->at += (uint64_t)n;
	return n;
}

static void add_frame(struct realm_bulk *bulk, uint32_t type, int fd, char *text, uint64_t size)
{
	struct realm_frame *frame = &bulk->frame[bulk->n];

	*frame = (struct realm_frame){ .fd = fd, .text = text, .size = size };
	bulk->bulk[bulk->n++] = (struct sdeistate_bulk){ type, read_frame, frame, size };
}

static int take_frames(const struct taker *taker, const char *how, struct realm_bulk *bulk)
{
	const uint64_t hashes = sdeistate_realm_part_size(taker->realm, SDEISTATE_REALM_HASHES);
	const uint64_t size = sdeistate_realm_part_size(taker->realm, SDEISTATE_REALM_CONTENTS);
	char *text = NULL;
	int ret, fd = open_spool(taker->err);

	if (fd < 0)
		return fd;
	add_frame(bulk, SDEISTATE_FRAME_GRANULE_HASHES, fd, NULL, hashes);
	ret = spool_part(taker, SDEISTATE_REALM_HASHES, fd);
	if (!ret)
		ret = check_hashes(taker, fd);
	if (ret)
		return ret;
	if (how && strncmp(how, REF, strlen(REF)) == 0) {
		ret = refer(taker, how + strlen(REF), fd, &text);
		if (!ret)
			add_frame(bulk, SDEISTATE_FRAME_REALM_REFERENCE, -1, text, strlen(text));
		return ret;
	}
	ret = take_contents(taker, fd, &fd);
	if (!ret)
		add_frame(bulk, SDEISTATE_FRAME_REALM_CONTENTS, fd, NULL, size);
	return ret;
}

int realm_bulk_take(struct transport_control *control, const struct transport_id *session,
		    const struct transport_buffer *records, const char *how,
		    struct realm_bulk *bulk, struct transport_error *err)
{
	const struct transport_state stream = { records->data, records->len };
	OWNED_STATE struct sdeistate *state = NULL;
	struct taker taker = { .control = control, .session = session, .err = err };
	int ret = vmm_decode(&stream, &state, err);

	*bulk = (struct realm_bulk){ .n = 0 };
	if (ret || !state->realm || state->realm->n_granules == 0)
		return ret;
	taker.realm = state->realm;
	ret = take_frames(&taker, how, bulk);
	if (ret == -EOPNOTSUPP) { /* its VMM moves memory by itself */
		realm_bulk_release(bulk);
		ret = 0;
	}
	return ret;
}

static int map_sealed(int fd, struct sealed_bytes *bytes, struct sdeistate_error *error)
{
	struct stat status;
	void *map = MAP_FAILED;

	if (fstat(fd, &status) == 0)
		map = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED) {
		*error = (struct sdeistate_error){ .reason = SDEISTATE_IO, .code = -errno };
		return -errno;
	}
	*bytes =
		(struct sealed_bytes){ .data = map, .len = (size_t)status.st_size, .mapped = true };
	return 0;
}

int realm_bulk_seal(const struct sdeistate_seal_request *request, struct sealed_bytes *bytes,
		    struct sdeistate_error *error)
{
	CLEANUP(close_fd) int fd = -1;
	struct transport_error err;
	int ret;

	if (request->n_bulk == 0) {
		ret = sdeistate_seal(request, &bytes->memory, error);
		bytes->data = bytes->memory.data;
		bytes->len = bytes->memory.len;
		return ret;
	}
	fd = open_spool(&err);
	if (fd < 0) {
		*error = (struct sdeistate_error){ .reason = SDEISTATE_IO, .code = fd };
		return fd;
	}
	ret = sdeistate_seal_fd(request, fd, error);
	return ret ? ret : map_sealed(fd, bytes, error);
}

void sealed_bytes_release(struct sealed_bytes *bytes)
{
	if (bytes->mapped)
		munmap((void *)(uintptr_t)bytes->data, bytes->len);
	sdeistate_buffer_free(&bytes->memory);
	*bytes = (struct sealed_bytes){ .len = 0 };
}

void realm_bulk_release(struct realm_bulk *bulk)
{
	for (unsigned int i = 0; i < bulk->n; i++) {
		if (bulk->frame[i].fd >= 0)
			close(bulk->frame[i].fd);
		free(bulk->frame[i].text);
	}
	*bulk = (struct realm_bulk){ .n = 0 };
}
