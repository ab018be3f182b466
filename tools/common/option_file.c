// SPDX-License-Identifier: Apache-2.0
#include "cleanup.h"
#include "failure.h"
#include "file.h"
#include "option.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#define MAX_CONFIG (64u << 10)

static char *trim(char *text)
{
	char *end = text + strlen(text);

	while (end > text && isspace((unsigned char)end[-1]))
		*--end = '\0';
	while (isspace((unsigned char)*text))
		text++;
	return text;
}

/* Appends NAME\0VALUE\0 to @file, whose text is as long as the whole configuration. */
static bool keep_line(struct option_file *file, char *line)
{
	char *value, *name = trim(line);

	if (!*name || *name == '#')
		return true;
	value = strchr(name, '=');
	if (!value)
		return false;
	*value++ = '\0';
	name = trim(name);
	value = trim(value);
	memmove(file->text + file->len, name, strlen(name) + 1);
	file->len += strlen(name) + 1;
	memmove(file->text + file->len, value, strlen(value) + 1);
	file->len += strlen(value) + 1;
	return true;
}

int option_file_read(const char *path, struct option_file *file, struct failure *failure)
{
	OWNED_MEMORY uint8_t *data = NULL;
	size_t len;
	int ret;

	*file = (struct option_file){ .path = path };
	if (access(path, F_OK) < 0)
		return 0;
	ret = file_read(path, MAX_CONFIG, &data, &len, failure);
	if (ret)
		return ret;
	file->text = calloc(len + 2, 1);
	if (!file->text)
		return -ENOMEM;
	for (char *rest = (char *)data, *line; (line = strsep(&rest, "\n"));)
		if (!keep_line(file, line))
			return failure_set(failure, SDEISTATE_USAGE, -EINVAL, path, NULL,
					   "lines \"name = value\"", line);
	return 0;
}
