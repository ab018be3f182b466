// SPDX-License-Identifier: Apache-2.0
/* docs/trust.md: windows, revocations and rotations, and what they do to a sealed file. */
#include "sealed.h"
#include "support/check.h"
#include "tempdir.h"

#include <errno.h>
#include <sdeistate/trust.h>

#define ID   "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define HEAD "sdei-migrate trust 1\n"

static int parse_list(struct sdeistate_trust *trust, const char *text, struct sdeistate_error *err)
{
	return sdeistate_trust_list_parse(trust, text, strlen(text), "list", err);
}

static void test_a_list_is_read_and_written(void)
{
	static const char text[] = HEAD ID " not-before=2026-01-02T03:04:05Z "
					   "not-after=2026-12-31T23:59:59Z "
					   "revoked=2026-06-01T00:00:00Z\n";
	struct sdeistate_trust *trust = sdeistate_trust_new();
	struct sdeistate_buffer again = { NULL, 0 };
	const struct sdeistate_validity *only;
	struct sdeistate_validity got;
	uint8_t id[32];

	for (unsigned int i = 0; i < 32; i++)
		id[i] = (uint8_t)(i % 16 * 0x11);
	REQUIRE(trust && parse_list(trust, text, NULL) == 0, "a list");
	got = sdeistate_trust_validity(trust, id);
	only = &got;
	CHECK(only->not_before == 1767323045 && only->not_after == 1798761599 &&
		      only->revoked == 1780272000,
	      "the times are those");
	CHECK(sdeistate_trust_list_print(trust, &again, NULL) == 0 && again.len == strlen(text) &&
		      memcmp(again.data, text, again.len) == 0,
	      "it is written as it was read");
	CHECK(parse_list(trust, HEAD "# a word\n\n" ID " not-after=2026-02-01T00:00:00Z\n", NULL) ==
			      0 &&
		      (got = sdeistate_trust_validity(trust, id)).not_after == 1769904000 &&
		      got.not_before == 1767323045 && got.revoked == 1780272000,
	      "a second list narrows, and takes no revocation back");
	CHECK(parse_list(trust, HEAD ID " not-before=2027-01-01T00:00:00Z\n", NULL) == 0 &&
		      sdeistate_trust_validity(trust, id).not_before == UINT64_MAX,
	      "two windows without a common moment are never");
	sdeistate_buffer_free(&again);
	sdeistate_trust_free(trust);
}

static void test_a_list_is_refused(void)
{
	static const char *const wrong[] = {
		"",
		"sdei-migrate trust 2\n",
		HEAD ID "\n",
		HEAD ID " not-before=2026-01-01T00:00:00Z",
		HEAD ID " not-before=2026-01-01 00:00:00Z\n",
		HEAD ID " not-before=2026-02-30T00:00:00Z\n",
		HEAD ID " not-before=2026-01-01T00:00:60Z\n",
		HEAD ID " not-before=1970-01-01T00:00:00Z\n",
		HEAD ID " not-before=2026-01-01T00:00:00Z \n",
		HEAD ID "  not-before=2026-01-01T00:00:00Z\n",
		HEAD ID " not-after=2026-01-01T00:00:00Z not-before=2025-01-01T00:00:00Z\n",
		HEAD ID " not-before=2026-01-02T00:00:00Z not-after=2026-01-01T00:00:00Z\n",
		HEAD ID " revoked=2026-01-01T00:00:00Z revoked=2026-01-01T00:00:00Z\n",
		HEAD ID " since=2026-01-01T00:00:00Z\n",
		HEAD "00112233 revoked=2026-01-01T00:00:00Z\n",
		HEAD "0011223344556677889 9AABBCCDDEEFF00112233445566778899aabbccddeeff "
		     "revoked=2026-01-01T00:00:00Z\n",
	};
	struct sdeistate_error err;

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct sdeistate_trust *trust = sdeistate_trust_new();

		CHECK(parse_list(trust, wrong[i], &err) == -EBADMSG &&
			      err.reason == SDEISTATE_DAMAGED && !strncmp(err.field, "line ", 5),
		      "a list that says something else is refused, with its line");
		sdeistate_trust_free(trust);
	}
}

static void test_check_looks_at_the_clock(void)
{
	static const struct {
		struct sdeistate_validity validity;
		uint64_t when;
		int want;
	} row[] = {
		{ { 0, 0, 0 }, 0, 0 },
		{ { 0, 0, 0 }, UINT64_MAX, 0 },
		{ { 100, 200, 0 }, 99, -EKEYEXPIRED },
		{ { 100, 200, 0 }, 100, 0 },
		{ { 100, 200, 0 }, 200, 0 },
		{ { 100, 200, 0 }, 201, -EKEYEXPIRED },
		{ { 0, 0, 300 }, 1, -EKEYREVOKED },
		{ { 100, 200, 300 }, 150, -EKEYREVOKED },
	};
	struct sdeistate_error err;
	struct sealed s;

	REQUIRE(sealed_setup(&s, SDEISTATE_KEY_ED25519) == 0 && sealed_trust(&s, s.key) == 0,
		"a trusted key");
	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		const uint8_t *id = sdeistate_pub_id(sdeistate_key_pub(s.key));

		CHECK(sdeistate_trust_set_validity(s.trust, id, &row[i].validity, NULL) == 0 &&
			      sdeistate_trust_check(s.trust, id, row[i].when, &err) == row[i].want,
		      "a key is believed inside its window, and never once revoked");
	}
	CHECK(sdeistate_trust_check(s.trust, sdeistate_pub_id(s.self[0]), 1, &err) == -ENOKEY &&
		      err.reason == SDEISTATE_UNKNOWN_SIGNER,
	      "another key is unknown");
	sealed_teardown(&s);
}

static int reopen(struct sealed *s, const struct sdeistate_buffer *file, uint64_t now,
		  unsigned int flags, struct sdeistate_error *err)
{
	struct sdeistate_opened *opened = NULL;
	int ret;

	s->options.now = now;
	s->options.flags = flags;
	ret = sdeistate_open(file->data, file->len, &s->options, &opened, err);
	sdeistate_opened_free(opened);
	return ret;
}

static void limit(struct sealed *s, uint64_t from, uint64_t until, uint64_t revoked)
{
	const struct sdeistate_validity validity = { from, until, revoked };

	CHECK(sdeistate_trust_set_validity(s->trust, sdeistate_pub_id(sdeistate_key_pub(s->key)),
					   &validity, NULL) == 0,
	      "a limit is set");
}

static void test_a_sealed_file_needs_a_key_that_is_believed(void)
{
	struct sdeistate_buffer file = { NULL, 0 };
	struct sdeistate_error err;
	struct sealed s;

	REQUIRE(sealed_setup(&s, SDEISTATE_KEY_ED25519) == 0 && sealed_trust(&s, s.key) == 0 &&
			sdeistate_seal(&s.request, &file, NULL) == 0,
		"a file made at 1000");
	limit(&s, 900, 2000, 0);
	CHECK(reopen(&s, &file, 1500, 0, &err) == 0, "made and opened inside the window");
	CHECK(reopen(&s, &file, 2001, 0, &err) == -EKEYEXPIRED &&
		      err.reason == SDEISTATE_KEY_EXPIRED,
	      "opened after it");
	CHECK(reopen(&s, &file, 2001, SDEISTATE_OPEN_ANY_TIME, &err) == 0,
	      "unless nobody looks at the clock");
	limit(&s, 1001, 2000, 0);
	CHECK(reopen(&s, &file, 1500, 0, &err) == -EKEYEXPIRED, "made before it");
	limit(&s, 0, 0, 5000);
	CHECK(reopen(&s, &file, 1500, 0, &err) == -EKEYREVOKED &&
		      err.reason == SDEISTATE_KEY_REVOKED,
	      "a revoked key, at whatever time");
	CHECK(reopen(&s, &file, 1500, SDEISTATE_OPEN_ANY_TIME, &err) == -EKEYREVOKED,
	      "even where nobody looks at the clock");
	sdeistate_buffer_free(&file);
	sealed_teardown(&s);
}

static void test_a_revoked_cosigner_does_not_count(void)
{
	struct sdeistate_buffer file = { NULL, 0 };
	const struct sdeistate_validity gone = { .revoked = 5 };
	struct sdeistate_error err;
	struct sealed s;

	REQUIRE(sealed_setup(&s, SDEISTATE_KEY_ED25519) == 0 && sealed_trust(&s, s.key) == 0 &&
			sealed_trust(&s, s.other) == 0,
		"two trusted keys");
	s.request.n_signers = 2;
	s.options.threshold = 2;
	REQUIRE(sdeistate_seal(&s.request, &file, NULL) == 0, "both sign");
	CHECK(reopen(&s, &file, 1001, 0, &err) == 0, "two of two");
	sdeistate_trust_set_validity(s.trust, sdeistate_pub_id(s.self[0]), &gone, NULL);
	CHECK(reopen(&s, &file, 1001, 0, &err) == -EKEYREVOKED, "one of them was revoked");
	s.options.threshold = 1;
	CHECK(reopen(&s, &file, 1001, 0, &err) == 0, "one is enough where one is asked for");
	sdeistate_buffer_free(&file);
	sealed_teardown(&s);
}

static int rotate(struct sealed *s, const struct sdeistate_key *old,
		  const struct sdeistate_pub *successor, struct sdeistate_buffer *text)
{
	(void)s;
	return sdeistate_rotation_make(old, successor, 1000, 2000, text, NULL);
}

static int apply(struct sealed *s, const struct sdeistate_buffer *text, struct sdeistate_error *err)
{
	return sdeistate_rotation_apply(s->trust, (const char *)text->data, text->len, "r", err);
}

static void test_a_rotation_hands_trust_on(void)
{
	struct sdeistate_buffer text = { NULL, 0 };
	struct sdeistate_error err;
	const uint8_t *old, *new;
	struct sealed s;

	REQUIRE(sealed_setup(&s, SDEISTATE_KEY_ED25519) == 0 &&
			rotate(&s, s.key, sdeistate_key_pub(s.other), &text) == 0,
		"a rotation");
	old = sdeistate_pub_id(sdeistate_key_pub(s.key));
	new = sdeistate_pub_id(s.self[0]);
	CHECK(apply(&s, &text, &err) == -ENOKEY, "of a key that nobody trusts it is nothing");
	REQUIRE(sealed_trust(&s, s.key) == 0 && apply(&s, &text, &err) == 0, "it is applied");
	CHECK(sdeistate_trust_check(s.trust, new, 999, &err) == -EKEYEXPIRED &&
		      sdeistate_trust_check(s.trust, new, 1000, &err) == 0,
	      "the successor speaks from that moment on");
	CHECK(sdeistate_trust_check(s.trust, old, 2000, &err) == 0 &&
		      sdeistate_trust_check(s.trust, old, 2001, &err) == -EKEYEXPIRED,
	      "the old key until the overlap ends");
	CHECK(sdeistate_trust_check(s.trust, new, 9999, &err) == 0, "and the successor goes on");
	CHECK(apply(&s, &text, &err) == 0 && sdeistate_trust_count(s.trust) == 2,
	      "applied twice it is the same");
	sdeistate_buffer_free(&text);
	sealed_teardown(&s);
}

static void test_a_rotation_of_a_revoked_key_is_nothing(void)
{
	struct sdeistate_buffer text = { NULL, 0 };
	struct sdeistate_error err;
	struct sealed s;

	REQUIRE(sealed_setup(&s, SDEISTATE_KEY_P256) == 0 && sealed_trust(&s, s.key) == 0 &&
			rotate(&s, s.key, sdeistate_key_pub(s.other), &text) == 0,
		"a rotation");
	limit(&s, 0, 0, 500);
	CHECK(apply(&s, &text, &err) == 0 && sdeistate_trust_count(s.trust) == 1,
	      "whoever stole the key could have made it");
	sdeistate_buffer_free(&text);
	sealed_teardown(&s);
}

static void test_a_rotation_is_refused_when_a_byte_changes(void)
{
	struct sdeistate_buffer text = { NULL, 0 };
	struct sdeistate_error err;
	struct sealed s;

	REQUIRE(sealed_setup(&s, SDEISTATE_KEY_ED25519) == 0 && sealed_trust(&s, s.key) == 0 &&
			rotate(&s, s.key, sdeistate_key_pub(s.other), &text) == 0,
		"a rotation");
	for (size_t i = 0; i < text.len; i++) {
		text.data[i] ^= 1;
		CHECK(apply(&s, &text, &err) != 0 && sdeistate_trust_count(s.trust) == 1,
		      "a changed byte at any offset");
		text.data[i] ^= 1;
	}
	for (size_t len = 0; len < text.len; len++)
		CHECK(sdeistate_rotation_apply(s.trust, (const char *)text.data, len, "r", &err) !=
			      0,
		      "cut at any offset");
	sdeistate_buffer_free(&text);
	CHECK(rotate(&s, s.key, sdeistate_key_pub(s.key), &text) == -EINVAL, "a key and itself");
	CHECK(sdeistate_rotation_make(s.key, s.self[0], 2000, 1999, &text, NULL) == -EINVAL &&
		      sdeistate_rotation_make(s.key, s.self[0], 0, 1, &text, NULL) == -EINVAL,
	      "times out of order");
	sealed_teardown(&s);
}

static int save(const struct tempdir *dir, const char *name, const struct sdeistate_buffer *text)
{
	return sdeistate_write_file(tempdir_at(dir, name), text->data, text->len, 0644, true, NULL);
}

/* a.pub is old; it names b, and b names c: the files are met in the wrong order. */
static void test_a_folder_holds_all_of_it(void)
{
	struct sdeistate_buffer first = { NULL, 0 }, second = { NULL, 0 }, pem = { NULL, 0 };
	struct sdeistate_key *key[3] = { NULL };
	struct sdeistate_trust *trust = NULL;
	struct sdeistate_error err;
	struct tempdir dir;

	REQUIRE(tempdir_make(&dir) == 0, "a directory");
	for (int i = 0; i < 3; i++)
		REQUIRE(sdeistate_key_generate(SDEISTATE_KEY_ED25519, &key[i], NULL) == 0, "keys");
	REQUIRE(rotate(NULL, key[0], sdeistate_key_pub(key[1]), &first) == 0 &&
			rotate(NULL, key[1], sdeistate_key_pub(key[2]), &second) == 0 &&
			sdeistate_pub_pem(sdeistate_key_pub(key[0]), &pem, NULL) == 0,
		"two rotations");
	REQUIRE(save(&dir, "a.pub", &pem) == 0 && save(&dir, "z.rotation", &first) == 0 &&
			save(&dir, "a.rotation", &second) == 0,
		"a folder");
	REQUIRE(sdeistate_trust_load(dir.path, &trust, &err) == 0, "it is loaded");
	CHECK(sdeistate_trust_count(trust) == 3, "a successor's successor is trusted");
	sdeistate_trust_free(trust);
	unlink(tempdir_at(&dir, "z.rotation"));
	CHECK(sdeistate_trust_load(dir.path, &trust, &err) == -ENOKEY &&
		      err.reason == SDEISTATE_UNKNOWN_SIGNER && strstr(err.object, "a.rotation"),
	      "a rotation that hangs in the air fails the load, by name");
	tempdir_write(&dir, "trust.list", "nonsense\n", 0644);
	CHECK(sdeistate_trust_load(dir.path, &trust, &err) == -EBADMSG &&
		      strstr(err.object, "trust.list"),
	      "so does a damaged list");
	for (int i = 0; i < 3; i++)
		sdeistate_key_free(key[i]);
	sdeistate_buffer_free(&first);
	sdeistate_buffer_free(&second);
	sdeistate_buffer_free(&pem);
	tempdir_remove(&dir);
}

int main(void)
{
	return RUN_TESTS(test_a_list_is_read_and_written, test_a_list_is_refused,
			 test_check_looks_at_the_clock,
			 test_a_sealed_file_needs_a_key_that_is_believed,
			 test_a_revoked_cosigner_does_not_count, test_a_rotation_hands_trust_on,
			 test_a_rotation_of_a_revoked_key_is_nothing,
			 test_a_rotation_is_refused_when_a_byte_changes,
			 test_a_folder_holds_all_of_it);
}
