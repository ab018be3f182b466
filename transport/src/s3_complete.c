// SPDX-License-Identifier: Apache-2.0
/* The end of a multipart upload. */
#include "s3_upload.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int s3_no_memory(const struct s3_upload *upload, struct transport_error *err)
{
	return transport_error_fill(err, -ENOMEM, "no-memory", upload->target->name, "", "|");
}

int s3_nonsense(const struct s3_upload *upload, const char *expected, const char *actual,
		struct transport_error *err)
{
	return transport_error_fill(err, -EPROTO, "protocol", upload->target->name, "answer",
				    "%s|%s", expected, actual);
}

#define PART_FORMAT "<Part><PartNumber>%u</PartNumber><ETag>&quot;%s&quot;</ETag></Part>"

static char *list_of(const struct s3_record *record)
{
	static const char open[] = "<CompleteMultipartUpload>",
			  close[] = "</CompleteMultipartUpload>";
	const size_t room = sizeof(open) + sizeof(close) +
			    record->n_parts * (sizeof(PART_FORMAT) + 16 + TRANSPORT_HTTP_MAX_ETAG);
	char *text = malloc(room);
	size_t used;

	if (!text)
		return NULL;
	used = (size_t)snprintf(text, room, "%s", open);
	for (unsigned int i = 0; i < record->n_parts; i++)
		used += (size_t)snprintf(text + used, room - used, PART_FORMAT, i + 1,
					 record->part[i].etag);
	snprintf(text + used, room - used, "%s", close);
	return text;
}

static unsigned int digit(char c)
{
	return c <= '9' ? (unsigned int)(c - '0') : ((unsigned int)c | 32u) - 'a' + 10u;
}

/* What S3 and those like it name a whole: MD5 of the parts' MD5s, and their number. False: the tags are none. */
static bool tag_of_whole(const struct s3_record *record, char *out, size_t size)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	unsigned char value[EVP_MAX_MD_SIZE];
	bool done = context && EVP_DigestInit_ex(context, EVP_md5(), NULL) == 1;

	for (unsigned int i = 0; done && i < record->n_parts; i++) {
		const char *hex = record->part[i].etag;

		done = http_tag_is_md5(hex);
		for (size_t j = 0; done && j < 16; j++)
			value[j] = (unsigned char)(digit(hex[2 * j]) << 4 | digit(hex[2 * j + 1]));
		done = done && EVP_DigestUpdate(context, value, 16) == 1;
	}
	done = done && EVP_DigestFinal_ex(context, value, NULL) == 1;
	EVP_MD_CTX_free(context);
	for (size_t j = 0; done && j < 16; j++)
		snprintf(out + 2 * j, 3, "%02x", value[j]);
	if (done)
		snprintf(out + 32, size - 32, "-%u", record->n_parts);
	return done;
}

/* The answer to completing was lost, or another try came first: only what is there can tell. */
static int check_whole(struct s3_upload *upload, bool must_match, struct transport_error *err)
{
	const struct http_request request = { .method = "HEAD", .target = upload->target };
	char wanted[HTTP_HEX_MD5 + 16];
	HTTP_REPLY reply = { .body = NULL };
	int ret = http_ask(upload->http, &request, &reply, err);

	if (ret)
		return ret;
	if (reply.status == 403 && !must_match)
		return 0;
	if (reply.status == 404)
		s3_record_forget(&upload->record);
	if (reply.status != 200)
		return http_refused(upload->http, upload->target, &reply, err);
	if (must_match && (!tag_of_whole(&upload->record, wanted, sizeof(wanted)) ||
			   !http_tag_equals(reply.etag, wanted)))
		return transport_error_fill(err, -EEXIST, "io", upload->target->name, "tag",
					    "that of our parts|%s", reply.etag);
	if (reply.has_length && reply.length != upload->size)
		return transport_error_fill(err, -EBADMSG, "bad-digest", upload->target->name,
					    "size", "%" PRIu64 " bytes|%" PRIu64, upload->size,
					    reply.length);
	snprintf(upload->http->told->etag, sizeof(upload->http->told->etag), "%s", reply.etag);
	upload->http->told->stored = true;
	return 0;
}

/* An answer of 200 may hold an error: it was begun before the parts were joined. */
static int judge(struct s3_upload *upload, const struct http_reply *reply,
		 struct transport_error *err)
{
	struct transport_http_told *told = upload->http->told;
	const char *at = NULL, *code = NULL;

	if (reply->status == 200 && reply->body && !strstr(reply->body, "<Error>")) {
		s3_xml(reply->body, "ETag", &at, told->etag, sizeof(told->etag));
		told->stored = true;
		return 0;
	}
	if (reply->status == 200 && reply->body) {
		s3_xml(reply->body, "Code", &code, told->code, sizeof(told->code));
		return transport_error_fill(err, -EAGAIN, "temporary", upload->target->name,
					    "answer", "success|200 with the error %s", told->code);
	}
	return http_refused(upload->http, upload->target, reply, err);
}

/* S3 API reference, CompleteMultipartUpload. */
static int ask_to_complete(struct s3_upload *upload, const char *text, struct transport_error *err)
{
	char query[S3_MAX_QUERY], sha256[HTTP_HEX_SHA256];
	const struct http_request request = {
		.method = "POST",
		.target = upload->target,
		.query = query,
		.header = { "Content-Type: application/xml",
			    upload->push->overwrite ? NULL : "If-None-Match: *" },
		.sha256 = sha256,
		.text = text,
		.slow = true,
	};
	HTTP_REPLY reply = { .body = NULL };
	int ret;

	if (http_digest_text(text, sha256))
		return s3_no_memory(upload, err);
	snprintf(query, sizeof(query), "uploadId=%s", upload->record.upload);
	ret = http_ask(upload->http, &request, &reply, err);
	if (ret)
		return ret;
	/* An earlier try, whose answer was lost, may have done it; libcurl makes one of its own on a dead connection. */
	if (reply.status == 412 || strcmp(upload->http->told->code, "NoSuchUpload") == 0)
		return check_whole(upload, true, err);
	return judge(upload, &reply, err);
}

int s3_complete(struct s3_upload *upload, struct transport_error *err)
{
	char *text = list_of(&upload->record);
	int ret = text ? ask_to_complete(upload, text, err) : s3_no_memory(upload, err);

	free(text);
	if (ret)
		return ret;
	s3_record_forget(&upload->record);
	return check_whole(upload, false, err);
}
