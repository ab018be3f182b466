// SPDX-License-Identifier: Apache-2.0
/*
 * Bytes that are not what an encoder writes: refused with a reason and a name, in bounded memory.
 */
#include "scene.h"

#include <errno.h>
#include <sdeistate/sdeistate.h>
#include <stdlib.h>

struct bytes {
	uint8_t data[1 << 16];
	size_t len;
};

static void take(struct bytes *bytes)
{
	struct model m = scene_everything();
	const struct sdeistate_capture_options options = { .flags = SDEISTATE_CAPTURE_REGS };
	struct sdeistate_buffer stream = { .len = 0 };
	struct sdeistate *state = NULL;

	bytes->len = 0;
	CHECK(sdeistate_capture(&m.port, &options, &state, NULL) == 0 &&
		      sdeistate_encode(state, &stream, NULL) == 0 &&
		      stream.len < sizeof(bytes->data),
	      "a stream to spoil");
	memcpy(bytes->data, stream.data, stream.len);
	bytes->len = stream.len;
	sdeistate_buffer_free(&stream);
	sdeistate_free(state);
	model_free(&m);
}

static int decode(const struct bytes *bytes, struct sdeistate_error *err)
{
	struct sdeistate *state = NULL;
	int ret = sdeistate_decode(bytes->data, bytes->len, &state, err);

	CHECK(!ret == !!state, "a state or nothing");
	sdeistate_free(state);
	return ret;
}

static uint32_t type_at(const struct bytes *bytes, size_t at)
{
	uint32_t type;

	memcpy(&type, bytes->data + at, sizeof(type));
	return type;
}

static uint64_t len_at(const struct bytes *bytes, size_t at)
{
	uint64_t len;

	memcpy(&len, bytes->data + at + 8, sizeof(len));
	return len;
}

static size_t find_record(const struct bytes *bytes, uint32_t type)
{
	size_t at = 0;

	while (type_at(bytes, at) != type)
		at += 16 + (len_at(bytes, at) + 7) / 8 * 8;
	return at;
}

/* The record's body becomes @body. */
static void replace_body(struct bytes *bytes, uint32_t type, const uint8_t *body, uint64_t len)
{
	size_t at = find_record(bytes, type), old = 16 + (len_at(bytes, at) + 7) / 8 * 8;
	size_t new = 16 + (len + 7) / 8 * 8;

	memmove(bytes->data + at + new, bytes->data + at + old, bytes->len - at - old);
	memset(bytes->data + at + 16, 0, new - 16);
	if (len)
		memcpy(bytes->data + at + 16, body, len);
	memcpy(bytes->data + at + 8, &len, sizeof(len));
	bytes->len += new - old;
}

/* Its body with @more at the end. */
static void append_body(struct bytes *bytes, uint32_t type, const void *more, size_t n)
{
	size_t at = find_record(bytes, type);
	uint64_t len = len_at(bytes, at);
	uint8_t body[1 << 14];

	memcpy(body, bytes->data + at + 16, len);
	memcpy(body + len, more, n);
	replace_body(bytes, type, body, len + n);
}

static void test_no_flip_of_a_bit_is_a_surprise(void)
{
	static struct bytes good, bad;
	unsigned int n_refused = 0;

	take(&good);
	CHECK(decode(&good, NULL) == 0, "unspoiled it is taken");
	for (size_t i = 0; i < good.len * 8; i++) {
		struct sdeistate_error err = { 0 };
		int ret;

		bad = good;
		bad.data[i / 8] ^= (uint8_t)(1u << (i % 8));
		ret = decode(&bad, &err);
		n_refused += ret != 0;
		if (ret)
			CHECK((ret == -EBADMSG || ret == -E2BIG || ret == -EOPNOTSUPP) &&
				      err.object[0],
			      "a refusal has a reason and a name");
	}
	CHECK(n_refused > good.len, "most are refused at once");
}

static void test_cut_and_extended_streams(void)
{
	static struct bytes good, bad;
	size_t regs, filter, fw_regs;

	take(&good);
	regs = find_record(&good, SDEISTATE_RECORD_VCPU_REGS);
	filter = find_record(&good, SDEISTATE_RECORD_FILTER);
	fw_regs = find_record(&good, SDEISTATE_RECORD_FW_REGS);
	for (size_t len = 0; len < good.len; len++) {
		bad = good;
		bad.len = len;
		/* A state is a state without what comes last: none of the three need be. */
		CHECK((decode(&bad, NULL) < 0) == (len != regs && len != filter && len != fw_regs),
		      "a stream that ends early is refused");
	}
	bad = good;
	memset(bad.data + bad.len, 0, 16);
	bad.len += 16;
	CHECK(decode(&bad, NULL) == -EBADMSG, "and one that goes on");
}

static void test_records_out_of_place(void)
{
	static struct bytes good, bad;
	struct sdeistate_error err = { 0 };
	uint32_t type;

	take(&good);
	bad = good;
	type = SDEISTATE_RECORD_DELTA; /* never one of a whole state */
	memcpy(bad.data + find_record(&bad, SDEISTATE_RECORD_FW_REGS), &type, sizeof(type));
	CHECK(decode(&bad, &err) == -EOPNOTSUPP && err.reason == SDEISTATE_UNKNOWN_RECORD,
	      "a mandatory record nobody knows");
	CHECK(strstr(err.object, "delta"), "is called by its name");
	type |= SDEISTATE_RECORD_OPTIONAL;
	memcpy(bad.data + find_record(&bad, SDEISTATE_RECORD_DELTA), &type, sizeof(type));
	CHECK(decode(&bad, &err) == 0, "an optional one is kept");
	bad = good;
	type = SDEISTATE_RECORD_SDEI_PENDING | SDEISTATE_RECORD_OPTIONAL;
	memcpy(bad.data + find_record(&bad, SDEISTATE_RECORD_SDEI_PENDING), &type, sizeof(type));
	CHECK(decode(&bad, &err) == -EBADMSG && !strcmp(err.field, "type"),
	      "a known one may not call itself optional");
	bad = good;
	memmove(bad.data, bad.data + find_record(&bad, SDEISTATE_RECORD_SDEI_EXPOSED),
		bad.len - find_record(&bad, SDEISTATE_RECORD_SDEI_EXPOSED));
	bad.len -= find_record(&good, SDEISTATE_RECORD_SDEI_EXPOSED);
	CHECK(decode(&bad, &err) == -EBADMSG && !strcmp(err.object, "record topology"),
	      "the topology comes first");
	bad = good;
	bad.len = find_record(&bad, SDEISTATE_RECORD_SDEI_VCPU_STATE);
	CHECK(decode(&bad, &err) == -EBADMSG && strstr(err.object, "sdei-vcpu-state") &&
		      !strcmp(err.actual, "missing"),
	      "what the profile always has is missed");
}

static void test_an_unknown_optional_record_survives(void)
{
	static struct bytes bytes;
	struct sdeistate_buffer again = { .len = 0 };
	struct sdeistate *state = NULL;
	uint32_t type = 40u | SDEISTATE_RECORD_OPTIONAL;
	uint64_t len = 5;

	take(&bytes);
	memset(bytes.data + bytes.len, 0, 24);
	memcpy(bytes.data + bytes.len, &type, sizeof(type));
	memcpy(bytes.data + bytes.len + 8, &len, sizeof(len));
	memcpy(bytes.data + bytes.len + 16, "later", 5);
	bytes.len += 24;
	REQUIRE(sdeistate_decode(bytes.data, bytes.len, &state, NULL) == 0, "decoded");
	CHECK(state->n_unknown == 1 && !memcmp(state->unknown[0].body, "later", 5), "kept raw");
	CHECK(sdeistate_encode(state, &again, NULL) == 0 && again.len == bytes.len &&
		      !memcmp(again.data, bytes.data, bytes.len),
	      "and written as it was");
	sdeistate_buffer_free(&again);
	sdeistate_free(state);
}

static void test_protobuf_that_is_not_canonical(void)
{
	static const uint8_t unknown[] = { 0xf8, 0x07, 1 };   /* field 127, varint 1 */
	static const uint8_t twice[] = { 0x08, 0 };           /* field 1 once more */
	static const uint8_t nested[] = { 0x1a, 2, 0x1a, 0 }; /* field 3 within field 3 */
	static const uint8_t no_count[] = { 0x1a, 0, 0x22, 0, 0x2a, 0 };
	static const uint8_t long_varint[] = { 0x08, 0x80, 0, 0x1a, 0, 0x22, 0, 0x2a, 0 };
	static struct bytes good, bad;
	struct sdeistate_error err = { 0 };

	take(&good);
	bad = good;
	append_body(&bad, SDEISTATE_RECORD_SDEI_EXPOSED, unknown, sizeof(unknown));
	CHECK(decode(&bad, &err) == -EBADMSG && !strcmp(err.actual, "an unknown field"),
	      "no unknown field");
	bad = good;
	append_body(&bad, SDEISTATE_RECORD_SDEI_EXPOSED, twice, sizeof(twice));
	CHECK(decode(&bad, &err) == -EBADMSG && strstr(err.expected, "canonical"), "none twice");
	bad = good;
	append_body(&bad, SDEISTATE_RECORD_SDEI_EXPOSED, nested, sizeof(nested));
	CHECK(decode(&bad, &err) == -EBADMSG, "nothing nested that is not");
	bad = good;
	replace_body(&bad, SDEISTATE_RECORD_SDEI_EXPOSED, no_count, sizeof(no_count));
	CHECK(decode(&bad, &err) == -EBADMSG && !strcmp(err.field, "n_events") &&
		      !strcmp(err.actual, "missing"),
	      "absent is not 0");
	bad = good;
	replace_body(&bad, SDEISTATE_RECORD_SDEI_EXPOSED, long_varint, sizeof(long_varint));
	CHECK(decode(&bad, &err) == -EBADMSG && strstr(err.expected, "canonical"),
	      "a number is as short as it goes");
	bad = good;
	replace_body(&bad, SDEISTATE_RECORD_SDEI_EXPOSED, NULL, 0);
	CHECK(decode(&bad, &err) == -EBADMSG, "an empty body is no default");
}

static void test_absurd_counts_cost_nothing(void)
{
	static const uint8_t events[] = { 0x08, 0xff, 0xff, 0xff, 0xff, 0x0f,
					  0x1a, 0,    0x22, 0,    0x2a, 0 };
	static struct bytes good, bad;
	struct sdeistate_error err = { 0 };

	take(&good);
	bad = good;
	replace_body(&bad, SDEISTATE_RECORD_SDEI_EXPOSED, events, sizeof(events));
	CHECK(decode(&bad, &err) == -E2BIG && err.reason == SDEISTATE_OVER_LIMIT &&
		      !strcmp(err.field, "n_events"),
	      "four thousand million events are over the limit");
}

/* Unpacked elements of a packed array take twenty times their bytes in protobuf-c. */
static void test_a_bomb_meets_the_ceiling(void)
{
	const size_t n = 2u << 20;
	uint8_t *stream = calloc(1, 16 + n);
	struct sdeistate_error err = { 0 };
	struct sdeistate *state = NULL;
	uint64_t len = n;

	REQUIRE(stream, "memory for the bomb itself");
	stream[0] = SDEISTATE_RECORD_TOPOLOGY;
	memcpy(stream + 8, &len, sizeof(len));
	for (size_t i = 0; i < n; i += 2)
		memcpy(stream + 16 + i, (const uint8_t[]){ 0x7a, 0 }, 2); /* field 15, empty */
	CHECK(sdeistate_decode(stream, 16 + n, &state, &err) < 0 && !state, "refused");
	CHECK(err.reason == SDEISTATE_OVER_LIMIT || err.reason == SDEISTATE_DAMAGED,
	      "with a reason");
	free(stream);
}

int main(void)
{
	return RUN_TESTS(test_no_flip_of_a_bit_is_a_surprise, test_cut_and_extended_streams,
			 test_records_out_of_place, test_an_unknown_optional_record_survives,
			 test_protobuf_that_is_not_canonical, test_absurd_counts_cost_nothing,
			 test_a_bomb_meets_the_ceiling);
}
