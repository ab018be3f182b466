// SPDX-License-Identifier: Apache-2.0
#include "support/check.h"
#include "util.h"

#include <errno.h>
#include <sdeistate/record.h>
#include <string.h>

/* Two records: number 1 with three bytes, number 5 (optional) with eight. */
static const uint8_t two[] = {
	1, 0, 0, 0,    0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 'a', 'b', 'c', 0,   0,   0,   0,   0,
	5, 0, 0, 0x80, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, '1', '2', '3', '4', '5', '6', '7', '8',
};

/* sha256sum of "abc": FIPS 180-4's own example. */
static const uint8_t abc_digest[] = { 0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea };

static void test_finds_and_digests_records(void)
{
	struct sdeistate_error err = { 0 };
	struct sdeistate_index index;

	REQUIRE(!sdeistate_index_stream(two, sizeof(two), &index, &err), "takes two records");
	CHECK(index.n_records == 2, "finds both");
	CHECK(index.record[0].type == 1 && index.record[0].len == 3, "tells the first");
	CHECK(index.record[1].type == (5 | SDEISTATE_RECORD_OPTIONAL), "keeps the optional bit");
	CHECK(index.record[1].body == two + 40, "borrows bodies from the stream");
	CHECK(!memcmp(index.record[0].digest, abc_digest, sizeof(abc_digest)),
	      "a record's digest is SHA-256 of its body");
}

static void test_digest_is_a_tree_over_records(void)
{
	uint8_t table[2 * SDEISTATE_INDEX_ENTRY_SIZE] = { 0 }, other[sizeof(two)];
	struct sdeistate_index index, changed, of_table;

	REQUIRE(!sdeistate_index_stream(two, sizeof(two), &index, NULL), "takes two records");
	for (unsigned int i = 0; i < 2; i++) {
		uint8_t *entry = table + i * SDEISTATE_INDEX_ENTRY_SIZE;

		put_le32(entry, index.record[i].type);
		put_le64(entry + 4, index.record[i].len);
		memcpy(entry + 12, index.record[i].digest, SDEISTATE_DIGEST_SIZE);
	}
	/* The table as the only body of a stream gives H(table) as that record's digest. */
	uint8_t wrapped[SDEISTATE_RECORD_HEADER_SIZE + sizeof(table)] = { 1 };
	put_le64(wrapped + 8, sizeof(table));
	memcpy(wrapped + SDEISTATE_RECORD_HEADER_SIZE, table, sizeof(table));
	REQUIRE(!sdeistate_index_stream(wrapped, sizeof(wrapped), &of_table, NULL), "wraps");
	CHECK(!memcmp(index.digest, of_table.record[0].digest, SDEISTATE_DIGEST_SIZE),
	      "the state's digest is H of the index entries");
	memcpy(other, two, sizeof(two));
	other[16] = 'X';
	REQUIRE(!sdeistate_index_stream(other, sizeof(other), &changed, NULL), "takes the change");
	CHECK(memcmp(index.digest, changed.digest, SDEISTATE_DIGEST_SIZE),
	      "a changed body changes the state's digest");
	CHECK(!memcmp(index.record[1].digest, changed.record[1].digest, SDEISTATE_DIGEST_SIZE),
	      "and leaves the other record's alone");
}

static void test_refuses_what_is_not_a_stream(void)
{
	static const struct {
		const char *promise;
		size_t at;
		uint8_t value;
		const char *field;
	} row[] = {
		{ "number 0 is none", 0, 0, "type" },
		{ "numbers ascend", 0, 6, "type" },
		{ "a number stands once", 24, 1, "type" },
		{ "flags are zero", 4, 1, "flags" },
		{ "a body ends inside the stream", 32, 9, "length" },
		{ "a length of 2^56 is only a bad length", 15, 1, "length" },
		{ "padding is zero", 19, 1, "padding" },
		{ "padding is zero to its end", 23, 1, "padding" },
	};
	struct sdeistate_error err;
	struct sdeistate_index index;
	uint8_t bad[sizeof(two)];

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		memcpy(bad, two, sizeof(two));
		bad[row[i].at] = row[i].value;
		CHECK(sdeistate_index_stream(bad, sizeof(bad), &index, &err) == -EBADMSG,
		      row[i].promise);
		CHECK(err.reason == SDEISTATE_DAMAGED && !strcmp(err.field, row[i].field),
		      row[i].promise);
	}
	for (size_t len = 1; len < sizeof(two); len++)
		CHECK((sdeistate_index_stream(two, len, &index, NULL) == 0) == (len == 24),
		      "a cut stream is refused except between records");
}

static void test_bounds(void)
{
	static uint8_t many[(SDEISTATE_MAX_RECORDS + 1) * SDEISTATE_RECORD_HEADER_SIZE];
	struct sdeistate_error err;
	struct sdeistate_index index;

	for (uint8_t i = 0; i <= SDEISTATE_MAX_RECORDS; i++)
		many[i * SDEISTATE_RECORD_HEADER_SIZE] = (uint8_t)(i + 1);
	CHECK(!sdeistate_index_stream(many, sizeof(many) - SDEISTATE_RECORD_HEADER_SIZE, &index,
				      &err),
	      "takes as many records as allowed");
	CHECK(sdeistate_index_stream(many, sizeof(many), &index, &err) == -E2BIG &&
		      err.reason == SDEISTATE_OVER_LIMIT,
	      "refuses one more");
	CHECK(sdeistate_index_stream(many, SDEISTATE_MAX_STREAM + 1, &index, &err) == -E2BIG,
	      "refuses a stream over the limit before looking at it");
	CHECK(!sdeistate_index_stream(many, 0, &index, &err) && index.n_records == 0,
	      "an empty stream has no records");
}

static void test_names(void)
{
	CHECK(!strcmp(sdeistate_record_name(SDEISTATE_RECORD_SDEI_REGISTERED), "sdei-registered"),
	      "a record has its name");
	CHECK(!strcmp(sdeistate_record_name(1 | SDEISTATE_RECORD_OPTIONAL), "topology"),
	      "the optional bit is no part of the number");
	CHECK(!sdeistate_record_name(0) && !sdeistate_record_name(9999), "others have none");
	CHECK(!strcmp(sdeistate_reason_name(SDEISTATE_BAD_SIGNATURE), "bad-signature"),
	      "a reason has its name");
	CHECK(!sdeistate_reason_name((enum sdeistate_reason)9999), "an unknown reason has none");
}

int main(void)
{
	return RUN_TESTS(test_finds_and_digests_records, test_digest_is_a_tree_over_records,
			 test_refuses_what_is_not_a_stream, test_bounds, test_names);
}
