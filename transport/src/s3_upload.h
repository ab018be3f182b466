/* SPDX-License-Identifier: Apache-2.0 */
/*
 * s3_upload.h - one multipart upload on its way
 */
#ifndef TRANSPORT_S3_UPLOAD_H
#define TRANSPORT_S3_UPLOAD_H

#include "s3_record.h"

#define S3_MAX_QUERY (S3_MAX_UPLOAD + 64u)

struct s3_upload {
	struct transport_http *http;
	const struct http_target *target;
	const struct transport_push *push;
	struct stat file;
	uint64_t size, part_size;
	struct s3_record record;
};

/** s3_no_memory() - Return: -ENOMEM "no-memory" */
int s3_no_memory(const struct s3_upload *upload, struct transport_error *err);

/** s3_nonsense() - the server's answer makes no sense. Return: -EPROTO "protocol" */
int s3_nonsense(const struct s3_upload *upload, const char *expected, const char *actual,
		struct transport_error *err);

/** s3_complete() - have the server join the parts, all of which it has, and look at what came of it */
int s3_complete(struct s3_upload *upload, struct transport_error *err);

#endif
