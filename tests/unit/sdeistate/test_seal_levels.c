// SPDX-License-Identifier: Apache-2.0
/* How hard a seal compresses changes its size and nothing else. */
#include "seal/frame_plain.h"
#include "sealed.h"
#include "support/check.h"

#include <errno.h>
#include <stdlib.h>
#include <zstd.h>

/* Lengths at which a frame is built differently: none, less than a lane, one block, more than one. */
static const size_t length[] = { 0,  1,   3,   4,      7,      8,      31,    32,
				 33, 255, 256, 131071, 131072, 131073, 400000 };

static void test_a_plain_frame_is_a_frame(void)
{
	const size_t most = length[ARRAY_SIZE(length) - 1];
	uint8_t *bytes = malloc(most), *frame = malloc(frame_plain_bound(most)),
		*back = malloc(most);

	REQUIRE(bytes && frame && back, "there is memory");
	for (size_t i = 0; i < most; i++)
		bytes[i] = (uint8_t)(i * 7 ^ i >> 9);
	for (size_t i = 0; i < ARRAY_SIZE(length); i++) {
		const size_t len = frame_plain(bytes, length[i], frame);

		CHECK(len <= frame_plain_bound(length[i]), "it takes no more than it says");
		/* zstd holds the checksum against what it has expanded. */
		CHECK(ZSTD_decompress(back, most, frame, len) == length[i] &&
			      !memcmp(back, bytes, length[i]),
		      "zstd makes the same bytes of it");
		frame[len - 1] ^= 1;
		CHECK(ZSTD_isError(ZSTD_decompress(back, most, frame, len)),
		      "and finds a wrong checksum");
	}
	free(bytes);
	free(frame);
	free(back);
}

static void test_the_hash(void)
{
	CHECK(frame_xxh64((const uint8_t *)"", 0) == 0xef46db3751d8e999u, "of nothing");
	CHECK(frame_xxh64((const uint8_t *)"a", 1) == 0xd24ec4f1a98c6e5bu, "of a letter");
	CHECK(frame_xxh64((const uint8_t *)"abc", 3) == 0x44bc2cf5ad770999u, "of three");
}

static void test_every_level_opens(void)
{
	static const int level[] = { 0, 1, 19, -1, -131072, SDEISTATE_LEVEL_STORED };
	struct sdeistate_workspace *workspace = sdeistate_workspace_new();
	struct sdeistate_opened *opened;
	struct sdeistate_buffer file;
	size_t smallest = SIZE_MAX;
	struct sealed s;

	REQUIRE(workspace && sealed_setup(&s, SDEISTATE_KEY_ED25519) == 0 &&
			sealed_trust(&s, s.key) == 0,
		"a state and a key");
	for (unsigned int i = 0; i < 2 * ARRAY_SIZE(level); i++) {
		s.request.level = level[i / 2];
		s.request.workspace = s.options.workspace = i % 2 ? workspace : NULL;
		REQUIRE(sdeistate_seal(&s.request, &file, NULL) == 0, "it is sealed");
		smallest = file.len < smallest ? file.len : smallest;
		CHECK(level[i / 2] != SDEISTATE_LEVEL_STORED || file.len > s.stream_len,
		      "what is stored is not made smaller");
		opened = NULL;
		REQUIRE(sdeistate_open(file.data, file.len, &s.options, &opened, NULL) == 0,
			"and opens");
		CHECK(opened->stream.len == s.stream_len &&
			      !memcmp(opened->stream.data, s.stream, s.stream_len),
		      "to the same records");
		sdeistate_opened_free(opened);
		sdeistate_buffer_free(&file);
	}
	CHECK(smallest < s.stream_len, "others are smaller");
	s.request.level = -131073;
	CHECK(sdeistate_seal(&s.request, &file, NULL) == -EINVAL, "there is a lowest one");
	sealed_teardown(&s);
	sdeistate_workspace_free(workspace);
}

int main(void)
{
	return RUN_TESTS(test_a_plain_frame_is_a_frame, test_the_hash, test_every_level_opens);
}
