// SPDX-License-Identifier: Apache-2.0
/* Multipart uploads: S3 user guide, "Uploading and copying objects using multipart upload". */
#include "s3_upload.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <openssl/md5.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_PAGES 64u

static void release_upload(struct s3_upload *upload)
{
	s3_record_close(&upload->record);
}

/* --- beginning and giving up --------------------------------------------------------------------------- */

/* S3 API reference, AbortMultipartUpload. What is gone already is as good. */
static int abandon(struct s3_upload *upload, struct transport_error *err)
{
	char query[S3_MAX_QUERY];
	const struct http_request request = { .method = "DELETE",
					      .target = upload->target,
					      .query = query };
	HTTP_REPLY reply = { .body = NULL };
	int ret;

	snprintf(query, sizeof(query), "uploadId=%s", upload->record.upload);
	ret = http_ask(upload->http, &request, &reply, err);
	if (ret)
		return ret;
	if (reply.status != 204 && reply.status != 200 && reply.status != 404)
		return http_refused(upload->http, upload->target, &reply, err);
	s3_record_forget(&upload->record);
	return 0;
}

/* Parts of an upload that nobody finishes cost money; what cannot be abandoned is said. */
static int abandon_stale(struct s3_upload *upload)
{
	struct transport_error err;

	http_note(upload->http,
		  "%s: an unfinished upload of another file, or in other parts, is given up",
		  upload->target->name);
	if (abandon(upload, &err) == 0)
		return 0;
	if (err.code == -ECANCELED || err.code == -ENOMEM)
		return err.code;
	http_note(upload->http, "%s: the server still keeps its parts: %s", upload->target->name,
		  err.actual);
	s3_record_forget(&upload->record);
	return 0;
}

/* Nobody could go on with it; whoever cancelled waits for one request more, and no other signal is due. */
static void abandon_at_once(struct s3_upload *upload)
{
	struct transport_http_options *set = &upload->http->set;
	const int cancel_fd = set->cancel_fd;
	const unsigned int tries = set->tries;
	struct transport_http_told told = *upload->http->told;
	struct transport_error err;

	set->cancel_fd = 0;
	set->tries = 1;
	if (abandon(upload, &err))
		http_note(upload->http,
			  "%s: the server still keeps parts of an unfinished upload: %s",
			  upload->target->name, err.actual);
	set->cancel_fd = cancel_fd;
	set->tries = tries;
	/* What the failure was about stands there, not this. */
	*upload->http->told = told;
}

/* S3 API reference, CreateMultipartUpload. */
static int begin(struct s3_upload *upload, struct transport_error *err)
{
	const struct http_request request = {
		.method = "POST",
		.target = upload->target,
		.query = "uploads=",
		.header = { "Content-Type: application/octet-stream" },
	};
	HTTP_REPLY reply = { .body = NULL };
	char id[S3_MAX_UPLOAD], encoded[S3_MAX_UPLOAD];
	const char *at = NULL;
	int ret = http_ask(upload->http, &request, &reply, err);

	if (ret)
		return ret;
	if (reply.status != 200)
		return http_refused(upload->http, upload->target, &reply, err);
	if (!reply.body || s3_xml(reply.body, "UploadId", &at, id, sizeof(id)) || !id[0] ||
	    http_encode(id, "", encoded, sizeof(encoded)))
		return s3_nonsense(upload, "an upload id", "none", err);
	return s3_record_begin(&upload->record, upload->target->url, encoded, &upload->file,
			       upload->part_size, err);
}

/* --- what is there already ------------------------------------------------------------------------------ */

static uint64_t part_at(const struct s3_upload *upload, unsigned int number)
{
	return (number - 1) * upload->part_size;
}

static uint64_t part_len(const struct s3_upload *upload, unsigned int number)
{
	const uint64_t left = upload->size - part_at(upload, number);

	return left < upload->part_size ? left : upload->part_size;
}

/* The parts a server lists, each as <Part> with number, tag and size. */
struct listing {
	bool *has;  /* by number - 1 */
	bool known; /* the server does list parts */
	bool gone;  /* it knows of no such upload */
	bool truncated;
	unsigned int marker;
};

static void take_listed(const struct s3_upload *upload, const char *xml, struct listing *listing)
{
	char number[16], etag[TRANSPORT_HTTP_MAX_ETAG], size[24];
	const char *at = xml;

	while ((at = strstr(at, "<Part>"))) {
		const char *in = at, *by_tag = at, *by_size = at;
		unsigned long n;

		at += 6;
		if (s3_xml(xml, "PartNumber", &in, number, sizeof(number)) ||
		    s3_xml(xml, "ETag", &by_tag, etag, sizeof(etag)) ||
		    s3_xml(xml, "Size", &by_size, size, sizeof(size)))
			return;
		n = strtoul(number, NULL, 10);
		if (n < 1 || n > upload->record.n_parts)
			continue;
		listing->marker = (unsigned int)n;
		listing->has[n - 1] = upload->record.part[n - 1].etag[0] &&
				      http_tag_equals(etag, upload->record.part[n - 1].etag) &&
				      strtoull(size, NULL, 10) == part_len(upload, (unsigned int)n);
	}
}

/* S3 API reference, ListParts: 1000 at a time. */
static int list_page(struct s3_upload *upload, struct listing *listing, struct transport_error *err)
{
	char query[S3_MAX_QUERY], truncated[8] = "";
	const struct http_request request = { .method = "GET",
					      .target = upload->target,
					      .query = query };
	HTTP_REPLY reply = { .body = NULL };
	const char *at = NULL;
	int ret;

	snprintf(query, sizeof(query), "part-number-marker=%u&uploadId=%s", listing->marker,
		 upload->record.upload);
	ret = http_ask(upload->http, &request, &reply, err);
	listing->truncated = false;
	if (ret)
		return ret;
	if (reply.status == 404 && strcmp(upload->http->told->code, "NoSuchUpload") == 0) {
		listing->gone = true;
	} else if (reply.status == 200 && reply.body && strstr(reply.body, "<ListPartsResult")) {
		listing->known = true;
		take_listed(upload, reply.body, listing);
		s3_xml(reply.body, "IsTruncated", &at, truncated, sizeof(truncated));
		listing->truncated = strcmp(truncated, "true") == 0;
	} else if (http_is_passing(0, reply.status) || reply.status == 403) {
		return http_refused(upload->http, upload->target, &reply, err);
	}
	return 0;
}

static int list_parts(struct s3_upload *upload, struct listing *listing,
		      struct transport_error *err)
{
	unsigned int pages = 0;
	int ret;

	do {
		const unsigned int before = listing->marker;

		ret = list_page(upload, listing, err);
		if (ret == 0 && listing->truncated && listing->marker <= before)
			return s3_nonsense(upload, "a list that goes on", "the same part again",
					   err);
	} while (ret == 0 && listing->truncated && ++pages < MAX_PAGES);
	return ret;
}

/*
 * A part counts if the server lists it as we noted it, and the file still has the bytes that were noted. Where a
 * server cannot list, what it answered when the part was sent has to do; completing checks the tags again.
 */
static int check_part(struct s3_upload *upload, const struct listing *listing, unsigned int number,
		      struct transport_error *err)
{
	struct s3_part *part = &upload->record.part[number - 1];
	char sha256[HTTP_HEX_SHA256];
	int ret;

	if (!part->etag[0] || (listing->known && !listing->has[number - 1])) {
		part->etag[0] = '\0';
		return 0;
	}
	ret = http_digests(upload->push->fd, part_at(upload, number), part_len(upload, number),
			   sha256, NULL);
	if (ret)
		return transport_error_fill(err, ret, ret == -ESTALE ? "torn" : "io",
					    "file to push", "read", "|%s", strerror(-ret));
	if (strcmp(sha256, part->sha256) != 0)
		part->etag[0] = '\0';
	else
		upload->http->told->kept += part_len(upload, number);
	return 0;
}

static int take_up(struct s3_upload *upload, struct transport_error *err)
{
	const unsigned int n = upload->record.n_parts;
	struct listing listing = { .has = calloc(n, sizeof(bool)) };
	int ret = listing.has ? list_parts(upload, &listing, err) : s3_no_memory(upload, err);

	if (ret == 0 && listing.gone) {
		http_note(upload->http, "%s: the server has given up the unfinished upload",
			  upload->target->name);
		s3_record_forget(&upload->record);
	}
	for (unsigned int i = 1; ret == 0 && !listing.gone && i <= n; i++)
		ret = check_part(upload, &listing, i, err);
	free(listing.has);
	if (ret == 0 && upload->record.upload[0])
		http_note(upload->http, "%s: going on after %" PRIu64 " of %" PRIu64 " bytes",
			  upload->target->name, upload->http->told->kept, upload->size);
	return ret;
}

/* --- parts ---------------------------------------------------------------------------------------------- */

static int keep_tag(struct s3_upload *upload, struct s3_part *part, const struct http_reply *reply,
		    const char *md5, struct transport_error *err)
{
	const size_t len = strlen(reply->etag);
	const bool quoted = len >= 2 && reply->etag[0] == '"' && reply->etag[len - 1] == '"';

	if (!len || strpbrk(reply->etag, " \t<>&"))
		return s3_nonsense(upload, "the part's tag", len ? reply->etag : "none", err);
	if (!reply->opaque_tag && http_tag_is_md5(reply->etag) &&
	    !http_tag_equals(reply->etag, md5))
		return transport_error_fill(err, -EBADMSG, "bad-digest", upload->target->name,
					    "MD5 of a part", "%s|%s", md5, reply->etag);
	snprintf(part->etag, sizeof(part->etag), "%.*s", (int)(quoted ? len - 2 : len),
		 reply->etag + quoted);
	return 0;
}

/* S3 API reference, UploadPart. */
static int send_part(struct s3_upload *upload, unsigned int number, uint64_t done,
		     struct transport_error *err)
{
	struct s3_part *part = &upload->record.part[number - 1];
	char query[S3_MAX_QUERY], md5[HTTP_HEX_MD5];
	const struct http_request request = {
		.method = "PUT",
		.target = upload->target,
		.query = query,
		.sha256 = part->sha256,
		.fd = upload->push->fd,
		.offset = part_at(upload, number),
		.size = part_len(upload, number),
		.done = done,
		.total = upload->size,
	};
	HTTP_REPLY reply = { .body = NULL };
	int ret = http_digests(request.fd, request.offset, request.size, part->sha256, md5);

	if (ret)
		return transport_error_fill(err, ret, ret == -ESTALE ? "torn" : "io",
					    "file to push", "read", "|%s", strerror(-ret));
	snprintf(query, sizeof(query), "partNumber=%u&uploadId=%s", number, upload->record.upload);
	ret = http_ask(upload->http, &request, &reply, err);
	if (ret)
		return ret;
	if (reply.status != 200)
		return http_refused(upload->http, upload->target, &reply, err);
	ret = keep_tag(upload, part, &reply, md5, err);
	if (ret)
		part->etag[0] = '\0';
	return ret ? ret : s3_record_part(&upload->record, number, err);
}

static int send_parts(struct s3_upload *upload, struct transport_error *err)
{
	uint64_t done = upload->http->told->kept;
	int ret = 0;

	for (unsigned int i = 1; ret == 0 && i <= upload->record.n_parts; i++) {
		if (upload->record.part[i - 1].etag[0])
			continue;
		ret = send_part(upload, i, done, err);
		done += part_len(upload, i);
	}
	return ret;
}

static int open_upload(struct s3_upload *upload, struct transport_error *err)
{
	int ret = 0;

	if (fstat(upload->push->fd, &upload->file) < 0)
		return transport_error_fill(err, -errno, "io", "file to push", "read", "|%s",
					    strerror(errno));
	if (s3_parts(upload->size, upload->part_size) > TRANSPORT_HTTP_MAX_PARTS)
		return transport_error_fill(err, -EFBIG, "over-limit", "file to push", "parts",
					    "at most %u|more; take larger ones",
					    TRANSPORT_HTTP_MAX_PARTS);
	ret = s3_record_open(upload->push->records, upload->target->url, &upload->record, err);
	if (ret == 0 && upload->record.upload[0] &&
	    !s3_record_fits(&upload->record, &upload->file, upload->part_size))
		ret = abandon_stale(upload);
	else if (ret == 0 && upload->record.upload[0])
		ret = take_up(upload, err);
	if (ret == 0 && !upload->record.upload[0])
		ret = begin(upload, err);
	return ret;
}

int s3_upload(struct transport_http *http, const struct http_target *target,
	      const struct transport_push *push, uint64_t size, struct transport_error *err)
{
	__attribute__((cleanup(release_upload))) struct s3_upload upload = {
		.http = http,
		.target = target,
		.push = push,
		.size = size,
		.part_size = push->part_size,
		.record = { .fd = -1 },
	};
	int ret = open_upload(&upload, err);

	http->told->parts = upload.record.n_parts;
	if (ret == 0)
		ret = send_parts(&upload, err);
	if (ret == 0)
		ret = s3_complete(&upload, err);
	if (ret && !push->records && upload.record.upload[0])
		abandon_at_once(&upload);
	http->told->unfinished = upload.record.upload[0] && push->records;
	return ret;
}

int transport_http_abandon(struct transport_http *http, const char *url, const char *records,
			   struct transport_http_told *told, struct transport_error *err)
{
	HTTP_TARGET target = { .url = NULL };
	__attribute__((cleanup(release_upload))) struct s3_upload upload = {
		.http = http, .target = &target, .record = { .fd = -1 }
	};
	int ret;

	*told = (struct transport_http_told){ .retry_after = -1 };
	http->told = told;
	ret = http_target_open(http, url, &target, err);
	if (ret == 0)
		ret = s3_record_open(records, target.url, &upload.record, err);
	if (ret)
		return ret;
	if (!upload.record.upload[0])
		return transport_error_fill(err, -ENOENT, "io", target.name, "unfinished upload",
					    "one noted here|none");
	return abandon(&upload, err);
}
