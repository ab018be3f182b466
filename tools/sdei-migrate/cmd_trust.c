// SPDX-License-Identifier: Apache-2.0
#include "common/file.h"
#include "settings.h"
#include "trust_dir.h"
#include "verbs.h"

#include <errno.h>
#include <string.h>
#include <time.h>

struct trust_args {
	const char *dir, *file, *id, *name, *not_before, *not_after, *at;
	const char *key, *to, *from, *out;
	struct option_number overlap;
};

static int wrong(struct failure *failure, const char *option, const char *expected,
		 const char *actual)
{
	return failure_set(failure, SDEISTATE_USAGE, -EINVAL, "command line", option, expected,
			   actual);
}

/* A time, or a day, which begins at midnight UTC. */
static int parse_time(const char *option, const char *text, uint64_t *seconds,
		      struct failure *failure)
{
	char whole[64];

	if (!text)
		return 0;
	snprintf(whole, sizeof(whole), "%s%s", text, strlen(text) == 10 ? "T00:00:00Z" : "");
	if (strlen(whole) == SDEISTATE_TIME_SIZE - 1 && sdeistate_time_parse(whole, seconds) == 0 &&
	    *seconds)
		return 0;
	return wrong(failure, option, "a day such as 2026-01-31, or 2026-01-31T12:00:00Z", text);
}

static json_t *time_json(uint64_t seconds)
{
	char text[SDEISTATE_TIME_SIZE];

	if (!seconds)
		return json_null();
	sdeistate_time_print(seconds, text);
	return json_string(text);
}

static const char *standing(const struct sdeistate_trust *trust, const uint8_t *id, uint64_t now)
{
	const struct sdeistate_validity validity = sdeistate_trust_validity(trust, id);

	if (validity.revoked)
		return "revoked";
	if (now < validity.not_before)
		return "not-yet";
	return validity.not_after && now > validity.not_after ? "expired" : "believed";
}

static json_t *key_json(const struct sdeistate_trust *trust, const struct sdeistate_pub *pub)
{
	const uint8_t *id = sdeistate_pub_id(pub);
	const struct sdeistate_validity validity = sdeistate_trust_validity(trust, id);

	return json_pack("{s:o, s:s, s:s, s:s, s:o, s:o, s:o}", "id", key_id_json(id), "type",
			 sdeistate_key_type_name(sdeistate_pub_type(pub)), "from",
			 sdeistate_pub_name(pub), "standing",
			 standing(trust, id, (uint64_t)time(NULL)), "not_before",
			 time_json(validity.not_before), "not_after", time_json(validity.not_after),
			 "revoked", time_json(validity.revoked));
}

static void release_pub(struct sdeistate_pub **pub)
{
	*pub = sdeistate_pub_free(*pub);
}

static int check_new(const struct trust_dir *dir, const struct sdeistate_pub *pub,
		     struct failure *failure)
{
	const struct sdeistate_validity known =
		sdeistate_trust_validity(dir->limits, sdeistate_pub_id(pub));
	char when[SDEISTATE_TIME_SIZE];

	if (!known.revoked)
		return 0;
	sdeistate_time_print(known.revoked, when);
	return failure_set(failure, SDEISTATE_KEY_REVOKED, -EKEYREVOKED, sdeistate_pub_name(pub),
			   "revocation", "a key that was not revoked here", when);
}

/* The limit first: without it the key would for a moment be believed at any time. */
static int add_key(struct trust_dir *dir, const struct trust_args *args, struct sdeistate_pub **pub,
		   struct failure *failure)
{
	CLEANUP(sdeistate_buffer_free) struct sdeistate_buffer pem = { 0 };
	struct sdeistate_validity validity = { 0 };
	struct sdeistate_error error;
	char name[256], id[17];
	unsigned int dropped;
	int ret = parse_time("--not-before", args->not_before, &validity.not_before, failure);

	ret = ret ? ret : parse_time("--not-after", args->not_after, &validity.not_after, failure);
	if (ret)
		return ret;
	if (sdeistate_pub_load(args->file, pub, &error) || sdeistate_pub_pem(*pub, &pem, &error))
		return failure_from(failure, &error);
	ret = check_new(dir, *pub, failure);
	ret = ret ? ret : trust_dir_limit(dir, sdeistate_pub_id(*pub), &validity, failure);
	/* The same key under another name is one key still. */
	ret = ret ? ret : trust_dir_drop(dir, sdeistate_pub_id(*pub), &dropped, failure);
	if (ret)
		return ret;
	hex_text(sdeistate_pub_id(*pub), 8, id);
	snprintf(name, sizeof(name), "%s.pub", args->name ? args->name : id);
	return trust_dir_write(dir, name, pem.data, pem.len, failure);
}

/* Verified against the folder before it is written there, or every later load would fail. */
static int add_rotation(const struct trust_dir *dir, const char *path, json_t **told,
			struct failure *failure)
{
	OWNED_TRUST struct sdeistate_trust *trust = NULL;
	OWNED_MEMORY uint8_t *text = NULL;
	struct sdeistate_error error;
	char name[64];
	size_t len, before;
	int ret = file_read(path, SDEISTATE_MAX_ROTATION, &text, &len, failure);

	ret = ret ? ret : trust_dir_load(dir, &trust, failure);
	if (ret)
		return ret;
	before = sdeistate_trust_count(trust);
	if (sdeistate_rotation_apply(trust, (const char *)text, len, path, &error))
		return failure_from(failure, &error);
	snprintf(name, sizeof(name), "%lld.rotation", (long long)time(NULL));
	ret = trust_dir_write(dir, name, text, len, failure);
	if (ret == 0)
		*told = json_pack("{s:s, s:i, s:s, s:s, s:b}", "reason", "ok", "exit", 0, "dir",
				  dir->path, "rotation", name, "successor_is_new",
				  sdeistate_trust_count(trust) > before);
	return ret;
}

static bool is_rotation(const char *path)
{
	const size_t len = strlen(path);

	return len > 9 && strcmp(path + len - 9, ".rotation") == 0;
}

static int run_add(struct tool *tool, void *opaque)
{
	const struct trust_args *args = opaque;
	OWNED_TRUST_DIR struct trust_dir dir = { .lock = -1 };
	CLEANUP(release_pub) struct sdeistate_pub *pub = NULL;
	struct failure failure;
	json_t *told = NULL;
	int ret;

	if (args->name && (strchr(args->name, '/') || args->name[0] == '.' || !args->name[0] ||
			   strlen(args->name) > 200))
		return tool_usage(tool, "--name", "a file name without its ending");
	ret = trust_dir_open(args->dir, &dir, &failure);
	if (ret == 0 && is_rotation(args->file))
		ret = add_rotation(&dir, args->file, &told, &failure);
	else if (ret == 0)
		ret = add_key(&dir, args, &pub, &failure);
	if (ret)
		return tool_fail(tool, &failure);
	if (!told)
		told = json_pack("{s:s, s:i, s:s, s:o}", "reason", "ok", "exit", 0, "dir", dir.path,
				 "key", key_json(dir.limits, pub));
	return tool_result(tool, told);
}

static int run_list(struct tool *tool, void *opaque)
{
	const struct trust_args *args = opaque;
	OWNED_TRUST struct sdeistate_trust *trust = NULL;
	OWNED_MEMORY char *path = NULL;
	struct sdeistate_error error;
	struct failure failure;
	json_t *list;
	int ret = settings_own(args->dir, "trust.d", false, &path, &failure);

	if (ret)
		return tool_fail(tool, &failure);
	/* Nobody is a list too; but a folder that was named has to be there. */
	ret = sdeistate_trust_load(path, &trust, &error);
	if (ret && error.reason != SDEISTATE_NOTHING_TO_VERIFY &&
	    (args->dir || error.reason != SDEISTATE_NO_KEY)) {
		failure_from(&failure, &error);
		return tool_fail(tool, &failure);
	}
	list = json_array();
	for (size_t i = 0; trust && i < sdeistate_trust_count(trust); i++)
		json_array_append_new(list, key_json(trust, sdeistate_trust_get(trust, i)));
	return tool_result(tool, json_pack("{s:s, s:o}", "dir", path, "keys", list));
}

/* An id, or enough of its beginning to mean one key of the folder. */
static int find_id(const struct trust_dir *dir, const char *text, uint8_t *id,
		   struct failure *failure)
{
	OWNED_TRUST struct sdeistate_trust *trust = NULL;
	const struct sdeistate_pub *found = NULL;
	int ret;

	if (strlen(text) == 2 * SDEISTATE_KEY_ID_SIZE &&
	    hex_parse(text, id, SDEISTATE_KEY_ID_SIZE) == (long)SDEISTATE_KEY_ID_SIZE)
		return 0;
	ret = trust_dir_load(dir, &trust, failure);
	if (ret)
		return ret;
	for (size_t i = 0; strlen(text) >= 8 && i < sdeistate_trust_count(trust); i++) {
		const struct sdeistate_pub *pub = sdeistate_trust_get(trust, i);
		char whole[2 * SDEISTATE_KEY_ID_SIZE + 1];

		hex_text(sdeistate_pub_id(pub), SDEISTATE_KEY_ID_SIZE, whole);
		if (strncmp(whole, text, strlen(text)) != 0)
			continue;
		if (found)
			return wrong(failure, "ID", "one key; this begins several", text);
		found = pub;
	}
	if (!found)
		return wrong(failure, "ID", "a key of the folder: 8 digits or more of its id",
			     text);
	memcpy(id, sdeistate_pub_id(found), SDEISTATE_KEY_ID_SIZE);
	return 0;
}

static int drop(struct tool *tool, const struct trust_args *args, bool revoke)
{
	OWNED_TRUST_DIR struct trust_dir dir = { .lock = -1 };
	uint8_t id[SDEISTATE_KEY_ID_SIZE];
	struct sdeistate_validity validity;
	unsigned int files = 0;
	uint64_t at = (uint64_t)time(NULL);
	struct failure failure;
	int ret = parse_time("--at", args->at, &at, &failure);

	ret = ret ? ret : trust_dir_open(args->dir, &dir, &failure);
	ret = ret ? ret : find_id(&dir, args->id, id, &failure);
	if (ret)
		return tool_fail(tool, &failure);
	/* A revocation stands when the key has gone: it must not come back by accident. */
	validity = sdeistate_trust_validity(dir.limits, id);
	validity = (struct sdeistate_validity){ .revoked = validity.revoked ? validity.revoked
							   : revoke         ? at
									    : 0 };
	ret = revoke ? 0 : trust_dir_drop(&dir, id, &files, &failure);
	ret = ret ? ret : trust_dir_limit(&dir, id, &validity, &failure);
	if (ret)
		return tool_fail(tool, &failure);
	return tool_result(tool,
			   json_pack("{s:s, s:i, s:s, s:o, s:i, s:o}", "reason", "ok", "exit", 0,
				     "dir", dir.path, "id", key_id_json(id), "files_removed",
				     (int)files, "revoked", time_json(validity.revoked)));
}

static int run_remove(struct tool *tool, void *opaque)
{
	return drop(tool, opaque, false);
}

static int run_revoke(struct tool *tool, void *opaque)
{
	return drop(tool, opaque, true);
}

static int run_rotate(struct tool *tool, void *opaque)
{
	const struct trust_args *args = opaque;
	CLEANUP(sdeistate_buffer_free) struct sdeistate_buffer text = { 0 };
	CLEANUP(release_pub) struct sdeistate_pub *successor = NULL;
	OWNED_KEY struct sdeistate_key *key = NULL;
	uint64_t from = (uint64_t)time(NULL), until;
	struct sdeistate_error error;
	struct failure failure;

	if (parse_time("--from", args->from, &from, &failure) ||
	    key_load(args->key, &key, &failure))
		return tool_fail(tool, &failure);
	until = from + args->overlap.value;
	if (sdeistate_pub_load(args->to, &successor, &error) ||
	    sdeistate_rotation_make(key, successor, from, until, &text, &error)) {
		failure_from(&failure, &error);
		return tool_fail(tool, &failure);
	}
	if (file_write(args->out, text.data, text.len, 0644, &failure))
		return tool_fail(tool, &failure);
	return tool_result(tool, json_pack("{s:s, s:i, s:s, s:o, s:o, s:o, s:o}", "reason", "ok",
					   "exit", 0, "file", args->out, "old",
					   key_id_json(sdeistate_pub_id(sdeistate_key_pub(key))),
					   "successor", key_id_json(sdeistate_pub_id(successor)),
					   "from", time_json(from), "old_until", time_json(until)));
}

#define AT(member) offsetof(struct trust_args, member)

#define DIR_ROW                                                                                    \
	{                                                                                          \
		.name = "--dir", .argument = "DIR",                                                \
		.help = "the folder; without it trust.d of the system for root, else of the user", \
		.offset = AT(dir), .type = OPTION_TEXT, .names = OPTION_NAMES_DIRECTORY            \
	}
#define ID_ROW                                                                              \
	{                                                                                   \
		.name = "ID", .help = "the key's id, or 8 digits or more of its beginning", \
		.offset = AT(id), .type = OPTION_TEXT, .required = true                     \
	}

static const struct option_row add_rows[] = {
	DIR_ROW,
	{ .name = "--name",
	  .argument = "NAME",
	  .help = "write it as NAME.pub; without it the name is the beginning of the id",
	  .offset = AT(name),
	  .type = OPTION_TEXT },
	{ .name = "--not-before",
	  .argument = "TIME",
	  .help = "do not believe the key before",
	  .offset = AT(not_before),
	  .type = OPTION_TEXT },
	{ .name = "--not-after",
	  .argument = "TIME",
	  .help = "do not believe the key afterwards",
	  .offset = AT(not_after),
	  .type = OPTION_TEXT },
	{ .name = "FILE",
	  .help = "public key, certificate, or a rotation (NAME.rotation)",
	  .offset = AT(file),
	  .type = OPTION_TEXT,
	  .names = OPTION_NAMES_FILE,
	  .required = true },
	OPTION_END,
};

static const struct option_row list_rows[] = { DIR_ROW, OPTION_END };
static const struct option_row remove_rows[] = { DIR_ROW, ID_ROW, OPTION_END };

static const struct option_row revoke_rows[] = {
	DIR_ROW,
	{ .name = "--at",
	  .argument = "TIME",
	  .help = "since when it is not to be believed; only told, for nothing it signed counts "
		  "any more",
	  .offset = AT(at),
	  .type = OPTION_TEXT },
	ID_ROW,
	OPTION_END,
};

static const struct option_row rotate_rows[] = {
	{ .name = "--key",
	  .argument = "FILE",
	  .help = "private key that others trust now",
	  .offset = AT(key),
	  .type = OPTION_TEXT,
	  .names = OPTION_NAMES_FILE,
	  .required = true },
	{ .name = "--to",
	  .argument = "PUB",
	  .help = "public key that speaks for it from now on",
	  .offset = AT(to),
	  .type = OPTION_TEXT,
	  .names = OPTION_NAMES_FILE,
	  .required = true },
	{ .name = "--out",
	  .argument = "FILE",
	  .letter = 'o',
	  .help = "where to write the rotation; name it NAME.rotation",
	  .offset = AT(out),
	  .type = OPTION_TEXT,
	  .names = OPTION_NAMES_FILE,
	  .required = true },
	{ .name = "--from",
	  .argument = "TIME",
	  .help = "when the successor begins to be believed; without it now",
	  .offset = AT(from),
	  .type = OPTION_TEXT },
	{ .name = "--overlap",
	  .argument = "SECONDS",
	  .help = "how long the old key is believed beside it",
	  .offset = AT(overlap),
	  .type = OPTION_NUMBER,
	  .max = 10ull * 366 * 86400,
	  .fallback = "604800" },
	OPTION_END,
};

const struct verb verb_trust_add = {
	.name = "trust add",
	.summary = "Trust a key, within a window if one is given, or take a rotation",
	.about = "A key that is there already gets the window given now, or none. A rotation is "
		 "verified with the old key, which must be in the folder.",
	.options = add_rows,
	.args_size = sizeof(struct trust_args),
	.run = run_add,
};

const struct verb verb_trust_list = {
	.name = "trust list",
	.summary = "List the trusted keys and how each stands now",
	.options = list_rows,
	.args_size = sizeof(struct trust_args),
	.run = run_list,
};

const struct verb verb_trust_remove = {
	.name = "trust remove",
	.summary = "Trust a key no more",
	.about = "It may be added again. To make sure that it never is, revoke it.",
	.options = remove_rows,
	.args_size = sizeof(struct trust_args),
	.run = run_remove,
};

const struct verb verb_trust_revoke = {
	.name = "trust revoke",
	.summary = "Never believe a key again, whatever it signed and when",
	.about = "The key need not be in the folder. What it says about its successor counts no "
		 "more either: add the successor by itself if you trust it.",
	.options = revoke_rows,
	.args_size = sizeof(struct trust_args),
	.run = run_revoke,
};

const struct verb verb_trust_rotate = {
	.name = "trust rotate",
	.summary = "Write a rotation: one key names the one that speaks for it from now on",
	.about = "Give the file to everybody who trusts the old key; trust add takes it.",
	.options = rotate_rows,
	.args_size = sizeof(struct trust_args),
	.run = run_rotate,
};
