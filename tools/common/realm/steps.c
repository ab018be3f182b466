// SPDX-License-Identifier: Apache-2.0
#include "common/realm/steps.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static const char *const names[STEP_NR_KINDS] = {
	[STEP_CREATE] = "realm_create",
	[STEP_RTT] = "rtt",
	[STEP_RIPAS] = "ripas",
	[STEP_RIPAS_CALL] = "ripas1",
	[STEP_RIPAS_LEVEL] = "ripasl",
	[STEP_DATA] = "data",
	[STEP_IMAGE] = "image",
	[STEP_DATA_UNKNOWN] = "data_unknown",
	[STEP_REC] = "rec",
	[STEP_ACTIVATE] = "activate",
	[STEP_EXTEND] = "extend",
	[STEP_RIM] = "rim",
	[STEP_REM] = "rem",
};

const char *step_name(enum step_kind kind)
{
	return names[kind];
}

struct blob *blob_free(struct blob *blob)
{
	if (!blob)
		return NULL;
	if (blob->mapped)
		munmap((void *)(uintptr_t)blob->bytes, blob->size);
	else if (!blob->borrowed)
		free((void *)(uintptr_t)blob->bytes);
	free(blob->name);
	free(blob->path);
	free(blob);
	return NULL;
}

struct kvmcore_digest blob_digest(const struct blob *blob, uint64_t i)
{
	struct kvmcore_digest digest = { { 0 } };

	memcpy(digest.bytes, blob->digests + i * blob->digest_size, blob->digest_size);
	return digest;
}

void steps_free(struct steps *steps)
{
	for (size_t i = 0; i < steps->n_blobs; i++)
		blob_free(steps->blob[i]);
	free(steps->blob);
	free(steps->step);
	*steps = (struct steps){ .rule = steps->rule };
}

int steps_add(struct steps *steps, const struct step *step)
{
	if (steps->n >= STEPS_MAX)
		return -EFBIG;
	if (steps->n == steps->room) {
		size_t room = steps->room ? 2 * steps->room : 64;
		struct step *grown = reallocarray(steps->step, room, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		steps->step = grown;
		steps->room = room;
	}
	steps->step[steps->n++] = *step;
	return 0;
}

int steps_take_blob(struct steps *steps, struct blob *blob)
{
	struct blob **grown = reallocarray(steps->blob, steps->n_blobs + 1, sizeof(*grown));

	if (!grown) {
		blob_free(blob);
		return -ENOMEM;
	}
	steps->blob = grown;
	steps->blob[steps->n_blobs++] = blob;
	return 0;
}

bool content_bytes(const struct content *content, uint8_t page[KVMCORE_GRANULE_SIZE])
{
	switch (content->fill) {
	case FILL_ZERO:
		memset(page, 0, KVMCORE_GRANULE_SIZE);
		return true;
	case FILL_SEQ:
		for (unsigned int i = 0; i < KVMCORE_GRANULE_SIZE; i++)
			page[i] = (uint8_t)(i ^ i >> 8);
		return true;
	case FILL_BYTE:
		memset(page, content->byte, KVMCORE_GRANULE_SIZE);
		return true;
	case FILL_DIGEST:
	default:
		return false;
	}
}

int content_digest(const struct content *content, enum kvmcore_hash hash,
		   struct kvmcore_digest *digest)
{
	uint8_t page[KVMCORE_GRANULE_SIZE];

	if (content_bytes(content, page))
		return kvmcore_digest(hash, page, sizeof(page), digest);
	*digest = content->digest;
	return 0;
}
