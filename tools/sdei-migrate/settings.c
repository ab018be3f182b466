// SPDX-License-Identifier: Apache-2.0
#include "settings.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int no_memory(struct failure *failure)
{
	return failure_set(failure, SDEISTATE_NO_MEMORY, -ENOMEM, NULL, NULL, NULL, NULL);
}

static char *system_path(const char *name)
{
	char *path = NULL;

	return asprintf(&path, "/etc/sdei-migrate/%s", name) < 0 ? NULL : path;
}

static char *user_path(const char *name)
{
	const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	char *path = NULL;
	int len;

	if (config && *config == '/')
		len = asprintf(&path, "%s/sdei-migrate/%s", config, name);
	else
		len = asprintf(&path, "%s/.config/sdei-migrate/%s", home ? home : "", name);
	return len < 0 ? NULL : path;
}

void settings_release(struct settings_dirs *dirs)
{
	for (size_t i = 0; i < SETTINGS_N; i++)
		free(dirs->path[i]);
	*dirs = (struct settings_dirs){ .n = 0 };
}

int settings_find(const char *name, struct settings_dirs *dirs, struct failure *failure)
{
	char *const candidate[SETTINGS_N] = { user_path(name), system_path(name) };
	int ret = 0;

	*dirs = (struct settings_dirs){ .n = 0 };
	for (size_t i = 0; i < SETTINGS_N; i++) {
		struct stat st;

		if (!candidate[i]) {
			ret = no_memory(failure);
		} else if (stat(candidate[i], &st) == 0 && S_ISDIR(st.st_mode)) {
			dirs->path[dirs->n++] = candidate[i];
			continue;
		}
		free(candidate[i]);
	}
	if (ret)
		settings_release(dirs);
	return ret;
}

/* Like mkdir -p; others may read it, nobody else may write. */
static int make_dirs(char *path, struct failure *failure)
{
	for (char *slash = path + 1; (slash = strchr(slash, '/')); slash++) {
		int ret;

		*slash = '\0';
		ret = mkdir(path, 0755);
		*slash = '/';
		if (ret && errno != EEXIST)
			return failure_io(failure, path, errno);
	}
	return mkdir(path, 0755) && errno != EEXIST ? failure_io(failure, path, errno) : 0;
}

int settings_own(const char *given, const char *name, bool make, char **path,
		 struct failure *failure)
{
	OWNED_MEMORY char *made = given       ? strdup(given)
				  : geteuid() ? user_path(name)
					      : system_path(name);
	int ret;

	if (!made)
		return no_memory(failure);
	ret = make ? make_dirs(made, failure) : 0;
	if (ret)
		return ret;
	*path = made;
	made = NULL;
	return 0;
}
