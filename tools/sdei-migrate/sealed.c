// SPDX-License-Identifier: Apache-2.0
#include "sealed.h"

#include "settings.h"
#include "state_json.h"

#include <errno.h>
#include <fcntl.h>
#include <sdeistate/trust.h>
#include <string.h>
#include <sys/stat.h>

void release_key(struct sdeistate_key **key)
{
	*key = sdeistate_key_free(*key);
}

void release_trust(struct sdeistate_trust **trust)
{
	*trust = sdeistate_trust_free(*trust);
}

void release_state(struct sdeistate **state)
{
	*state = sdeistate_free(*state);
}

void release_base(struct sdeistate_base **base)
{
	*base = sdeistate_base_free(*base);
}

int key_load(const char *path, struct sdeistate_key **key, struct failure *failure)
{
	struct sdeistate_error error;

	return sdeistate_key_load(path, key, &error) ? failure_from(failure, &error) : 0;
}

int trust_load_all(const struct option_list *paths, struct sdeistate_trust **trust,
		   struct failure *failure)
{
	OWNED_TRUST struct sdeistate_trust *all = sdeistate_trust_new();
	struct sdeistate_error error;
	int ret = 0;

	if (!all)
		return failure_set(failure, SDEISTATE_NO_MEMORY, -ENOMEM, NULL, NULL, NULL, NULL);
	for (size_t i = 0; ret == 0 && i < paths->n; i++)
		ret = sdeistate_trust_load_into(all, paths->item[i], &error);
	if (ret)
		return failure_from(failure, &error);
	*trust = all;
	all = NULL;
	return 0;
}

static int open_fd(const char *path, int *fd, struct failure *failure)
{
	struct stat st;

	*fd = strcmp(path, "-") == 0 ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
	if (*fd < 0)
		return failure_io(failure, path, errno);
	return fstat(*fd, &st) == 0 && S_ISDIR(st.st_mode) ? failure_io(failure, path, EISDIR) : 0;
}

/* Those of --trust; where nothing is named, the folders trust.d. */
static int load_trust(const struct sealed_options *options, struct sealed_keys *keys,
		      struct failure *failure)
{
	OWNED_DIRS struct settings_dirs dirs = { .n = 0 };
	int ret;

	if (options->trust && options->trust->n)
		return trust_load_all(options->trust, &keys->trust, failure);
	if (options->flags & (SDEISTATE_OPEN_ANY_SIGNER | SDEISTATE_OPEN_UNSIGNED))
		return 0;
	ret = settings_find("trust.d", &dirs, failure);
	if (ret == 0 && dirs.n)
		ret = trust_load_all(&(struct option_list){ (const char **)dirs.path, dirs.n },
				     &keys->trust, failure);
	return ret;
}

/* A set of our own, with our own key. */
static int trust_own(const struct sealed_options *options, struct sealed_keys *keys,
		     struct failure *failure)
{
	struct sdeistate_error error;

	keys->trust = sdeistate_trust_new();
	if (!keys->trust)
		return failure_set(failure, SDEISTATE_NO_MEMORY, -ENOMEM, NULL, NULL, NULL, NULL);
	/* The set shares the key by reference; the key itself does not change. */
	return sdeistate_trust_add(keys->trust,
				   (struct sdeistate_pub *)(uintptr_t)sdeistate_key_pub(
					   options->own),
				   &error)
		       ? failure_from(failure, &error)
		       : 0;
}

int sealed_keys_load(const struct sealed_options *options, struct sealed_keys *keys,
		     struct failure *failure)
{
	int ret = options->own ? trust_own(options, keys, failure)
			       : load_trust(options, keys, failure);

	if (ret == 0 && !keys->trust &&
	    !(options->flags & (SDEISTATE_OPEN_ANY_SIGNER | SDEISTATE_OPEN_UNSIGNED)))
		return failure_set(failure, SDEISTATE_NOTHING_TO_VERIFY, -ENOKEY, options->path,
				   "--trust", "the public key of whoever signed it", "none");
	if (ret == 0 && options->key)
		ret = key_load(options->key, &keys->key, failure);
	return ret;
}

void sealed_keys_release(struct sealed_keys *keys)
{
	keys->key = sdeistate_key_free(keys->key);
	keys->trust = sdeistate_trust_free(keys->trust);
}

static int decode(struct sealed *sealed, struct failure *failure)
{
	const struct sdeistate_buffer *stream = &sealed->opened->stream;
	struct sdeistate_error error;

	if (stream->len == 0)
		return 0;
	if (sdeistate_decode(stream->data, stream->len, &sealed->state, &error) ||
	    sdeistate_validate(sealed->state, &error))
		return failure_from(failure, &error);
	return 0;
}

/* With its base it is a state; without, it is looked at as far as that goes. */
static int decode_delta(const struct sealed_options *options, struct sealed *sealed,
			struct failure *failure)
{
	const struct sealed_options of_base = { .path = options->base,
						.trust = options->trust,
						.own = options->own,
						.key = options->key,
						.keys = options->keys,
						.workspace = options->workspace,
						.threshold = options->threshold,
						.flags = options->flags | SDEISTATE_OPEN_ANY_TIME |
							 SDEISTATE_OPEN_ANY_AUDIENCE };
	OWNED_SEALED struct sealed base = { .fd = -1 };
	const struct sdeistate_buffer *stream = &sealed->opened->stream;
	struct sdeistate_error error;
	int ret;

	if (!options->base)
		return sdeistate_delta_list(stream->data, stream->len, NULL, NULL, &error)
			       ? failure_from(failure, &error)
			       : 0;
	ret = sealed_open(&of_base, &base, failure);
	return ret ? ret : sealed_apply(sealed, options->path, &base, failure);
}

int sealed_open(const struct sealed_options *options, struct sealed *sealed,
		struct failure *failure)
{
	struct sdeistate_open_options open_options = { .flags = options->flags,
						       .threshold = options->threshold,
						       .workspace = options->workspace };
	const struct sealed_keys *keys = options->keys ? options->keys : &sealed->keys;
	const struct sdeistate_pub *self;
	const struct sdeistate_key *secret;
	struct sdeistate_error error;
	int ret = 0;

	*sealed = (struct sealed){ .fd = -1 };
	if (!options->keys)
		ret = sealed_keys_load(options, &sealed->keys, failure);
	if (ret == 0)
		ret = open_fd(options->path, &sealed->fd, failure);
	if (ret)
		return ret;
	if (keys->key) {
		secret = keys->key;
		self = sdeistate_key_pub(secret);
		open_options.self = &self;
		open_options.n_self = 1;
		open_options.secret = &secret;
		open_options.n_secrets = 1;
	}
	open_options.trust = keys->trust;
	if (sdeistate_open_fd(sealed->fd, &open_options, &sealed->opened, &error))
		return failure_from(failure, &error);
	if (options->manifest_only)
		return 0;
	if (sealed->opened->manifest.kind == SDEISTATE_KIND_DELTA)
		return decode_delta(options, sealed, failure);
	if (options->base)
		return failure_set(failure, SDEISTATE_USAGE, -EINVAL, options->path, "--base",
				   "a delta", sdeistate_kind_name(sealed->opened->manifest.kind));
	return decode(sealed, failure);
}

void sealed_close(struct sealed *sealed)
{
	sdeistate_free(sealed->state);
	sdeistate_buffer_free(&sealed->result);
	sdeistate_opened_free(sealed->opened);
	sealed_keys_release(&sealed->keys);
	if (sealed->fd >= 0)
		close(sealed->fd);
	*sealed = (struct sealed){ .fd = -1 };
}

/* --- JSON ------------------------------------------------------------------------------------------- */

json_t *key_id_json(const uint8_t id[SDEISTATE_KEY_ID_SIZE])
{
	return hex_json(id, SDEISTATE_KEY_ID_SIZE);
}

static json_t *ids_json(const uint8_t (*id)[SDEISTATE_KEY_ID_SIZE], unsigned int n)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < n; i++)
		json_array_append_new(list, key_id_json(id[i]));
	return list;
}

json_t *sealed_manifest_json(const struct sealed *sealed)
{
	const struct sdeistate_manifest *manifest = &sealed->opened->manifest;
	const char *kind = sdeistate_kind_name(manifest->kind);
	char uuid[37], id[37];

	uuid_text(manifest->vm_uuid, uuid);
	uuid_text(manifest->id, id);
	return json_pack("{s:i, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:s, s:s, s:b}", "revision",
			 (int)manifest->revision, "id", id, "kind", kind ? kind : "unknown", "vm",
			 uuid, "generation", number_json(manifest->generation), "sequence",
			 number_json(manifest->sequence), "created",
			 json_integer((json_int_t)manifest->created), "expires",
			 manifest->expires ? json_integer((json_int_t)manifest->expires)
					   : json_null(),
			 "profile", manifest->profile, "kernel", manifest->kernel_profile,
			 "any_destination", manifest->any_destination);
}

json_t *sealed_keys_json(const struct sealed *sealed)
{
	const struct sdeistate_opened *opened = sealed->opened;

	return json_pack("{s:o, s:o, s:i, s:o}", "source", key_id_json(opened->manifest.source),
			 "signers", ids_json(opened->signer, opened->n_signers), "signatures",
			 (int)opened->n_signatures, "audience",
			 ids_json(opened->manifest.audience, opened->manifest.n_audience));
}

json_t *sealed_records_json(const struct sealed *sealed)
{
	const struct sdeistate_index *index = &sealed->opened->index;
	json_t *list = json_array();

	for (unsigned int i = 0; i < index->n_records; i++) {
		const struct sdeistate_record *record = &index->record[i];
		const uint32_t number = record->type & ~SDEISTATE_RECORD_OPTIONAL;
		const char *name = sdeistate_record_name(number);

		json_array_append_new(list,
				      json_pack("{s:i, s:o, s:b, s:I, s:o}", "number", (int)number,
						"name", name ? json_string(name) : json_null(),
						"optional", record->type != number, "size",
						(json_int_t)record->len, "digest",
						hex_json(record->digest, sizeof(record->digest))));
	}
	return list;
}
