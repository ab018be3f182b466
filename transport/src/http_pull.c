// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "http.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MAX_REDIRECTS 5u
#define MAX_RESTARTS  3u

/* One download, over all its tries. */
struct fetch {
	struct transport_http *http;
	const struct transport_pull *pull;
	const struct http_target *target;
	uint64_t at;    /* bytes of the object in the file */
	uint64_t total; /* of the object; 0: unknown */
	char etag[TRANSPORT_HTTP_MAX_ETAG];
	unsigned int restarts;
	bool taking; /* this answer was looked at and its body is taken */
	bool opaque_tag;
};

/* RFC 9110 §13.1.5: a weak tag does not say that the bytes are the same. */
static bool is_strong(const char *etag)
{
	return etag[0] == '"';
}

static int file_failed(int error, const char *what, struct transport_error *err)
{
	return transport_error_fill(err, -error, "io", "file to pull into", what, "|%s",
				    strerror(error));
}

static int too_big(const struct fetch *fetch, struct transport_error *err)
{
	return transport_error_fill(err, -E2BIG, "over-limit", fetch->target->name, "size",
				    "at most %" PRIu64 " bytes|more", fetch->pull->max_size);
}

/* Nobody learns of a full disk after an hour. */
static int reserve(const struct fetch *fetch, struct transport_error *err)
{
	const int fd = fetch->pull->fd;

	if (fetch->total > fetch->at &&
	    fallocate(fd, FALLOC_FL_KEEP_SIZE, (off_t)fetch->at,
		      (off_t)(fetch->total - fetch->at)) < 0 &&
	    (errno == ENOSPC || errno == EDQUOT || errno == EFBIG))
		return file_failed(errno, "room for it", err);
	return 0;
}

static void forget(struct fetch *fetch, const char *why)
{
	if (fetch->at) {
		http_note(fetch->http, "%s: %s; fetching it from the start", fetch->target->name,
			  why);
		fetch->http->told->restarted = true;
	}
	fetch->at = 0;
	fetch->http->told->kept = 0;
}

/* 200: the whole object. */
static int begin_whole(struct fetch *fetch, const struct http_reply *reply,
		       struct transport_error *err)
{
	const struct transport_pull *pull = fetch->pull;

	forget(fetch, strcmp(reply->etag, fetch->etag) == 0
			      ? "the server does not give a part of it"
			      : "the object has changed");
	fetch->total = reply->has_length ? reply->length : 0;
	if (fetch->total > pull->max_size)
		return too_big(fetch, err);
	snprintf(fetch->etag, sizeof(fetch->etag), "%s", is_strong(reply->etag) ? reply->etag : "");
	if (ftruncate(pull->fd, 0) < 0)
		return file_failed(errno, "write", err);
	return pull->begin ? pull->begin(pull->arg, fetch->etag, err) : 0;
}

/* 206: what was missing, of the same object. */
static int go_on(struct fetch *fetch, const struct http_reply *reply, struct transport_error *err)
{
	const uint64_t start = fetch->at - 1;

	if (!fetch->at || !reply->has_range || reply->range_at != start ||
	    strcmp(reply->etag, fetch->etag) != 0)
		return transport_error_fill(err, -EPROTO, "protocol", fetch->target->name, "range",
					    "the object %s from byte %" PRIu64 "|%s from %" PRIu64,
					    fetch->etag, start, reply->etag, reply->range_at);
	fetch->at = start;
	fetch->total = reply->range_of;
	if (fetch->total > fetch->pull->max_size)
		return too_big(fetch, err);
	fetch->http->told->kept = fetch->at;
	return 0;
}

static int take_answer(struct fetch *fetch, const struct http_reply *reply,
		       struct transport_error *err)
{
	const int ret =
		reply->status == 206 ? go_on(fetch, reply, err) : begin_whole(fetch, reply, err);

	fetch->taking = ret == 0;
	fetch->opaque_tag = reply->opaque_tag;
	snprintf(fetch->http->told->etag, sizeof(fetch->http->told->etag), "%s", reply->etag);
	return ret ? ret : reserve(fetch, err);
}

static int take_bytes(void *arg, const struct http_reply *reply, const void *data, size_t len,
		      struct transport_error *err)
{
	struct fetch *fetch = arg;
	const char *bytes = data;
	int ret = fetch->taking ? 0 : take_answer(fetch, reply, err);

	if (ret)
		return ret;
	if (len > fetch->pull->max_size - fetch->at)
		return too_big(fetch, err);
	while (len) {
		const ssize_t done = pwrite(fetch->pull->fd, bytes, len, (off_t)fetch->at);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return file_failed(errno, "write", err);
		bytes += done;
		len -= (size_t)done;
		fetch->at += (uint64_t)done;
	}
	return 0;
}

/*
 * S3 knows If-Match for a part, not If-Range; the others know If-Range at least. The last byte that is there is
 * asked for again: an answer without any byte would not name the object it is of.
 */
static int ask(struct fetch *fetch, struct http_reply *reply, struct transport_error *err)
{
	char range[64], condition[TRANSPORT_HTTP_MAX_ETAG + 16];
	struct http_request request = {
		.method = "GET",
		.target = fetch->target,
		.sink = take_bytes,
		.arg = fetch,
		.done = fetch->at,
		.total = fetch->total,
	};

	fetch->taking = false;
	if (fetch->at) {
		snprintf(range, sizeof(range), "Range: bytes=%" PRIu64 "-", fetch->at - 1);
		snprintf(condition, sizeof(condition), "%s: %s",
			 fetch->target->s3 ? "If-Match" : "If-Range", fetch->etag);
		request.header[0] = range;
		request.header[1] = condition;
	}
	return http_perform(fetch->http, &request, reply, err);
}

/* An answer without a body calls nobody. */
static int take_empty(struct fetch *fetch, const struct http_reply *reply,
		      struct transport_error *err)
{
	if (fetch->taking || reply->status != 200)
		return 0;
	return take_answer(fetch, reply, err);
}

static bool is_redirect(int status)
{
	return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* 412: the condition failed; 416: the object has become shorter. */
static bool is_another(const struct fetch *fetch, int status)
{
	return fetch->at && (status == 412 || status == 416);
}

static int cut_short(const struct fetch *fetch, struct transport_error *err)
{
	return transport_error_fill(err, -ECONNRESET, "peer", fetch->target->name, "answer",
				    "%" PRIu64 " bytes|%" PRIu64, fetch->total, fetch->at);
}

/* One round. Return: 0: done; 1: at once again; -errno */
static int take_round(struct fetch *fetch, struct http_target *target, unsigned int *redirects,
		      struct http_reply *reply, struct transport_error *err)
{
	int ret = ask(fetch, reply, err);

	if (ret)
		return ret;
	if (is_redirect(reply->status) && !target->s3 && reply->location[0]) {
		if (++*redirects > MAX_REDIRECTS)
			return transport_error_fill(err, -ELOOP, "protocol", target->name,
						    "redirects", "at most %u|more", MAX_REDIRECTS);
		ret = http_target_move(fetch->http, target, reply->location, err);
		return ret ? ret : 1;
	}
	if (is_another(fetch, reply->status) && fetch->restarts++ < MAX_RESTARTS) {
		forget(fetch, "the object has changed");
		return 1;
	}
	if (reply->status != 200 && reply->status != 206)
		return http_refused(fetch->http, target, reply, err);
	ret = take_empty(fetch, reply, err);
	if (ret == 0 && fetch->total && fetch->at != fetch->total)
		return cut_short(fetch, err);
	return ret;
}

/*
 * Progress earns new tries: a long transfer may break more often than a short one. What was there before is none:
 * a server that begins anew each time, and breaks sooner and later in turn, would never be given up.
 */
static int fetch_all(struct fetch *fetch, struct http_target *target, struct transport_error *err)
{
	HTTP_REPLY reply = { .body = NULL };
	unsigned int number = 1, redirects = 0;
	uint64_t most = fetch->at;

	for (;;) {
		struct transport_error pause;
		int ret, again;

		ret = take_round(fetch, target, &redirects, &reply, err);
		if (ret == 1)
			continue;
		if (!http_is_passing(ret == -EAGAIN ? 0 : ret, reply.status))
			return ret;
		if (!fetch->etag[0])
			forget(fetch, "the connection broke, and it has no tag to go on by");
		number = fetch->at > most ? 1 : number;
		most = fetch->at > most ? fetch->at : most;
		again = http_pause(fetch->http, target, number++, &pause);
		if (again == -ECANCELED && err)
			*err = pause;
		if (again)
			return again == -ECANCELED ? again : ret;
	}
}

static int check_digest(const struct fetch *fetch, struct transport_error *err)
{
	char md5[HTTP_HEX_MD5];
	int ret;

	if (!fetch->target->s3 || fetch->opaque_tag || !http_tag_is_md5(fetch->etag))
		return 0;
	ret = http_digests(fetch->pull->fd, 0, fetch->at, NULL, md5);
	if (ret)
		return file_failed(-ret, "read", err);
	if (http_tag_equals(fetch->etag, md5))
		return 0;
	return transport_error_fill(err, -EBADMSG, "bad-digest", fetch->target->name, "MD5",
				    "%s|%s", fetch->etag, md5);
}

int transport_http_pull(struct transport_http *http, const char *url,
			const struct transport_pull *pull, struct transport_http_told *told,
			struct transport_error *err)
{
	HTTP_TARGET target = { .url = NULL };
	struct fetch fetch = { .http = http, .pull = pull, .target = &target };
	int ret;

	*told = (struct transport_http_told){ .retry_after = -1 };
	http->told = told;
	ret = http_target_open(http, url, &target, err);
	if (ret)
		return ret;
	if (pull->have && pull->etag && is_strong(pull->etag) &&
	    strlen(pull->etag) < sizeof(fetch.etag)) {
		fetch.at = pull->have;
		snprintf(fetch.etag, sizeof(fetch.etag), "%s", pull->etag);
	}
	ret = fetch_all(&fetch, &target, err);
	told->size = fetch.at;
	if (ret == 0)
		ret = check_digest(&fetch, err);
	return ret;
}
