// SPDX-License-Identifier: Apache-2.0
#include "tool.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* XDG Base Directory Specification: $XDG_STATE_HOME, else ~/.local/state. */
static char *default_path(void)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	char *path = NULL;
	int len;

	if (geteuid() == 0)
		return strdup("/var/lib/sdei-migrate");
	if (state && *state == '/')
		len = asprintf(&path, "%s/sdei-migrate", state);
	else
		len = asprintf(&path, "%s/.local/state/sdei-migrate",
			       home && *home ? home : "/tmp");
	return len < 0 ? NULL : path;
}

static int make_directories(char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(path, 0700) < 0 && errno != EEXIST) {
			*slash = '/';
			return -errno;
		}
		*slash = '/';
	}
	return mkdir(path, 0700) < 0 && errno != EEXIST ? -errno : 0;
}

int tool_state_path(const char *given, char **path, struct failure *failure)
{
	char *made = given ? strdup(given) : default_path();

	if (made && *made) {
		*path = made;
		return 0;
	}
	free(made);
	if (given && !*given)
		return failure_set(failure, SDEISTATE_USAGE, -EINVAL, "command line", "--state",
				   "a folder", "an empty name");
	return failure_set(failure, SDEISTATE_NO_MEMORY, -ENOMEM, "state directory", NULL, NULL,
			   NULL);
}

int tool_state_dir(const char *given, char **path, struct failure *failure)
{
	OWNED_MEMORY char *made = NULL;
	int ret = tool_state_path(given, &made, failure);

	if (ret)
		return ret;
	ret = make_directories(made);
	if (ret)
		return failure_io(failure, made, -ret);
	*path = made;
	made = NULL;
	return 0;
}
