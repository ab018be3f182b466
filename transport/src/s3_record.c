// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "s3_record.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define FIRST_LINE "sdei-migrate upload 1\n"
#define MAX_NOTE   (4u << 20) /* TRANSPORT_HTTP_MAX_PARTS lines and what stands before them */

uint64_t s3_parts(uint64_t size, uint64_t part_size)
{
	return size ? (size - 1) / part_size + 1 : 1;
}

static int failed(const struct s3_record *record, int error, const char *what,
		  struct transport_error *err)
{
	return transport_error_fill(err, -error, "io", record->path, what, "|%s", strerror(error));
}

static int no_memory(struct transport_error *err)
{
	return transport_error_fill(err, -ENOMEM, "no-memory", "upload", "", "|");
}

/* One name for each URL that no URL can choose. */
static char *path_of(const char *folder, const char *url)
{
	char hex[HTTP_HEX_SHA256], *path;

	if (http_digest_text(url, hex))
		return NULL;
	return asprintf(&path, "%s/%s.upload", folder, hex) < 0 ? NULL : path;
}

static int make_parts(struct s3_record *record, struct transport_error *err)
{
	const uint64_t n = s3_parts(record->size, record->part_size);

	free(record->part);
	record->part = calloc((size_t)n, sizeof(*record->part));
	if (!record->part)
		return no_memory(err);
	record->n_parts = (unsigned int)n;
	return 0;
}

/* --- reading ------------------------------------------------------------------------------------------ */

static char *read_note(int fd)
{
	struct stat status;
	char *text;
	ssize_t got;

	if (fstat(fd, &status) < 0 || status.st_size <= 0 || status.st_size > MAX_NOTE)
		return NULL;
	text = malloc((size_t)status.st_size + 1);
	if (!text)
		return NULL;
	got = pread(fd, text, (size_t)status.st_size, 0);
	text[got > 0 ? got : 0] = '\0';
	return text;
}

/* The word behind @name and one space, up to a space or the end of the line. */
static bool take_word(const char **at, const char *before, char *out, size_t size)
{
	const size_t skip = strlen(before);
	size_t len;

	if (strncmp(*at, before, skip) != 0)
		return false;
	len = strcspn(*at + skip, " \n");
	if (!len || len >= size || !(*at)[skip + len])
		return false;
	memcpy(out, *at + skip, len);
	out[len] = '\0';
	*at += skip + len;
	return true;
}

static bool take_number(const char **at, const char *before, uint64_t *value)
{
	char word[24], *end;

	if (!take_word(at, before, word, sizeof(word)) || word[0] < '0' || word[0] > '9')
		return false;
	errno = 0;
	*value = strtoull(word, &end, 10);
	return !errno && !*end && *value <= INT64_MAX;
}

static bool read_head(struct s3_record *record, const char **at)
{
	uint64_t seconds, nanoseconds;

	if (!take_word(at, "upload ", record->upload, sizeof(record->upload)) ||
	    !take_number(at, "\nfile ", &record->size) || !take_number(at, " ", &seconds) ||
	    !take_number(at, " ", &nanoseconds) ||
	    !take_number(at, "\npart-size ", &record->part_size))
		return false;
	record->seconds = (int64_t)seconds;
	record->nanoseconds = (int64_t)nanoseconds;
	return record->part_size >= 1 &&
	       s3_parts(record->size, record->part_size) <= TRANSPORT_HTTP_MAX_PARTS;
}

/* A line that was cut by a crash is the last one, and says nothing. */
static void read_parts(struct s3_record *record, const char *at)
{
	struct s3_part part;
	uint64_t number;

	while (take_number(&at, "\npart ", &number) &&
	       take_word(&at, " ", part.etag, sizeof(part.etag)) &&
	       take_word(&at, " ", part.sha256, sizeof(part.sha256)))
		if (number >= 1 && number <= record->n_parts && strlen(part.sha256) == 64)
			record->part[number - 1] = part;
}

/* Return: 0, also for a note that says nothing; -ENOMEM */
static int read_record(struct s3_record *record, const char *url, struct transport_error *err)
{
	char *text = read_note(record->fd);
	const char *at = text;
	int ret = 0;

	if (text && strncmp(at, FIRST_LINE "url ", strlen(FIRST_LINE) + 4) == 0) {
		at += strlen(FIRST_LINE) + 4;
		if (strncmp(at, url, strlen(url)) == 0 && at[strlen(url)] == '\n') {
			at += strlen(url) + 1;
			if (!read_head(record, &at))
				record->upload[0] = '\0';
		}
		if (record->upload[0])
			ret = make_parts(record, err);
		if (ret == 0 && record->upload[0])
			read_parts(record, at);
	}
	free(text);
	return ret;
}

/* Whoever had it before may have removed it between our open() and our lock. */
static bool is_in_place(const struct s3_record *record)
{
	struct stat held, named;

	return flock(record->fd, LOCK_EX | LOCK_NB) == 0 && fstat(record->fd, &held) == 0 &&
	       lstat(record->path, &named) == 0 && held.st_dev == named.st_dev &&
	       held.st_ino == named.st_ino;
}

int s3_record_open(const char *folder, const char *url, struct s3_record *record,
		   struct transport_error *err)
{
	*record = (struct s3_record){ .fd = -1 };
	if (!folder)
		return 0;
	record->path = path_of(folder, url);
	if (!record->path)
		return no_memory(err);
	record->fd = open(record->path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (record->fd < 0)
		return failed(record, errno, "open", err);
	if (!is_in_place(record)) {
		close(record->fd);
		record->fd = -1;
		return transport_error_fill(err, -EBUSY, "busy", "upload", "note",
					    "one push to this URL at a time|another is on");
	}
	return read_record(record, url, err);
}

bool s3_record_fits(const struct s3_record *record, const struct stat *file, uint64_t part_size)
{
	return record->upload[0] && record->size == (uint64_t)file->st_size &&
	       record->seconds == file->st_mtim.tv_sec &&
	       record->nanoseconds == file->st_mtim.tv_nsec && record->part_size == part_size;
}

/* --- writing ------------------------------------------------------------------------------------------ */

static int append(const struct s3_record *record, const char *text, struct transport_error *err)
{
	size_t len = strlen(text);

	if (record->fd < 0)
		return 0;
	if (lseek(record->fd, 0, SEEK_END) < 0)
		return failed(record, errno, "write", err);
	while (len) {
		const ssize_t done = write(record->fd, text, len);

		if (done < 0 && errno != EINTR)
			return failed(record, errno, "write", err);
		text += done > 0 ? done : 0;
		len -= done > 0 ? (size_t)done : 0;
	}
	return fdatasync(record->fd) < 0 ? failed(record, errno, "write", err) : 0;
}

int s3_record_begin(struct s3_record *record, const char *url, const char *upload,
		    const struct stat *file, uint64_t part_size, struct transport_error *err)
{
	char *text = NULL;
	int ret;

	snprintf(record->upload, sizeof(record->upload), "%s", upload);
	record->size = (uint64_t)file->st_size;
	record->part_size = part_size;
	record->seconds = file->st_mtim.tv_sec;
	record->nanoseconds = file->st_mtim.tv_nsec;
	ret = make_parts(record, err);
	if (ret == 0 && record->fd >= 0 && ftruncate(record->fd, 0) < 0)
		ret = failed(record, errno, "write", err);
	if (ret)
		return ret;
	if (asprintf(&text,
		     FIRST_LINE "url %s\nupload %s\nfile %" PRIu64 " %" PRId64 " %" PRId64
				"\npart-size %" PRIu64 "\n",
		     url, upload, record->size, record->seconds, record->nanoseconds,
		     part_size) < 0)
		return no_memory(err);
	ret = append(record, text, err);
	free(text);
	return ret;
}

int s3_record_part(struct s3_record *record, unsigned int number, struct transport_error *err)
{
	const struct s3_part *part = &record->part[number - 1];
	char line[TRANSPORT_HTTP_MAX_ETAG + HTTP_HEX_SHA256 + 32];

	snprintf(line, sizeof(line), "part %u %s %s\n", number, part->etag, part->sha256);
	return append(record, line, err);
}

void s3_record_forget(struct s3_record *record)
{
	record->upload[0] = '\0';
	if (record->fd < 0)
		return;
	/* Emptied first: a push that waits for the lock may have it open. */
	if (ftruncate(record->fd, 0) == 0)
		unlink(record->path);
}

void s3_record_close(struct s3_record *record)
{
	/* Nothing was noted: no empty file stays. */
	if (record->fd >= 0 && !record->upload[0])
		unlink(record->path);
	if (record->fd >= 0)
		close(record->fd);
	free(record->path);
	free(record->part);
	*record = (struct s3_record){ .fd = -1 };
}
