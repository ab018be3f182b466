// SPDX-License-Identifier: Apache-2.0
#include "http.h"
#include "s3_record.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define DEFAULT_PART (16ull << 20)

static int file_failed(int error, struct transport_error *err)
{
	return error == ESTALE ? transport_error_fill(err, -ESTALE, "torn", "file to push", "size",
						      "as it was|shorter")
			       : transport_error_fill(err, -error, "io", "file to push", "read",
						      "|%s", strerror(error));
}

static int exists(struct transport_http *http, const struct http_target *target,
		  struct transport_error *err)
{
	http->told->stored = true;
	return transport_error_fill(err, -EEXIST, "io", target->name, "name",
				    "nothing of that name|an object of %" PRIu64 " bytes",
				    http->told->size);
}

/* What is there. Return: 0 with @reply; -errno */
static int look(struct transport_http *http, const struct http_target *target,
		struct http_reply *reply, struct transport_error *err)
{
	const struct http_request request = { .method = "HEAD", .target = target };

	return http_ask(http, &request, reply, err);
}

/*
 * Servers that do not know If-None-Match on a PUT are most of those outside; so it is asked first. One that does
 * not let us look (403, or 405) is left to that condition alone.
 */
static int check_absent(struct transport_http *http, const struct http_target *target,
			struct transport_error *err)
{
	HTTP_REPLY reply = { .body = NULL };
	const int ret = look(http, target, &reply, err);

	if (ret)
		return ret;
	if (reply.status == 200) {
		http->told->size = reply.length;
		return exists(http, target, err);
	}
	if (reply.status == 404 || reply.status == 410 || reply.status == 403 ||
	    reply.status == 405 || reply.status == 501)
		return 0;
	return http_refused(http, target, &reply, err);
}

static bool is_success(int status)
{
	return status >= 200 && status <= 299;
}

/* Is what is there what was to be stored? Only a digest can tell. */
static bool is_ours(struct transport_http *http, const struct http_target *target, uint64_t size,
		    const char *md5)
{
	HTTP_REPLY reply = { .body = NULL };

	return target->s3 && look(http, target, &reply, NULL) == 0 && reply.status == 200 &&
	       reply.has_length && reply.length == size && http_tag_equals(reply.etag, md5);
}

/* A server that keeps less than it was given has to be found out now. */
static int check_stored(struct transport_http *http, const struct http_target *target,
			uint64_t size, struct transport_error *err)
{
	HTTP_REPLY reply = { .body = NULL };
	const int ret = look(http, target, &reply, err);

	http->told->stored = true;
	if (ret)
		return ret;
	if (reply.status == 403 || reply.status == 405 || reply.status == 501)
		return 0;
	if (reply.status != 200)
		return http_refused(http, target, &reply, err);
	snprintf(http->told->etag, sizeof(http->told->etag), "%s", reply.etag);
	if (reply.has_length && reply.length != size)
		return transport_error_fill(err, -EBADMSG, "bad-digest", target->name, "size",
					    "%" PRIu64 " bytes|%" PRIu64, size, reply.length);
	return 0;
}

static int check_answer(struct transport_http *http, const struct http_target *target,
			const struct http_reply *reply, const char *md5,
			struct transport_error *err)
{
	http->told->stored = true;
	snprintf(http->told->etag, sizeof(http->told->etag), "%s", reply->etag);
	if (!target->s3 || reply->opaque_tag || !http_tag_is_md5(reply->etag) ||
	    http_tag_equals(reply->etag, md5))
		return 0;
	return transport_error_fill(err, -EBADMSG, "bad-digest", target->name, "MD5", "%s|%s", md5,
				    reply->etag);
}

/*
 * RFC 9110 §9.3.4. A PUT may be repeated, for it says the same again; after an answer that was lost, the
 * condition meets what we stored ourselves.
 */
static int put_whole(struct transport_http *http, const struct http_target *target,
		     const struct transport_push *push, uint64_t size, struct transport_error *err)
{
	char sha256[HTTP_HEX_SHA256] = "", md5[HTTP_HEX_MD5] = "";
	struct http_request request = {
		.method = "PUT",
		.target = target,
		.header = { "Content-Type: application/octet-stream",
			    push->overwrite ? NULL : "If-None-Match: *" },
		.sha256 = sha256,
		.fd = push->fd,
		.size = size,
		.total = size,
	};
	HTTP_REPLY reply = { .body = NULL };
	int ret = target->s3 ? http_digests(push->fd, 0, size, sha256, md5) : 0;

	if (ret)
		return file_failed(-ret, err);
	ret = http_ask(http, &request, &reply, err);
	if (ret)
		return ret;
	if (reply.status == 412 && is_ours(http, target, size, md5))
		return 0;
	if (!is_success(reply.status))
		return http_refused(http, target, &reply, err);
	ret = check_answer(http, target, &reply, md5, err);
	return ret ? ret : check_stored(http, target, size, err);
}

static int check_unchanged(const struct transport_push *push, const struct stat *before,
			   struct transport_error *err)
{
	struct stat now;

	if (fstat(push->fd, &now) < 0)
		return file_failed(errno, err);
	if (now.st_size == before->st_size && now.st_mtim.tv_sec == before->st_mtim.tv_sec &&
	    now.st_mtim.tv_nsec == before->st_mtim.tv_nsec)
		return 0;
	return transport_error_fill(err, -ESTALE, "torn", "file to push", "",
				    "as it was when the push began|changed meanwhile");
}

int transport_http_push(struct transport_http *http, const char *url,
			const struct transport_push *push, struct transport_http_told *told,
			struct transport_error *err)
{
	const uint64_t part = push->part_size ? push->part_size : DEFAULT_PART;
	struct transport_push how = *push;
	HTTP_TARGET target = { .url = NULL };
	struct stat file;
	int ret;

	*told = (struct transport_http_told){ .retry_after = -1 };
	http->told = told;
	ret = http_target_open(http, url, &target, err);
	if (ret)
		return ret;
	if (fstat(push->fd, &file) < 0)
		return file_failed(errno, err);
	how.part_size = part;
	if (!push->overwrite)
		ret = check_absent(http, &target, err);
	if (ret)
		return ret;
	if (target.s3 && (uint64_t)file.st_size > part)
		ret = s3_upload(http, &target, &how, (uint64_t)file.st_size, err);
	else
		ret = put_whole(http, &target, &how, (uint64_t)file.st_size, err);
	if (ret == 0)
		ret = check_unchanged(push, &file, err);
	if (ret == 0)
		told->size = (uint64_t)file.st_size;
	return ret;
}
