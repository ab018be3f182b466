// SPDX-License-Identifier: Apache-2.0
#include "descriptors.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

bool descriptors_allow(size_t n)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return false;
	if (limit.rlim_cur >= n)
		return true;
	limit.rlim_cur = limit.rlim_max < n ? limit.rlim_max : n;
	return setrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur >= n;
}

bool descriptors_are_open(const char *uri)
{
	char *end;

	if (strncmp(uri, "fd:", 3) != 0)
		return true;
	end = (char *)(uintptr_t)uri + 3;
	do {
		if (fcntl((int)strtol(end, &end, 10), F_GETFD) < 0)
			return false;
	} while (*end++ == ',');
	return true;
}

bool descriptors_take_stdout(const char *uri)
{
	const char *comma = strchr(uri, ',');

	if (strncmp(uri, "fd:", 3) != 0)
		return false;
	return comma ? strcmp(comma, ",1") == 0
		     : strcmp(uri, "fd:0") == 0 || strcmp(uri, "fd:1") == 0;
}
