// SPDX-License-Identifier: Apache-2.0
#include "support/check.h"
#include "wire/column.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define N 1200u

static uint64_t pseudo(uint64_t i)
{
	i = (i ^ i >> 31) * 0x7fb5d329728ea185u + 0x1234567;
	return (i ^ i >> 27) * 0x81dadef4bc2dd44du;
}

enum form { RUNS, TABLE, PLAIN };

static enum form form_of(const Sdeistate__Column *m)
{
	return m->has_index ? TABLE : m->n_value ? PLAIN : RUNS;
}

static uint64_t constant(unsigned int i)
{
	return 7 + 0 * i;
}

static uint64_t strided(unsigned int i)
{
	return 0xffff0000fe000000u + (uint64_t)(i % 512) * 0x1c000 + i / 512 * 0x40;
}

static uint64_t few(unsigned int i)
{
	return 0x400000 + pseudo(i) % 64;
}

static uint64_t any(unsigned int i)
{
	return pseudo(i);
}

static uint64_t half(unsigned int i)
{
	return i < N / 2 ? 5 : pseudo(i);
}

static uint64_t wrapping(unsigned int i)
{
	return UINT64_MAX - 3 + i;
}

static void test_every_column_reads_back(void)
{
	static const struct {
		const char *promise;
		uint64_t (*number)(unsigned int i);
		enum form form;
		size_t at_most; /* packed bytes of N numbers */
	} row[] = {
		{ "a constant is one run", constant, RUNS, 40 },
		{ "base and stride are one run each", strided, RUNS, 90 },
		{ "few numbers in any order are a table", few, TABLE, N + 64 * 8 + 20 },
		{ "other numbers stand as they are", any, PLAIN, N * 8 + 20 },
		{ "a long run and other numbers are runs, two by two", half, RUNS, N * 5 },
		{ "a run may wrap around", wrapping, RUNS, 40 },
	};
	uint64_t number[N], back[N];

	for (size_t r = 0; r < ARRAY_SIZE(row); r++)
		for (size_t n = 0; n <= N; n = n < 20 ? n + 1 : n * 3 + 1) {
			struct scratch scratch = { .used = 0 };
			Sdeistate__Column *m;

			for (unsigned int i = 0; i < n; i++)
				number[i] = row[r].number(i);
			m = column_write(&scratch, number, n);
			memset(back, 0xee, sizeof(back));
			CHECK(m && column_read(m, back, n, "o", "f", NULL) == 0 &&
				      !memcmp(number, back, n * sizeof(*number)),
			      "what was written reads back");
			scratch_free(&scratch);
		}
	for (size_t r = 0; r < ARRAY_SIZE(row); r++) {
		struct scratch scratch = { .used = 0 };
		Sdeistate__Column *m;

		for (unsigned int i = 0; i < N; i++)
			number[i] = row[r].number(i);
		m = column_write(&scratch, number, N);
		CHECK(m && form_of(m) == row[r].form &&
			      protobuf_c_message_get_packed_size(&m->base) <= row[r].at_most,
		      row[r].promise);
		scratch_free(&scratch);
	}
}

static void test_pieces_make_the_same_column(void)
{
	struct scratch scratch = { .used = 0 };
	struct column column;
	Sdeistate__Column *whole, *pieces;
	uint64_t number[N];
	uint8_t a[N * 9], b[N * 9];

	for (unsigned int i = 0; i < N; i++)
		number[i] = strided(i);
	whole = column_write(&scratch, number, N);
	CHECK(column_begin(&column, &scratch, N) == 0, "begun");
	for (unsigned int i = 0; i < N; i += 7)
		CHECK(column_push(&column, &number[i], N - i < 7 ? N - i : 7) == 0, "pushed");
	pieces = column_finish(&column);
	REQUIRE(whole && pieces, "finished");
	CHECK(protobuf_c_message_pack(&whole->base, a) ==
			      protobuf_c_message_pack(&pieces->base, b) &&
		      !memcmp(a, b, protobuf_c_message_get_packed_size(&whole->base)),
	      "how numbers come in makes no difference");
	scratch_free(&scratch);
}

static void test_refuses_what_is_no_column(void)
{
	uint32_t length[] = { 3, 2 }, empty_run[] = { 5, 0 }, too_long[] = { 3, UINT32_MAX };
	uint64_t first[] = { 1, 9 }, step[] = { 1, 0 }, value[] = { 1, 2, 3, 4, 5 };
	uint8_t index[] = { 0, 1, 1, 0, 1 }, outside[] = { 0, 1, 2, 0, 1 };
	const Sdeistate__Column good = { .base = PROTOBUF_C_MESSAGE_INIT(
						 &sdeistate__column__descriptor),
					 .has_count = true,
					 .count = 5,
					 .n_run_length = 2,
					 .run_length = length,
					 .n_run_first = 2,
					 .run_first = first,
					 .n_run_step = 2,
					 .run_step = step };
	uint64_t back[5];
	Sdeistate__Column bad;

#define REFUSED(promise, ...)                                                             \
	do {                                                                              \
		struct sdeistate_error err = { 0 };                                       \
		bad = good;                                                               \
		__VA_ARGS__;                                                              \
		CHECK(column_read(&bad, back, 5, "record x", "y", &err) == -EBADMSG &&    \
			      err.reason == SDEISTATE_DAMAGED && !strcmp(err.field, "y"), \
		      promise);                                                           \
	} while (0)

	CHECK(column_read(&good, back, 5, "o", "f", NULL) == 0 && back[4] == 9, "a good one");
	CHECK(column_read(NULL, back, 5, "o", "f", NULL) == -EBADMSG, "none at all");
	REFUSED("no count", bad.has_count = false);
	REFUSED("another count", bad.count = 6);
	REFUSED("runs too short", length[1] = 1);
	length[1] = 2;
	REFUSED("an empty run", bad.run_length = empty_run);
	REFUSED("runs that are longer than all", bad.run_length = too_long);
	REFUSED("a run without a first number", bad.n_run_first = 1);
	REFUSED("a run without a step", bad.n_run_step = 0);
	REFUSED("two forms", bad.n_value = 5; bad.value = value);
	REFUSED("no form", bad.n_run_length = bad.n_run_first = bad.n_run_step = 0);
	bad.n_run_length = bad.n_run_first = bad.n_run_step = 0;
#define AS_TABLE(n, bytes)                                                          \
	bad.n_run_length = bad.n_run_first = bad.n_run_step = 0, bad.n_table = (n), \
	bad.table = value, bad.has_index = true,                                    \
	bad.index = (ProtobufCBinaryData){ sizeof(bytes), (bytes) }
	bad = good;
	AS_TABLE(2, index);
	CHECK(column_read(&bad, back, 5, "o", "f", NULL) == 0 && back[1] == 2, "a good table");
	REFUSED("an index outside the table", AS_TABLE(2, outside));
	REFUSED("a table of more than 256", AS_TABLE(257, index));
	REFUSED("an index of another length", AS_TABLE(2, index); bad.index.len = 4);
}

static void test_scratch_has_a_ceiling(void)
{
	struct scratch scratch = { .ceiling = 100 };

	CHECK(scratch_alloc(&scratch, 10, 10) != NULL, "up to the ceiling");
	CHECK(scratch_alloc(&scratch, 1, 1) == NULL && scratch.over, "and not above");
	scratch_free(&scratch);
	scratch = (struct scratch){ .used = 0 };
	CHECK(scratch_alloc(&scratch, SIZE_MAX / 2, 3) == NULL, "a product that wraps is refused");
	scratch_free(&scratch);
}

int main(void)
{
	return RUN_TESTS(test_every_column_reads_back, test_pieces_make_the_same_column,
			 test_refuses_what_is_no_column, test_scratch_has_a_ceiling);
}
