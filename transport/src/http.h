/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http.h - the insides of the HTTP client: one request, its answer, trying again
 */
#ifndef TRANSPORT_HTTP_INSIDE_H
#define TRANSPORT_HTTP_INSIDE_H

#include <curl/curl.h>
#include <transport/http.h>

#define HTTP_MAX_BODY    (1u << 20) /* of an answer that is kept in memory */
#define HTTP_MAX_HEADERS 6u
#define HTTP_HEX_SHA256  65u /* with the NUL */
#define HTTP_HEX_MD5     33u

/* Where a request goes. */
struct http_target {
	bool s3;
	bool no_secrets; /* a redirect led to another host */
	char *url;       /* owned, complete but for a query */
	char name[96];   /* how errors call it */
};

struct transport_http {
	CURL *easy;
	CURLM *multi;
	struct transport_http_options set; /* texts owned */
	struct transport_http_told *told;  /* of the call that is on */
	char sigv4[64];                    /* for CURLOPT_AWS_SIGV4 */
	char oops[CURL_ERROR_SIZE];
};

struct http_reply {
	int status;
	char etag[TRANSPORT_HTTP_MAX_ETAG]; /* with its quotes; empty: none */
	bool has_length, has_range;
	bool opaque_tag; /* S3: the tag is not the MD5 of what was sent, by the kind of encryption */
	uint64_t length;             /* Content-Length */
	uint64_t range_at, range_of; /* Content-Range: first byte, size of the whole */
	char location[TRANSPORT_HTTP_MAX_URL];
	char *body; /* owned; NULL if there is none, else with a NUL behind it */
	size_t body_len, body_room;
};

struct http_request {
	const char *method;
	const struct http_target *target;
	const char *query;                    /* sorted and encoded as SigV4 wants it; NULL: none */
	const char *header[HTTP_MAX_HEADERS]; /* "Name: value"; ends with NULL */
	const char *sha256;                   /* hex, of the body; NULL: of nothing */
	const char *text;                     /* body in memory */
	int fd; /* or in a file, if @text is NULL and @size is not 0 */
	uint64_t offset, size;
	uint64_t done, total; /* for progress: moved before, and of the whole */
	bool slow;            /* the server may think before it answers */
	/* Takes the body of an answer of 200 or 206 instead of memory. Return: 0; -errno with @err. */
	int (*sink)(void *arg, const struct http_reply *reply, const void *data, size_t len,
		    struct transport_error *err);
	void *arg;
};

/** http_perform() - one request, one answer of any status. Return: 0; -errno with @err */
int http_perform(struct transport_http *http, const struct http_request *request,
		 struct http_reply *reply, struct transport_error *err);

/** http_reply_release() - for owned locals */
void http_reply_release(struct http_reply *reply);
#define HTTP_REPLY __attribute__((cleanup(http_reply_release))) struct http_reply

/** http_is_passing() - may another try end otherwise? @ret of http_perform(), or 0 and @status */
bool http_is_passing(int ret, int status);

/** http_pause() - wait before try @number + 1, at most @tries. Return: 0: try; -ECANCELED; -EAGAIN: enough */
int http_pause(struct transport_http *http, const struct http_target *target, unsigned int number,
	       struct transport_error *err);

/**
 * http_ask() - http_perform(), again while that may help
 *
 * Return: 0 with an answer that is not 429 or 5xx, or is the last; -errno.
 */
int http_ask(struct transport_http *http, const struct http_request *request,
	     struct http_reply *reply, struct transport_error *err);

/** http_refused() - describe an answer that is no success. Return: -errno */
int http_refused(struct transport_http *http, const struct http_target *target,
		 const struct http_reply *reply, struct transport_error *err);

/** http_note() - tell a person */
void http_note(const struct transport_http *http, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/** http_target_open() - what @url means. Return: 0; -EINVAL "usage"; -ENOKEY "no-key"; -ENOMEM */
int http_target_open(const struct transport_http *http, const char *url, struct http_target *target,
		     struct transport_error *err);

/** http_target_move() - where @location, seen at @target, leads. Return: 0; -EPROTO, -EACCES */
int http_target_move(const struct transport_http *http, struct http_target *target,
		     const char *location, struct transport_error *err);

/** http_target_close() - for owned locals */
void http_target_close(struct http_target *target);
#define HTTP_TARGET __attribute__((cleanup(http_target_close))) struct http_target

/** http_encode() - percent-encode all but unreserved characters and @keep. Return: 0; -E2BIG */
int http_encode(const char *text, const char *keep, char *out, size_t size);

/** http_digests() - of @size bytes at @offset; either may be NULL. Return: 0; -errno */
int http_digests(int fd, uint64_t offset, uint64_t size, char sha256[HTTP_HEX_SHA256],
		 char md5[HTTP_HEX_MD5]);

/** http_digest_text() - of a text. Return: 0; -ENOMEM */
int http_digest_text(const char *text, char sha256[HTTP_HEX_SHA256]);

/** http_tag_is_md5() - is @etag, with or without quotes, a plain MD5? */
bool http_tag_is_md5(const char *etag);

/** http_tag_equals() - is @etag, with or without quotes, the tag @hex? */
bool http_tag_equals(const char *etag, const char *hex);

/** s3_upload() - push in parts; as transport_http_push() */
int s3_upload(struct transport_http *http, const struct http_target *target,
	      const struct transport_push *push, uint64_t size, struct transport_error *err);

/** s3_xml() - the text of the first element <@name> of @xml at or behind *@at, decoded; moves *@at behind it.
 * Return: 0; -ENOENT; -E2BIG */
int s3_xml(const char *xml, const char *name, const char **at, char *out, size_t size);

#endif
