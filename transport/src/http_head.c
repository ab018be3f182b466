// SPDX-License-Identifier: Apache-2.0
#include "http_exchange.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

static bool whole_number(const char *text, uint64_t *value)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*value = strtoull(text, &end, 10);
	return errno == 0 && (*end == '\0' || *end == '/' || *end == '-');
}

static void take_etag(struct http_exchange *x, const char *value)
{
	snprintf(x->reply->etag, sizeof(x->reply->etag), "%s",
		 strlen(value) < sizeof(x->reply->etag) ? value : "");
}

static void take_length(struct http_exchange *x, const char *value)
{
	x->reply->has_length = whole_number(value, &x->reply->length);
}

/* RFC 9110 §14.4: "bytes FIRST-LAST/SIZE" */
static void take_range(struct http_exchange *x, const char *value)
{
	const char *slash = strchr(value, '/');

	x->reply->has_range = strncasecmp(value, "bytes ", 6) == 0 && slash &&
			      whole_number(value + 6, &x->reply->range_at) &&
			      whole_number(slash + 1, &x->reply->range_of);
}

static void take_date(struct http_exchange *x, const char *value)
{
	const time_t there = curl_getdate(value, NULL);

	if (there == -1)
		return;
	x->http->told->has_skew = true;
	x->http->told->skew = (int64_t)there - (int64_t)time(NULL);
}

/* RFC 9110 §10.2.3: seconds or a date. */
static void take_retry(struct http_exchange *x, const char *value)
{
	const time_t when = curl_getdate(value, NULL);
	const time_t now = time(NULL);
	uint64_t seconds;

	if (whole_number(value, &seconds))
		x->http->told->retry_after = seconds < 86400 ? (int)seconds : 86400;
	else if (when != -1)
		x->http->told->retry_after = when <= now          ? 0
					     : when - now > 86400 ? 86400
								  : (int)(when - now);
}

static void take_location(struct http_exchange *x, const char *value)
{
	if (strlen(value) < sizeof(x->reply->location))
		snprintf(x->reply->location, sizeof(x->reply->location), "%s", value);
}

static void take_region(struct http_exchange *x, const char *value)
{
	snprintf(x->http->told->region, sizeof(x->http->told->region), "%s", value);
}

/* S3 API reference, "Object": the tag of such an object is no MD5. */
static void take_encryption(struct http_exchange *x, const char *value)
{
	if (strcasecmp(value, "AES256") != 0)
		x->reply->opaque_tag = true;
}

static void take_own_key(struct http_exchange *x, const char *value)
{
	(void)value;
	x->reply->opaque_tag = true;
}

static const struct {
	const char *name;
	void (*take)(struct http_exchange *x, const char *value);
} headers[] = {
	{ "etag", take_etag },
	{ "content-length", take_length },
	{ "content-range", take_range },
	{ "date", take_date },
	{ "retry-after", take_retry },
	{ "location", take_location },
	{ "x-amz-bucket-region", take_region },
	{ "x-amz-server-side-encryption", take_encryption },
	{ "x-amz-server-side-encryption-customer-algorithm", take_own_key },
};

static void begin_headers(struct http_exchange *x)
{
	*x->reply = (struct http_reply){ .body = x->reply->body, .body_room = x->reply->body_room };
	x->http->told->retry_after = -1;
}

size_t http_on_header(char *data, size_t one, size_t len, void *arg)
{
	struct http_exchange *x = arg;
	char line[TRANSPORT_HTTP_MAX_URL + 64];
	char *colon, *value;
	size_t used = one * len;

	if (used >= sizeof(line))
		return used; /* none of ours is so long */
	memcpy(line, data, used);
	while (used && (line[used - 1] == '\r' || line[used - 1] == '\n' || line[used - 1] == ' '))
		used--;
	line[used] = '\0';
	if (strncmp(line, "HTTP/", 5) == 0)
		begin_headers(x);
	colon = strchr(line, ':');
	if (!colon)
		return one * len;
	*colon = '\0';
	value = colon + 1 + strspn(colon + 1, " \t");
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
		if (strcasecmp(line, headers[i].name) == 0)
			headers[i].take(x, value);
	return one * len;
}
