// SPDX-License-Identifier: Apache-2.0
#include "forge.h"
#include "seal/open.h"
#include "sealed.h"
#include "support/check.h"

#include <errno.h>

struct mutant {
	const char *promise;
	void (*change)(struct forge *forge, struct sealed *s);
	enum sdeistate_reason reason;
};

static void append(struct sdeistate_buffer *to, const void *bytes, size_t len)
{
	uint8_t *grown = malloc(to->len + len);

	memcpy(grown, to->data, to->len);
	memcpy(grown + to->len, bytes, len);
	free(to->data);
	*to = (struct sdeistate_buffer){ grown, to->len + len };
}

static void ids(struct sdeistate_manifest *m, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		m->audience[i][0] = (uint8_t)(i + 1);
	m->n_audience = n;
	m->any_destination = false;
}

/* clang-format off */
#define CHANGE(name, ...) \
	static void name(struct forge *f, struct sealed *s) \
	{ struct sdeistate_manifest *m = &f->manifest; (void)m; (void)s; __VA_ARGS__; }
CHANGE(nothing, (void)0)
CHANGE(kind_0, m->kind = 0)
CHANGE(kind_6, m->kind = 6)
CHANGE(delta_in_1, m->kind = SDEISTATE_KIND_DELTA; m->has_base = true)
CHANGE(delta_in_2, f->peek.revision = 2; m->kind = SDEISTATE_KIND_DELTA; m->has_base = true)
CHANGE(base_of_a_final, f->peek.revision = 2; m->has_base = true)
CHANGE(delta_alone, f->peek.revision = 2; m->kind = SDEISTATE_KIND_DELTA)
CHANGE(encrypted_in_1, m->encrypted = true)
CHANGE(empty_but_full, m->kind = SDEISTATE_KIND_EMPTY)
CHANGE(no_destination, m->any_destination = false)
CHANGE(two_destinations, ids(m, 1); m->any_destination = true)
CHANGE(unsorted_audience, ids(m, 2); m->audience[0][0] = 9)
CHANGE(same_audience, ids(m, 2); m->audience[0][0] = 2)
CHANGE(expired_at_birth, m->expires = m->created)
CHANGE(expires_in_time, m->expires = 1001)
CHANGE(capitals, m->profile[0] = 'S')
CHANGE(escape, m->kernel_profile[0] = 0x1b)
CHANGE(wrong_index, m->index_digest[0] ^= 1)
CHANGE(no_frames, m->n_frames = 0)
CHANGE(fewer_frames, f->peek.n_frames = 2)
CHANGE(bulk_first, m->frame[0].type = SDEISTATE_FRAME_REALM_CONTENTS)
CHANGE(optional_records, m->frame[0].type |= SDEISTATE_RECORD_OPTIONAL)
CHANGE(records_twice, m->frame[1] = m->frame[0]; m->n_frames = 2; f->peek.n_frames = 2)
CHANGE(unknown_frame, m->frame[1] = m->frame[0]; m->frame[1].type = 77; m->n_frames = 2;
       f->peek.n_frames = 2)
CHANGE(stored_less, m->frame[0].stored_size--)
CHANGE(stored_more, m->frame[0].stored_size++)
CHANGE(stored_digest, m->frame[0].stored_digest[0] ^= 1)
CHANGE(no_chunks, m->frame[0].chunks = 0)
CHANGE(crowded, m->frame[0].chunks = 1000)
CHANGE(window_9, m->frame[0].window_log = SDEISTATE_MIN_WINDOW_LOG - 1)
CHANGE(window_10, m->frame[0].window_log = SDEISTATE_MIN_WINDOW_LOG)
CHANGE(window_23, m->frame[0].window_log = SDEISTATE_MAX_WINDOW_LOG)
CHANGE(window_24, m->frame[0].window_log = SDEISTATE_MAX_WINDOW_LOG + 1)
CHANGE(plain_over, m->frame[0].plain_size = SDEISTATE_MAX_STREAM + 1)
CHANGE(plain_max, m->frame[0].plain_size = SDEISTATE_MAX_STREAM)
CHANGE(plain_less, m->frame[0].plain_size--)
CHANGE(chunks_over, m->frame[0].chunks = SDEISTATE_MAX_CHUNKS + 1)
CHANGE(foreign_source, memset(m->source, 0, sizeof(m->source)))
CHANGE(audience_full, ids(m, SDEISTATE_MAX_AUDIENCE))
CHANGE(revision_2, f->peek.revision = 2)
CHANGE(revision_3, f->peek.revision = 3)
CHANGE(revision_0, f->peek.revision = 0)
CHANGE(other_type, f->type = "sdei-migrate/hello")
CHANGE(unknown_field, forge_raw(f); append(&f->raw, "\xf8\x06\x01", 3))
CHANGE(repeated_field, forge_raw(f); append(&f->raw, "\x08\x02", 2))
CHANGE(overlong_varint, forge_raw(f); f->raw.data[1] |= 0x80; uint8_t *p = f->raw.data;
       size_t n = f->raw.len; append(&f->raw, "", 1); p = f->raw.data; memmove(p + 3, p + 2, n - 2);
       p[2] = 0)
CHANGE(cut_manifest, forge_raw(f); f->raw.len--)
CHANGE(no_manifest, forge_raw(f); f->raw.len = 0)
CHANGE(one_byte_manifest, forge_raw(f); f->raw.len = 1)
CHANGE(not_protobuf, forge_raw(f); memset(f->raw.data, 0xff, f->raw.len))
CHANGE(missing_kind, forge_raw(f); f->raw.data += 0; memmove(f->raw.data, f->raw.data + 2,
       f->raw.len - 2); f->raw.len -= 2)
CHANGE(nested, forge_raw(f); for (int i = 0; i < 15000; i++) append(&f->raw, "\x92\x01\x00", 3))
CHANGE(manifest_over, forge_raw(f); f->keep_sizes = true; f->peek.payload_size = f->payload.len;
       f->peek.manifest_size = SDEISTATE_MAX_MANIFEST + 1)
CHANGE(frames_over, f->peek.n_frames = SDEISTATE_MAX_FRAMES + 1)
CHANGE(zero_frames, f->peek.n_frames = 0)
CHANGE(payload_over, forge_raw(f); f->keep_sizes = true;
       f->peek.manifest_size = (uint32_t)f->raw.len;
       f->peek.payload_size = SDEISTATE_MAX_PAYLOAD + 1)
/* clang-format on */

static const struct mutant mutants[] = {
	{ "unchanged", nothing, SDEISTATE_OK },
	{ "kind 0", kind_0, SDEISTATE_INCONSISTENT },
	{ "kind 6", kind_6, SDEISTATE_INCONSISTENT },
	{ "a delta in revision 1", delta_in_1, SDEISTATE_INCONSISTENT },
	{ "a delta without its record", delta_in_2, SDEISTATE_DAMAGED },
	{ "a base digest of what is no delta", base_of_a_final, SDEISTATE_INCONSISTENT },
	{ "a delta without a base digest", delta_alone, SDEISTATE_INCONSISTENT },
	{ "encryption in revision 1", encrypted_in_1, SDEISTATE_INCONSISTENT },
	{ "records of an empty VM", empty_but_full, SDEISTATE_INCONSISTENT },
	{ "no destination", no_destination, SDEISTATE_INCONSISTENT },
	{ "some and any destination", two_destinations, SDEISTATE_INCONSISTENT },
	{ "an unsorted audience", unsorted_audience, SDEISTATE_INCONSISTENT },
	{ "the same destination twice", same_audience, SDEISTATE_INCONSISTENT },
	{ "the largest audience, of others", audience_full, SDEISTATE_WRONG_AUDIENCE },
	{ "expired when made", expired_at_birth, SDEISTATE_INCONSISTENT },
	{ "the last second of its life", expires_in_time, SDEISTATE_OK },
	{ "a profile in capitals", capitals, SDEISTATE_INCONSISTENT },
	{ "an escape sequence in a name", escape, SDEISTATE_INCONSISTENT },
	{ "another index digest", wrong_index, SDEISTATE_BAD_DIGEST },
	{ "no frame in the manifest", no_frames, SDEISTATE_INCONSISTENT },
	{ "more frames in the prefix", fewer_frames, SDEISTATE_INCONSISTENT },
	{ "no records in frame 0", bulk_first, SDEISTATE_INCONSISTENT },
	{ "optional records", optional_records, SDEISTATE_INCONSISTENT },
	{ "records twice", records_twice, SDEISTATE_INCONSISTENT },
	{ "a mandatory frame of an unknown type", unknown_frame, SDEISTATE_UNKNOWN_RECORD },
	{ "a stored size that is less", stored_less, SDEISTATE_INCONSISTENT },
	{ "a stored size that is more", stored_more, SDEISTATE_INCONSISTENT },
	{ "another stored digest", stored_digest, SDEISTATE_BAD_DIGEST },
	{ "no chunks", no_chunks, SDEISTATE_INCONSISTENT },
	{ "more chunks than bytes", crowded, SDEISTATE_INCONSISTENT },
	{ "chunks over the limit", chunks_over, SDEISTATE_OVER_LIMIT },
	{ "a window below the least", window_9, SDEISTATE_INCONSISTENT },
	{ "a window smaller than the frame's", window_10, SDEISTATE_DAMAGED },
	{ "the largest window", window_23, SDEISTATE_OK },
	{ "a window over the limit", window_24, SDEISTATE_OVER_LIMIT },
	{ "the largest state, which this is not", plain_max, SDEISTATE_DAMAGED },
	{ "a state over the limit", plain_over, SDEISTATE_OVER_LIMIT },
	{ "a state one byte shorter than it is", plain_less, SDEISTATE_DAMAGED },
	{ "a source that did not sign", foreign_source, SDEISTATE_UNKNOWN_SIGNER },
	{ "revision 2 without anything new", revision_2, SDEISTATE_OK },
	{ "revision 3", revision_3, SDEISTATE_NEWER },
	{ "revision 0", revision_0, SDEISTATE_DAMAGED },
	{ "a signature made for another type", other_type, SDEISTATE_BAD_SIGNATURE },
	{ "an unknown field", unknown_field, SDEISTATE_INCONSISTENT },
	{ "a field twice", repeated_field, SDEISTATE_INCONSISTENT },
	{ "an overlong varint", overlong_varint, SDEISTATE_INCONSISTENT },
	{ "a cut manifest", cut_manifest, SDEISTATE_INCONSISTENT },
	{ "no manifest", no_manifest, SDEISTATE_DAMAGED },
	{ "a manifest of one byte", one_byte_manifest, SDEISTATE_INCONSISTENT },
	{ "a manifest that is no protobuf", not_protobuf, SDEISTATE_INCONSISTENT },
	{ "a manifest without its kind", missing_kind, SDEISTATE_INCONSISTENT },
	{ "15,000 empty frames", nested, SDEISTATE_OVER_LIMIT },
	{ "a manifest over the limit", manifest_over, SDEISTATE_OVER_LIMIT },
	{ "frames over the limit", frames_over, SDEISTATE_OVER_LIMIT },
	{ "no frames", zero_frames, SDEISTATE_DAMAGED },
	{ "a payload over the limit", payload_over, SDEISTATE_OVER_LIMIT },
};

static void check_mutant(const struct mutant *mutant, struct sealed *s,
			 const struct sdeistate_buffer *good)
{
	struct sdeistate_opened *opened = NULL;
	struct sdeistate_buffer file = { NULL, 0 };
	struct sdeistate_error err = { 0 };
	struct open_watch watch = { 0 };
	struct forge forge;
	int ret;

	REQUIRE(forge_take(&forge, good) == 0, "taken apart");
	mutant->change(&forge, s);
	REQUIRE(forge_make(&forge, s->key, &file) == 0, "signed again");
	ret = open_watched(file.data, file.len, &s->options, &watch, &opened, &err);
	if (err.reason != mutant->reason)
		fprintf(stderr, "%s: %s %s %s %s\n", sdeistate_reason_name(err.reason), err.object,
			err.field, err.expected, err.actual);
	CHECK((ret == 0) == (mutant->reason == SDEISTATE_OK) && err.reason == mutant->reason,
	      mutant->promise);
	CHECK(!ret == (opened != NULL), "nothing comes of a refused file");
	CHECK(!ret || (err.object[0] && err.expected[0] && err.code == ret),
	      "a refusal names the object and what was expected");
	sdeistate_opened_free(opened);
	sdeistate_buffer_free(&file);
	forge_release(&forge);
}

static void test_every_rule_of_the_manifest_is_enforced(void)
{
	struct sdeistate_buffer good = { NULL, 0 };
	struct sealed s;

	REQUIRE(sealed_setup(&s, SDEISTATE_KEY_ED25519) == 0 && sealed_trust(&s, s.key) == 0 &&
			sdeistate_seal(&s.request, &good, NULL) == 0,
		"set up");
	for (size_t i = 0; i < ARRAY_SIZE(mutants); i++)
		check_mutant(&mutants[i], &s, &good);
	sdeistate_buffer_free(&good);
	sealed_teardown(&s);
}

/* clang-format off */
CHANGE(other_base, m->base_digest[0] ^= 1)
CHANGE(other_result, m->result_digest[31] ^= 1)
CHANGE(delta_as_final, m->kind = SDEISTATE_KIND_FINAL; m->has_base = false)
/* clang-format on */

static const struct mutant delta_mutants[] = {
	{ "a delta", nothing, SDEISTATE_OK },
	{ "a manifest that names another base than the delta", other_base, SDEISTATE_INCONSISTENT },
	{ "a manifest that names another result", other_result, SDEISTATE_INCONSISTENT },
	{ "a delta called final: it opens, and is no state", delta_as_final, SDEISTATE_OK },
};

static void test_a_delta_says_twice_what_it_is_for(void)
{
	struct sdeistate_buffer good = { NULL, 0 };
	uint8_t delta[SEALED_DELTA];
	struct sealed s;

	sealed_delta(delta, 1, 2);
	REQUIRE(sealed_setup(&s, SDEISTATE_KEY_ED25519) == 0 && sealed_trust(&s, s.key) == 0,
		"set up");
	s.request.kind = SDEISTATE_KIND_DELTA;
	s.request.stream = delta;
	s.request.stream_len = sizeof(delta);
	s.request.base_digest = delta + 18;
	s.request.result_digest = delta + 52;
	REQUIRE(sdeistate_seal(&s.request, &good, NULL) == 0, "sealed");
	for (size_t i = 0; i < ARRAY_SIZE(delta_mutants); i++)
		check_mutant(&delta_mutants[i], &s, &good);
	sdeistate_buffer_free(&good);
	sealed_teardown(&s);
}

int main(void)
{
	return RUN_TESTS(test_every_rule_of_the_manifest_is_enforced,
			 test_a_delta_says_twice_what_it_is_for);
}
