// SPDX-License-Identifier: Apache-2.0
#include "error_set.h"
#include "key.h"
#include "util.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct sdeistate_trust {
	struct sdeistate_pub **pub; /* sorted by id */
	size_t n_pubs;
};

static const char *const endings[] = { ".pub", ".crt", ".pem" };

static bool is_key_file(const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < ARRAY_SIZE(endings); i++)
		if (len > strlen(endings[i]) &&
		    !strcmp(name + len - strlen(endings[i]), endings[i]))
			return name[0] != '.';
	return false;
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

static int add_directory(struct sdeistate_trust *trust, const char *path,
			 struct sdeistate_error *err)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	int ret = 0;

	if (!dir)
		return error_set(err, SDEISTATE_IO, -errno, path, "", "to be readable|%s",
				 strerror(errno));
	while (!ret && (errno = 0, entry = readdir(dir))) {
		char file[PATH_MAX];

		if (!is_key_file(entry->d_name))
			continue;
		if (snprintf(file, sizeof(file), "%s/%s", path, entry->d_name) >= (int)sizeof(file))
			ret = error_set(err, SDEISTATE_IO, -ENAMETOOLONG, path, entry->d_name,
					"a shorter path|%s", strerror(ENAMETOOLONG));
		else
			ret = add_file(trust, file, err);
	}
	if (!ret && errno)
		ret = error_set(err, SDEISTATE_IO, -errno, path, "", "to be readable|%s",
				strerror(errno));
	closedir(dir);
	if (!ret && !trust->n_pubs)
		ret = error_set(err, SDEISTATE_NOTHING_TO_VERIFY, -ENOENT, path, "",
				"a *.pub, *.crt or *.pem file|none");
	return ret;
}

int sdeistate_trust_load(const char *path, struct sdeistate_trust **trust,
			 struct sdeistate_error *err)
{
	struct sdeistate_trust *made;
	struct stat st;
	int ret;

	if (stat(path, &st))
		return error_set(err, errno == ENOENT ? SDEISTATE_NO_KEY : SDEISTATE_IO, -errno,
				 path, "", "to be readable|%s", strerror(errno));
	made = sdeistate_trust_new();
	if (!made)
		return error_no_memory(err, path);
	ret = S_ISDIR(st.st_mode) ? add_directory(made, path, err) : add_file(made, path, err);
	if (ret)
		sdeistate_trust_free(made);
	else
		*trust = made;
	return ret;
}
