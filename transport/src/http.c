// SPDX-License-Identifier: Apache-2.0
#include "http.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_REGION  "us-east-1"
#define DEFAULT_TRIES   6u
#define DEFAULT_WAIT_MS 500u
#define DEFAULT_STALL_S 30u

/* The texts of the options, which the client keeps. */
static const size_t texts[] = {
	offsetof(struct transport_http_options, ca),
	offsetof(struct transport_http_options, certificate),
	offsetof(struct transport_http_options, key),
	offsetof(struct transport_http_options, pin),
	offsetof(struct transport_http_options, user),
	offsetof(struct transport_http_options, password),
	offsetof(struct transport_http_options, token),
	offsetof(struct transport_http_options, access_key),
	offsetof(struct transport_http_options, secret_key),
	offsetof(struct transport_http_options, session_token),
	offsetof(struct transport_http_options, region),
	offsetof(struct transport_http_options, endpoint),
};

#define N_TEXTS (sizeof(texts) / sizeof(texts[0]))

static char **text_at(struct transport_http_options *options, size_t i)
{
	return (char **)((char *)options + texts[i]);
}

/* A line break in a secret would add a header to a request. */
static bool is_one_line(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return false;
	return true;
}

/* "aws:amz:REGION:s3" is cut at its colons. */
static bool is_region(const char *text)
{
	const size_t len = strlen(text);

	return len > 0 && len < 40 &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") ==
		       len;
}

static int refuse(struct transport_error *err, const char *field, const char *expected)
{
	return transport_error_fill(err, -EINVAL, "usage", "HTTP client", field, "%s|", expected);
}

static int check_options(const struct transport_http_options *options, struct transport_error *err)
{
	struct transport_http_options copy = *options;

	for (size_t i = 0; i < N_TEXTS; i++)
		if (*text_at(&copy, i) && !is_one_line(*text_at(&copy, i)))
			return refuse(err, "credentials", "one line without control characters");
	if (options->region && !is_region(options->region))
		return refuse(err, "region", "letters, digits and hyphens");
	if (!options->certificate != !options->key)
		return refuse(err, "client certificate", "a certificate and its key");
	if (options->token && options->user)
		return refuse(err, "credentials", "a token or a user, not both");
	if (options->user && strchr(options->user, ':'))
		return refuse(err, "user", "no colon");
	if (!options->access_key != !options->secret_key)
		return refuse(err, "credentials", "an access key and its secret key");
	if (options->tries > TRANSPORT_HTTP_MAX_TRIES)
		return refuse(err, "tries", "not so many");
	return 0;
}

static int keep_texts(struct transport_http *http, const struct transport_http_options *options)
{
	struct transport_http_options copy = *options;

	http->set = *options;
	for (size_t i = 0; i < N_TEXTS; i++)
		*text_at(&http->set, i) = NULL;
	for (size_t i = 0; i < N_TEXTS; i++) {
		const char *text = *text_at(&copy, i);

		*text_at(&http->set, i) = text ? strdup(text) : NULL;
		if (text && !*text_at(&http->set, i))
			return -ENOMEM;
	}
	return 0;
}

static void choose_defaults(struct transport_http *http)
{
	struct transport_http_options *set = &http->set;

	set->tries = set->tries ? set->tries : DEFAULT_TRIES;
	set->wait_ms = set->wait_ms ? set->wait_ms : DEFAULT_WAIT_MS;
	set->stall_s = set->stall_s ? set->stall_s : DEFAULT_STALL_S;
	snprintf(http->sigv4, sizeof(http->sigv4), "aws:amz:%s:s3",
		 set->region ? set->region : DEFAULT_REGION);
}

int transport_http_new(const struct transport_http_options *options, struct transport_http **http,
		       struct transport_error *err)
{
	struct transport_http *made;
	int ret = check_options(options, err);

	if (ret)
		return ret;
	if (curl_global_init(CURL_GLOBAL_DEFAULT))
		return transport_error_fill(err, -EIO, "internal", "libcurl", "start", "|");
	made = calloc(1, sizeof(*made));
	if (made) {
		ret = keep_texts(made, options);
		made->easy = curl_easy_init();
		made->multi = curl_multi_init();
		choose_defaults(made);
		if (ret == 0 && made->easy && made->multi) {
			*http = made;
			return 0;
		}
		transport_http_free(made);
	} else {
		curl_global_cleanup();
	}
	return transport_error_fill(err, -ENOMEM, "no-memory", "HTTP client", "", "|");
}

struct transport_http *transport_http_free(struct transport_http *http)
{
	if (!http)
		return NULL;
	curl_easy_cleanup(http->easy);
	curl_multi_cleanup(http->multi);
	for (size_t i = 0; i < N_TEXTS; i++) {
		char *text = *text_at(&http->set, i);

		if (text)
			OPENSSL_cleanse(text, strlen(text));
		free(text);
	}
	free(http);
	curl_global_cleanup();
	return NULL;
}

void http_note(const struct transport_http *http, const char *format, ...)
{
	char text[256];
	va_list args;

	if (!http->set.note)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	http->set.note(http->set.arg, text);
}
