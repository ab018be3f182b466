/* SPDX-License-Identifier: Apache-2.0 */
/*
 * s3_record.h - the note of one unfinished multipart upload, in a file that outlives the process
 *
 *	sdei-migrate upload 1
 *	url https://...			where it goes
 *	upload ID			the server's name for it, encoded for a URL
 *	file SIZE SECONDS NANOSECONDS	of its last change
 *	part-size BYTES
 *	part NUMBER TAG SHA256		one line for each part the server has confirmed
 *
 * The file is locked while it is open: one push at a time.
 */
#ifndef TRANSPORT_S3_RECORD_H
#define TRANSPORT_S3_RECORD_H

#include "http.h"

#include <sys/stat.h>

#define S3_MAX_UPLOAD 1024u /* with the NUL, encoded */

struct s3_part {
	char etag[TRANSPORT_HTTP_MAX_ETAG]; /* without quotes; empty: not there */
	char sha256[HTTP_HEX_SHA256];       /* of what was sent */
};

struct s3_record {
	int fd;                     /* locked; -1: kept in memory only */
	char *path;                 /* owned */
	char upload[S3_MAX_UPLOAD]; /* empty: none is noted */
	uint64_t size, part_size;
	int64_t seconds, nanoseconds;
	unsigned int n_parts;
	struct s3_part *part; /* owned, n_parts of them */
};

/**
 * s3_record_open() - the note of @url in @folder, locked; an unreadable one is emptied
 * @folder: NULL: in memory only
 *
 * Return: 0; -EBUSY "busy"; -errno "io"; -ENOMEM. To be closed in either case.
 */
int s3_record_open(const char *folder, const char *url, struct s3_record *record,
		   struct transport_error *err);

/** s3_record_fits() - is it of this file, cut this way? */
bool s3_record_fits(const struct s3_record *record, const struct stat *file, uint64_t part_size);

/** s3_record_begin() - note a new upload, on disk before it returns. Return: 0; -errno "io"; -ENOMEM */
int s3_record_begin(struct s3_record *record, const char *url, const char *upload,
		    const struct stat *file, uint64_t part_size, struct transport_error *err);

/** s3_record_part() - note that the server has part @number (from 1). Return: 0; -errno "io" */
int s3_record_part(struct s3_record *record, unsigned int number, struct transport_error *err);

/** s3_record_forget() - there is no such upload any more */
void s3_record_forget(struct s3_record *record);

/** s3_record_close() - for owned locals */
void s3_record_close(struct s3_record *record);
#define S3_RECORD __attribute__((cleanup(s3_record_close))) struct s3_record

/** s3_parts() - how many parts a file of @size bytes has; at least 1 */
uint64_t s3_parts(uint64_t size, uint64_t part_size);

#endif
