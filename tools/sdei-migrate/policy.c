// SPDX-License-Identifier: Apache-2.0
#include "common/file.h"
#include "policy_rules.h"
#include "settings.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define VERSION      1
#define ID_DIGITS    (2u * SDEISTATE_KEY_ID_SIZE)
#define MAX_ITEMS    4096u
#define MAX_SIG_FILE 16384u

static int damaged(struct failure *failure, const char *path, const char *field,
		   const char *expected, const char *actual)
{
	return failure_set(failure, SDEISTATE_DAMAGED, -EBADMSG, path, field, expected, actual);
}

struct policy *policy_free(struct policy *policy)
{
	for (size_t i = 0; policy && i < policy->n_files; i++) {
		json_decref(policy->file[i].json);
		free(policy->file[i].path);
	}
	if (policy)
		free(policy->file);
	free(policy);
	return NULL;
}

void policy_release(struct policy **policy)
{
	*policy = policy_free(*policy);
}

static bool is_digest(const char *text, size_t digits)
{
	return strlen(text) == digits && strspn(text, "0123456789abcdef") == digits;
}

/* What an item of each kind of list looks like; NULL: it is right. */
static const char *wrong_item(enum policy_kind kind, const char *text)
{
	switch (kind) {
	case POLICY_IDS:
		return is_digest(text, ID_DIGITS) ? NULL : "key ids, 64 lower-case digits each";
	case POLICY_DIGESTS:
		return is_digest(text, 64) || is_digest(text, 96) || is_digest(text, 128)
			       ? NULL
			       : "measurements of 64, 96 or 128 lower-case digits";
	default:
		return *text && strlen(text) <= SDEISTATE_MAX_NAME ? NULL : "names";
	}
}

static const char *wrong_list(const struct policy_row *row, const json_t *value)
{
	const json_t *item;
	size_t i;

	if (!json_is_array(value) || json_array_size(value) > MAX_ITEMS)
		return "a list";
	json_array_foreach((json_t *)value, i, item)
	{
		const char *wrong = json_is_string(item)
					    ? wrong_item(row->kind, json_string_value(item))
					    : "texts";

		if (wrong)
			return wrong;
	}
	return NULL;
}

static const char *wrong_value(const struct policy_row *row, const json_t *value)
{
	const json_int_t number = json_integer_value(value);

	if (row->kind == POLICY_FLAG)
		return json_is_boolean(value) ? NULL : "true or false";
	if (row->kind == POLICY_NUMBER)
		return json_is_integer(value) && number >= (json_int_t)row->min &&
				       number <= (json_int_t)row->max
			       ? NULL
			       : "a number in its bounds";
	return wrong_list(row, value);
}

static const struct policy_row *find_row(const char *name)
{
	const struct policy_row *rows = policy_rows();

	for (size_t i = 0; i < POLICY_N_RULES; i++)
		if (strcmp(rows[i].name, name) == 0)
			return &rows[i];
	return NULL;
}

/* A rule that is not known might forbid what follows: the whole file is refused. */
static int check(const char *path, const json_t *json, struct failure *failure)
{
	const char *name;
	const json_t *value;

	if (!json_is_object(json) || json_integer_value(json_object_get(json, "policy")) != VERSION)
		return damaged(failure, path, "policy", "an object with \"policy\": 1", NULL);
	json_object_foreach((json_t *)json, name, value)
	{
		const struct policy_row *row = find_row(name);
		const char *wrong = row ? wrong_value(row, value) : NULL;

		if (strcmp(name, "policy") == 0 ||
		    (strcmp(name, "comment") == 0 && json_is_string(value)))
			continue;
		if (!row)
			return damaged(failure, path, name, "a rule this version knows", "another");
		if (wrong)
			return damaged(failure, path, name, wrong, NULL);
	}
	return 0;
}

int policy_parse(const char *path, const uint8_t *text, size_t len, json_t **json,
		 struct failure *failure)
{
	json_error_t error;
	json_t *made = json_loadb((const char *)text, len, JSON_REJECT_DUPLICATES, &error);
	char line[32];
	int ret;

	snprintf(line, sizeof(line), "line %d", error.line);
	if (!made)
		return damaged(failure, path, line, "JSON", error.text);
	ret = check(path, made, failure);
	if (ret)
		json_decref(made);
	else
		*json = made;
	return ret;
}

/* Who may write it may change the rules. */
static int check_owner(const char *path, struct failure *failure)
{
	struct stat st;
	char mode[32];

	if (stat(path, &st))
		return failure_io(failure, path, errno);
	snprintf(mode, sizeof(mode), "mode %04o, owner %u", st.st_mode & 07777u, st.st_uid);
	if ((st.st_uid == 0 || st.st_uid == geteuid()) && !(st.st_mode & (S_IWGRP | S_IWOTH)))
		return 0;
	return failure_set(failure, SDEISTATE_KEY_PERMISSIONS, -EPERM, path, "permissions",
			   "a file of this user or root that nobody else may write", mode);
}

/* FILE.sig: "KEYID SIGNATURE" in hexadecimal, a line for each key. */
static int check_line(const char *path, char *line, const struct sdeistate_trust *signers,
		      const uint8_t *text, size_t len, bool *known, struct failure *failure)
{
	uint8_t id[SDEISTATE_KEY_ID_SIZE], signature[SDEISTATE_MAX_SIGNATURE];
	char *rest = line, *first = strsep(&rest, " ");
	struct sdeistate_error error;
	long n;

	if (!rest || hex_parse(first, id, sizeof(id)) != (long)sizeof(id) ||
	    (n = hex_parse(rest, signature, sizeof(signature))) <= 0)
		return damaged(failure, path, "", "lines \"KEYID SIGNATURE\"", NULL);
	if (sdeistate_trust_check(signers, id, (uint64_t)time(NULL), &error))
		return 0;
	*known = true;
	return sdeistate_verify(sdeistate_trust_find(signers, id), POLICY_TYPE, text, len,
				signature, (size_t)n, &error)
		       ? failure_from(failure, &error)
		       : 0;
}

static int check_signature(const char *path, const struct sdeistate_trust *signers,
			   const uint8_t *text, size_t len, struct failure *failure)
{
	OWNED_MEMORY uint8_t *lines = NULL;
	OWNED_MEMORY char *sig_path = NULL;
	bool known = false;
	size_t n;
	int ret;

	if (asprintf(&sig_path, "%s.sig", path) < 0)
		return failure_set(failure, SDEISTATE_NO_MEMORY, -ENOMEM, path, NULL, NULL, NULL);
	if (access(sig_path, F_OK))
		return failure_set(failure, SDEISTATE_UNSIGNED, -ENOKEY, path, "signature",
				   "a file of that name with .sig", "none");
	ret = file_read(sig_path, MAX_SIG_FILE, &lines, &n, failure);
	for (char *rest = (char *)lines, *line; !ret && (line = strsep(&rest, "\n"));)
		if (*line)
			ret = check_line(sig_path, line, signers, text, len, &known, failure);
	if (!ret && !known)
		ret = failure_set(failure, SDEISTATE_UNKNOWN_SIGNER, -ENOKEY, sig_path, "key id",
				  "a key of --policy-trust", "others");
	return ret;
}

/* Signed bytes are verified before they are parsed, and what was verified is what is parsed. */
static int add_file(struct policy *policy, const char *path, const struct sdeistate_trust *signers,
		    struct failure *failure)
{
	OWNED_MEMORY uint8_t *text = NULL;
	struct policy_file *grown;
	json_t *json = NULL;
	size_t len;
	int ret = file_read(path, POLICY_MAX_FILE, &text, &len, failure);

	if (!ret)
		ret = signers ? check_signature(path, signers, text, len, failure)
			      : check_owner(path, failure);
	ret = ret ? ret : policy_parse(path, text, len, &json, failure);
	if (ret)
		return ret;
	grown = realloc(policy->file, (policy->n_files + 1) * sizeof(*grown));
	if (grown) {
		policy->file = grown;
		grown[policy->n_files] = (struct policy_file){ strdup(path), json };
		policy->n_files++;
	}
	if (grown && grown[policy->n_files - 1].path)
		return 0;
	if (!grown)
		json_decref(json);
	return failure_set(failure, SDEISTATE_NO_MEMORY, -ENOMEM, path, NULL, NULL, NULL);
}

static int is_policy(const struct dirent *entry)
{
	const size_t len = strlen(entry->d_name);

	return entry->d_name[0] != '.' && len > 5 && !strcmp(entry->d_name + len - 5, ".json");
}

static int add_dir(struct policy *policy, const char *path, const struct sdeistate_trust *signers,
		   struct failure *failure)
{
	struct dirent **entry;
	const int n = scandir(path, &entry, is_policy, alphasort);
	int ret = n < 0 ? failure_io(failure, path, errno) : 0;

	if (n > (int)POLICY_MAX_FILES)
		ret = failure_set(failure, SDEISTATE_OVER_LIMIT, -E2BIG, path, "files",
				  "at most 64", "more");
	for (int i = 0; i < n; i++) {
		char *file = NULL;

		if (!ret && asprintf(&file, "%s/%s", path, entry[i]->d_name) < 0)
			ret = failure_set(failure, SDEISTATE_NO_MEMORY, -ENOMEM, path, NULL, NULL,
					  NULL);
		ret = ret ? ret : add_file(policy, file, signers, failure);
		free(file);
		free(entry[i]);
	}
	if (n >= 0)
		free(entry);
	return ret;
}

static int add_path(struct policy *policy, const char *path, const struct sdeistate_trust *signers,
		    struct failure *failure)
{
	struct stat st;

	if (stat(path, &st))
		return failure_io(failure, path, errno);
	return S_ISDIR(st.st_mode) ? add_dir(policy, path, signers, failure)
				   : add_file(policy, path, signers, failure);
}

int policy_load(const char *path, const struct sdeistate_trust *signers, struct policy **policy,
		struct failure *failure)
{
	OWNED_DIRS struct settings_dirs dirs = { .n = 0 };
	OWNED_POLICY struct policy *made = calloc(1, sizeof(*made));
	int ret;

	if (!made)
		return failure_set(failure, SDEISTATE_NO_MEMORY, -ENOMEM, NULL, NULL, NULL, NULL);
	ret = path ? add_path(made, path, signers, failure)
		   : settings_find("policy.d", &dirs, failure);
	for (size_t i = 0; !ret && i < dirs.n; i++)
		ret = add_path(made, dirs.path[i], signers, failure);
	if (ret)
		return ret;
	*policy = NULL;
	if (made->n_files) {
		*policy = made;
		made = NULL;
	}
	return 0;
}
