// SPDX-License-Identifier: Apache-2.0
#include "support/check.h"

#include <fcntl.h>
#include <sdeistate/sdeistate.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FOLDER TEST_SOURCE_DIR "/tests/golden/seal/"

/* Written once, and never again: what they say is said here. */
static const struct {
	const char *name;
	uint32_t revision;
	enum sdeistate_file_kind kind;
	unsigned int n_signers, n_audience, n_frames;
	bool encrypted;
	uint64_t expires;
} files[] = {
	{ "1-ed25519", 1, SDEISTATE_KIND_FINAL, 1, 0, 1, false, 0 },
	{ "1-p256-base", 1, SDEISTATE_KIND_BASE, 1, 0, 1, false, 0 },
	{ "1-three-signers", 1, SDEISTATE_KIND_FINAL, 3, 0, 1, false, 0 },
	{ "1-audience", 1, SDEISTATE_KIND_FINAL, 1, 2, 1, false, 4102444800 },
	{ "1-empty", 1, SDEISTATE_KIND_EMPTY, 1, 0, 1, false, 0 },
	{ "1-bulk", 1, SDEISTATE_KIND_FINAL, 1, 0, 2, false, 0 },
	{ "2-final", 2, SDEISTATE_KIND_FINAL, 1, 0, 1, false, 0 },
	{ "2-encrypted", 2, SDEISTATE_KIND_FINAL, 1, 0, 1, true, 0 },
	{ "2-delta", 2, SDEISTATE_KIND_DELTA, 1, 0, 1, false, 0 },
};

static uint8_t records[1 << 16], result[1 << 16];
static size_t n_records, n_result;

static size_t read_file(const char *name, uint8_t *bytes, size_t size)
{
	char path[512];
	ssize_t len = -1;
	int fd;

	snprintf(path, sizeof(path), FOLDER "%s", name);
	fd = open(path, O_RDONLY);
	if (fd >= 0)
		len = read(fd, bytes, size);
	if (fd >= 0)
		close(fd);
	return len < 0 ? 0 : (size_t)len;
}

/* A checkout does not keep modes, and a key that others may read is refused. */
static struct sdeistate_key *recipient(void)
{
	char path[] = "/tmp/sdei-golden.XXXXXX";
	struct sdeistate_key *key = NULL;
	uint8_t pem[4096];
	size_t len = read_file("recipient.key", pem, sizeof(pem));
	int fd = mkstemp(path);

	if (fd >= 0 && write(fd, pem, len) == (ssize_t)len)
		sdeistate_key_load(path, &key, NULL);
	if (fd >= 0) {
		close(fd);
		unlink(path);
	}
	return key;
}

static void check_manifest(size_t i, const struct sdeistate_opened *opened)
{
	const struct sdeistate_manifest *m = &opened->manifest;

	CHECK(m->revision == files[i].revision && m->kind == files[i].kind &&
		      m->encrypted == files[i].encrypted,
	      "revision, kind and encryption");
	CHECK(opened->n_signers == files[i].n_signers && opened->n_signatures == files[i].n_signers,
	      "every signature holds");
	CHECK(m->n_audience == files[i].n_audience && m->any_destination == !m->n_audience &&
		      m->n_frames == files[i].n_frames && m->expires == files[i].expires,
	      "destination, frames and expiry");
	CHECK(m->generation == 3 && m->sequence == 1001 + i && m->created == 1795000000 &&
		      m->id[15] == i + 1,
	      "numbers");
	CHECK(!strcmp(m->profile, "spec") &&
		      !strcmp(m->kernel_profile,
			      files[i].kind == SDEISTATE_KIND_EMPTY ? "" : "6.12"),
	      "names");
}

/* With the state the others hold, it makes the one that was sealed for it. */
static void check_delta(const struct sdeistate_opened *opened)
{
	struct sdeistate_buffer made = { .len = 0 };
	struct sdeistate_base *base = NULL;

	CHECK(sdeistate_base_new(records, n_records, &base, NULL) == 0 &&
		      sdeistate_delta_apply(base, opened->stream.data, opened->stream.len, NULL) ==
			      0 &&
		      sdeistate_encode(sdeistate_base_state(base), &made, NULL) == 0,
	      "a delta applies to its base");
	CHECK(n_result && made.len == n_result && !memcmp(made.data, result, n_result),
	      "and makes its result");
	sdeistate_buffer_free(&made);
	sdeistate_base_free(base);
}

static void check_records(size_t i, const struct sdeistate_opened *opened)
{
	if (files[i].kind == SDEISTATE_KIND_EMPTY)
		CHECK(!opened->stream.len, "there is no state");
	else if (files[i].kind == SDEISTATE_KIND_DELTA)
		check_delta(opened);
	else
		CHECK(opened->stream.len == n_records &&
			      !memcmp(opened->stream.data, records, n_records),
		      "the state is the one that was sealed");
}

static void check_file(size_t i, const struct sdeistate_open_options *options)
{
	static uint8_t bytes[1 << 16];
	struct sdeistate_opened *opened = NULL;
	char name[64];
	size_t len;
	int ret;

	snprintf(name, sizeof(name), "%s.sdei", files[i].name);
	len = read_file(name, bytes, sizeof(bytes));
	REQUIRE(len && sdeistate_open(bytes, len, options, &opened, NULL) == 0, name);
	check_manifest(i, opened);
	check_records(i, opened);
	for (unsigned int frame = 1; frame < files[i].n_frames; frame++)
		CHECK(sdeistate_next_frame(opened, NULL, NULL, NULL, NULL) == 0, "bulk holds");
	ret = sdeistate_next_frame(opened, NULL, NULL, NULL, NULL);
	CHECK(ret < 0, "and there is no more");
	sdeistate_opened_free(opened);
}

static void test_golden_files_open(void)
{
	struct sdeistate_open_options options = { .now = 1795000001,
						  .flags = SDEISTATE_OPEN_ANY_AUDIENCE };
	const struct sdeistate_key *secret[1];
	struct sdeistate_trust *trust = NULL;
	struct sdeistate_key *key = recipient();

	n_records = read_file("state.records", records, sizeof(records));
	n_result = read_file("result.records", result, sizeof(result));
	REQUIRE(n_records && key && sdeistate_trust_load(FOLDER, &trust, NULL) == 0, "the keys");
	secret[0] = key;
	options.trust = trust;
	options.secret = secret;
	options.n_secrets = 1;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		check_file(i, &options);
	sdeistate_trust_free(trust);
	sdeistate_key_free(key);
}

static void test_the_golden_state_decodes(void)
{
	struct sdeistate *state = NULL;

	CHECK(sdeistate_decode(records, n_records, &state, NULL) == 0,
	      "the records of revision 1 are still read");
	sdeistate_free(state);
}

#define REALM TEST_SOURCE_DIR "/tests/golden/realm/sealed/"

static int count(void *arg, const void *bytes, size_t len)
{
	(void)bytes;
	*(size_t *)arg += len;
	return 0;
}

/* Written by `snapshot --cold` of the realm that tests/cli/realms.py builds: pages and digests beside the records. */
static void test_the_golden_realm_opens(void)
{
	struct sdeistate_open_options options = { .now = 1795300000 };
	struct sdeistate_trust *trust = NULL;
	struct sdeistate_opened *opened = NULL;
	struct sdeistate *state = NULL;
	size_t size[2] = { 0 };
	int fd = open(REALM "1-realm.sdei", O_RDONLY | O_CLOEXEC);

	REQUIRE(fd >= 0 && sdeistate_trust_load(REALM, &trust, NULL) == 0, "file and key");
	options.trust = trust;
	REQUIRE(sdeistate_open_fd(fd, &options, &opened, NULL) == 0, "it opens");
	CHECK(opened->manifest.n_frames == 3 &&
		      opened->manifest.frame[1].type == SDEISTATE_FRAME_GRANULE_HASHES &&
		      opened->manifest.frame[2].type == SDEISTATE_FRAME_REALM_CONTENTS,
	      "digests, then pages");
	for (int i = 0; i < 2; i++)
		CHECK(sdeistate_next_frame(opened, count, &size[i], NULL, NULL) == 0, "which hold");
	CHECK(size[0] == 5u * 64u && size[1] == 5u * 4096u, "of five pages");
	REQUIRE(sdeistate_decode(opened->stream.data, opened->stream.len, &state, NULL) == 0 &&
			sdeistate_validate(state, NULL) == 0,
		"the record is read");
	CHECK(state->realm && state->realm->state == SDEISTATE_REALM_ACTIVE &&
		      state->realm->n_steps == 5 && state->realm->n_granules == 5 &&
		      state->realm->n_extends == 1 && state->realm->hash == 1,
	      "and says what was built");
	sdeistate_free(state);
	sdeistate_opened_free(opened);
	sdeistate_trust_free(trust);
	close(fd);
}

int main(void)
{
	return RUN_TESTS(test_golden_files_open, test_the_golden_state_decodes,
			 test_the_golden_realm_opens);
}
