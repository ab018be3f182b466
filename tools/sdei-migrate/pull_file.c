// SPDX-License-Identifier: Apache-2.0
#include "pull_file.h"

#include "common/file.h"
#include "web.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#define FIRST_LINE "sdei-migrate pull 1\n"
#define MAX_INFO   (TRANSPORT_HTTP_MAX_URL + TRANSPORT_HTTP_MAX_ETAG + 64u)

static int name_parts(struct pull_file *file, struct failure *failure)
{
	if (asprintf(&file->part, "%s.part", file->path) < 0)
		file->part = NULL;
	if (asprintf(&file->info, "%s.part.info", file->path) < 0)
		file->info = NULL;
	return file->part && file->info ? 0 : failure_io(failure, file->path, ENOMEM);
}

/* A pull that ended between our open() and our lock has taken the file away: it is that one's result now. */
static bool is_in_place(const struct pull_file *file, const struct stat *held)
{
	struct stat named;

	return lstat(file->part, &named) == 0 && held->st_dev == named.st_dev &&
	       held->st_ino == named.st_ino;
}

/* Somebody else's file under that name, or a link to one, is not written to. */
static int open_part(struct pull_file *file, struct failure *failure)
{
	OWNED_FD int fd = open(file->part, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	struct stat status;

	if (fd < 0)
		return failure_io(failure, file->part, errno);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0 || fstat(fd, &status) < 0 ||
	    !is_in_place(file, &status))
		return failure_set(failure, SDEISTATE_BUSY, -EBUSY, file->part, "lock",
				   "one pull to this file at a time", "another is on");
	if (!S_ISREG(status.st_mode) || status.st_nlink != 1 || status.st_uid != geteuid())
		return failure_set(failure, SDEISTATE_IO, -EPERM, file->part, "file",
				   "a regular file of this user", "another");
	file->have = (uint64_t)status.st_size;
	file->fd = fd;
	fd = -1;
	return 0;
}

/* Without a note that fits, what is in the part file is worth nothing. */
static void read_info(struct pull_file *file)
{
	OWNED_MEMORY uint8_t *data = NULL;
	char url[TRANSPORT_HTTP_MAX_URL], expected[MAX_INFO];
	struct failure ignored;
	size_t len, used;
	const char *text;

	transport_http_name(file->url, url, sizeof(url));
	snprintf(expected, sizeof(expected), FIRST_LINE "url %s\netag ", url);
	used = strlen(expected);
	if (access(file->info, R_OK) == 0 &&
	    file_read(file->info, MAX_INFO, &data, &len, &ignored) == 0) {
		text = (const char *)data;
		if (strncmp(text, expected, used) == 0 && len - used - 1 < sizeof(file->etag) &&
		    text[len - 1] == '\n')
			snprintf(file->etag, sizeof(file->etag), "%.*s", (int)(len - used - 1),
				 text + used);
	}
	if (!file->etag[0])
		file->have = 0;
}

int pull_file_open(const char *path, const char *url, bool overwrite, struct pull_file *file,
		   struct failure *failure)
{
	struct stat status;
	int ret;

	*file = (struct pull_file){ .path = path, .url = url, .fd = -1 };
	if (strcmp(path, "-") == 0)
		return web_spool(&file->fd, failure);
	if (lstat(path, &status) == 0) {
		if (!S_ISREG(status.st_mode) && !S_ISLNK(status.st_mode))
			return web_spool(&file->fd, failure);
		if (!overwrite) {
			failure_io(failure, path, EEXIST);
			failure->advice =
				"Choose another name, or allow to replace it with --overwrite.";
			return -EEXIST;
		}
	}
	ret = name_parts(file, failure);
	if (ret == 0)
		ret = open_part(file, failure);
	if (ret == 0)
		read_info(file);
	return ret;
}

int pull_file_begin(void *opaque, const char *etag, struct transport_error *err)
{
	struct pull_file *file = opaque;
	char text[MAX_INFO], url[TRANSPORT_HTTP_MAX_URL];
	struct failure failure;
	int ret;

	file->etag[0] = '\0';
	if (!file->part)
		return 0;
	if (!*etag || strchr(etag, '\n')) {
		unlink(file->info);
		return 0;
	}
	transport_http_name(file->url, url, sizeof(url));
	snprintf(text, sizeof(text), FIRST_LINE "url %s\netag %s\n", url, etag);
	ret = file_write(file->info, text, strlen(text), 0600, &failure);
	if (ret)
		return transport_error_fill(err, ret, "io", file->info, "write", "|%s",
					    failure.actual);
	snprintf(file->etag, sizeof(file->etag), "%s", etag);
	return 0;
}

void pull_file_readable(const struct pull_file *file, char *name, size_t size)
{
	snprintf(name, size, "/proc/self/fd/%d", file->fd);
}

static int sync_folder(const char *path)
{
	OWNED_MEMORY char *copy = strdup(path);
	OWNED_FD int fd = copy ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

/* link() never replaces; a file system without links has to do with renameat2(). */
static int give_name(const struct pull_file *file, bool overwrite)
{
	if (overwrite)
		return rename(file->part, file->path) < 0 ? -errno : 0;
	if (link(file->part, file->path) == 0)
		return unlink(file->part) < 0 ? -errno : 0;
	if (errno == EEXIST)
		return -EEXIST;
	return renameat2(AT_FDCWD, file->part, AT_FDCWD, file->path, RENAME_NOREPLACE) < 0 ? -errno
											   : 0;
}

static int hand_out(const struct pull_file *file, struct failure *failure)
{
	const bool standard = strcmp(file->path, "-") == 0;
	OWNED_FD int fd = standard ? dup(STDOUT_FILENO) : open(file->path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || lseek(file->fd, 0, SEEK_SET) < 0)
		return failure_io(failure, file->path, errno);
	return web_copy(file->fd, fd, UINT64_MAX, file->path, failure);
}

int pull_file_finish(struct pull_file *file, bool overwrite, struct failure *failure)
{
	int ret;

	if (!file->part)
		return hand_out(file, failure);
	if (fsync(file->fd) < 0)
		return failure_io(failure, file->part, errno);
	ret = give_name(file, overwrite);
	if (ret)
		return failure_io(failure, file->path, -ret);
	unlink(file->info);
	free(file->part);
	file->part = NULL;
	ret = sync_folder(file->path);
	return ret ? failure_io(failure, file->path, -ret) : 0;
}

void pull_file_drop(struct pull_file *file)
{
	if (!file->part)
		return;
	unlink(file->part);
	unlink(file->info);
	free(file->part);
	file->part = NULL;
}

bool pull_file_keeps(const struct pull_file *file)
{
	struct stat status;

	return file->part && file->etag[0] && fstat(file->fd, &status) == 0 && status.st_size > 0;
}

void pull_file_close(struct pull_file *file)
{
	if (file->fd >= 0 && file->part && !pull_file_keeps(file))
		pull_file_drop(file);
	if (file->fd >= 0)
		close(file->fd);
	free(file->part);
	free(file->info);
	*file = (struct pull_file){ .fd = -1 };
}
