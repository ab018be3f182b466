// SPDX-License-Identifier: Apache-2.0
#include "forge.h"
#include "seal/open.h"
#include "sealed.h"
#include "support/check.h"

#include <errno.h>

/* The regions of a file and what a changed bit in each may be called. */
enum region { MAGIC, PREFIX, MANIFEST, SIZES, SIGNATURES, PAYLOAD, END };

static const struct {
	const char *promise;
	enum sdeistate_reason reason[4];
} regions[] = {
	[MAGIC] = { "a changed magic is not ours", { SDEISTATE_NOT_OURS } },
	[PREFIX] = { "a changed prefix is damaged", { SDEISTATE_DAMAGED } },
	[MANIFEST] = { "a changed manifest has a bad signature", { SDEISTATE_BAD_SIGNATURE } },
	[SIZES] = { "a changed size of the signatures is damage, or over the limit",
		    { SDEISTATE_DAMAGED, SDEISTATE_OVER_LIMIT, SDEISTATE_UNSIGNED } },
	[SIGNATURES] = { "a changed signature is bad, damaged, or of a signer nobody knows",
			 { SDEISTATE_BAD_SIGNATURE, SDEISTATE_UNKNOWN_SIGNER, SDEISTATE_DAMAGED,
			   SDEISTATE_OVER_LIMIT } },
	[PAYLOAD] = { "a changed payload has a bad digest", { SDEISTATE_BAD_DIGEST } },
	[END] = { "a changed end is damage", { SDEISTATE_DAMAGED } },
};

static enum region region_of(const struct sdeistate_buffer *file, size_t at)
{
	size_t signatures = SDEISTATE_PREFIX_SIZE + get_le32(file->data + 16);

	if (at < 8)
		return MAGIC;
	if (at < SDEISTATE_PREFIX_SIZE)
		return PREFIX;
	if (at < signatures)
		return MANIFEST;
	if (at < signatures + LAYOUT_SIGNATURES)
		return SIZES;
	if (at < forge_payload_at(file->data))
		return SIGNATURES;
	return at < file->len - LAYOUT_END ? PAYLOAD : END;
}

static bool is_one_of(enum sdeistate_reason reason, const enum sdeistate_reason *set)
{
	for (int i = 0; i < 4; i++)
		if (reason == set[i] && reason != SDEISTATE_OK)
			return true;
	return false;
}

static void check_flip(const struct sealed *s, const struct sdeistate_buffer *file, size_t at,
		       uint8_t mask)
{
	enum region region = region_of(file, at);
	struct sdeistate_opened *opened = NULL;
	struct sdeistate_error err = { 0 };
	struct open_watch watch = { 0 };

	file->data[at] ^= mask;
	CHECK(open_watched(file->data, file->len, &s->options, &watch, &opened, &err) < 0 &&
		      is_one_of(err.reason, regions[region].reason),
	      regions[region].promise);
	file->data[at] ^= mask;
	CHECK(!watch.expansions && !watch.decryptions,
	      "no changed byte reaches the decryptor or the decompressor");
	CHECK(region == PAYLOAD || !watch.manifests,
	      "no changed byte in front of the payload reaches the protobuf decoder");
	CHECK(region == SIGNATURES || region == MANIFEST || region == PAYLOAD || !watch.signatures,
	      "what is damaged is not even verified");
}

static void flip_all(struct sealed *s)
{
	struct sdeistate_opened *opened = NULL;
	struct sdeistate_buffer file = { NULL, 0 };
	struct open_watch watch = { 0 };

	REQUIRE(sdeistate_seal(&s->request, &file, NULL) == 0, "sealed");
	REQUIRE(open_watched(file.data, file.len, &s->options, &watch, &opened, NULL) == 0,
		"the file opens before it is changed");
	CHECK(watch.signatures == 1 && watch.manifests == 1 && watch.expansions == 1,
	      "by one verification, one decoder, one decompressor");
	sdeistate_opened_free(opened);
	for (size_t at = 0; at < file.len; at++) {
		check_flip(s, &file, at, (uint8_t)(1u << at % 8));
		check_flip(s, &file, at, 0xff);
	}
	sdeistate_buffer_free(&file);
}

static void test_no_flipped_byte_is_parsed(void)
{
	struct sealed s;

	REQUIRE(sealed_setup(&s, SDEISTATE_KEY_ED25519) == 0 && sealed_trust(&s, s.key) == 0,
		"set up");
	flip_all(&s);
	sealed_teardown(&s);
}

static void test_no_flipped_byte_of_an_encrypted_file_is_decrypted(void)
{
	const struct sdeistate_key *secret[1];
	struct sealed s;

	REQUIRE(sealed_setup(&s, SDEISTATE_KEY_ED25519) == 0 && sealed_trust(&s, s.key) == 0,
		"set up");
	secret[0] = s.other;
	s.request.recipient = s.self;
	s.request.n_recipients = 1;
	s.options.secret = secret;
	s.options.n_secrets = 1;
	flip_all(&s);
	sealed_teardown(&s);
}

static void test_a_part_of_a_file_is_damaged(void)
{
	struct sdeistate_buffer file = { NULL, 0 };
	struct sealed s;

	REQUIRE(sealed_setup(&s, SDEISTATE_KEY_ED25519) == 0 && sealed_trust(&s, s.key) == 0 &&
			sdeistate_seal(&s.request, &file, NULL) == 0,
		"set up");
	for (size_t len = 0; len < file.len; len++) {
		struct sdeistate_opened *opened = NULL;
		struct sdeistate_error err = { 0 };
		struct open_watch watch = { 0 };
		uint8_t *part = malloc(len + 1); /* its own, so that a sanitizer sees its end */

		memcpy(part, file.data, len);
		CHECK(open_watched(part, len, &s.options, &watch, &opened, &err) < 0 &&
			      err.reason == (len ? SDEISTATE_DAMAGED : SDEISTATE_NOT_OURS),
		      "a file that ends early is damaged");
		CHECK(!watch.signatures && !watch.manifests,
		      "and is not verified, let alone decoded");
		free(part);
	}
	sdeistate_buffer_free(&file);
	sealed_teardown(&s);
}

static void test_bytes_behind_the_end_are_damage(void)
{
	struct sdeistate_opened *opened = NULL;
	struct sdeistate_buffer file = { NULL, 0 };
	struct sdeistate_error err = { 0 };
	struct sealed s;
	uint8_t *more;

	REQUIRE(sealed_setup(&s, SDEISTATE_KEY_ED25519) == 0 && sealed_trust(&s, s.key) == 0 &&
			sdeistate_seal(&s.request, &file, NULL) == 0,
		"set up");
	more = calloc(1, file.len + 1);
	memcpy(more, file.data, file.len);
	CHECK(sdeistate_open(more, file.len + 1, &s.options, &opened, &err) == -EBADMSG &&
		      err.reason == SDEISTATE_DAMAGED,
	      "one byte behind the end is damage");
	free(more);
	sdeistate_buffer_free(&file);
	sealed_teardown(&s);
}

int main(void)
{
	return RUN_TESTS(test_no_flipped_byte_is_parsed,
			 test_no_flipped_byte_of_an_encrypted_file_is_decrypted,
			 test_a_part_of_a_file_is_damaged, test_bytes_behind_the_end_are_damage);
}
