// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE /* memmem */
#include "forge.h"
#include "sealed.h"
#include "support/check.h"

#include <openssl/evp.h>

static enum sdeistate_reason open_with(struct sealed *s, const struct sdeistate_buffer *file,
				       const struct sdeistate_key *key)
{
	struct sdeistate_opened *opened = NULL;
	struct sdeistate_error err = { 0 };
	bool same;

	s->options.secret = &key;
	s->options.n_secrets = key ? 1 : 0;
	sdeistate_open(file->data, file->len, &s->options, &opened, &err);
	same = opened && opened->stream.len == s->stream_len &&
	       !memcmp(opened->stream.data, s->stream, s->stream_len);
	CHECK(same == (err.reason == SDEISTATE_OK), "what opens is what was sealed");
	sdeistate_opened_free(opened);
	return err.reason;
}

static void test_an_encrypted_state_opens_for_its_recipients(void)
{
	const struct sdeistate_pub *recipient[2];
	struct sdeistate_buffer file = { NULL, 0 };
	struct sdeistate_key *big = NULL;
	struct sealed s;

	REQUIRE(sealed_setup(&s, SDEISTATE_KEY_P256) == 0 && sealed_trust(&s, s.key) == 0 &&
			sdeistate_key_generate(SDEISTATE_KEY_P384, &big, NULL) == 0,
		"set up");
	recipient[0] = s.self[0];
	recipient[1] = sdeistate_key_pub(big);
	s.request.recipient = recipient;
	s.request.n_recipients = 2;
	REQUIRE(sdeistate_seal(&s.request, &file, NULL) == 0, "encrypted to P-256 and P-384");
	CHECK(file.data[8] == 2, "it is of revision 2");
	CHECK(!memmem(file.data, file.len, s.stream + 16, 64), "the state is not in it");
	CHECK(open_with(&s, &file, s.other) == SDEISTATE_OK, "the first can read it");
	CHECK(open_with(&s, &file, big) == SDEISTATE_OK, "the second too");
	CHECK(open_with(&s, &file, s.key) == SDEISTATE_NO_KEY, "who signed it cannot");
	CHECK(open_with(&s, &file, NULL) == SDEISTATE_NO_KEY, "nor who has no key");
	sdeistate_key_free(big);
	sdeistate_buffer_free(&file);
	sealed_teardown(&s);
}

static void test_verifying_needs_no_secret(void)
{
	struct sdeistate_opened *opened = NULL;
	struct sdeistate_buffer file = { NULL, 0 };
	struct sealed s;

	REQUIRE(sealed_setup(&s, SDEISTATE_KEY_ED25519) == 0 && sealed_trust(&s, s.key) == 0,
		"set up");
	s.request.recipient = s.self;
	s.request.n_recipients = 1;
	s.options.flags = SDEISTATE_OPEN_MANIFEST;
	REQUIRE(sdeistate_seal(&s.request, &file, NULL) == 0 &&
			sdeistate_open(file.data, file.len, &s.options, &opened, NULL) == 0,
		"the manifest of an encrypted file is open to all");
	CHECK(opened->manifest.encrypted && opened->n_signers == 1 && !opened->stream.len,
	      "it says who signed, and nothing of the state");
	sdeistate_opened_free(opened);
	sdeistate_buffer_free(&file);
	sealed_teardown(&s);
}

/* Damage that a signer put in: the digest is right, the ciphertext is not. */
static void test_a_broken_envelope_is_refused(void)
{
	static const uint8_t junk[] = { 0x30, 0x03, 0x02, 0x01, 0x00 };
	struct sdeistate_buffer file = { NULL, 0 }, forged = { NULL, 0 };
	struct forge forge;
	struct sealed s;

	REQUIRE(sealed_setup(&s, SDEISTATE_KEY_ED25519) == 0 && sealed_trust(&s, s.key) == 0,
		"set up");
	s.request.recipient = s.self;
	s.request.n_recipients = 1;
	REQUIRE(sdeistate_seal(&s.request, &file, NULL) == 0, "sealed");
	for (int i = 0; i < 3; i++) {
		struct sdeistate_frame *frame = &forge.manifest.frame[0];

		REQUIRE(forge_take(&forge, &file) == 0, "taken apart");
		if (i == 0)
			forge.payload.data[forge.payload.len - 1] ^= 1; /* the tag of GCM */
		else if (i == 1)
			forge.payload.data[forge.payload.len - 100] ^= 1;
		else
			forge_payload(&forge, junk, sizeof(junk));
		frame->stored_size = forge.payload.len;
		EVP_Q_digest(NULL, "SHA256", NULL, forge.payload.data, forge.payload.len,
			     frame->stored_digest, NULL);
		REQUIRE(forge_make(&forge, s.key, &forged) == 0, "signed again");
		CHECK(open_with(&s, &forged, s.other) == SDEISTATE_DECRYPT,
		      "what does not decrypt is refused");
		sdeistate_buffer_free(&forged);
		forge_release(&forge);
	}
	sdeistate_buffer_free(&file);
	sealed_teardown(&s);
}

int main(void)
{
	return RUN_TESTS(test_an_encrypted_state_opens_for_its_recipients,
			 test_verifying_needs_no_secret, test_a_broken_envelope_is_refused);
}
