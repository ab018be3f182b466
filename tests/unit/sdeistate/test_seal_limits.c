// SPDX-License-Identifier: Apache-2.0
/*
 * Limits of limits.h at the limit and one above, as far as a signed manifest or a request states them; those of
 * signatures, chunk tables, records, key files and windows stand beside what they are limits of.
 */
#define _GNU_SOURCE
#include "forge.h"
#include "sealed.h"
#include "support/check.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#define GIB (UINT64_C(1) << 30)

struct limit {
	const char *promise;
	void (*change)(struct sdeistate_manifest *m, uint64_t more);
};

static struct sdeistate_frame *add_frame(struct sdeistate_manifest *m)
{
	struct sdeistate_frame *frame = &m->frame[m->n_frames++];

	*frame = m->frame[0];
	frame->type = SDEISTATE_FRAME_REALM_CONTENTS;
	frame->stored_size = 100;
	frame->chunks = 1;
	return frame;
}

/* A frame of as many chunks as there may be, each as long as it may be. */
static struct sdeistate_frame *add_full(struct sdeistate_manifest *m)
{
	struct sdeistate_frame *frame = add_frame(m);

	frame->chunks = SDEISTATE_MAX_CHUNKS;
	frame->stored_size =
		(uint64_t)SDEISTATE_MAX_CHUNKS * (SDEISTATE_MAX_CHUNK + LAYOUT_TABLE_ENTRY);
	return frame;
}

/* clang-format off */
#define LIMIT(name, ...) \
	static void name(struct sdeistate_manifest *m, uint64_t more) { __VA_ARGS__; }
LIMIT(audience, m->any_destination = false; m->n_audience = SDEISTATE_MAX_AUDIENCE;
      for (unsigned int i = 0; i < SDEISTATE_MAX_AUDIENCE; i++) m->audience[i][0] = (uint8_t)(i + 1);
      m->n_nonce = more ? 0 : 1)
LIMIT(frames, while (m->n_frames < SDEISTATE_MAX_FRAMES) add_frame(m); (void)more)
LIMIT(plain_of_records, m->frame[0].plain_size = SDEISTATE_MAX_STREAM + more)
LIMIT(plain_of_bulk, add_frame(m)->plain_size = SDEISTATE_MAX_FRAME + more)
LIMIT(chunk, add_frame(m)->stored_size = SDEISTATE_MAX_CHUNK + more)
LIMIT(chunks, add_full(m)->chunks += (uint32_t)more; m->frame[1].stored_size += more * 36)
LIMIT(all_chunks, add_full(m)->stored_size += more)
LIMIT(envelope, m->encrypted = true; add_frame(m)->stored_size = SDEISTATE_MAX_ENVELOPE + more)
LIMIT(widest_window, add_frame(m)->window_log = SDEISTATE_MAX_WINDOW_LOG + (uint32_t)more)
LIMIT(payload, for (int i = 0; i < 4; i++) add_full(m);
      m->frame[4].stored_size = SDEISTATE_MAX_PAYLOAD - 3 * m->frame[1].stored_size -
				m->frame[0].stored_size + more)
/* clang-format on */

static const struct limit limits[] = {
	{ "64 destinations", audience },
	{ "64 frames", frames },
	{ "16 MiB of records", plain_of_records },
	{ "64 GiB of bulk", plain_of_bulk },
	{ "1 MiB in a chunk", chunk },
	{ "65536 chunks", chunks },
	{ "65536 chunks of 1 MiB", all_chunks },
	{ "1 MiB and 64 KiB in an envelope", envelope },
	{ "a window of 2^23", widest_window },
	{ "256 GiB in a file", payload },
};

/* The manifest alone is looked at, from a stream, where nobody knows the length of what follows. */
static int open_manifest(struct sealed *s, const struct sdeistate_buffer *file,
			 struct sdeistate_error *err)
{
	struct sdeistate_open_options options = s->options;
	struct sdeistate_opened *opened = NULL;
	int fd = memfd_create("sealed", MFD_CLOEXEC), ret = -EIO;

	options.flags = SDEISTATE_OPEN_MANIFEST | SDEISTATE_OPEN_ANY_AUDIENCE;
	if (fd >= 0 && write(fd, file->data, file->len) == (ssize_t)file->len &&
	    lseek(fd, 0, SEEK_SET) == 0)
		ret = sdeistate_open_fd(fd, &options, &opened, err);
	sdeistate_opened_free(opened);
	if (fd >= 0)
		close(fd);
	return ret;
}

static int open_changed(struct sealed *s, const struct sdeistate_buffer *good,
			const struct limit *limit, uint64_t more, struct sdeistate_error *err)
{
	struct sdeistate_buffer file = { NULL, 0 };
	struct forge forge;
	int ret;

	if (forge_take(&forge, good))
		return -EIO;
	forge.peek.revision = forge.manifest.revision = 2;
	limit->change(&forge.manifest, more);
	forge.keep_sizes = true;
	forge.peek.payload_size = 0;
	forge.peek.n_frames = forge.manifest.n_frames;
	for (unsigned int i = 0; i < forge.manifest.n_frames; i++)
		forge.peek.payload_size += forge.manifest.frame[i].stored_size;
	if (forge_raw(&forge))
		return -EIO;
	forge.peek.manifest_size = (uint32_t)forge.raw.len;
	if (forge_make(&forge, s->key, &file))
		return -EIO;
	ret = open_manifest(s, &file, err);
	sdeistate_buffer_free(&file);
	forge_release(&forge);
	return ret;
}

static void test_limits_of_a_manifest(void)
{
	struct sdeistate_buffer good = { NULL, 0 };
	struct sealed s;

	REQUIRE(sealed_setup(&s, SDEISTATE_KEY_ED25519) == 0 && sealed_trust(&s, s.key) == 0 &&
			sdeistate_seal(&s.request, &good, NULL) == 0,
		"set up");
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		struct sdeistate_error err = { 0 };

		if (!CHECK(open_changed(&s, &good, &limits[i], 0, &err) == 0, limits[i].promise))
			fprintf(stderr, "%s %s %s %s\n", err.object, err.field, err.expected,
				err.actual);
		if (i < 2)
			continue; /* the arrays end there; seal_mutants and seal have one more */
		if (!CHECK(open_changed(&s, &good, &limits[i], 1, &err) < 0 &&
				   err.reason == SDEISTATE_OVER_LIMIT,
			   "and not one more"))
			fprintf(stderr, "%s: %s %s %s %s\n", limits[i].promise, err.object,
				err.field, err.expected, err.actual);
	}
	sdeistate_buffer_free(&good);
	sealed_teardown(&s);
}

/* No honest manifest is that long: what is one byte shorter than too long is refused for what it says. */
static void test_the_size_of_a_manifest(void)
{
	struct sdeistate_buffer good = { NULL, 0 };
	struct sealed s;

	REQUIRE(sealed_setup(&s, SDEISTATE_KEY_ED25519) == 0 && sealed_trust(&s, s.key) == 0 &&
			sdeistate_seal(&s.request, &good, NULL) == 0,
		"set up");
	for (uint32_t more = 0; more < 2; more++) {
		struct sdeistate_buffer file = { NULL, 0 };
		struct sdeistate_error err = { 0 };
		struct forge forge;

		REQUIRE(forge_take(&forge, &good) == 0, "taken apart");
		forge.raw.len = SDEISTATE_MAX_MANIFEST + more;
		forge.raw.data = calloc(1, forge.raw.len);
		REQUIRE(forge_make(&forge, s.key, &file) == 0, "signed again");
		CHECK(open_manifest(&s, &file, &err) < 0 &&
			      err.reason == (more ? SDEISTATE_OVER_LIMIT : SDEISTATE_INCONSISTENT),
		      "64 KiB are read, and one byte more is not");
		sdeistate_buffer_free(&file);
		forge_release(&forge);
	}
	sdeistate_buffer_free(&good);
	sealed_teardown(&s);
}

static int seal_and_free(const struct sdeistate_seal_request *request, struct sdeistate_error *err)
{
	struct sdeistate_buffer file = { NULL, 0 };
	int ret = sdeistate_seal(request, &file, err);

	sdeistate_buffer_free(&file);
	return ret;
}

static void test_limits_of_a_request(void)
{
	static const char name[] =
		"01234567890123456789012345678901234567890123456789012345678901234";
	static struct sdeistate_key *key[SDEISTATE_MAX_RECIPIENTS];
	static const struct sdeistate_pub *pub[SDEISTATE_MAX_RECIPIENTS];
	static uint8_t nonce[SDEISTATE_MAX_NONCE + 1];
	struct sdeistate_error err = { 0 };
	struct sealed s;

	REQUIRE(sealed_setup(&s, SDEISTATE_KEY_ED25519) == 0, "set up");
	s.request.nonce = nonce;
	s.request.n_nonce = SDEISTATE_MAX_NONCE;
	s.request.profile = name + sizeof(name) - 1 - SDEISTATE_MAX_NAME;
	CHECK(seal_and_free(&s.request, &err) == 0, "a nonce of 64 bytes, a name of 63");
	s.request.profile--;
	CHECK(seal_and_free(&s.request, &err) == -E2BIG && err.reason == SDEISTATE_OVER_LIMIT,
	      "no name of 64");
	s.request.profile = "spec";
	s.request.n_nonce++;
	CHECK(seal_and_free(&s.request, &err) == -E2BIG && err.reason == SDEISTATE_OVER_LIMIT,
	      "no nonce of 65");
	s.request.n_nonce = 0;
	for (unsigned int i = 0; i < SDEISTATE_MAX_RECIPIENTS; i++) {
		sdeistate_key_generate(SDEISTATE_KEY_P256, &key[i], NULL);
		pub[i] = sdeistate_key_pub(key[i]);
	}
	s.request.recipient = s.request.audience = pub;
	s.request.n_recipients = s.request.n_audience = SDEISTATE_MAX_RECIPIENTS;
	s.request.any_destination = false;
	CHECK(seal_and_free(&s.request, &err) == 0, "64 destinations, and 64 recipients");
	s.request.n_recipients++;
	CHECK(seal_and_free(&s.request, &err) == -E2BIG && err.reason == SDEISTATE_OVER_LIMIT,
	      "no 65th");
	for (unsigned int i = 0; i < SDEISTATE_MAX_RECIPIENTS; i++)
		sdeistate_key_free(key[i]);
	sealed_teardown(&s);
}

static void test_the_size_of_a_message(void)
{
	struct sdeistate_buffer sig = { NULL, 0 };
	struct sdeistate_error err = { 0 };
	uint8_t *message = calloc(1, SDEISTATE_MAX_MESSAGE + 1u);
	struct sealed s;

	REQUIRE(message && sealed_setup(&s, SDEISTATE_KEY_P256) == 0, "set up");
	CHECK(sdeistate_sign(s.key, "t", message, SDEISTATE_MAX_MESSAGE, &sig, &err) == 0 &&
		      sdeistate_verify(sdeistate_key_pub(s.key), "t", message,
				       SDEISTATE_MAX_MESSAGE, sig.data, sig.len, &err) == 0,
	      "16 MiB are signed and verified");
	CHECK(sdeistate_sign(s.key, "t", message, SDEISTATE_MAX_MESSAGE + 1u, &sig, &err) ==
		      -EINVAL,
	      "one byte more is not");
	sdeistate_buffer_free(&sig);
	free(message);
	sealed_teardown(&s);
}

static void test_the_size_of_a_trust_set(void)
{
	struct sdeistate_trust *trust = sdeistate_trust_new();
	struct sdeistate_error err = { 0 };
	int ret = 0;

	for (unsigned int i = 0; i <= SDEISTATE_MAX_TRUST && !ret; i++) {
		struct sdeistate_key *key = NULL;
		struct sdeistate_buffer pem = { NULL, 0 };
		struct sdeistate_pub *pub = NULL;

		REQUIRE(sdeistate_key_generate(SDEISTATE_KEY_ED25519, &key, NULL) == 0 &&
				sdeistate_pub_pem(sdeistate_key_pub(key), &pem, NULL) == 0 &&
				sdeistate_pub_parse(pem.data, pem.len, "k", &pub, NULL) == 0,
			"a key");
		ret = sdeistate_trust_add(trust, pub, &err);
		sdeistate_pub_free(pub);
		sdeistate_buffer_free(&pem);
		sdeistate_key_free(key);
	}
	CHECK(sdeistate_trust_count(trust) == SDEISTATE_MAX_TRUST && ret == -E2BIG &&
		      err.reason == SDEISTATE_OVER_LIMIT,
	      "4096 keys are trusted, and one more is not");
	sdeistate_trust_free(trust);
}

int main(void)
{
	return RUN_TESTS(test_limits_of_a_manifest, test_the_size_of_a_manifest,
			 test_limits_of_a_request, test_the_size_of_a_message,
			 test_the_size_of_a_trust_set);
}
