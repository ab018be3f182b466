// SPDX-License-Identifier: Apache-2.0
#include "signers.h"

#include "error_set.h"
#include "trust.h"
#include "util.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

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

/* At which moment must a key be believed? At none where nobody looks at the clock. */
static int check_key(const struct sdeistate_open_options *options, const uint8_t *id, uint64_t when,
		     struct sdeistate_error *err)
{
	const int ret =
		options->trust ? sdeistate_trust_check(options->trust, id, when, err) : -ENOKEY;

	return ret == -EKEYEXPIRED && options->flags & SDEISTATE_OPEN_ANY_TIME ? 0 : ret;
}

/* The whole of @err is about the signature; a caller that goes on does not read it. */
static int check_entry(const struct layout_signature *entry, const uint8_t *bytes, size_t len,
		       const struct sdeistate_open_options *options, struct open_watch *watch,
		       struct sdeistate_opened *opened, struct sdeistate_error *disbelieved,
		       struct sdeistate_error *err)
{
	const uint64_t now = options->now ? options->now : (uint64_t)time(NULL);
	struct sdeistate_error why;
	int ret = check_key(options, entry->key_id, now, &why);

	/* Signatures of others are nobody's business; a key that was once believed is worth a word. */
	if (ret) {
		if (ret != -ENOKEY)
			*disbelieved = why;
		return 0;
	}
	watch->signatures++;
	ret = sdeistate_verify(sdeistate_trust_find(options->trust, entry->key_id),
			       SDEISTATE_SNAPSHOT_TYPE, bytes, len, entry->bytes, entry->len, err);
	if (!ret)
		memcpy(opened->signer[opened->n_signers++], entry->key_id, SDEISTATE_KEY_ID_SIZE);
	return ret;
}

static int too_few(const struct layout_signatures *signatures, unsigned int needed,
		   unsigned int found, const struct sdeistate_error *disbelieved,
		   struct sdeistate_error *err)
{
	char id[2 * SDEISTATE_KEY_ID_SIZE + 1];

	if (disbelieved->code) {
		if (err)
			*err = *disbelieved;
		return disbelieved->code;
	}
	if (found)
		return error_set(err, SDEISTATE_UNKNOWN_SIGNER, -ENOKEY, "signatures", "trusted",
				 "%u|%u", needed, found);
	trust_print_id(signatures->entry[0].key_id, id);
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
	struct sdeistate_error disbelieved = { .code = 0 };

	opened->n_signatures = signatures->n_entries;
	if (!signatures->n_entries && !any && !(options->flags & SDEISTATE_OPEN_UNSIGNED))
		return error_set(err, SDEISTATE_UNSIGNED, -ENOKEY, "signatures", "",
				 "at least one|none");
	if (!signatures->n_entries)
		return 0;
	for (unsigned int i = 0; i < signatures->n_entries; i++) {
		int ret = check_entry(&signatures->entry[i], bytes, len, options, watch, opened,
				      &disbelieved, any ? NULL : err);

		if (ret && !any)
			return ret;
	}
	if (opened->n_signers < needed && !any)
		return too_few(signatures, needed, opened->n_signers, &disbelieved, err);
	return 0;
}

int signers_check_source(const struct sdeistate_opened *opened,
			 const struct sdeistate_open_options *options, struct sdeistate_error *err)
{
	const struct sdeistate_manifest *manifest = &opened->manifest;
	char id[2 * SDEISTATE_KEY_ID_SIZE + 1];

	if (!opened->n_signatures || options->flags & SDEISTATE_OPEN_ANY_SIGNER)
		return 0;
	for (unsigned int i = 0; i < opened->n_signers; i++)
		if (!memcmp(opened->signer[i], manifest->source, SDEISTATE_KEY_ID_SIZE))
			return check_key(options, manifest->source, manifest->created, err);
	trust_print_id(manifest->source, id);
	return error_set(err, SDEISTATE_UNKNOWN_SIGNER, -ENOKEY, "manifest", "source",
			 "a trusted key that signed this file|%s", id);
}
