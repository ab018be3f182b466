// SPDX-License-Identifier: Apache-2.0
#include "signers.h"

#include "error_set.h"
#include "util.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int signers_sign(const struct sdeistate_key *const *signer, unsigned int n_signers,
		 const uint8_t *bytes, size_t len, struct sdeistate_buffer *block,
		 struct sdeistate_error *err)
{
	struct sdeistate_buffer made[SDEISTATE_MAX_SIGNATURES] = { { NULL, 0 } };
	struct layout_signatures signatures = { .n_entries = n_signers };
	int ret = 0;

	for (unsigned int i = 0; i < n_signers && !ret; i++) {
		struct layout_signature *entry = &signatures.entry[i];

		ret = sdeistate_sign(signer[i], SDEISTATE_SNAPSHOT_TYPE, bytes, len, &made[i], err);
		memcpy(entry->key_id, sdeistate_pub_id(sdeistate_key_pub(signer[i])),
		       SDEISTATE_KEY_ID_SIZE);
		entry->bytes = made[i].data;
		entry->len = (uint32_t)made[i].len;
	}
	if (!ret)
		ret = layout_put_signatures(&signatures, block, err);
	for (unsigned int i = 0; i < n_signers; i++)
		sdeistate_buffer_free(&made[i]);
	return ret;
}

static void describe_id(const uint8_t *id, char text[2 * SDEISTATE_KEY_ID_SIZE + 1])
{
	for (unsigned int i = 0; i < SDEISTATE_KEY_ID_SIZE; i++)
		snprintf(text + 2 * i, 3, "%02x", id[i]);
}

/* The whole of @err is about the signature; a caller that goes on does not read it. */
static int check_entry(const struct layout_signature *entry, const uint8_t *bytes, size_t len,
		       const struct sdeistate_open_options *options, struct open_watch *watch,
		       struct sdeistate_opened *opened, struct sdeistate_error *err)
{
	const struct sdeistate_pub *pub =
		options->trust ? sdeistate_trust_find(options->trust, entry->key_id) : NULL;
	int ret;

	if (!pub)
		return 0;
	watch->signatures++;
	ret = sdeistate_verify(pub, SDEISTATE_SNAPSHOT_TYPE, bytes, len, entry->bytes, entry->len,
			       err);
	if (!ret)
		memcpy(opened->signer[opened->n_signers++], entry->key_id, SDEISTATE_KEY_ID_SIZE);
	return ret;
}

static int too_few(const struct layout_signatures *signatures, unsigned int needed,
		   unsigned int found, struct sdeistate_error *err)
{
	char id[2 * SDEISTATE_KEY_ID_SIZE + 1];

	if (found)
		return error_set(err, SDEISTATE_UNKNOWN_SIGNER, -ENOKEY, "signatures", "trusted",
				 "%u|%u", needed, found);
	describe_id(signatures->entry[0].key_id, id);
	return error_set(err, SDEISTATE_UNKNOWN_SIGNER, -ENOKEY, "signatures", "key id",
			 "one of the trusted keys|%s%s", id,
			 signatures->n_entries > 1 ? " and others" : "");
}

int signers_check(const struct layout_signatures *signatures, const uint8_t *bytes, size_t len,
		  const struct sdeistate_open_options *options, struct open_watch *watch,
		  struct sdeistate_opened *opened, struct sdeistate_error *err)
{
	bool any = options->flags & SDEISTATE_OPEN_ANY_SIGNER;
	unsigned int needed = options->threshold ? options->threshold : 1;

	opened->n_signatures = signatures->n_entries;
	if (!signatures->n_entries && !any && !(options->flags & SDEISTATE_OPEN_UNSIGNED))
		return error_set(err, SDEISTATE_UNSIGNED, -ENOKEY, "signatures", "",
				 "at least one|none");
	if (!signatures->n_entries)
		return 0;
	for (unsigned int i = 0; i < signatures->n_entries; i++) {
		int ret = check_entry(&signatures->entry[i], bytes, len, options, watch, opened,
				      any ? NULL : err);

		if (ret && !any)
			return ret;
	}
	if (opened->n_signers < needed && !any)
		return too_few(signatures, needed, opened->n_signers, err);
	return 0;
}

int signers_check_source(const struct sdeistate_opened *opened,
			 const struct sdeistate_open_options *options, struct sdeistate_error *err)
{
	char id[2 * SDEISTATE_KEY_ID_SIZE + 1];

	if (!opened->n_signatures || options->flags & SDEISTATE_OPEN_ANY_SIGNER)
		return 0;
	for (unsigned int i = 0; i < opened->n_signers; i++)
		if (!memcmp(opened->signer[i], opened->manifest.source, SDEISTATE_KEY_ID_SIZE))
			return 0;
	describe_id(opened->manifest.source, id);
	return error_set(err, SDEISTATE_UNKNOWN_SIGNER, -ENOKEY, "manifest", "source",
			 "a trusted key that signed this file|%s", id);
}
