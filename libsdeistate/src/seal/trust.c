// SPDX-License-Identifier: Apache-2.0
#include "trust.h"
#include "error_set.h"
#include "file.h"
#include "key.h"
#include "util.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const key_endings[] = { ".pub", ".crt", ".pem", NULL };
static const char *const rotation_endings[] = { ".rotation", NULL };

static bool has_ending(const char *name, const char *const *endings)
{
	size_t len = strlen(name);

	for (; *endings; endings++)
		if (len > strlen(*endings) && !strcmp(name + len - strlen(*endings), *endings))
			return name[0] != '.';
	return false;
}

bool sdeistate_trust_names_key(const char *name)
{
	return has_ending(name, key_endings);
}

/* The place of @id, or where it belongs. */
static size_t place(const struct sdeistate_trust *trust, const uint8_t *id)
{
	size_t low = 0, high = trust->n_pubs;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (memcmp(trust->pub[middle]->id, id, SDEISTATE_KEY_ID_SIZE) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct sdeistate_trust *sdeistate_trust_new(void)
{
	return calloc(1, sizeof(struct sdeistate_trust));
}

struct sdeistate_trust *sdeistate_trust_free(struct sdeistate_trust *trust)
{
	if (!trust)
		return NULL;
	for (size_t i = 0; i < trust->n_pubs; i++)
		sdeistate_pub_free(trust->pub[i]);
	free(trust->pub);
	free(trust->limit);
	free(trust);
	return NULL;
}

const struct sdeistate_pub *sdeistate_trust_find(const struct sdeistate_trust *trust,
						 const uint8_t id[SDEISTATE_KEY_ID_SIZE])
{
	size_t at = place(trust, id);

	if (at < trust->n_pubs && !memcmp(trust->pub[at]->id, id, SDEISTATE_KEY_ID_SIZE))
		return trust->pub[at];
	return NULL;
}

size_t sdeistate_trust_count(const struct sdeistate_trust *trust)
{
	return trust->n_pubs;
}

const struct sdeistate_pub *sdeistate_trust_get(const struct sdeistate_trust *trust, size_t i)
{
	return i < trust->n_pubs ? trust->pub[i] : NULL;
}

int sdeistate_trust_add(struct sdeistate_trust *trust, struct sdeistate_pub *pub,
			struct sdeistate_error *err)
{
	struct sdeistate_pub **grown;
	size_t at;

	if (sdeistate_trust_find(trust, pub->id))
		return 0;
	if (trust->n_pubs == SDEISTATE_MAX_TRUST)
		return error_set(err, SDEISTATE_OVER_LIMIT, -E2BIG, "trust set", "keys",
				 "at most %u|more", SDEISTATE_MAX_TRUST);
	grown = realloc(trust->pub, (trust->n_pubs + 1) * sizeof(*grown));
	if (!grown)
		return error_no_memory(err, "trust set");
	trust->pub = grown;
	at = place(trust, pub->id);
	memmove(&grown[at + 1], &grown[at], (trust->n_pubs - at) * sizeof(*grown));
	grown[at] = key_pub_share(pub);
	trust->n_pubs++;
	return 0;
}

static int add_file(struct sdeistate_trust *trust, const char *path, struct sdeistate_error *err)
{
	struct sdeistate_pub *pub;
	int ret = sdeistate_pub_load(path, &pub, err);

	if (ret)
		return ret;
	ret = sdeistate_trust_add(trust, pub, err);
	sdeistate_pub_free(pub);
	return ret;
}

static void free_names(char **names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(names[i]);
	free(names);
}

/* The names of a folder with one of @endings, sorted, so that two loads go the same way. */
static int list_names(const char *path, const char *const *endings, char ***names, size_t *n,
		      struct sdeistate_error *err)
{
	struct dirent **entry;
	char **list;
	int found = scandir(path, &entry, NULL, alphasort);
	bool complete = true;
	size_t kept = 0;

	if (found < 0)
		return error_set(err, SDEISTATE_IO, -errno, path, "", "to be readable|%s",
				 strerror(errno));
	list = calloc((size_t)found + 1, sizeof(*list));
	for (int i = 0; i < found; i++) {
		if (list && has_ending(entry[i]->d_name, endings)) {
			complete &= asprintf(&list[kept], "%s/%s", path, entry[i]->d_name) >= 0;
			kept += complete;
		}
		free(entry[i]);
	}
	free(entry);
	if (!list || !complete) {
		free_names(list, kept);
		return error_no_memory(err, path);
	}
	*names = list;
	*n = kept;
	return 0;
}

static int add_list(struct sdeistate_trust *trust, const char *path, struct sdeistate_error *err)
{
	CLEANUP(sdeistate_buffer_free) struct sdeistate_buffer text = { NULL, 0 };
	char file[PATH_MAX];
	int ret;

	if (snprintf(file, sizeof(file), "%s/%s", path, SDEISTATE_TRUST_LIST) >= (int)sizeof(file))
		return error_set(err, SDEISTATE_IO, -ENAMETOOLONG, path, SDEISTATE_TRUST_LIST,
				 "a shorter path|%s", strerror(ENAMETOOLONG));
	if (access(file, F_OK) && errno == ENOENT)
		return 0;
	ret = file_read(file, SDEISTATE_MAX_TRUST_LIST, &text, err);
	return ret ? ret
		   : sdeistate_trust_list_parse(trust, (const char *)text.data, text.len, file,
						err);
}

static int add_rotation(struct sdeistate_trust *trust, const char *path,
			struct sdeistate_error *err)
{
	CLEANUP(sdeistate_buffer_free) struct sdeistate_buffer text = { NULL, 0 };
	const int ret = file_read(path, SDEISTATE_MAX_ROTATION, &text, err);

	return ret ? ret
		   : sdeistate_rotation_apply(trust, (const char *)text.data, text.len, path, err);
}

/* A successor may itself have a successor: go round until a round adds nothing. */
static int add_rotations(struct sdeistate_trust *trust, char **name, size_t n,
			 struct sdeistate_error *err)
{
	int ret = 0;

	for (size_t left = n, before = n + 1; left && left < before;) {
		before = left;
		for (size_t i = 0; i < n; i++) {
			if (!name[i])
				continue;
			ret = add_rotation(trust, name[i], err);
			if (ret == -ENOKEY)
				continue;
			if (ret)
				return ret;
			free(name[i]);
			name[i] = NULL;
			left--;
		}
		ret = left ? -ENOKEY : 0;
	}
	return ret;
}

static int add_keys(struct sdeistate_trust *trust, const char *path, struct sdeistate_error *err)
{
	char **name;
	size_t n;
	int ret = list_names(path, key_endings, &name, &n, err);

	if (ret)
		return ret;
	for (size_t i = 0; i < n && !ret; i++)
		ret = add_file(trust, name[i], err);
	if (!ret && !n)
		ret = error_set(err, SDEISTATE_NOTHING_TO_VERIFY, -ENOENT, path, "",
				"a *.pub, *.crt or *.pem file|none");
	free_names(name, n);
	return ret;
}

static int add_directory(struct sdeistate_trust *trust, const char *path,
			 struct sdeistate_error *err)
{
	char **rotation;
	size_t n;
	int ret = add_keys(trust, path, err);

	ret = ret ? ret : add_list(trust, path, err);
	ret = ret ? ret : list_names(path, rotation_endings, &rotation, &n, err);
	if (ret)
		return ret;
	ret = add_rotations(trust, rotation, n, err);
	free_names(rotation, n);
	return ret;
}

int sdeistate_trust_load_into(struct sdeistate_trust *trust, const char *path,
			      struct sdeistate_error *err)
{
	struct stat st;

	if (stat(path, &st))
		return error_set(err, errno == ENOENT ? SDEISTATE_NO_KEY : SDEISTATE_IO, -errno,
				 path, "", "to be readable|%s", strerror(errno));
	return S_ISDIR(st.st_mode) ? add_directory(trust, path, err) : add_file(trust, path, err);
}

int sdeistate_trust_load(const char *path, struct sdeistate_trust **trust,
			 struct sdeistate_error *err)
{
	struct sdeistate_trust *made = sdeistate_trust_new();
	int ret;

	if (!made)
		return error_no_memory(err, path);
	ret = sdeistate_trust_load_into(made, path, err);
	if (ret)
		sdeistate_trust_free(made);
	else
		*trust = made;
	return ret;
}
