// SPDX-License-Identifier: Apache-2.0
#include "common/number.h"

#include "support/check.h"

#include <string.h>

static void test_numbers_are_read_as_people_write_them(void)
{
	static const struct {
		const char *promise, *text;
		bool understood;
		uint64_t value;
	} row[] = {
		{ "decimal", "123", true, 123 },
		{ "zero is a number", "0", true, 0 },
		{ "hexadecimal", "0xC4000020", true, 0xc4000020u },
		{ "the largest", "0xffffffffffffffff", true, UINT64_MAX },
		{ "a negative one is its two's complement", "-1", true, UINT64_MAX },
		{ "the most negative", "-9223372036854775808", true, 1ull << 63 },
		{ "one below it does not fit", "-9223372036854775809", false, 0 },
		{ "65 bits do not fit", "0x10000000000000000", false, 0 },
		{ "nothing is no number", "", false, 0 },
		{ "a prefix without digits", "0x", false, 0 },
		{ "blanks are not skipped", " 1", false, 0 },
		{ "two signs are not one", "--1", false, 0 },
		{ "nothing may follow", "12z", false, 0 },
		{ "hexadecimal digits need the prefix", "ff", false, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		uint64_t value = 0;

		CHECK(number_parse(row[i].text, &value) == row[i].understood &&
			      value == row[i].value,
		      row[i].promise);
	}
}

static void test_sizes_take_one_unit(void)
{
	uint64_t value = 0;

	CHECK(number_parse_size("4K", &value) && value == 4096, "K is 1024");
	CHECK(number_parse_size("0x10M", &value) && value == 16u << 20, "M is 1024 K");
	CHECK(number_parse_size("7", &value) && value == 7, "no unit means bytes");
	CHECK(!number_parse_size("1KK", &value), "two units are refused");
	CHECK(!number_parse_size("1T", &value), "an unknown unit is refused");
	CHECK(!number_parse_size("18014398509481984K", &value), "what overflows is refused");
	CHECK(value == 7, "a refused size writes nothing");
}

static void test_json_carries_64_bits(void)
{
	json_t *json = number_json(UINT64_MAX), *negative = json_integer(-1),
	       *small = json_integer(7);
	uint64_t value = 0;

	CHECK(strcmp(json_string_value(json), "0xffffffffffffffff") == 0, "as a 0x string");
	CHECK(number_from_json(json, &value) && value == UINT64_MAX, "and back");
	CHECK(number_from_json(small, &value) && value == 7, "a plain count is taken too");
	CHECK(!number_from_json(negative, &value), "a negative integer is refused");
	CHECK(!number_from_json(json_null(), &value), "null is no number");
	json_decref(json);
	json_decref(negative);
	json_decref(small);
}

static void test_hexadecimal_bytes(void)
{
	uint8_t bytes[2];
	char text[5];

	CHECK(hex_parse("0Aff", bytes, 2) == 2 && bytes[0] == 10 && bytes[1] == 255,
	      "both cases are read");
	CHECK(hex_parse("", bytes, 2) == 0, "no digits are no bytes");
	CHECK(hex_parse("0", bytes, 2) == -1, "half a byte is refused");
	CHECK(hex_parse("0g", bytes, 2) == -1, "other letters are refused");
	CHECK(hex_parse("000000", bytes, 2) == -1, "more than there is room for is refused");
	hex_text(bytes, 2, text);
	CHECK(strcmp(text, "0aff") == 0, "they are written in lower case");
}

int main(void)
{
	return RUN_TESTS(test_numbers_are_read_as_people_write_them, test_sizes_take_one_unit,
			 test_json_carries_64_bits, test_hexadecimal_bytes);
}
