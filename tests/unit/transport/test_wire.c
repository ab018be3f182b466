// SPDX-License-Identifier: Apache-2.0
#include "support/check.h"

#include <errno.h>
#include <string.h>
#include <transport/wire.h>

enum { NUMBER = 1, TEXT = 2, MANY = 3, WHO = 4, RAW = 5 };

static const struct transport_rule rules[] = {
	{ NUMBER, TRANSPORT_WIRE_U32, 0, 0, true, false, "number" },
	{ TEXT, TRANSPORT_WIRE_TEXT, 0, 8, false, false, "text" },
	{ MANY, TRANSPORT_WIRE_U64, 0, 0, false, true, "many" },
	{ WHO, TRANSPORT_WIRE_ID, 0, 0, false, false, "who" },
	{ RAW, TRANSPORT_WIRE_BYTES, 2, 4, false, false, "raw" },
};

static int parse(const void *body, size_t len, struct transport_fields *fields)
{
	struct transport_error err;

	return transport_wire_parse(body, len, rules, ARRAY_SIZE(rules), "test", fields, &err);
}

static void test_a_header_is_sixteen_little_endian_bytes(void)
{
	static const uint8_t want[] = { 4, 3, 2, 1, 6, 5, 8, 7, 16, 15, 14, 13, 12, 11, 10, 9 };
	const struct transport_header header = { 0x01020304, 0x0506, 0x0708, 0x090a0b0c0d0e0f10 };
	struct transport_header back;
	uint8_t bytes[TRANSPORT_WIRE_HEADER_SIZE];

	transport_wire_put_header(&header, bytes);
	CHECK(memcmp(bytes, want, sizeof(want)) == 0, "length, type, flags, id, low byte first");
	transport_wire_get_header(bytes, &back);
	CHECK(back.length == header.length && back.type == header.type &&
		      back.flags == header.flags && back.id == header.id,
	      "reading gives what was written");
}

static void test_fields_come_back_as_they_were_put(void)
{
	struct transport_buffer body = { .max = 1024 };
	const struct transport_id id = { { 1, 2, 3 } };
	struct transport_fields fields;
	struct transport_id back;
	char text[8];

	CHECK(!transport_wire_put_u32(&body, NUMBER, 7) &&
		      !transport_wire_put_text(&body, TEXT, "caf\xc3\xa9") &&
		      !transport_wire_put_u64(&body, MANY, 1ull << 40) &&
		      !transport_wire_put_u64(&body, MANY, 2) &&
		      !transport_wire_put_id(&body, WHO, &id) &&
		      !transport_wire_put(&body, TRANSPORT_WIRE_OPTIONAL | 9, "?", 1),
	      "fields can be put");
	REQUIRE(parse(body.data, body.len, &fields) == 0, "what was put can be parsed");
	CHECK(fields.n_fields == 5, "an unknown optional field is skipped");
	CHECK(transport_fields_u32(&fields, NUMBER, 0) == 7, "a u32 comes back");
	CHECK(transport_fields_u64(&fields, MANY, 0) == 1ull << 40, "the first of many comes back");
	CHECK(transport_fields_u64(&fields, RAW, 5) == 5, "an absent number is the caller's");
	back = transport_fields_id(&fields, WHO);
	CHECK(transport_id_equal(&back, &id), "an identity comes back");
	transport_fields_text(&fields, TEXT, text, sizeof(text));
	CHECK(strcmp(text, "caf\xc3\xa9") == 0, "a text comes back");
	transport_fields_text(&fields, TEXT, text, 3);
	CHECK(strcmp(text, "ca") == 0, "a text is cut to its room");
	transport_buffer_free(&body);
}

static void test_a_malformed_body_is_refused(void)
{
#define HEAD(tag, len) (tag), 0, 0, 0, (len), 0, 0, 0
#define SEVEN          HEAD(NUMBER, 4), 7, 0, 0, 0
	static const struct {
		const char *promise;
		uint8_t body[40];
		size_t len;
		int want;
	} row[] = {
		{ "an empty body lacks the required field", { 0 }, 0, -EBADMSG },
		{ "the least body is taken", { SEVEN }, 12, 0 },
		{ "a cut field header is refused", { SEVEN, TEXT }, 13, -EBADMSG },
		{ "a field may not leave the body", { HEAD(NUMBER, 5), 7, 0, 0, 0 }, 12, -EBADMSG },
		{ "a length near 2^32 is refused",
		  { NUMBER, 0, 0, 0, 0xfc, 0xff, 0xff, 0xff, 7, 0, 0, 0 },
		  12,
		  -EBADMSG },
		{ "a reserved byte must be zero",
		  { NUMBER, 0, 1, 0, 4, 0, 0, 0, 7, 0, 0, 0 },
		  12,
		  -EBADMSG },
		{ "a u32 has four bytes", { HEAD(NUMBER, 3), 7, 0, 0 }, 11, -EBADMSG },
		{ "an unknown mandatory tag is refused", { SEVEN, HEAD(77, 0) }, 20, -EBADMSG },
		{ "a field stands once", { SEVEN, SEVEN }, 24, -EBADMSG },
		{ "a text has no NUL", { SEVEN, HEAD(TEXT, 1), 0 }, 21, -EBADMSG },
		{ "a text is UTF-8", { SEVEN, HEAD(TEXT, 1), 0xc3 }, 21, -EBADMSG },
		{ "no overlong UTF-8", { SEVEN, HEAD(TEXT, 2), 0xc0, 0xaf }, 22, -EBADMSG },
		{ "no UTF-8 surrogates", { SEVEN, HEAD(TEXT, 3), 0xed, 0xa0, 0x80 }, 23, -EBADMSG },
		{ "bytes keep their minimum", { SEVEN, HEAD(RAW, 1), 0 }, 21, -EBADMSG },
		{ "bytes keep their maximum", { SEVEN, HEAD(RAW, 5), 1, 2, 3, 4, 5 }, 25, -E2BIG },
	};
	struct transport_fields fields;

	for (size_t i = 0; i < ARRAY_SIZE(row); i++)
		CHECK(parse(row[i].body, row[i].len, &fields) == row[i].want, row[i].promise);
}

static void test_too_many_fields_are_refused(void)
{
	struct transport_buffer body = { .max = 1u << 16 };
	struct transport_fields fields;

	transport_wire_put_u32(&body, NUMBER, 1);
	for (unsigned int i = 1; i < TRANSPORT_WIRE_MAX_FIELDS; i++)
		transport_wire_put_u64(&body, MANY, i);
	CHECK(parse(body.data, body.len, &fields) == 0, "as many fields as there may be");
	transport_wire_put_u64(&body, MANY, 0);
	CHECK(parse(body.data, body.len, &fields) == -E2BIG, "one more is over the limit");
	transport_buffer_free(&body);
}

static void test_a_buffer_keeps_its_bound(void)
{
	struct transport_buffer body = { .max = 20 };

	CHECK(transport_wire_put_u32(&body, NUMBER, 1) == 0, "what fits is taken");
	CHECK(transport_wire_put_u32(&body, NUMBER, 1) == -E2BIG && body.len == 12,
	      "what does not leaves no trace");
	CHECK(transport_buffer_append(&body, "12345678", 8) == 0, "up to the last byte");
	CHECK(transport_buffer_append(&body, "", 1) == -E2BIG, "and none beyond");
	CHECK(transport_buffer_append(&body, "", SIZE_MAX) == -E2BIG, "lengths do not wrap");
	transport_buffer_free(&body);
	CHECK(body.len == 0 && body.data == NULL && body.max == 20, "a freed buffer is empty");
}

static void test_identities_read_like_uuids(void)
{
	struct transport_id id, back;
	char text[TRANSPORT_ID_TEXT_SIZE];

	REQUIRE(transport_id_random(&id) == 0, "randomness is there");
	CHECK((id.bytes[6] & 0xf0) == 0x40 && (id.bytes[8] & 0xc0) == 0x80, "version 4, variant 1");
	transport_id_print(&id, text);
	CHECK(transport_id_parse(text, &back) == 0 && transport_id_equal(&id, &back),
	      "what is printed can be read");
	CHECK(transport_id_parse("00112233-4455-6677-8899-AABBCCDDEEFF", &back) == 0 &&
		      back.bytes[15] == 0xff && back.bytes[4] == 0x44,
	      "capitals are read");
	CHECK(transport_id_parse("00112233-4455-6677-8899-aabbccddeef", &back) == -EINVAL,
	      "a short one is refused");
	CHECK(transport_id_parse("00112233x4455-6677-8899-aabbccddeeff", &back) == -EINVAL,
	      "a wrong separator is refused");
	CHECK(transport_id_parse("0011223g-4455-6677-8899-aabbccddeeff", &back) == -EINVAL,
	      "a wrong digit is refused");
}

int main(void)
{
	return RUN_TESTS(test_a_header_is_sixteen_little_endian_bytes,
			 test_fields_come_back_as_they_were_put, test_a_malformed_body_is_refused,
			 test_too_many_fields_are_refused, test_a_buffer_keeps_its_bound,
			 test_identities_read_like_uuids);
}
