// SPDX-License-Identifier: Apache-2.0
#include "sdei-migrate/hook/parts.h"

#include "support/check.h"

#include <errno.h>
#include <sdeistate/seal.h>
#include <stdlib.h>
#include <string.h>

/* A sealed file whose one record does not become smaller. */
static struct sdeistate_buffer make_file(size_t body)
{
	struct sdeistate_buffer file = { 0 };
	const size_t padded = (body + 7) / 8 * 8;
	uint8_t *stream = calloc(1, 16 + padded);
	const uint64_t len = body;
	struct sdeistate_seal_request request = {
		.kind = SDEISTATE_KIND_FINAL,
		.any_destination = true,
		.allow_unsigned = true,
		.stream = stream,
		.stream_len = 16 + padded,
	};
	uint32_t random = 1, type = SDEISTATE_RECORD_OPTIONAL | 99u;

	if (!stream)
		abort();
	memcpy(stream, &type, sizeof(type));
	memcpy(stream + 8, &len, sizeof(len));
	for (size_t i = 0; i < body; i++) {
		random = random * 1664525u + 1013904223u;
		stream[16 + i] = (uint8_t)(random >> 24);
	}
	CHECK(sdeistate_seal(&request, &file, NULL) == 0, "the file is sealed");
	free(stream);
	return file;
}

static uint8_t empty_bytes[5];
static const struct part empty = { empty_bytes, sizeof(empty_bytes) };

static void test_a_file_that_fits_is_one_part(void)
{
	struct sdeistate_buffer file = make_file(100);
	const struct part whole = { file.data, file.len };
	struct part part[PARTS_MAX];
	unsigned int used = 0;

	CHECK(parts_cut(&whole, &empty, 3, part, NULL) == 0, "it is cut");
	CHECK(part[0].data == file.data && part[0].len == file.len, "the first part is the file");
	CHECK(part[1].data == empty.data && part[2].data == empty.data,
	      "the others are the empty one");
	CHECK(parts_used(part, 3, &used, NULL) == 0 && used == 1, "one part is in use");
	sdeistate_buffer_free(&file);
}

static void test_a_larger_file_goes_on_in_the_next_part(void)
{
	struct sdeistate_buffer file = make_file(PARTS_SIZE + 4096);
	const struct part whole = { file.data, file.len };
	struct part part[PARTS_MAX];
	struct failure failure;
	unsigned int used = 0;

	CHECK(parts_cut(&whole, &empty, 1, part, &failure) == -E2BIG &&
		      failure.reason == SDEISTATE_OVER_LIMIT,
	      "one part cannot hold it, and says so");
	CHECK(parts_cut(&whole, &empty, 3, part, &failure) == 0, "three can");
	CHECK(part[0].len == PARTS_SIZE, "the first is full");
	CHECK(part[1].data == file.data + PARTS_SIZE && part[1].len == file.len - PARTS_SIZE,
	      "the second is the rest");
	CHECK(part[2].data == empty.data, "the third is not needed");
	CHECK(parts_used(part, 3, &used, &failure) == 0 && used == 2, "two parts are in use");
	part[1].len--;
	CHECK(parts_used(part, 2, &used, &failure) == -EBADMSG, "a byte less is damaged");
	CHECK(parts_used(part, 1, &used, &failure) == -EBADMSG, "so is a part less");
	sdeistate_buffer_free(&file);
}

static void test_what_is_no_file_is_refused(void)
{
	static const uint8_t zeros[4096];
	struct sdeistate_buffer file = make_file(100);
	const struct part none = { zeros, sizeof(zeros) }, few = { file.data, 70 };
	struct failure failure;
	unsigned int used = 7;

	CHECK(parts_used(&none, 1, &used, &failure) == -ENOMSG, "zeros are not ours");
	CHECK(parts_used(&few, 1, &used, &failure) == -EBADMSG, "a piece of a manifest is damaged");
	CHECK(used == 7, "a failure writes nothing");
	sdeistate_buffer_free(&file);
}

int main(void)
{
	return RUN_TESTS(test_a_file_that_fits_is_one_part,
			 test_a_larger_file_goes_on_in_the_next_part,
			 test_what_is_no_file_is_refused);
}
