// SPDX-License-Identifier: Apache-2.0
#include "trust_dir.h"

#include "common/file.h"
#include "settings.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

void trust_dir_close(struct trust_dir *dir)
{
	if (dir->path && dir->lock >= 0)
		close(dir->lock);
	sdeistate_trust_free(dir->limits);
	free(dir->path);
	*dir = (struct trust_dir){ .lock = -1 };
}

static int join(const struct trust_dir *dir, const char *name, char **path, struct failure *failure)
{
	if (asprintf(path, "%s/%s", dir->path, name) >= 0)
		return 0;
	*path = NULL;
	return failure_set(failure, SDEISTATE_NO_MEMORY, -ENOMEM, name, NULL, NULL, NULL);
}

static int read_list(struct trust_dir *dir, struct failure *failure)
{
	OWNED_MEMORY char *path = NULL;
	OWNED_MEMORY uint8_t *text = NULL;
	struct sdeistate_error error;
	size_t len;
	int ret = join(dir, SDEISTATE_TRUST_LIST, &path, failure);

	if (ret || access(path, F_OK))
		return ret;
	ret = file_read(path, SDEISTATE_MAX_TRUST_LIST, &text, &len, failure);
	if (ret)
		return ret;
	return sdeistate_trust_list_parse(dir->limits, (const char *)text, len, path, &error)
		       ? failure_from(failure, &error)
		       : 0;
}

int trust_dir_open(const char *given, struct trust_dir *dir, struct failure *failure)
{
	int ret;

	*dir = (struct trust_dir){ .lock = -1, .limits = sdeistate_trust_new() };
	if (!dir->limits)
		return failure_set(failure, SDEISTATE_NO_MEMORY, -ENOMEM, NULL, NULL, NULL, NULL);
	ret = settings_own(given, "trust.d", true, &dir->path, failure);
	if (ret)
		return ret;
	dir->lock = open(dir->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir->lock < 0 || flock(dir->lock, LOCK_EX))
		return failure_io(failure, dir->path, errno);
	return read_list(dir, failure);
}

int trust_dir_limit(struct trust_dir *dir, const uint8_t id[SDEISTATE_KEY_ID_SIZE],
		    const struct sdeistate_validity *validity, struct failure *failure)
{
	CLEANUP(sdeistate_buffer_free) struct sdeistate_buffer text = { 0 };
	OWNED_MEMORY char *path = NULL;
	struct sdeistate_error error;
	int ret = join(dir, SDEISTATE_TRUST_LIST, &path, failure);

	if (ret)
		return ret;
	if (sdeistate_trust_set_validity(dir->limits, id, validity, &error) ||
	    sdeistate_trust_list_print(dir->limits, &text, &error) ||
	    sdeistate_write_file(path, text.data, text.len, 0644, true, &error))
		return failure_from(failure, &error);
	return 0;
}

int trust_dir_write(const struct trust_dir *dir, const char *name, const void *bytes, size_t len,
		    struct failure *failure)
{
	OWNED_MEMORY char *path = NULL;
	struct sdeistate_error error;
	int ret = join(dir, name, &path, failure);

	if (ret)
		return ret;
	return sdeistate_write_file(path, bytes, len, 0644, false, &error)
		       ? failure_from(failure, &error)
		       : 0;
}

static bool is_key_of(const char *path, const uint8_t *id)
{
	struct sdeistate_pub *pub;
	bool is;

	if (sdeistate_pub_load(path, &pub, NULL))
		return false;
	is = memcmp(sdeistate_pub_id(pub), id, SDEISTATE_KEY_ID_SIZE) == 0;
	sdeistate_pub_free(pub);
	return is;
}

int trust_dir_drop(const struct trust_dir *dir, const uint8_t id[SDEISTATE_KEY_ID_SIZE],
		   unsigned int *n, struct failure *failure)
{
	DIR *list = opendir(dir->path);
	struct dirent *entry;
	int ret = 0;

	*n = 0;
	if (!list)
		return failure_io(failure, dir->path, errno);
	while (!ret && (entry = readdir(list))) {
		OWNED_MEMORY char *path = NULL;

		if (!sdeistate_trust_names_key(entry->d_name))
			continue;
		ret = join(dir, entry->d_name, &path, failure);
		if (ret || !is_key_of(path, id))
			continue;
		ret = unlink(path) ? failure_io(failure, path, errno) : 0;
		*n += !ret;
	}
	closedir(list);
	if (!ret && *n && fsync(dir->lock))
		ret = failure_io(failure, dir->path, errno);
	return ret;
}

int trust_dir_load(const struct trust_dir *dir, struct sdeistate_trust **trust,
		   struct failure *failure)
{
	struct sdeistate_error error;

	return sdeistate_trust_load(dir->path, trust, &error) ? failure_from(failure, &error) : 0;
}
