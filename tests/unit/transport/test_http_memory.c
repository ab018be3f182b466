// SPDX-License-Identifier: Apache-2.0
/* Every allocation of a push and a pull fails once, libcurl's too; AddressSanitizer sees what is lost then. */
#define _GNU_SOURCE
#include "support/check.h"
#include "support/failing_heap.h"
#include "web_server.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <transport/http.h>

#define SIZE     1000u
#define MOST     3000u
#define TOO_LATE "it ends before all allocations have failed"

static struct web_server server;

struct scene {
	char url[80], endpoint[64], folder[32];
	int file, copy;
	struct transport_http_told told;
};

static char *duplicate(const char *text)
{
	const size_t size = strlen(text) + 1;
	char *copy = malloc(size);

	return copy ? memcpy(copy, text, size) : NULL;
}

static int push_and_pull(struct scene *scene, bool s3, struct transport_error *err)
{
	const struct transport_http_options options = {
		.access_key = s3 ? "key" : NULL,
		.secret_key = s3 ? "secret" : NULL,
		.session_token = s3 ? "session" : NULL,
		.user = s3 ? NULL : "user",
		.endpoint = scene->endpoint,
		.insecure_http = true,
		.tries = 1,
	};
	const struct transport_push push = { .fd = scene->file,
					     .part_size = 400,
					     .records = s3 ? scene->folder : NULL };
	const struct transport_pull pull = { .fd = scene->copy, .max_size = SIZE };
	struct transport_http *http = NULL;
	int ret = transport_http_new(&options, &http, err);

	server.stored = false;
	if (ret == 0)
		ret = transport_http_push(http, scene->url, &push, &scene->told, err);
	if (ret == 0)
		ret = transport_http_pull(http, scene->url, &pull, &scene->told, err);
	transport_http_free(http);
	return ret;
}

static bool same(const struct scene *scene)
{
	char there[SIZE], here[SIZE];

	return pread(scene->file, there, SIZE, 0) == SIZE &&
	       pread(scene->copy, here, SIZE, 0) == SIZE && memcmp(there, here, SIZE) == 0;
}

static void remove_folder(const char *folder)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -rf %s", folder);
	(void)!system(command);
}

static bool open_scene(struct scene *scene, bool s3)
{
	char bytes[SIZE];

	for (size_t i = 0; i < SIZE; i++)
		bytes[i] = (char)(i * 7);
	snprintf(scene->endpoint, sizeof(scene->endpoint), "http://127.0.0.1:%d", server.port);
	snprintf(scene->url, sizeof(scene->url), "%s/x", s3 ? "s3://bucket" : scene->endpoint);
	snprintf(scene->folder, sizeof(scene->folder), "/tmp/sdei-test-XXXXXX");
	scene->file = memfd_create("file", MFD_CLOEXEC);
	scene->copy = memfd_create("copy", MFD_CLOEXEC);
	return mkdtemp(scene->folder) && scene->file >= 0 && scene->copy >= 0 &&
	       write(scene->file, bytes, SIZE) == SIZE;
}

static void fail_each(bool s3)
{
	struct scene scene = { .file = -1 };
	struct transport_error err;
	unsigned int n = 1;

	REQUIRE(web_open(&server) && open_scene(&scene, s3), "a server and files");
	for (; n < MOST; n++) {
		int ret;

		heap.failed = false;
		heap.until_failure = n;
		ret = push_and_pull(&scene, s3, &err);
		heap.until_failure = 0;
		CHECK(ret <= 0 && (ret == 0) == (ret == 0 && same(&scene)), "whole, or a failure");
		if (!heap.failed) {
			CHECK(ret == 0, "with memory it works");
			break;
		}
		if (!CHECK(ftruncate(scene.copy, 0) == 0, "the copy is emptied"))
			break;
	}
	CHECK(n > 50 && n < MOST, TOO_LATE);
	close(scene.file);
	close(scene.copy);
	remove_folder(scene.folder);
	web_close(&server);
}

static void plain(void)
{
	fail_each(false);
}

static void in_parts(void)
{
	fail_each(true);
}

int main(void)
{
	int ret;

	if (curl_global_init_mem(CURL_GLOBAL_DEFAULT, malloc, free, realloc, duplicate, calloc))
		return 1;
	ret = RUN_TESTS(plain, in_parts);
	curl_global_cleanup();
	return ret;
}
