// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "s3_record.h"
#include "support/check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void names(void)
{
	static const struct {
		const char *url, *name;
	} rows[] = {
		{ "https://host/a?X-Amz-Signature=secret", "https://host/a" },
		{ "https://user:secret@host/a#b", "https://host/a" },
		{ "https://host?secret", "https://host" },
		{ "https://a@b@host/c@d", "https://host/c@d" },
		{ "s3://bucket/key?not a query", "s3://bucket/key?not a query" },
		{ "nonsense", "nonsense" },
	};
	char name[64];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		transport_http_name(rows[i].url, name, sizeof(name));
		CHECK(strcmp(name, rows[i].name) == 0, rows[i].url);
	}
	transport_http_name("https://host/long", name, 10);
	CHECK(strlen(name) < 10, "a name is cut, not overrun");
	CHECK(transport_http_is_url("HTTPS://x") && transport_http_is_url("s3:x") &&
		      !transport_http_is_url("file:x") && !transport_http_is_url("https"),
	      "what a URL of ours is");
}

static void encoding(void)
{
	char out[16];

	CHECK(http_encode("a/b c+", "/", out, sizeof(out)) == 0 && strcmp(out, "a/b%20c%2B") == 0,
	      "only what is unreserved stays");
	CHECK(http_encode("\xc3\xbc", "", out, sizeof(out)) == 0 && strcmp(out, "%C3%BC") == 0,
	      "bytes, in capitals");
	CHECK(http_encode("aaaaaaaaaaaaaaaaaaaa", "", out, sizeof(out)) == -E2BIG, "bounded");
}

static void tags(void)
{
	CHECK(http_tag_is_md5("\"0123456789abcdef0123456789ABCDEF\""), "an MD5 in quotes");
	CHECK(http_tag_is_md5("0123456789abcdef0123456789abcdef"), "or without");
	CHECK(!http_tag_is_md5("\"0123456789abcdef0123456789abcdef-3\""), "that of parts is none");
	CHECK(!http_tag_is_md5("\"\"") && !http_tag_is_md5("") && !http_tag_is_md5("\""),
	      "nothing");
	CHECK(http_tag_equals("\"AB\"", "ab") && !http_tag_equals("\"ab\"", "abc"), "compared");
}

static void xml(void)
{
	static const char text[] =
		"<?xml?><A x=\"1\"><Key>one</Key></A><Key>t&quot;w&amp;o</Key><Ke>";
	const char *at = NULL;
	char out[8];

	CHECK(s3_xml(text, "Key", &at, out, sizeof(out)) == 0 && strcmp(out, "one") == 0, "first");
	CHECK(s3_xml(text, "Key", &at, out, sizeof(out)) == 0 && strcmp(out, "t\"w&o") == 0,
	      "the next, decoded");
	CHECK(s3_xml(text, "Key", &at, out, sizeof(out)) == -ENOENT, "no more");
	at = NULL;
	CHECK(s3_xml(text, "Key", &at, out, 3) == -E2BIG, "bounded");
	at = NULL;
	CHECK(s3_xml("<Key>unclosed", "Key", &at, out, sizeof(out)) == -E2BIG && !at,
	      "cut by its room");
}

static struct transport_http *client(const char *endpoint, bool in_host, bool insecure)
{
	const struct transport_http_options options = {
		.access_key = "a",
		.secret_key = "b",
		.endpoint = endpoint,
		.region = "eu-x",
		.bucket_in_host = in_host,
		.insecure_http = insecure,
	};
	struct transport_http *http = NULL;

	transport_http_new(&options, &http, NULL);
	return http;
}

static void targets(void)
{
	static const struct {
		const char *endpoint, *url, *expected;
		bool in_host;
	} rows[] = {
		{ NULL, "s3://vms-1/a b/../c", "https://vms-1.s3.eu-x.amazonaws.com/a%20b/../c",
		  true },
		{ NULL, "s3://vms.1/k", "https://s3.eu-x.amazonaws.com/vms.1/k", false },
		{ "https://h:9/", "s3://vms-1/k", "https://h:9/vms-1/k", false },
		{ "https://h:9", "s3://vms-1/k", "https://vms-1.h:9/k", true },
		{ NULL, "https://h/a?b#c", "https://h/a?b", false },
		{ NULL, "https://h/a/../b", "https://h/a/../b", false },
		{ NULL, "s3://vms.1/k", NULL, true },
		{ NULL, "s3://BU1/k", NULL, false },
		{ NULL, "http://h/a", NULL, false },
		{ NULL, "https://u@h/a", NULL, false },
		{ NULL, "https://:p@h/a", NULL, false },
		{ NULL, "ftp://h/a", NULL, false },
		{ NULL, "https://", NULL, false },
		{ "http://h", "s3://vms-1/k", NULL, false },
		{ "https://h/p", "s3://vms-1/k", NULL, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct transport_http *http = client(rows[i].endpoint, rows[i].in_host, false);
		HTTP_TARGET target = { .url = NULL };
		const int ret = http_target_open(http, rows[i].url, &target, NULL);

		CHECK(rows[i].expected ? ret == 0 && strcmp(target.url, rows[i].expected) == 0
				       : ret == -EINVAL,
		      rows[i].url);
		transport_http_free(http);
	}
}

static void moves(void)
{
	static const struct {
		const char *location, *expected;
		bool insecure, alone;
	} rows[] = {
		{ "/b", "https://h/b", false, false },
		{ "https://h:443/c", "https://h:443/c", false, false },
		{ "//other/d", "https://other/d", false, true },
		{ "https://h:444/e", "https://h:444/e", false, true },
		{ "http://h/f", NULL, true, false },
		{ "http://h/f", NULL, false, false },
		{ "https://u:p@h/g", NULL, false, false },
		{ "file:///etc/passwd", NULL, true, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct transport_http *http = client(NULL, false, rows[i].insecure);
		HTTP_TARGET target = { .url = NULL };
		int ret;

		REQUIRE(http_target_open(http, "https://h/a", &target, NULL) == 0,
			"where it begins");
		ret = http_target_move(http, &target, rows[i].location, NULL);
		CHECK(rows[i].expected ? ret == 0 && strcmp(target.url, rows[i].expected) == 0 &&
						 target.no_secrets == rows[i].alone
				       : ret == -EPROTO,
		      rows[i].location);
		transport_http_free(http);
	}
}

static void settings(void)
{
	static const struct transport_http_options rows[] = {
		{ .region = "a:b" },
		{ .region = "" },
		{ .access_key = "a" },
		{ .certificate = "a" },
		{ .user = "a:b" },
		{ .user = "a", .token = "b" },
		{ .token = "a\r\nX-Header: b" },
		{ .tries = TRANSPORT_HTTP_MAX_TRIES + 1 },
	};
	struct transport_http *http;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		CHECK(transport_http_new(&rows[i], &http, NULL) == -EINVAL, "contradictions");
	CHECK(transport_http_free(NULL) == NULL, "nothing is freed");
}

static void notes(void)
{
	const struct stat file = { .st_size = 25, .st_mtim = { 7, 8 } };
	char folder[] = "/tmp/sdei-test-XXXXXX";
	S3_RECORD first = { .fd = -1 };
	S3_RECORD second = { .fd = -1 };
	struct stat other = file;

	REQUIRE(mkdtemp(folder), "a folder");
	REQUIRE(s3_record_open(folder, "https://u", &first, NULL) == 0 && !first.upload[0],
		"empty");
	CHECK(s3_record_open(folder, "https://u", &second, NULL) == -EBUSY, "one at a time");
	s3_record_close(&second);
	CHECK(s3_record_open(folder, "https://v", &second, NULL) == 0, "but another URL");
	s3_record_close(&second);
	REQUIRE(s3_record_begin(&first, "https://u", "id%2F1", &file, 10, NULL) == 0, "begun");
	CHECK(first.n_parts == 3, "three parts of 25 bytes");
	snprintf(first.part[1].etag, sizeof(first.part[1].etag), "tag");
	memset(first.part[1].sha256, 'a', 64);
	CHECK(s3_record_part(&first, 2, NULL) == 0, "noted");
	s3_record_close(&first);
	REQUIRE(s3_record_open(folder, "https://u", &second, NULL) == 0, "again");
	CHECK(strcmp(second.upload, "id%2F1") == 0 && second.n_parts == 3 && second.part_size == 10,
	      "the upload is remembered");
	CHECK(!second.part[0].etag[0] && strcmp(second.part[1].etag, "tag") == 0 &&
		      strlen(second.part[1].sha256) == 64,
	      "and its part");
	CHECK(s3_record_fits(&second, &file, 10) && !s3_record_fits(&second, &file, 11), "its cut");
	other.st_mtim.tv_nsec = 9;
	CHECK(!s3_record_fits(&second, &other, 10), "its file");
	s3_record_forget(&second);
	s3_record_close(&second);
	CHECK(rmdir(folder) == 0, "nothing stays");
	CHECK(s3_parts(0, 10) == 1 && s3_parts(10, 10) == 1 && s3_parts(11, 10) == 2, "how many");
}

static void passing(void)
{
	static const int again[] = { 408, 425, 429, 500, 502, 503, 504, 599 };
	static const int never[] = { 0,   200, 301, 400, 401, 403, 404,
				     409, 412, 413, 501, 505, 507, 700 };

	for (size_t i = 0; i < ARRAY_SIZE(again); i++)
		CHECK(http_is_passing(0, again[i]), "it may pass");
	for (size_t i = 0; i < ARRAY_SIZE(never); i++)
		CHECK(!http_is_passing(0, never[i]), "it will not");
	CHECK(http_is_passing(-ECONNREFUSED, 0) && !http_is_passing(-EACCES, 0), "connections");
}

int main(void)
{
	return RUN_TESTS(names, encoding, tags, xml, targets, moves, settings, notes, passing);
}
