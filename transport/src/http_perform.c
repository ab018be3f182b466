// SPDX-License-Identifier: Apache-2.0
#include "http_exchange.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONNECT_MS    10000L
#define STALL_BYTES   1024L
#define SLOW_STALLS   20
#define BUFFER        (512L << 10)
#define UPLOAD_BUFFER (64L << 10) /* stays in the cache between file and TLS */
#define SMALL_BODY    (1u << 20)  /* sooner sent than asked about */
#define EXPECT_MS     1000L
#define EMPTY_SHA256  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define POLL_MS       1000

/* What libcurl says, in our words; the first row is for all others. */
static const struct {
	CURLcode code;
	int ret;
	const char *reason;
} outcomes[] = {
	{ CURLE_OK, -ECONNRESET, "peer" },
	{ CURLE_URL_MALFORMAT, -EINVAL, "usage" },
	{ CURLE_UNSUPPORTED_PROTOCOL, -EINVAL, "usage" },
	{ CURLE_COULDNT_RESOLVE_HOST, -EHOSTUNREACH, "peer" },
	{ CURLE_COULDNT_RESOLVE_PROXY, -EHOSTUNREACH, "peer" },
	{ CURLE_COULDNT_CONNECT, -ECONNREFUSED, "peer" },
	{ CURLE_OPERATION_TIMEDOUT, -ETIMEDOUT, "timeout" },
	{ CURLE_OUT_OF_MEMORY, -ENOMEM, "no-memory" },
	{ CURLE_FAILED_INIT, -ENOMEM, "no-memory" },
	{ CURLE_PEER_FAILED_VERIFICATION, -EACCES, "peer-untrusted" },
	{ CURLE_SSL_PINNEDPUBKEYNOTMATCH, -EACCES, "peer-untrusted" },
	{ CURLE_SSL_ISSUER_ERROR, -EACCES, "peer-untrusted" },
	{ CURLE_SSL_CERTPROBLEM, -EINVAL, "no-key" },
	{ CURLE_SSL_CACERT_BADFILE, -EINVAL, "no-key" },
	{ CURLE_WEIRD_SERVER_REPLY, -EPROTO, "protocol" },
	{ CURLE_HTTP2, -EPROTO, "protocol" },
	{ CURLE_BAD_CONTENT_ENCODING, -EPROTO, "protocol" },
};

static int describe(const struct http_exchange *x, CURLcode code, struct transport_error *err)
{
	const char *said = x->http->oops[0] ? x->http->oops : curl_easy_strerror(code);
	size_t row = 0;

	if (x->ret)
		return x->ret;
	for (size_t i = 1; i < sizeof(outcomes) / sizeof(outcomes[0]); i++)
		if (outcomes[i].code == code)
			row = i;
	return transport_error_fill(err, outcomes[row].ret, outcomes[row].reason,
				    x->request->target->name, x->request->method, "|%s", said);
}

/* --- bodies -------------------------------------------------------------------------------------------- */

static int keep_body(struct http_exchange *x, const char *data, size_t len)
{
	struct http_reply *reply = x->reply;

	if (reply->body_len + len > HTTP_MAX_BODY)
		return transport_error_fill(x->err, -EPROTO, "protocol", x->request->target->name,
					    "answer", "at most %u bytes|more", HTTP_MAX_BODY);
	if (reply->body_len + len + 1 > reply->body_room) {
		const size_t room = 2 * (reply->body_len + len + 1);
		char *grown = realloc(reply->body, room);

		if (!grown)
			return transport_error_fill(x->err, -ENOMEM, "no-memory",
						    x->request->target->name, "", "|");
		reply->body = grown;
		reply->body_room = room;
	}
	memcpy(reply->body + reply->body_len, data, len);
	reply->body_len += len;
	reply->body[reply->body_len] = '\0';
	return 0;
}

static void take_status(struct http_exchange *x)
{
	long status = 0;

	curl_easy_getinfo(x->http->easy, CURLINFO_RESPONSE_CODE, &status);
	x->reply->status = (int)status;
}

static size_t on_body(char *data, size_t one, size_t len, void *arg)
{
	struct http_exchange *x = arg;
	const size_t size = one * len;

	take_status(x);
	if (x->request->sink && (x->reply->status == 200 || x->reply->status == 206))
		x->ret = x->request->sink(x->request->arg, x->reply, data, size, x->err);
	else
		x->ret = keep_body(x, data, size);
	x->received += size;
	return x->ret ? CURL_WRITEFUNC_ERROR : size;
}

static size_t on_send(char *data, size_t one, size_t len, void *arg)
{
	struct http_exchange *x = arg;
	const struct http_request *request = x->request;
	const uint64_t left = request->size - x->sent;
	const size_t want = left < one * len ? (size_t)left : one * len;
	ssize_t got;

	do
		got = pread(request->fd, data, want, (off_t)(request->offset + x->sent));
	while (got < 0 && errno == EINTR);
	if (got < 0)
		x->ret = transport_error_fill(x->err, -errno, "io", "file to push", "read", "|%s",
					      strerror(errno));
	else if (got == 0 && want)
		x->ret = transport_error_fill(x->err, -ESTALE, "torn", "file to push", "size",
					      "as it was|shorter");
	if (x->ret)
		return CURL_READFUNC_ABORT;
	x->sent += (uint64_t)got;
	return (size_t)got;
}

static int on_seek(void *arg, curl_off_t offset, int origin)
{
	struct http_exchange *x = arg;

	if (origin != SEEK_SET || offset < 0 || (uint64_t)offset > x->request->size)
		return CURL_SEEKFUNC_CANTSEEK;
	x->sent = (uint64_t)offset;
	return CURL_SEEKFUNC_OK;
}

static int on_progress(void *arg, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
		       curl_off_t up)
{
	const struct http_exchange *x = arg;
	const struct transport_http_options *set = &x->http->set;
	const bool pull = x->request->sink != NULL;
	const uint64_t moved = (uint64_t)(pull ? down : up);

	(void)up_total;
	if (set->progress && (pull || x->request->size))
		set->progress(set->arg, pull ? "pull" : "push", x->request->done + moved,
			      x->request->total ? x->request->total
			      : down_total      ? x->request->done + (uint64_t)down_total
						: 0);
	return 0;
}

/* --- setting up ---------------------------------------------------------------------------------------- */

#define SET(option, value) (curl_easy_setopt(easy, CURLOPT_##option, value) == CURLE_OK)

static bool set_connection(struct transport_http *http, const struct http_request *request)
{
	const struct transport_http_options *set = &http->set;
	CURL *easy = http->easy;
	const long stall = (long)set->stall_s * (request->slow ? SLOW_STALLS : 1);
	const bool rated = set->rate != 0;
	const long dead = rated && set->rate < 2 * STALL_BYTES ? (long)set->rate / 2 : STALL_BYTES;

	return SET(PROTOCOLS_STR, set->insecure_http ? "https,http" : "https") &&
	       SET(FOLLOWLOCATION, 0L) && SET(NOSIGNAL, 1L) && SET(TCP_KEEPALIVE, 1L) &&
	       SET(CONNECTTIMEOUT_MS, CONNECT_MS) && SET(LOW_SPEED_LIMIT, dead) &&
	       SET(LOW_SPEED_TIME, stall) && SET(EXPECT_100_TIMEOUT_MS, EXPECT_MS) &&
	       SET(HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) && SET(PATH_AS_IS, 1L) &&
	       SET(BUFFERSIZE, BUFFER) && SET(UPLOAD_BUFFERSIZE, UPLOAD_BUFFER) &&
	       SET(USERAGENT, "sdei-migrate") && SET(ERRORBUFFER, http->oops) &&
	       (!rated || SET(MAX_SEND_SPEED_LARGE, (curl_off_t)set->rate)) &&
	       (!rated || SET(MAX_RECV_SPEED_LARGE, (curl_off_t)set->rate));
}

static bool set_tls(struct transport_http *http, const struct http_request *request)
{
	const struct transport_http_options *set = &http->set;
	CURL *easy = http->easy;

	return SET(SSL_VERIFYPEER, 1L) && SET(SSL_VERIFYHOST, 2L) &&
	       SET(SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) &&
	       (!set->ca || (SET(CAINFO, set->ca) && SET(CAPATH, NULL))) &&
	       (!set->pin || SET(PINNEDPUBLICKEY, set->pin)) &&
	       (!set->certificate || request->target->no_secrets ||
		(SET(SSLCERT, set->certificate) && SET(SSLKEY, set->key)));
}

/* The header x-amz-content-sha256 makes libcurl sign that digest instead of the one of nothing. */
static bool add_header(struct http_exchange *x, const char *text)
{
	struct curl_slist *longer = curl_slist_append(x->headers, text);

	if (longer)
		x->headers = longer;
	return longer != NULL;
}

static bool set_s3(struct http_exchange *x)
{
	const struct transport_http_options *set = &x->http->set;
	CURL *easy = x->http->easy;
	char digest[24 + HTTP_HEX_SHA256], *token = NULL;
	bool done;

	snprintf(digest, sizeof(digest), "x-amz-content-sha256: %s",
		 x->request->sha256 ? x->request->sha256 : EMPTY_SHA256);
	done = SET(AWS_SIGV4, x->http->sigv4) && SET(USERNAME, set->access_key) &&
	       SET(PASSWORD, set->secret_key) && add_header(x, digest);
	if (done && set->session_token) {
		const size_t size = strlen(set->session_token) + 32;

		token = malloc(size);
		if (!token)
			return false;
		snprintf(token, size, "x-amz-security-token: %s", set->session_token);
		done = add_header(x, token);
		explicit_bzero(token, size);
		free(token);
	}
	return done;
}

static bool set_credentials(struct http_exchange *x)
{
	const struct transport_http_options *set = &x->http->set;
	CURL *easy = x->http->easy;

	if (x->request->target->s3)
		return set_s3(x);
	if (x->request->target->no_secrets)
		return true;
	if (set->token)
		return SET(HTTPAUTH, CURLAUTH_BEARER) && SET(XOAUTH2_BEARER, set->token);
	return !set->user || (SET(HTTPAUTH, CURLAUTH_BASIC) && SET(USERNAME, set->user) &&
			      SET(PASSWORD, set->password ? set->password : ""));
}

static bool set_method(struct http_exchange *x)
{
	const struct http_request *request = x->request;
	CURL *easy = x->http->easy;

	if (strcmp(request->method, "HEAD") == 0)
		return SET(NOBODY, 1L);
	if (strcmp(request->method, "PUT") == 0)
		return SET(UPLOAD, 1L) && SET(INFILESIZE_LARGE, (curl_off_t)request->size) &&
		       SET(READFUNCTION, on_send) && SET(READDATA, x) &&
		       SET(SEEKFUNCTION, on_seek) && SET(SEEKDATA, x);
	if (strcmp(request->method, "POST") == 0)
		return SET(POST, 1L) && SET(POSTFIELDS, request->text ? request->text : "") &&
		       SET(POSTFIELDSIZE, request->text ? (long)strlen(request->text) : 0L);
	if (strcmp(request->method, "GET") == 0)
		return SET(HTTPGET, 1L);
	return SET(CUSTOMREQUEST, request->method);
}

static bool set_url(struct http_exchange *x)
{
	const struct http_request *request = x->request;
	const size_t size =
		strlen(request->target->url) + (request->query ? strlen(request->query) : 0) + 2;
	CURL *easy = x->http->easy;
	char *url = malloc(size);
	bool done;

	if (!url)
		return false;
	snprintf(url, size, "%s%s%s", request->target->url, request->query ? "?" : "",
		 request->query ? request->query : "");
	done = SET(URL, url);
	free(url);
	return done;
}

static bool set_all(struct http_exchange *x)
{
	CURL *easy = x->http->easy;
	bool done;

	curl_easy_reset(easy);
	x->http->oops[0] = '\0';
	done = set_connection(x->http, x->request) && set_tls(x->http, x->request) && set_url(x) &&
	       set_method(x) && set_credentials(x);
	/* libcurl 7.88 would sign the header that this takes away. */
	if (done && !x->request->target->s3 && x->request->size <= SMALL_BODY)
		done = add_header(x, "Expect:");
	for (size_t i = 0; done && i < HTTP_MAX_HEADERS && x->request->header[i]; i++)
		done = add_header(x, x->request->header[i]);
	return done && SET(HTTPHEADER, x->headers) && SET(HEADERFUNCTION, http_on_header) &&
	       SET(HEADERDATA, x) && SET(WRITEFUNCTION, on_body) && SET(WRITEDATA, x) &&
	       SET(NOPROGRESS, 0L) && SET(XFERINFOFUNCTION, on_progress) && SET(XFERINFODATA, x);
}

/* --- moving -------------------------------------------------------------------------------------------- */

static CURLcode result_of(CURLM *multi)
{
	int left;
	const CURLMsg *message = curl_multi_info_read(multi, &left);

	return message && message->msg == CURLMSG_DONE ? message->data.result : CURLE_OUT_OF_MEMORY;
}

/* Until it is done, or somebody cancels. */
static CURLcode drive(struct http_exchange *x)
{
	CURLM *multi = x->http->multi;
	struct curl_waitfd cancel = { .fd = x->http->set.cancel_fd, .events = CURL_WAIT_POLLIN };
	int running = 1;

	while (running) {
		if (curl_multi_perform(multi, &running))
			return CURLE_OUT_OF_MEMORY;
		if (running && curl_multi_poll(multi, &cancel, cancel.fd > 0, POLL_MS, NULL))
			return CURLE_OUT_OF_MEMORY;
		if (!cancel.revents)
			continue;
		x->ret = transport_error_fill(x->err, -ECANCELED, "cancelled", "command", "signal",
					      "|");
		return CURLE_ABORTED_BY_CALLBACK;
	}
	return result_of(multi);
}

/* S3 API reference, "Error responses": <Error><Code>NAME</Code>... */
static void take_code(struct http_exchange *x)
{
	const char *at = x->reply->body;
	struct transport_http_told *told = x->http->told;

	told->code[0] = '\0';
	if (x->request->target->s3 && at && x->reply->status >= 300)
		s3_xml(at, "Code", &at, told->code, sizeof(told->code));
	for (char *c = told->code; *c; c++)
		if (*c <= ' ' || *c > '~')
			*c = '?';
}

int http_perform(struct transport_http *http, const struct http_request *request,
		 struct http_reply *reply, struct transport_error *err)
{
	struct http_exchange x = { .http = http, .request = request, .reply = reply, .err = err };
	CURLcode code = CURLE_OUT_OF_MEMORY;

	free(reply->body);
	*reply = (struct http_reply){ .status = 0 };
	if (set_all(&x) && curl_multi_add_handle(http->multi, http->easy) == CURLM_OK) {
		code = drive(&x);
		curl_multi_remove_handle(http->multi, http->easy);
	}
	take_status(&x);
	http->told->status = reply->status;
	take_code(&x);
	/* libcurl keeps pointers to what is on this stack. */
	curl_easy_reset(http->easy);
	curl_slist_free_all(x.headers);
	return code ? describe(&x, code, err) : 0;
}

void http_reply_release(struct http_reply *reply)
{
	free(reply->body);
	reply->body = NULL;
}
