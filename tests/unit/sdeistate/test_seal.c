// SPDX-License-Identifier: Apache-2.0
#include "sealed.h"
#include "support/check.h"

#include <errno.h>
#include <unistd.h>

static const enum sdeistate_key_type types[] = { SDEISTATE_KEY_ED25519, SDEISTATE_KEY_P256,
						 SDEISTATE_KEY_P384 };

static bool same_state(const struct sdeistate_opened *opened, const struct sealed *s)
{
	return opened->stream.len == s->stream_len &&
	       !memcmp(opened->stream.data, s->stream, s->stream_len);
}

static void check_manifest(const struct sdeistate_manifest *m, const struct sealed *s)
{
	CHECK(m->revision == 1 && m->kind == SDEISTATE_KIND_FINAL && m->generation == 7 &&
		      m->sequence == 9 && m->created == 1000 && !m->expires,
	      "numbers come back");
	CHECK(!strcmp(m->profile, "spec") && !strcmp(m->kernel_profile, "6.12"), "names come back");
	CHECK(!memcmp(m->vm_uuid, s->request.vm_uuid, 16) &&
		      !memcmp(m->source, sdeistate_pub_id(sdeistate_key_pub(s->key)), 32) &&
		      !memcmp(m->schema_id, sdeistate_schema_id(), 16),
	      "identities come back");
	CHECK(m->any_destination && !m->n_audience && !m->encrypted && !m->has_base &&
		      m->n_frames == 1,
	      "what was not asked for is not there");
	CHECK(!memcmp(m->result_digest, m->index_digest, 32),
	      "the result of a complete state is that state");
}

static void test_a_sealed_state_comes_back(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		struct sdeistate_opened *opened = NULL;
		struct sdeistate_buffer file = { NULL, 0 };
		struct sdeistate_index index;
		struct sealed s;

		REQUIRE(sealed_setup(&s, types[i]) == 0 && sealed_trust(&s, s.key) == 0, "set up");
		REQUIRE(sdeistate_seal(&s.request, &file, NULL) == 0, "a state is sealed");
		REQUIRE(sdeistate_open(file.data, file.len, &s.options, &opened, NULL) == 0,
			"and opened by who trusts its signer");
		CHECK(same_state(opened, &s), "every byte of it comes back");
		check_manifest(&opened->manifest, &s);
		REQUIRE(sdeistate_index_stream(s.stream, s.stream_len, &index, NULL) == 0, "index");
		CHECK(opened->index.n_records == 3 &&
			      !memcmp(opened->index.digest, index.digest, 32),
		      "its records are found");
		CHECK(opened->n_signatures == 1 && opened->n_signers == 1, "one key has signed");
		CHECK(sdeistate_next_frame(opened, NULL, NULL, NULL, NULL) == -ENODATA,
		      "there is no other frame");
		sdeistate_opened_free(opened);
		sdeistate_buffer_free(&file);
		sealed_teardown(&s);
	}
}

static int open_through_pipe(const struct sdeistate_buffer *file, const struct sealed *s,
			     struct sdeistate_opened **opened, struct sdeistate_error *err)
{
	int fd[2], ret;

	if (pipe(fd))
		return -errno;
	ret = write(fd[1], file->data, file->len) == (ssize_t)file->len ? 0 : -EIO;
	close(fd[1]);
	if (!ret)
		ret = sdeistate_open_fd(fd[0], &s->options, opened, err);
	close(fd[0]);
	return ret;
}

static void test_a_pipe_is_as_good_as_memory(void)
{
	struct sdeistate_opened *opened = NULL;
	struct sdeistate_buffer file = { NULL, 0 };
	uint8_t through[8192];
	struct sealed s;
	int fd[2];

	REQUIRE(sealed_setup(&s, SDEISTATE_KEY_ED25519) == 0 && sealed_trust(&s, s.key) == 0,
		"set up");
	s.request.id = (const uint8_t *)"0123456789abcdef";
	REQUIRE(sdeistate_seal(&s.request, &file, NULL) == 0 && pipe(fd) == 0, "sealed");
	CHECK(sdeistate_seal_fd(&s.request, fd[1], NULL) == 0, "a state is sealed into a pipe");
	close(fd[1]);
	CHECK(read(fd[0], through, sizeof(through)) == (ssize_t)file.len &&
		      !memcmp(through, file.data, file.len),
	      "as the same bytes, Ed25519 being deterministic");
	close(fd[0]);
	REQUIRE(open_through_pipe(&file, &s, &opened, NULL) == 0, "and opened from one");
	CHECK(same_state(opened, &s), "every byte of it comes back");
	sdeistate_opened_free(opened);
	sdeistate_buffer_free(&file);
	sealed_teardown(&s);
}

static void test_peek_reads_the_prefix(void)
{
	struct sdeistate_buffer file = { NULL, 0 };
	struct sdeistate_peek peek;
	struct sdeistate_error err;
	struct sealed s;

	REQUIRE(sealed_setup(&s, SDEISTATE_KEY_ED25519) == 0, "set up");
	s.request.id = (const uint8_t *)"0123456789abcdef";
	REQUIRE(sdeistate_seal(&s.request, &file, NULL) == 0, "sealed");
	CHECK(sdeistate_peek(file.data, file.len, &peek, NULL) == 0 && peek.revision == 1 &&
		      peek.n_frames == 1 && !memcmp(peek.id, "0123456789abcdef", 16),
	      "revision, frames and id stand in it");
	CHECK(sdeistate_peek(file.data, SDEISTATE_PREFIX_SIZE - 1, &peek, &err) == -EBADMSG &&
		      err.reason == SDEISTATE_DAMAGED,
	      "one byte less is damage");
	CHECK(sdeistate_peek("ELF", 3, &peek, &err) == -ENOMSG && err.reason == SDEISTATE_NOT_OURS,
	      "something else is not ours");
	CHECK(sdeistate_peek("", 0, &peek, &err) == -ENOMSG, "nothing is not ours");
	sdeistate_buffer_free(&file);
	sealed_teardown(&s);
}

struct seal_row {
	const char *promise;
	void (*change)(struct sdeistate_seal_request *request, struct sealed *s);
	int want;
	enum sdeistate_reason reason;
};

/* clang-format off */
#define CHANGE(name, ...) \
	static void name(struct sdeistate_seal_request *r, struct sealed *s) \
	{ (void)s; __VA_ARGS__; }
CHANGE(no_signer, r->n_signers = 0)
CHANGE(no_destination, r->any_destination = false)
CHANGE(both_destinations, r->audience = s->self; r->n_audience = 1)
CHANGE(unknown_kind, r->kind = 9)
CHANGE(delta_without_base, r->kind = SDEISTATE_KIND_DELTA)
CHANGE(base_without_delta, r->base_digest = r->result_digest = s->stream)
CHANGE(delta_of_another, static uint8_t delta[SEALED_DELTA]; sealed_delta(delta, 1, 2);
       r->kind = SDEISTATE_KIND_DELTA; r->base_digest = delta + 52;
       r->result_digest = delta + 52; r->stream = delta; r->stream_len = SEALED_DELTA)
CHANGE(delta_of_a_state, r->kind = SDEISTATE_KIND_DELTA;
       r->base_digest = r->result_digest = s->stream)
CHANGE(expired_at_birth, r->expires = r->created)
CHANGE(newer_revision, r->revision = 3)
CHANGE(encryption_in_1, r->revision = 1; r->recipient = s->self; r->n_recipients = 1)
CHANGE(shouting, r->profile = "SPEC")
CHANGE(level_too_high, r->level = 20)
CHANGE(half_a_record, r->stream_len -= 8)
CHANGE(empty_with_records, r->kind = SDEISTATE_KIND_EMPTY)
CHANGE(same_key_twice, s->signer[1] = s->key; r->n_signers = 2)
CHANGE(many_signers, r->n_signers = SDEISTATE_MAX_SIGNATURES + 1)
CHANGE(many_in_audience, r->any_destination = false; r->n_audience = SDEISTATE_MAX_AUDIENCE + 1)
CHANGE(many_recipients, r->n_recipients = SDEISTATE_MAX_RECIPIENTS + 1)
CHANGE(long_nonce, r->n_nonce = SDEISTATE_MAX_NONCE + 1)
CHANGE(many_frames, r->n_bulk = SDEISTATE_MAX_FRAMES)
CHANGE(ed25519_recipient, static const struct sdeistate_pub *to[1];
       to[0] = sdeistate_key_pub(s->key); r->recipient = to; r->n_recipients = 1)
CHANGE(long_name, static const char name[] =
       "0123456789012345678901234567890123456789012345678901234567890123"; r->profile = name)
/* clang-format on */

static void test_seal_refuses(void)
{
	static const struct seal_row row[] = {
		{ "nobody to sign", no_signer, -ENOKEY, SDEISTATE_NO_KEY },
		{ "no destination", no_destination, -EINVAL, SDEISTATE_USAGE },
		{ "some and any destination", both_destinations, -EINVAL, SDEISTATE_USAGE },
		{ "an unknown kind", unknown_kind, -EINVAL, SDEISTATE_USAGE },
		{ "a delta without its base", delta_without_base, -EINVAL, SDEISTATE_USAGE },
		{ "a base without a delta", base_without_delta, -EINVAL, SDEISTATE_USAGE },
		{ "a delta of another base", delta_of_another, -EINVAL, SDEISTATE_USAGE },
		{ "a state called a delta", delta_of_a_state, -EBADMSG, SDEISTATE_DAMAGED },
		{ "an expiry before the start", expired_at_birth, -EBADMSG,
		  SDEISTATE_INCONSISTENT },
		{ "a revision of the future", newer_revision, -EPROTONOSUPPORT, SDEISTATE_NEWER },
		{ "encryption in revision 1", encryption_in_1, -ENOTSUP, SDEISTATE_INCOMPATIBLE },
		{ "a name in capitals", shouting, -EBADMSG, SDEISTATE_INCONSISTENT },
		{ "a name of 64 bytes", long_name, -E2BIG, SDEISTATE_OVER_LIMIT },
		{ "a level that does not exist", level_too_high, -EINVAL, SDEISTATE_USAGE },
		{ "half a record", half_a_record, -EBADMSG, SDEISTATE_DAMAGED },
		{ "records in an empty state", empty_with_records, -EBADMSG,
		  SDEISTATE_INCONSISTENT },
		{ "a key twice", same_key_twice, -EINVAL, SDEISTATE_USAGE },
		{ "17 signers", many_signers, -E2BIG, SDEISTATE_OVER_LIMIT },
		{ "65 destinations", many_in_audience, -E2BIG, SDEISTATE_OVER_LIMIT },
		{ "65 recipients", many_recipients, -E2BIG, SDEISTATE_OVER_LIMIT },
		{ "a nonce of 65 bytes", long_nonce, -E2BIG, SDEISTATE_OVER_LIMIT },
		{ "65 frames", many_frames, -E2BIG, SDEISTATE_OVER_LIMIT },
		{ "a recipient who can only sign", ed25519_recipient, -ENOTSUP,
		  SDEISTATE_INCOMPATIBLE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		struct sdeistate_buffer file = { NULL, 0 };
		struct sdeistate_error err;
		struct sealed s;

		REQUIRE(sealed_setup(&s, SDEISTATE_KEY_ED25519) == 0, "set up");
		row[i].change(&s.request, &s);
		CHECK(sdeistate_seal(&s.request, &file, &err) == row[i].want, row[i].promise);
		CHECK(err.reason == row[i].reason && !file.data, row[i].promise);
		sealed_teardown(&s);
	}
}

static void test_a_vm_without_state_can_say_so(void)
{
	static const enum sdeistate_file_kind kind[] = { SDEISTATE_KIND_EMPTY,
							 SDEISTATE_KIND_INVALID };

	for (size_t i = 0; i < ARRAY_SIZE(kind); i++) {
		struct sdeistate_opened *opened = NULL;
		struct sdeistate_buffer file = { NULL, 0 };
		struct sealed s;

		REQUIRE(sealed_setup(&s, SDEISTATE_KEY_ED25519) == 0 &&
				sealed_trust(&s, s.key) == 0,
			"set up");
		s.request.kind = kind[i];
		s.request.stream = NULL;
		s.request.stream_len = 0;
		REQUIRE(sdeistate_seal(&s.request, &file, NULL) == 0 &&
				sdeistate_open(file.data, file.len, &s.options, &opened, NULL) == 0,
			"sealed and opened");
		CHECK(opened->manifest.kind == kind[i] && !opened->stream.len &&
			      !opened->index.n_records,
		      "it holds no records and says why");
		sdeistate_opened_free(opened);
		sdeistate_buffer_free(&file);
		sealed_teardown(&s);
	}
}

static void test_kinds_and_frames_have_names(void)
{
	CHECK(!strcmp(sdeistate_kind_name(SDEISTATE_KIND_DELTA), "delta") &&
		      !sdeistate_kind_name(0) && !sdeistate_kind_name(6),
	      "kinds");
	CHECK(!strcmp(sdeistate_frame_name(SDEISTATE_RECORD_OPTIONAL | 2), "realm-contents") &&
		      !sdeistate_frame_name(0) && !sdeistate_frame_name(5),
	      "frames, optional or not");
}

int main(void)
{
	return RUN_TESTS(test_a_sealed_state_comes_back, test_a_pipe_is_as_good_as_memory,
			 test_peek_reads_the_prefix, test_seal_refuses,
			 test_a_vm_without_state_can_say_so, test_kinds_and_frames_have_names);
}
