// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "http.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAX_KEY     1024u /* S3 user guide, "Naming Amazon S3 objects" */
#define S3_PREFIX   "s3://"
#define AMAZON_HOST "https://s3.%s.amazonaws.com"

#define URL_HANDLE  __attribute__((cleanup(close_url))) CURLU
#define URL_PART    __attribute__((cleanup(close_part))) char

static void close_url(CURLU *const *url)
{
	curl_url_cleanup(*url);
}

static void close_part(char *const *part)
{
	curl_free(*part);
}

bool transport_http_is_url(const char *text)
{
	return strncasecmp(text, "https:", 6) == 0 || strncasecmp(text, "http:", 5) == 0 ||
	       strncasecmp(text, "s3:", 3) == 0;
}

void transport_http_name(const char *url, char *name, size_t size)
{
	const char *authority = strstr(url, "://");
	const char *start = authority ? authority + 3 : url;
	const size_t host = strcspn(start, "/?#");
	const char *at = memrchr(start, '@', host);
	int used;

	if (strncasecmp(url, S3_PREFIX, 5) == 0) {
		snprintf(name, size, "%s", url);
		return;
	}
	used = snprintf(name, size, "%.*s", (int)(start - url), url);
	if (used >= 0 && (size_t)used < size) {
		start = at ? at + 1 : start;
		snprintf(name + used, size - (size_t)used, "%.*s", (int)strcspn(start, "?#"),
			 start);
	}
}

int http_encode(const char *text, const char *keep, char *out, size_t size)
{
	static const char plain[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
	size_t used = 0;

	for (; *text; text++) {
		const bool as_is = strchr(plain, *text) || strchr(keep, *text);

		if (used + 4 > size)
			return -E2BIG;
		if (as_is)
			out[used++] = *text;
		else
			used += (size_t)snprintf(out + used, 4, "%%%02X", (unsigned char)*text);
	}
	out[used] = '\0';
	return 0;
}

static int refuse(const struct http_target *target, const char *field, const char *expected,
		  struct transport_error *err)
{
	return transport_error_fill(err, -EINVAL, "usage", target->name, field, "%s|", expected);
}

static int no_memory(const struct http_target *target, struct transport_error *err)
{
	return transport_error_fill(err, -ENOMEM, "no-memory", target->name, "", "|");
}

/* What nobody may put into a URL: secrets, which others see in a list of processes; plain http by mistake. */
static int check_web(const struct transport_http *http, const struct http_target *target,
		     CURLU *url, struct transport_error *err)
{
	URL_PART *scheme = NULL;
	URL_PART *user = NULL;
	URL_PART *password = NULL;

	if (curl_url_get(url, CURLUPART_SCHEME, &scheme, 0))
		return no_memory(target, err);
	if (strcmp(scheme, "https") != 0 && strcmp(scheme, "http") != 0)
		return refuse(target, "URL", "https://, or s3://bucket/key", err);
	if (strcmp(scheme, "http") == 0 && !http->set.insecure_http)
		return refuse(target, "URL", "https://; plain http only on purpose", err);
	if (curl_url_get(url, CURLUPART_USER, &user, 0) != CURLUE_NO_USER ||
	    curl_url_get(url, CURLUPART_PASSWORD, &password, 0) != CURLUE_NO_PASSWORD)
		return refuse(target, "URL", "no user and no password in it", err);
	return 0;
}

static int parse(const struct http_target *target, const char *text, CURLU **url,
		 struct transport_error *err)
{
	CURLUcode code;

	*url = curl_url();
	if (!*url)
		return no_memory(target, err);
	code = curl_url_set(*url, CURLUPART_URL, text, CURLU_PATH_AS_IS);
	if (code == CURLUE_OUT_OF_MEMORY)
		return no_memory(target, err);
	if (code)
		return refuse(target, "URL", "https://host/path or s3://bucket/key", err);
	curl_url_set(*url, CURLUPART_FRAGMENT, NULL, 0);
	return 0;
}

static int take_whole(struct http_target *target, CURLU *url, struct transport_error *err)
{
	URL_PART *whole = NULL;
	char *copy;

	if (curl_url_get(url, CURLUPART_URL, &whole, 0))
		return no_memory(target, err);
	copy = strdup(whole);
	if (!copy)
		return no_memory(target, err);
	free(target->url);
	target->url = copy;
	return 0;
}

static int open_web(const struct transport_http *http, const char *text, struct http_target *target,
		    struct transport_error *err)
{
	URL_HANDLE *url = NULL;
	int ret = parse(target, text, &url, err);

	if (ret == 0)
		ret = check_web(http, target, url, err);
	return ret ? ret : take_whole(target, url, err);
}

/* S3 user guide, "General purpose bucket naming rules"; no character that means something in a URL. */
static bool is_bucket(const char *bucket, size_t len, bool in_host)
{
	return len >= 3 && len <= 63 && bucket[0] != '.' && bucket[0] != '-' &&
	       strspn(bucket, "abcdefghijklmnopqrstuvwxyz0123456789-.") >= len &&
	       !(in_host && memchr(bucket, '.', len));
}

static int check_endpoint(const struct transport_http *http, const struct http_target *target,
			  struct transport_error *err)
{
	URL_HANDLE *url = NULL;
	URL_PART *path = NULL;
	int ret;

	if (!http->set.endpoint)
		return 0;
	ret = parse(target, http->set.endpoint, &url, err);
	if (ret == 0)
		ret = check_web(http, target, url, err);
	if (ret == 0 && curl_url_get(url, CURLUPART_PATH, &path, 0))
		ret = no_memory(target, err);
	if (ret == 0 && (strcmp(path, "/") != 0 || strchr(http->set.endpoint, '?')))
		ret = refuse(target, "endpoint", "https://host[:port] without a path", err);
	return ret;
}

/* Without a trailing '/'; owned. */
static char *endpoint_of(const struct transport_http *http)
{
	char *endpoint = NULL;
	size_t len;

	if (http->set.endpoint)
		endpoint = strdup(http->set.endpoint);
	else if (asprintf(&endpoint, AMAZON_HOST,
			  http->set.region ? http->set.region : "us-east-1") < 0)
		endpoint = NULL;
	len = endpoint ? strlen(endpoint) : 0;
	if (len && endpoint[len - 1] == '/')
		endpoint[len - 1] = '\0';
	return endpoint;
}

/* S3 user guide, "Virtual hosting of buckets": https://ENDPOINT/bucket/key or https://bucket.ENDPOINT/key. */
static int join(const struct transport_http *http, struct http_target *target, const char *bucket,
		int len, const char *key, struct transport_error *err)
{
	const bool in_host = http->set.bucket_in_host;
	char *endpoint = endpoint_of(http);
	const char *host = endpoint ? strstr(endpoint, "://") : NULL;
	int made = -1;

	if (host && in_host)
		made = asprintf(&target->url, "%.*s%.*s.%s/%s", (int)(host + 3 - endpoint),
				endpoint, len, bucket, host + 3, key);
	else if (host)
		made = asprintf(&target->url, "%s/%.*s/%s", endpoint, len, bucket, key);
	free(endpoint);
	if (made >= 0)
		return 0;
	target->url = NULL;
	return no_memory(target, err);
}

static int open_s3(const struct transport_http *http, const char *text, struct http_target *target,
		   struct transport_error *err)
{
	const char *bucket = text + strlen(S3_PREFIX);
	const size_t len = strcspn(bucket, "/");
	const char *key = bucket[len] ? bucket + len + 1 : "";
	char encoded[3 * MAX_KEY + 4];
	int ret;

	target->s3 = true;
	if (!is_bucket(bucket, len, http->set.bucket_in_host))
		return refuse(
			target, "bucket",
			http->set.bucket_in_host
				? "3 to 63 small letters, digits and hyphens (a name with points "
				  "only in the path)"
				: "3 to 63 small letters, digits, hyphens and points",
			err);
	if (!*key || strlen(key) > MAX_KEY || http_encode(key, "/", encoded, sizeof(encoded)))
		return refuse(target, "key", "1 to 1024 bytes", err);
	if (!http->set.access_key)
		return transport_error_fill(err, -ENOKEY, "no-key", target->name, "credentials",
					    "an access key and its secret|none");
	ret = check_endpoint(http, target, err);
	return ret ? ret : join(http, target, bucket, (int)len, encoded, err);
}

int http_target_open(const struct transport_http *http, const char *url, struct http_target *target,
		     struct transport_error *err)
{
	*target = (struct http_target){ .s3 = false };
	transport_http_name(url, target->name, sizeof(target->name));
	if (strlen(url) >= TRANSPORT_HTTP_MAX_URL)
		return refuse(target, "URL", "at most 2047 bytes", err);
	if (strncasecmp(url, S3_PREFIX, strlen(S3_PREFIX)) == 0)
		return open_s3(http, url, target, err);
	return open_web(http, url, target, err);
}

void http_target_close(struct http_target *target)
{
	free(target->url);
	target->url = NULL;
}

/* --- redirects --------------------------------------------------------------------------------------- */

static bool same_part(CURLU *a, CURLU *b, CURLUPart part, bool *failed)
{
	URL_PART *one = NULL;
	URL_PART *other = NULL;

	*failed |= curl_url_get(a, part, &one, CURLU_DEFAULT_PORT) ||
		   curl_url_get(b, part, &other, CURLU_DEFAULT_PORT);
	return one && other && strcasecmp(one, other) == 0;
}

static int refuse_redirect(const struct http_target *target, const char *expected, const char *to,
			   struct transport_error *err)
{
	char name[96];

	transport_http_name(to, name, sizeof(name));
	return transport_error_fill(err, -EPROTO, "protocol", target->name, "redirect", "%s|%s",
				    expected, name);
}

int http_target_move(const struct transport_http *http, struct http_target *target,
		     const char *location, struct transport_error *err)
{
	URL_HANDLE *from = NULL;
	URL_HANDLE *to = NULL;
	bool failed = false, same_scheme, same_host, same_port;
	int ret = parse(target, target->url, &from, err);

	if (ret == 0)
		ret = parse(target, target->url, &to, err);
	if (ret)
		return ret;
	/* A relative one is resolved against what is set (RFC 9110 §10.2.2). */
	if (curl_url_set(to, CURLUPART_URL, location, CURLU_PATH_AS_IS))
		return refuse_redirect(target, "a URL", location, err);
	curl_url_set(to, CURLUPART_FRAGMENT, NULL, 0);
	if (check_web(http, target, to, NULL))
		return refuse_redirect(target, "https, and no user in the URL", location, err);
	same_scheme = same_part(from, to, CURLUPART_SCHEME, &failed);
	same_host = same_part(from, to, CURLUPART_HOST, &failed);
	same_port = same_part(from, to, CURLUPART_PORT, &failed);
	if (failed)
		return no_memory(target, err);
	if (!same_scheme && strncmp(target->url, "https:", 6) == 0)
		return refuse_redirect(target, "https again", location, err);
	if (!same_host || !same_port || !same_scheme)
		target->no_secrets = true;
	return take_whole(target, to, err);
}
