// SPDX-License-Identifier: Apache-2.0
/*
 * The door of a sealed file. The first byte says how the rest is used:
 *
 *	even: the rest is a file; whatever opens must have been signed by the key below
 *	odd:  the rest is a manifest and a payload, which are signed here, so that decoder, rules and
 *	      decompressor are reached with bytes that no honest writer makes
 *
 * The upper bits choose options. The key is public on purpose: it signs nothing but this.
 */
#include "seal/layout.h"
#include "seal/manifest.h"
#include "util.h"

#include <sdeistate/seal.h>
#include <stdlib.h>
#include <string.h>

#define HOW_FORGE     1u
#define HOW_ANY       2u
#define HOW_PEEK      4u
#define HOW_REVISION  8u
#define HOW_MAX_PLAIN 16u

static struct sdeistate_key *key;
static struct sdeistate_trust *trust;

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A new key for each process: the corpus holds nothing that is signed. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct sdeistate_buffer pem;
	struct sdeistate_pub *pub;

	(void)argc;
	(void)argv;
	trust = sdeistate_trust_new();
	if (!trust || sdeistate_key_generate(SDEISTATE_KEY_ED25519, &key, NULL) ||
	    sdeistate_pub_pem(sdeistate_key_pub(key), &pem, NULL) ||
	    sdeistate_pub_parse(pem.data, pem.len, NULL, &pub, NULL) ||
	    sdeistate_trust_add(trust, pub, NULL))
		abort();
	sdeistate_pub_free(pub);
	sdeistate_buffer_free(&pem);
	return 0;
}

static void open_bytes(const uint8_t *data, size_t size, uint8_t how)
{
	struct sdeistate_open_options options = { .trust = trust,
						  .now = 1,
						  .max_plain = how & HOW_MAX_PLAIN ? 4096 : 0,
						  .flags = SDEISTATE_OPEN_ANY_AUDIENCE };
	struct sdeistate_opened *opened = NULL;
	struct sdeistate_error err;
	int ret;

	if (how & HOW_ANY)
		options.flags |= SDEISTATE_OPEN_ANY_SIGNER;
	ret = sdeistate_open(data, size, &options, &opened, &err);
	if ((ret == 0) != (opened != NULL) || (ret && !sdeistate_reason_name(err.reason)))
		abort();
	if (ret)
		return;
	/* Nobody but this process could have signed it. */
	if (!(how & (HOW_ANY | HOW_FORGE)))
		abort();
	while (!ret)
		ret = sdeistate_next_frame(opened, NULL, NULL, NULL, &err);
	sdeistate_opened_free(opened);
}

static size_t put_signature(uint8_t *at, const uint8_t *bytes, size_t len)
{
	struct layout_signatures signatures = { .n_entries = 1 };
	struct sdeistate_buffer signature, block;

	if (sdeistate_sign(key, SDEISTATE_SNAPSHOT_TYPE, bytes, len, &signature, NULL))
		abort();
	memcpy(signatures.entry[0].key_id, sdeistate_pub_id(sdeistate_key_pub(key)),
	       SDEISTATE_KEY_ID_SIZE);
	signatures.entry[0].bytes = signature.data;
	signatures.entry[0].len = (uint32_t)signature.len;
	if (layout_put_signatures(&signatures, &block, NULL))
		abort();
	memcpy(at, block.data, block.len);
	len = block.len;
	sdeistate_buffer_free(&block);
	sdeistate_buffer_free(&signature);
	return len;
}

/* Input: manifest length (u16), manifest, payload. The source field is made ours where there is one. */
static void open_forged(const uint8_t *data, size_t size, uint8_t how)
{
	struct sdeistate_peek peek = { .revision = how & HOW_REVISION ? 2 : 1, .n_frames = 1 };
	struct sdeistate_manifest *manifest = calloc(1, sizeof(*manifest));
	struct sdeistate_buffer again = { NULL, 0 };
	uint8_t *file = malloc(size + 4096);
	size_t len, at = SDEISTATE_PREFIX_SIZE;

	if (size < 2 || !file || !manifest)
		goto out;
	len = data[0] | (size_t)data[1] << 8;
	data += 2;
	size -= 2;
	if (len > size)
		len = size;
	memcpy(file + at, data, len);
	peek.manifest_size = (uint32_t)len;
	if (!manifest_decode(data, len, &peek, manifest, NULL)) {
		memcpy(manifest->source, sdeistate_pub_id(sdeistate_key_pub(key)),
		       SDEISTATE_KEY_ID_SIZE);
		if (manifest_encode(manifest, &again, NULL) || again.len != len)
			abort(); /* a canonical manifest does not change its size by a changed id */
		memcpy(file + at, again.data, len);
	}
	at += len;
	peek.payload_size = size - len;
	if (layout_put_prefix(&peek, file, NULL))
		abort();
	at += put_signature(file + at, file, at);
	memcpy(file + at, data + len, size - len);
	at += size - len;
	layout_put_end(at, file + at);
	open_bytes(file, at + LAYOUT_END, how);
out:
	sdeistate_buffer_free(&again);
	free(manifest);
	free(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sdeistate_peek peek;

	if (!size || size > 1u << 20)
		return 0;
	if (data[0] & HOW_PEEK)
		sdeistate_peek(data + 1, size - 1, &peek, NULL);
	if (data[0] & HOW_FORGE)
		open_forged(data + 1, size - 1, data[0]);
	else
		open_bytes(data + 1, size - 1, data[0]);
	return 0;
}
