// SPDX-License-Identifier: Apache-2.0
/*
 * What comes from a web server or an object store, and what a person or a disk may hand in. The first byte says
 * how the rest is used:
 *
 *	0: lines of an answer's head
 *	1: an answer in XML
 *	2: a URL, and a place that a redirect from it names, behind a zero
 *	3: the note of an unfinished upload
 */
#include "http_exchange.h"
#include "s3_record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NOTED "https://u/o"

static char folder[] = "/tmp/sdei-fuzz-XXXXXX", note[128];
static struct transport_http *http;

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void clean(void)
{
	unlink(note);
	rmdir(folder);
	transport_http_free(http);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const struct transport_http_options options = { .access_key = "a",
							.secret_key = "b",
							.endpoint = "https://e" };
	S3_RECORD record = { .fd = -1 };

	(void)argc;
	(void)argv;
	if (!mkdtemp(folder) || transport_http_new(&options, &http, NULL) ||
	    s3_record_open(folder, NOTED, &record, NULL))
		abort();
	snprintf(note, sizeof(note), "%s", record.path);
	atexit(clean);
	return 0;
}

static void read_head(const char *text, size_t len)
{
	struct transport_http_told told = { .retry_after = -1 };
	struct http_reply reply = { .status = 0 };
	struct http_exchange exchange = { .http = http, .reply = &reply };

	http->told = &told;
	while (len) {
		const char *end = memchr(text, '\n', len);
		const size_t line = end ? (size_t)(end - text) + 1 : len;
		char *copy = malloc(line);

		if (!copy ||
		    (memcpy(copy, text, line), http_on_header(copy, 1, line, &exchange)) != line)
			abort();
		free(copy);
		text += line;
		len -= line;
	}
	if (strlen(reply.etag) >= sizeof(reply.etag) || told.retry_after < -1 ||
	    told.retry_after > 86400)
		abort();
}

static void read_xml(const char *text)
{
	const char *at = NULL;
	char out[32];

	while (s3_xml(text, "ETag", &at, out, sizeof(out)) == 0)
		if (strlen(out) >= sizeof(out) || at < text || at > text + strlen(text))
			abort();
}

/* A redirect never leads from https to anything else. */
static void follow(const char *url, const char *location)
{
	HTTP_TARGET target = { .url = NULL };

	if (http_target_open(http, url, &target, NULL))
		return;
	if (strncmp(target.url, "https://", 8) != 0)
		abort();
	if (!http_target_move(http, &target, location, NULL) &&
	    strncmp(target.url, "https://", 8) != 0)
		abort();
}

static void read_note(const char *text, size_t len)
{
	S3_RECORD record = { .fd = -1 };
	const int fd = open(note, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, text, len) != (ssize_t)len)
		abort();
	close(fd);
	if (s3_record_open(folder, NOTED, &record, NULL))
		abort();
	if (record.upload[0] && (record.n_parts < 1 || record.n_parts > TRANSPORT_HTTP_MAX_PARTS ||
				 record.n_parts != s3_parts(record.size, record.part_size)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text;

	if (size < 1)
		return 0;
	text = malloc(size);
	if (!text)
		return 0;
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	if (data[0] == 0)
		read_head(text, size - 1);
	else if (data[0] == 1)
		read_xml(text);
	else if (data[0] == 2)
		follow(text, strlen(text) < size - 1 ? text + strlen(text) + 1 : "/x");
	else
		read_note(text, size - 1);
	free(text);
	return 0;
}
