// SPDX-License-Identifier: Apache-2.0
#include "credentials.h"

#include "common/file.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_FILE (64u << 10)

static const struct {
	const char *name; /* in the file */
	const char *env;  /* NULL: only there */
	size_t offset;
} rows[] = {
	{ "aws_access_key_id", "AWS_ACCESS_KEY_ID", offsetof(struct credentials, access_key) },
	{ "aws_secret_access_key", "AWS_SECRET_ACCESS_KEY",
	  offsetof(struct credentials, secret_key) },
	{ "aws_session_token", "AWS_SESSION_TOKEN", offsetof(struct credentials, session_token) },
	{ "username", NULL, offsetof(struct credentials, user) },
	{ "password", NULL, offsetof(struct credentials, password) },
	{ "token", NULL, offsetof(struct credentials, token) },
};

static const char **value_at(struct credentials *credentials, size_t row)
{
	return (const char **)((char *)credentials + rows[row].offset);
}

static const char *from_env(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

static int wrong(struct failure *failure, const char *path, unsigned int line, const char *expected)
{
	char field[32];

	snprintf(field, sizeof(field), "line %u", line);
	/* What stands there may be half a secret: it is not shown. */
	return failure_set(failure, SDEISTATE_USAGE, -EINVAL, path, field, expected, NULL);
}

static char *trim(char *text)
{
	size_t len;

	text += strspn(text, " \t\r");
	len = strlen(text);
	while (len && strchr(" \t\r", text[len - 1]))
		text[--len] = '\0';
	return text;
}

/* Names that are none of ours belong to other tools. */
static void take(struct credentials *credentials, const char *name, const char *value)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (strcmp(name, rows[i].name) == 0 && *value)
			*value_at(credentials, i) = value;
}

static bool is_section(char *line, const char *profile, bool *ours)
{
	const size_t len = strlen(line);

	if (line[0] != '[' || line[len - 1] != ']')
		return false;
	line[len - 1] = '\0';
	*ours = strcmp(line + 1, profile) == 0;
	return true;
}

static int parse(struct credentials *credentials, const char *path, struct failure *failure)
{
	const char *named = from_env("AWS_PROFILE"), *profile = named ? named : "default";
	bool ours = !named;
	unsigned int number = 0;
	char *rest = credentials->text, *line;

	while ((line = strsep(&rest, "\n"))) {
		char *equals;

		number++;
		line = trim(line);
		if (!*line || *line == '#' || *line == ';' || is_section(line, profile, &ours))
			continue;
		equals = strchr(line, '=');
		if (!equals)
			return wrong(failure, path, number, "name = value, or [profile]");
		*equals = '\0';
		if (ours)
			take(credentials, trim(line), trim(equals + 1));
	}
	return 0;
}

static int check_permissions(const char *path, struct failure *failure)
{
	struct stat status;

	if (stat(path, &status) < 0)
		return failure_io(failure, path, errno);
	if (!(status.st_mode & 077))
		return 0;
	failure_set(failure, SDEISTATE_KEY_PERMISSIONS, -EACCES, path, "mode", "at most 0600",
		    "others can read it");
	failure->advice = "Make new credentials if anyone may have read them; chmod 600 the file.";
	return -EACCES;
}

int credentials_load(const char *path, struct credentials *credentials, struct failure *failure)
{
	int ret;

	*credentials = (struct credentials){ .text = NULL };
	for (size_t i = 0; !path && i < ARRAY_SIZE(rows); i++)
		if (rows[i].env)
			*value_at(credentials, i) = from_env(rows[i].env);
	if (!path && !credentials->access_key)
		path = from_env("AWS_SHARED_CREDENTIALS_FILE");
	if (!path)
		return 0;
	*credentials = (struct credentials){ .text = NULL };
	ret = check_permissions(path, failure);
	if (ret == 0)
		ret = file_read(path, MAX_FILE, (uint8_t **)&credentials->text, &credentials->len,
				failure);
	return ret ? ret : parse(credentials, path, failure);
}

void credentials_release(struct credentials *credentials)
{
	if (credentials->text)
		explicit_bzero(credentials->text, credentials->len);
	free(credentials->text);
	*credentials = (struct credentials){ .text = NULL };
}
