// SPDX-License-Identifier: Apache-2.0
#include "forge.h"
#include "seal/open.h"
#include "sealed.h"
#include "support/check.h"

#include <errno.h>

/* Opens and says why not. */
static enum sdeistate_reason reason_of(const struct sealed *s, const struct sdeistate_buffer *file)
{
	struct sdeistate_opened *opened = NULL;
	struct sdeistate_error err = { 0 };
	int ret = sdeistate_open(file->data, file->len, &s->options, &opened, &err);

	sdeistate_opened_free(opened);
	return ret ? err.reason : SDEISTATE_OK;
}

static void test_a_signature_must_be_of_a_trusted_key(void)
{
	struct sdeistate_buffer file = { NULL, 0 };
	struct sealed s;

	REQUIRE(sealed_setup(&s, SDEISTATE_KEY_ED25519) == 0 &&
			sdeistate_seal(&s.request, &file, NULL) == 0,
		"set up");
	CHECK(reason_of(&s, &file) == SDEISTATE_UNKNOWN_SIGNER, "an empty set trusts nobody");
	s.options.trust = NULL;
	CHECK(reason_of(&s, &file) == SDEISTATE_UNKNOWN_SIGNER, "nor does no set at all");
	s.options.trust = s.trust;
	CHECK(sealed_trust(&s, s.other) == 0 && reason_of(&s, &file) == SDEISTATE_UNKNOWN_SIGNER,
	      "another trusted key does not help");
	CHECK(sealed_trust(&s, s.key) == 0 && reason_of(&s, &file) == SDEISTATE_OK,
	      "the right one does");
	sdeistate_buffer_free(&file);
	sealed_teardown(&s);
}

static void test_a_file_nobody_signed_is_believed_only_on_request(void)
{
	struct sdeistate_buffer file = { NULL, 0 };
	struct sealed s;

	REQUIRE(sealed_setup(&s, SDEISTATE_KEY_ED25519) == 0 && sealed_trust(&s, s.key) == 0,
		"set up");
	s.request.n_signers = 0;
	s.request.allow_unsigned = true;
	REQUIRE(sdeistate_seal(&s.request, &file, NULL) == 0, "a file without a signature");
	CHECK(reason_of(&s, &file) == SDEISTATE_UNSIGNED, "is refused as what it is");
	s.options.flags = SDEISTATE_OPEN_UNSIGNED;
	CHECK(reason_of(&s, &file) == SDEISTATE_OK, "unless that was asked for");
	sdeistate_buffer_free(&file);
	s.request.n_signers = 1;
	sdeistate_trust_free(s.trust);
	s.options.trust = s.trust = sdeistate_trust_new();
	REQUIRE(sdeistate_seal(&s.request, &file, NULL) == 0, "a signed one");
	CHECK(reason_of(&s, &file) == SDEISTATE_UNKNOWN_SIGNER,
	      "of somebody unknown is refused even then");
	s.options.flags = SDEISTATE_OPEN_ANY_SIGNER;
	CHECK(reason_of(&s, &file) == SDEISTATE_OK, "and shown to who wants to look only");
	sdeistate_buffer_free(&file);
	sealed_teardown(&s);
}

static void test_a_threshold_counts_trusted_keys(void)
{
	struct sdeistate_buffer one = { NULL, 0 }, two = { NULL, 0 };
	struct sealed s;

	REQUIRE(sealed_setup(&s, SDEISTATE_KEY_ED25519) == 0 && sealed_trust(&s, s.key) == 0 &&
			sdeistate_seal(&s.request, &one, NULL) == 0,
		"one signature");
	s.request.n_signers = 2;
	REQUIRE(sdeistate_seal(&s.request, &two, NULL) == 0, "two signatures, two algorithms");
	CHECK(reason_of(&s, &two) == SDEISTATE_OK, "one trusted signature is enough");
	s.options.threshold = 2;
	CHECK(reason_of(&s, &two) == SDEISTATE_UNKNOWN_SIGNER, "unless two are asked for");
	CHECK(sealed_trust(&s, s.other) == 0 && reason_of(&s, &two) == SDEISTATE_OK,
	      "which are there when both are trusted");
	CHECK(reason_of(&s, &one) == SDEISTATE_UNKNOWN_SIGNER, "a single one is one");
	two.data[forge_payload_at(two.data) - 1] ^= 1;
	CHECK(reason_of(&s, &two) == SDEISTATE_BAD_SIGNATURE,
	      "a wrong signature of a trusted key is never passed over");
	s.options.threshold = 1;
	CHECK(reason_of(&s, &two) == SDEISTATE_BAD_SIGNATURE, "even if the others suffice");
	sdeistate_buffer_free(&one);
	sdeistate_buffer_free(&two);
	sealed_teardown(&s);
}

static void test_the_source_must_have_signed(void)
{
	const struct sdeistate_key *swapped[2];
	struct sdeistate_buffer file = { NULL, 0 };
	struct sealed s;

	REQUIRE(sealed_setup(&s, SDEISTATE_KEY_ED25519) == 0 && sealed_trust(&s, s.key) == 0,
		"set up");
	swapped[0] = s.other;
	swapped[1] = s.key;
	s.request.signer = swapped;
	s.request.n_signers = 2;
	REQUIRE(sdeistate_seal(&s.request, &file, NULL) == 0, "another source, co-signed");
	CHECK(reason_of(&s, &file) == SDEISTATE_UNKNOWN_SIGNER,
	      "a trusted witness does not make an unknown source trusted");
	sdeistate_buffer_free(&file);
	sealed_teardown(&s);
}

static void test_a_signature_is_added(void)
{
	struct sdeistate_buffer one = { NULL, 0 }, two = { NULL, 0 }, three = { NULL, 0 };
	struct sdeistate_error err;
	struct sealed s;

	REQUIRE(sealed_setup(&s, SDEISTATE_KEY_ED25519) == 0 && sealed_trust(&s, s.key) == 0 &&
			sealed_trust(&s, s.other) == 0 &&
			sdeistate_seal(&s.request, &one, NULL) == 0,
		"a file with one signature");
	s.options.threshold = 2;
	CHECK(sdeistate_cosign(one.data, one.len, s.other, &two, NULL) == 0 &&
		      reason_of(&s, &two) == SDEISTATE_OK,
	      "is a file with two");
	CHECK(sdeistate_cosign(two.data, two.len, s.other, &three, &err) == -EEXIST &&
		      err.reason == SDEISTATE_USAGE,
	      "a key signs once");
	CHECK(sdeistate_cosign(one.data, one.len - 1, s.other, &three, &err) == -EBADMSG &&
		      err.reason == SDEISTATE_DAMAGED,
	      "a damaged file is not signed");
	CHECK(!three.data, "and nothing comes of either");
	sdeistate_buffer_free(&one);
	sdeistate_buffer_free(&two);
	sealed_teardown(&s);
}

/* The same manifest and payload under the signature of another file. */
static void test_a_signature_does_not_move(void)
{
	struct sdeistate_buffer a = { NULL, 0 }, b = { NULL, 0 };
	struct sealed s;

	REQUIRE(sealed_setup(&s, SDEISTATE_KEY_ED25519) == 0 && sealed_trust(&s, s.key) == 0 &&
			sdeistate_seal(&s.request, &a, NULL) == 0 &&
			sdeistate_seal(&s.request, &b, NULL) == 0 && a.len == b.len,
		"two files of the same state");
	memcpy(a.data + forge_payload_at(a.data) - 64, b.data + forge_payload_at(b.data) - 64, 64);
	CHECK(reason_of(&s, &a) == SDEISTATE_BAD_SIGNATURE, "a signature belongs to its file");
	sdeistate_buffer_free(&a);
	sdeistate_buffer_free(&b);
	sealed_teardown(&s);
}

static void test_a_file_has_a_destination_and_an_end(void)
{
	const struct sdeistate_pub *self[1];
	struct sdeistate_buffer file = { NULL, 0 };
	struct sealed s;

	REQUIRE(sealed_setup(&s, SDEISTATE_KEY_ED25519) == 0 && sealed_trust(&s, s.key) == 0,
		"set up");
	s.request.any_destination = false;
	s.request.audience = s.self;
	s.request.n_audience = 1;
	s.request.expires = 2000;
	REQUIRE(sdeistate_seal(&s.request, &file, NULL) == 0, "sealed for one until 2000");
	CHECK(reason_of(&s, &file) == SDEISTATE_WRONG_AUDIENCE, "it is not for who has no key");
	self[0] = sdeistate_key_pub(s.key);
	s.options.self = self;
	s.options.n_self = 1;
	CHECK(reason_of(&s, &file) == SDEISTATE_WRONG_AUDIENCE, "nor for another");
	s.options.flags = SDEISTATE_OPEN_ANY_AUDIENCE;
	CHECK(reason_of(&s, &file) == SDEISTATE_OK, "but anybody may look");
	s.options.flags = 0;
	s.options.self = s.self;
	CHECK(reason_of(&s, &file) == SDEISTATE_OK, "it is for its destination");
	s.options.now = 2000;
	CHECK(reason_of(&s, &file) == SDEISTATE_OK, "in its last second");
	s.options.now = 2001;
	CHECK(reason_of(&s, &file) == SDEISTATE_EXPIRED, "and no longer");
	s.options.flags = SDEISTATE_OPEN_ANY_TIME;
	CHECK(reason_of(&s, &file) == SDEISTATE_OK, "unless time does not matter");
	s.options.flags = 0;
	s.options.now = 0;
	CHECK(reason_of(&s, &file) == SDEISTATE_EXPIRED, "the system's clock is the default");
	sdeistate_buffer_free(&file);
	sealed_teardown(&s);
}

static void put_entry(struct sdeistate_buffer *file, uint32_t at, uint32_t len)
{
	put_le32(file->data + at + SDEISTATE_KEY_ID_SIZE, len);
}

/* These bytes are outside what is signed: bounds are all that protects from them. */
static void test_bounds_of_the_signature_block(void)
{
	struct sdeistate_buffer file = { NULL, 0 };
	struct sealed s;
	uint32_t at;

	REQUIRE(sealed_setup(&s, SDEISTATE_KEY_ED25519) == 0 && sealed_trust(&s, s.key) == 0 &&
			sdeistate_seal(&s.request, &file, NULL) == 0,
		"set up");
	at = SDEISTATE_PREFIX_SIZE + get_le32(file.data + 16);
	put_le32(file.data + at, SDEISTATE_MAX_SIGNATURE_BLOCK - LAYOUT_SIGNATURES + 1);
	CHECK(reason_of(&s, &file) == SDEISTATE_OVER_LIMIT, "a block over the limit");
	put_le32(file.data + at, SDEISTATE_MAX_SIGNATURE_BLOCK - LAYOUT_SIGNATURES);
	CHECK(reason_of(&s, &file) == SDEISTATE_DAMAGED, "the largest, which is not there");
	put_le32(file.data + at, LAYOUT_ENTRY + 64);
	put_le32(file.data + at + 4, SDEISTATE_MAX_SIGNATURES + 1);
	CHECK(reason_of(&s, &file) == SDEISTATE_OVER_LIMIT, "one signature too many");
	put_le32(file.data + at + 4, SDEISTATE_MAX_SIGNATURES);
	CHECK(reason_of(&s, &file) == SDEISTATE_DAMAGED, "the most, which are not there");
	put_le32(file.data + at + 4, 1);
	put_entry(&file, at + LAYOUT_SIGNATURES, SDEISTATE_MAX_SIGNATURE + 1);
	CHECK(reason_of(&s, &file) == SDEISTATE_OVER_LIMIT, "a signature over the limit");
	put_entry(&file, at + LAYOUT_SIGNATURES, SDEISTATE_MAX_SIGNATURE);
	CHECK(reason_of(&s, &file) == SDEISTATE_DAMAGED, "the largest, which is not there");
	put_entry(&file, at + LAYOUT_SIGNATURES, 63);
	CHECK(reason_of(&s, &file) == SDEISTATE_DAMAGED, "a byte that belongs to nothing");
	put_entry(&file, at + LAYOUT_SIGNATURES, 64);
	CHECK(reason_of(&s, &file) == SDEISTATE_OK, "and back again");
	sdeistate_buffer_free(&file);
	sealed_teardown(&s);
}

int main(void)
{
	return RUN_TESTS(test_a_signature_must_be_of_a_trusted_key,
			 test_a_file_nobody_signed_is_believed_only_on_request,
			 test_a_threshold_counts_trusted_keys, test_the_source_must_have_signed,
			 test_a_signature_is_added, test_a_signature_does_not_move,
			 test_a_file_has_a_destination_and_an_end,
			 test_bounds_of_the_signature_block);
}
