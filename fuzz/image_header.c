// SPDX-License-Identifier: Apache-2.0
/* An image's door: the Image header, and granules of any lead. */
#include "payload.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int count(void *user, uint64_t first, uint32_t n, const struct kvmcore_digest *digest)
{
	uint64_t *seen = user;

	(void)digest;
	if (first != *seen)
		abort();
	*seen += n;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct blob blob = { .bytes = data, .size = len };
	struct kvmcore_image image = { .map = data, .size = len };
	struct image_header header;
	uint64_t seen = 0;

	if (!payload_image_header(&blob, &header) && header.image_size < len)
		abort();
	if (!len)
		return 0;
	image.lead = data[0] * 16u;
	if (kvmcore_image_hash(KVMCORE_HASH_SHA256, &image, 1, count, &seen) ||
	    seen != kvmcore_image_granules(&image))
		abort();
	return 0;
}
