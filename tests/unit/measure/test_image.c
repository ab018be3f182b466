// SPDX-License-Identifier: Apache-2.0
/* Granule digests of images: any size, any number of threads, mapped or read. */
#include "support/check.h"

#include <errno.h>
#include <kvmcore/measure.h>
#include <stdlib.h>
#include <string.h>

struct seen {
	uint64_t next;
	bool in_order;
	unsigned int stop_at;
	struct kvmcore_digest digest[1200];
};

static int keep(void *user, uint64_t first, uint32_t n, const struct kvmcore_digest *digest)
{
	struct seen *s = user;

	if (first != s->next || first + n > ARRAY_SIZE(s->digest)) {
		s->in_order = false;
		return -EIO;
	}
	memcpy(s->digest + first, digest, n * sizeof(*digest));
	s->next += n;
	return s->stop_at && s->next >= s->stop_at ? -ECANCELED : 0;
}

struct stream {
	const uint8_t *at;
	size_t left;
};

static int next_bytes(void *user, void *buf, size_t len)
{
	struct stream *s = user;

	if (len > s->left)
		return -EIO;
	memcpy(buf, s->at, len);
	s->at += len;
	s->left -= len;
	return 0;
}

/* The slow way: one granule after the other from a zeroed page. */
static bool is_digest_of(const struct kvmcore_digest *d, const uint8_t *bytes, uint64_t size,
			 uint32_t lead, uint64_t granule)
{
	uint8_t page[KVMCORE_GRANULE_SIZE] = { 0 };
	struct kvmcore_digest want;

	for (uint32_t i = 0; i < sizeof(page); i++) {
		uint64_t at = granule * sizeof(page) + i;

		if (at >= lead && at - lead < size)
			page[i] = bytes[at - lead];
	}
	return !kvmcore_digest(KVMCORE_HASH_SHA256, page, sizeof(page), &want) &&
	       !memcmp(&want, d, sizeof(want));
}

static void test_every_size_gives_every_granule(void)
{
	static const struct {
		const char *promise;
		uint64_t size;
		uint32_t lead, granules;
	} row[] = {
		{ "an empty image has no granules", 0, 0, 0 },
		{ "a byte has one", 1, 0, 1 },
		{ "a granule has one", 4096, 0, 1 },
		{ "a byte more has two", 4097, 0, 2 },
		{ "so has one that begins in the middle", 4096, 4, 2 },
		{ "unless it ends in the same granule", 4092, 4, 1 },
		{ "a chunk", 64 * 4096, 0, 64 },
		{ "a chunk and a byte", 64 * 4096 + 1, 0, 65 },
		{ "a shifted chunk", 64 * 4096, 4095, 65 },
		{ "many chunks", 1100 * 4096 + 5, 17, 1101 },
	};
	uint8_t *bytes = malloc(1100 * 4096 + 5);
	struct seen *seen = calloc(1, sizeof(*seen));

	REQUIRE(bytes && seen, "memory");
	for (uint32_t i = 0; i < 1100 * 4096 + 5; i++)
		bytes[i] = (uint8_t)(i * 2654435761u >> 13);
	for (size_t i = 0; i < ARRAY_SIZE(row) * 6; i++) {
		unsigned int threads = (unsigned int)(i / ARRAY_SIZE(row)) % 3;
		bool read = i / ARRAY_SIZE(row) >= 3;
		size_t k = i % ARRAY_SIZE(row);
		struct stream stream = { bytes, row[k].size };
		struct kvmcore_image image = {
			.map = read ? NULL : bytes,
			.read = next_bytes,
			.user = &stream,
			.size = row[k].size,
			.lead = row[k].lead,
		};
		bool same = true;

		*seen = (struct seen){ .in_order = true };
		CHECK(kvmcore_image_granules(&image) == row[k].granules, row[k].promise);
		CHECK(!kvmcore_image_hash(KVMCORE_HASH_SHA256, &image, threads * 2, keep, seen) &&
			      seen->in_order && seen->next == row[k].granules,
		      row[k].promise);
		for (uint32_t g = 0; g < row[k].granules; g++)
			same = same &&
			       is_digest_of(&seen->digest[g], bytes, row[k].size, row[k].lead, g);
		CHECK(same, "each digest is that of its granule");
	}
	free(seen);
	free(bytes);
}

static void test_a_run_ends_where_it_is_told(void)
{
	static uint8_t bytes[300 * 4096];
	struct stream stream = { bytes, sizeof(bytes) / 2 };
	struct kvmcore_image image = { .map = bytes, .size = sizeof(bytes) };
	struct kvmcore_realm_params params = {
		.s2sz = 40,
		.num_bps = 1,
		.num_wps = 1,
		.level_start = 1,
	};
	struct kvmcore_builder *b = NULL;
	struct kvmcore_digest zero = { { 0 } };
	struct seen *seen = calloc(1, sizeof(*seen));

	REQUIRE(seen, "memory");
	seen->in_order = true;
	seen->stop_at = 100;
	CHECK(kvmcore_image_hash(KVMCORE_HASH_SHA256, &image, 4, keep, seen) == -ECANCELED,
	      "the sink's word is returned");
	*seen = (struct seen){ .in_order = true };
	image.map = NULL;
	image.read = next_bytes;
	image.user = &stream;
	CHECK(kvmcore_image_hash(KVMCORE_HASH_SHA256, &image, 4, keep, seen) == -EIO,
	      "so is the reader's");
	image.lead = 4096;
	CHECK(kvmcore_image_hash(KVMCORE_HASH_SHA256, &image, 4, keep, seen) == -EINVAL,
	      "the lead stays inside a granule");
	free(seen);
	image = (struct kvmcore_image){ .map = bytes, .size = sizeof(bytes) };
	REQUIRE(!kvmcore_builder_create(KVMCORE_RULE_1_0, &params, 0, &b), "a realm");
	CHECK(!kvmcore_builder_map(b, 0x80010000, 3) &&
		      !kvmcore_builder_data(b, 0x80010000, 0, &zero),
	      "a page in the way");
	CHECK(kvmcore_builder_image(b, 0x80000000, &image, 2, NULL, NULL) == 0x304,
	      "the RMM's refusal is returned");
	CHECK(kvmcore_builder_data(b, 0x8000f000, 0, &zero) == 0x304, "what came before stays");
	CHECK(kvmcore_builder_data(b, 0x80011000, 0, &zero) == 0, "what came after was not done");
	CHECK(kvmcore_builder_image(b, 0x80000001, &image, 2, NULL, NULL) ==
		      KVMCORE_RMI_ERROR_INPUT,
	      "the first granule is aligned");
	kvmcore_builder_destroy(b);
}

int main(void)
{
	return RUN_TESTS(test_every_size_gives_every_granule, test_a_run_ends_where_it_is_told);
}
