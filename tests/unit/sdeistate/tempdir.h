/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tempdir.h - a directory for one test's files
 */
#ifndef TESTS_UNIT_SDEISTATE_TEMPDIR_H
#define TESTS_UNIT_SDEISTATE_TEMPDIR_H

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct tempdir {
	char path[64];
};

static inline int tempdir_make(struct tempdir *dir)
{
	snprintf(dir->path, sizeof(dir->path), "/tmp/sdei-test.XXXXXX");
	return mkdtemp(dir->path) ? 0 : -1;
}

/* The path of @name inside; valid until the next call. */
static inline const char *tempdir_at(const struct tempdir *dir, const char *name)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", dir->path, name);
	return path;
}

static inline int tempdir_write(const struct tempdir *dir, const char *name, const char *text,
				mode_t mode)
{
	FILE *file = fopen(tempdir_at(dir, name), "w");
	int ret;

	if (!file)
		return -1;
	ret = fputs(text, file) < 0 || fchmod(fileno(file), mode);
	return fclose(file) || ret ? -1 : 0;
}

static inline unsigned int tempdir_count(const struct tempdir *dir)
{
	DIR *open_dir = opendir(dir->path);
	unsigned int count = 0;
	struct dirent *entry;

	while (open_dir && (entry = readdir(open_dir)))
		count += entry->d_name[0] != '.';
	if (open_dir)
		closedir(open_dir);
	return count;
}

/* Removes the directory and the files in it; there are no directories below. */
static inline void tempdir_remove(struct tempdir *dir)
{
	DIR *open_dir = opendir(dir->path);
	struct dirent *entry;

	while (open_dir && (entry = readdir(open_dir)))
		unlink(tempdir_at(dir, entry->d_name));
	if (open_dir)
		closedir(open_dir);
	rmdir(dir->path);
}

#endif
