// SPDX-License-Identifier: Apache-2.0
#include "common/progress.h"

#include "support/check.h"

#include <fcntl.h>
#include <string.h>

static const struct tool quiet = { .quiet = true };

/* What stands in the pipe, at most @size - 1 bytes. */
static void drain(int fd, char *text, size_t size)
{
	const ssize_t len = read(fd, text, size - 1);

	text[len > 0 ? len : 0] = '\0';
}

static unsigned int count(const char *text, const char *word)
{
	unsigned int n = 0;

	for (; (text = strstr(text, word)); text++)
		n++;
	return n;
}

static void test_lines_on_a_descriptor(void)
{
	struct progress progress;
	char text[2048];
	int fd[2];

	REQUIRE(pipe2(fd, O_NONBLOCK) == 0, "there is a pipe");
	progress_open(&progress, &quiet, fd[1]);
	for (unsigned int i = 0; i <= 50; i++)
		progress_report(&progress, "capture", i, 50);
	progress_report(&progress, "send", 0, 0);
	progress_close(&progress);
	progress_report(&progress, "late", 0, 1);
	drain(fd[0], text, sizeof(text));
	CHECK(count(text, "\"phase\":\"capture\",\"done\":0,\"total\":50") == 1,
	      "a new phase is shown");
	CHECK(count(text, "\"phase\":\"capture\",\"done\":50,\"total\":50") == 1, "and its end");
	CHECK(count(text, "capture") < 10, "what comes in between is held back");
	CHECK(count(text, "{\"event\":\"progress\",") == count(text, "}\n"), "one object a line");
	CHECK(count(text, "\"phase\":\"send\",\"done\":0,\"total\":0") == 1, "the next phase too");
	CHECK(count(text, "late") == 0, "after the end nothing is shown");
	close(fd[0]);
	close(fd[1]);
}

static void test_quiet_is_quiet(void)
{
	struct progress progress;

	progress_open(&progress, &quiet, -1);
	CHECK(progress.fd == -1 && !progress.bar,
	      "with --quiet and no descriptor nothing is shown");
	progress_report(&progress, "capture", 1, 2);
	progress_close(&progress);
}

int main(void)
{
	return RUN_TESTS(test_lines_on_a_descriptor, test_quiet_is_quiet);
}
