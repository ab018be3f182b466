// SPDX-License-Identifier: Apache-2.0
#include "forge.h"
#include "seal/frame_read.h"
#include "seal/open.h"
#include "sealed.h"
#include "support/check.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>
#include <zstd.h>

/* A zstd frame of @s's stream, made with one parameter changed. */
static size_t compress(const struct sealed *s, uint8_t *out, size_t size, ZSTD_cParameter parameter,
		       int value)
{
	ZSTD_CCtx *zstd = ZSTD_createCCtx();
	size_t len;

	ZSTD_CCtx_setParameter(zstd, ZSTD_c_checksumFlag, 1);
	ZSTD_CCtx_setParameter(zstd, parameter, value);
	len = ZSTD_compress2(zstd, out, size, s->stream, s->stream_len);
	ZSTD_freeCCtx(zstd);
	return len;
}

struct payload_row {
	const char *promise;
	size_t (*make)(const struct sealed *s, uint8_t *out, size_t size);
	enum sdeistate_reason reason;
};

static size_t good(const struct sealed *s, uint8_t *out, size_t size)
{
	return compress(s, out, size, ZSTD_c_contentSizeFlag, 1);
}

static size_t no_checksum(const struct sealed *s, uint8_t *out, size_t size)
{
	return compress(s, out, size, ZSTD_c_checksumFlag, 0);
}

static size_t no_size(const struct sealed *s, uint8_t *out, size_t size)
{
	return compress(s, out, size, ZSTD_c_contentSizeFlag, 0);
}

/* Its header says a window of 2^24 though the content is small: no content size, so not single. */
static size_t large_window(const struct sealed *s, uint8_t *out, size_t size)
{
	size_t len = no_size(s, out, size);

	out[5] = (24 - 10) << 3;
	return len;
}

static size_t two_frames(const struct sealed *s, uint8_t *out, size_t size)
{
	size_t len = good(s, out, size);

	return len + ZSTD_compress(out + len, size - len, "", 0, 1);
}

static size_t skippable_first(const struct sealed *s, uint8_t *out, size_t size)
{
	memcpy(out, "\x50\x2a\x4d\x18\x00\x00\x00\x00", 8);
	return 8 + good(s, out + 8, size - 8);
}

static size_t skippable_last(const struct sealed *s, uint8_t *out, size_t size)
{
	size_t len = good(s, out, size);

	memcpy(out + len, "\x50\x2a\x4d\x18\x00\x00\x00\x00", 8);
	return len + 8;
}

static size_t byte_behind(const struct sealed *s, uint8_t *out, size_t size)
{
	size_t len = good(s, out, size);

	out[len] = 0;
	return len + 1;
}

static size_t cut(const struct sealed *s, uint8_t *out, size_t size)
{
	return good(s, out, size) - 1;
}

static size_t wrong_checksum(const struct sealed *s, uint8_t *out, size_t size)
{
	size_t len = good(s, out, size);

	out[len - 1] ^= 1;
	return len;
}

static size_t dictionary(const struct sealed *s, uint8_t *out, size_t size)
{
	size_t len = good(s, out, size);

	memmove(out + 6, out + 5, len - 5);
	out[4] |= 1;
	out[5] = 7;
	return len + 1;
}

static size_t reserved_bit(const struct sealed *s, uint8_t *out, size_t size)
{
	size_t len = good(s, out, size);

	out[4] |= 8;
	return len;
}

static size_t not_zstd(const struct sealed *s, uint8_t *out, size_t size)
{
	(void)size;
	memcpy(out, s->stream, s->stream_len);
	return s->stream_len;
}

static size_t other_content(const struct sealed *s, uint8_t *out, size_t size)
{
	struct sealed other = *s;
	size_t len;

	other.stream = malloc(s->stream_len);
	memcpy(other.stream, s->stream, s->stream_len);
	other.stream[20] ^= 1;
	len = good(&other, out, size);
	free(other.stream);
	return len;
}

/* 64 MiB of zeros in a few KiB, whose header admits it. */
static size_t bomb(const struct sealed *s, uint8_t *out, size_t size)
{
	uint8_t *zeros = calloc(1, 64u << 20);
	size_t len = ZSTD_compress(out, size, zeros, 64u << 20, 1);

	(void)s;
	free(zeros);
	return len;
}

/* The same, with a header that says the signed size. */
static size_t lying_bomb(const struct sealed *s, uint8_t *out, size_t size)
{
	uint8_t *zeros = calloc(1, 70000);
	struct sealed large = *s;
	size_t len;

	large.stream = zeros;
	large.stream_len = 70000;
	len = compress(&large, out, size, ZSTD_c_contentSizeFlag, 1);
	put_le32(out + 5, (uint32_t)s->stream_len);
	free(zeros);
	return len;
}

static const struct payload_row payloads[] = {
	{ "the frame that zstd makes", good, SDEISTATE_OK },
	{ "no checksum", no_checksum, SDEISTATE_DAMAGED },
	{ "no content size", no_size, SDEISTATE_DAMAGED },
	{ "a window over the signed one", large_window, SDEISTATE_DAMAGED },
	{ "two frames", two_frames, SDEISTATE_DAMAGED },
	{ "a skippable frame before it", skippable_first, SDEISTATE_DAMAGED },
	{ "a skippable frame behind it", skippable_last, SDEISTATE_DAMAGED },
	{ "a byte behind it", byte_behind, SDEISTATE_DAMAGED },
	{ "a byte too few", cut, SDEISTATE_DAMAGED },
	{ "a wrong checksum", wrong_checksum, SDEISTATE_DAMAGED },
	{ "a dictionary id", dictionary, SDEISTATE_DAMAGED },
	{ "a reserved bit", reserved_bit, SDEISTATE_DAMAGED },
	{ "no zstd frame", not_zstd, SDEISTATE_DAMAGED },
	{ "other content of the same size", other_content, SDEISTATE_BAD_DIGEST },
	{ "a bomb", bomb, SDEISTATE_DAMAGED },
	{ "a bomb with a modest header", lying_bomb, SDEISTATE_DAMAGED },
};

/* Signed by a trusted key, so that nothing but the frame itself is wrong. */
static void check_payload(const struct payload_row *row, struct sealed *s,
			  const struct sdeistate_buffer *file)
{
	static uint8_t bytes[32768];
	struct sdeistate_opened *opened = NULL;
	struct sdeistate_buffer forged = { NULL, 0 };
	struct sdeistate_error err = { 0 };
	struct forge forge;
	size_t len;

	REQUIRE(forge_take(&forge, file) == 0, "taken apart");
	len = row->make(s, bytes, sizeof(bytes));
	forge_payload(&forge, bytes, len);
	forge.manifest.frame[0].stored_size = len;
	EVP_Q_digest(NULL, "SHA256", NULL, bytes, len, forge.manifest.frame[0].stored_digest, NULL);
	REQUIRE(forge_make(&forge, s->key, &forged) == 0, "signed again");
	sdeistate_open(forged.data, forged.len, &s->options, &opened, &err);
	CHECK(err.reason == row->reason && (opened != NULL) == (row->reason == SDEISTATE_OK),
	      row->promise);
	sdeistate_opened_free(opened);
	sdeistate_buffer_free(&forged);
	forge_release(&forge);
}

static void test_a_payload_is_one_zstd_frame_as_signed(void)
{
	struct sdeistate_buffer file = { NULL, 0 };
	struct sealed s;

	REQUIRE(sealed_setup(&s, SDEISTATE_KEY_ED25519) == 0 && sealed_trust(&s, s.key) == 0 &&
			sdeistate_seal(&s.request, &file, NULL) == 0,
		"set up");
	for (size_t i = 0; i < ARRAY_SIZE(payloads); i++)
		check_payload(&payloads[i], &s, &file);
	sdeistate_buffer_free(&file);
	sealed_teardown(&s);
}

/* Bytes that do not compress, the same for every run. */
struct noise {
	uint64_t state, left;
};

static long read_noise(void *arg, void *buf, size_t len)
{
	struct noise *noise = arg;
	uint8_t *bytes = buf;

	if (len > 10007) /* a reader gives what it has */
		len = 10007;
	if (len > noise->left)
		len = (size_t)noise->left;
	for (size_t i = 0; i < len; i++) {
		noise->state = noise->state * 6364136223846793005u + 1442695040888963407u;
		bytes[i] = (uint8_t)(noise->state >> 56);
	}
	noise->left -= len;
	return (long)len;
}

static int compare_noise(void *arg, const void *bytes, size_t len)
{
	static uint8_t want[10007];
	const uint8_t *at = bytes;

	while (len) {
		size_t piece = len < sizeof(want) ? len : sizeof(want);

		if (read_noise(arg, want, piece) != (long)piece || memcmp(want, at, piece))
			return -EIO;
		at += piece;
		len -= piece;
	}
	return 0;
}

#define BULK_SIZE (5ull * SDEISTATE_MAX_CHUNK / 2)

struct bulk_file {
	struct noise noise;
	struct sdeistate_bulk bulk[2];
	char path[32];
	int fd;
};

static int seal_bulk(struct sealed *s, struct bulk_file *file)
{
	static struct noise empty;

	file->noise = (struct noise){ .state = 1, .left = BULK_SIZE };
	file->bulk[0] = (struct sdeistate_bulk){ .type = SDEISTATE_FRAME_REALM_CONTENTS,
						 .read = read_noise,
						 .arg = &file->noise,
						 .size = BULK_SIZE };
	file->bulk[1] = (struct sdeistate_bulk){ .type = SDEISTATE_RECORD_OPTIONAL | 99,
						 .read = read_noise,
						 .arg = &empty };
	s->request.bulk = file->bulk;
	s->request.n_bulk = 2;
	s->request.spool_dir = "/tmp";
	snprintf(file->path, sizeof(file->path), "/tmp/sdei-test.XXXXXX");
	file->fd = mkstemp(file->path);
	return file->fd < 0 ? -errno : sdeistate_seal_fd(&s->request, file->fd, NULL);
}

static void check_bulk(struct sealed *s, struct bulk_file *file)
{
	struct sdeistate_opened *opened = NULL;
	struct noise noise = { .state = 1, .left = BULK_SIZE };
	unsigned int index = 0;

	REQUIRE(lseek(file->fd, 0, SEEK_SET) == 0 &&
			sdeistate_open_fd(file->fd, &s->options, &opened, NULL) == 0,
		"a file with bulk opens");
	CHECK(opened->manifest.n_frames == 3 && opened->manifest.frame[1].chunks == 3,
	      "2.5 MiB of noise are three chunks");
	CHECK(opened->stream.len == s->stream_len, "its records are there at once");
	CHECK(sdeistate_next_frame(opened, compare_noise, &noise, &index, NULL) == 0 &&
		      index == 1 && !noise.left,
	      "the bulk comes in order and whole");
	CHECK(sdeistate_next_frame(opened, NULL, NULL, &index, NULL) == 0 && index == 2,
	      "an unknown optional frame can be passed over");
	CHECK(sdeistate_next_frame(opened, NULL, NULL, NULL, NULL) == -ENODATA &&
		      sdeistate_next_frame(opened, NULL, NULL, NULL, NULL) == -ENODATA,
	      "then there is no more");
	sdeistate_opened_free(opened);
}

/* Flips one byte of the file at @at and reads everything; -ENODATA if nobody noticed. */
static int read_with_flip(const struct sealed *s, const struct bulk_file *file, off_t at,
			  uint64_t *taken, struct sdeistate_error *err)
{
	struct sdeistate_opened *opened = NULL;
	struct noise noise = { .state = 1, .left = BULK_SIZE };
	uint8_t byte;
	int ret;

	if (pread(file->fd, &byte, 1, at) != 1 ||
	    pwrite(file->fd, &(uint8_t){ byte ^ 4 }, 1, at) != 1)
		return -EIO;
	lseek(file->fd, 0, SEEK_SET);
	ret = sdeistate_open_fd(file->fd, &s->options, &opened, err);
	while (!ret)
		ret = sdeistate_next_frame(opened, compare_noise, &noise, NULL, err);
	*taken = BULK_SIZE - noise.left;
	if (opened && ret != -ENODATA)
		CHECK(sdeistate_next_frame(opened, NULL, NULL, NULL, NULL) == -EINVAL,
		      "a failed frame ends the reading");
	sdeistate_opened_free(opened);
	return pwrite(file->fd, &byte, 1, at) == 1 ? ret : -EIO;
}

static void check_bulk_flips(struct sealed *s, struct bulk_file *file)
{
	off_t size = lseek(file->fd, 0, SEEK_END);
	off_t last = size - (off_t)(BULK_SIZE / 5);
	struct sdeistate_error err = { 0 };
	uint64_t taken;

	CHECK(read_with_flip(s, file, last, &taken, &err) == -EBADMSG &&
		      err.reason == SDEISTATE_BAD_DIGEST,
	      "a changed byte in the last chunk is found");
	CHECK(taken > 0 && taken <= 2 * SDEISTATE_MAX_CHUNK,
	      "after the chunks before it have been given on");
	CHECK(read_with_flip(s, file, size - (off_t)BULK_SIZE, &taken, &err) == -EBADMSG &&
		      err.reason == SDEISTATE_BAD_DIGEST && !taken,
	      "one in the first before anything was");
	CHECK(read_with_flip(s, file, size - 1, &taken, &err) == -EBADMSG &&
		      err.reason == SDEISTATE_DAMAGED && taken == BULK_SIZE,
	      "one in the end is damage");
}

static void test_bulk_is_streamed_and_verified_by_the_piece(void)
{
	const struct sdeistate_key *secret[1];

	for (int encrypted = 0; encrypted < 2; encrypted++) {
		struct bulk_file file;
		struct sealed s;

		REQUIRE(sealed_setup(&s, SDEISTATE_KEY_ED25519) == 0 &&
				sealed_trust(&s, s.key) == 0,
			"set up");
		s.request.recipient = s.self;
		s.request.n_recipients = encrypted ? 1 : 0;
		secret[0] = s.other;
		s.options.secret = secret;
		s.options.n_secrets = 1;
		REQUIRE(seal_bulk(&s, &file) == 0, "sealed to a file");
		check_bulk(&s, &file);
		check_bulk_flips(&s, &file);
		s.options.max_plain = BULK_SIZE;
		CHECK(read_with_flip(&s, &file, lseek(file.fd, 0, SEEK_END) - 1, &file.noise.left,
				     NULL) == -E2BIG,
		      "a caller's own limit holds for all frames together");
		close(file.fd);
		unlink(file.path);
		sealed_teardown(&s);
	}
}

static void test_a_bulk_reader_gives_what_it_promised(void)
{
	static const int difference[] = { -1, 1 };

	for (size_t i = 0; i < ARRAY_SIZE(difference); i++) {
		struct noise noise = { .state = 1, .left = 50000 };
		struct sdeistate_bulk bulk = { .type = SDEISTATE_FRAME_REALM_CONTENTS,
					       .read = read_noise,
					       .arg = &noise };
		struct sdeistate_buffer file = { NULL, 0 };
		struct sealed s;

		REQUIRE(sealed_setup(&s, SDEISTATE_KEY_ED25519) == 0, "set up");
		bulk.size = 50000 + (uint64_t)difference[i];
		s.request.bulk = &bulk;
		s.request.n_bulk = 1;
		CHECK(sdeistate_seal(&s.request, &file, NULL) == -EINVAL, "neither less nor more");
		sealed_teardown(&s);
	}
}

int main(void)
{
	return RUN_TESTS(test_a_payload_is_one_zstd_frame_as_signed,
			 test_bulk_is_streamed_and_verified_by_the_piece,
			 test_a_bulk_reader_gives_what_it_promised);
}
