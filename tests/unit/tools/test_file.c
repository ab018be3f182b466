// SPDX-License-Identifier: Apache-2.0
#include "common/cleanup.h"
#include "common/file.h"

#include "support/check.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static char directory[] = "/tmp/file-XXXXXX";

static bool is_mode(const char *path, mode_t mode)
{
	struct stat status;

	return stat(path, &status) == 0 && (status.st_mode & 0777) == mode;
}

static void test_whole_files(void)
{
	uint8_t *data = NULL;
	struct failure failure;
	size_t len = 0;

	REQUIRE(mkdtemp(directory) && chdir(directory) == 0, "there is a temporary directory");
	CHECK(file_write("a", "0123456789", 10, 0600, &failure) == 0, "a file is written");
	CHECK(is_mode("a", 0600), "with its mode");
	CHECK(file_read("a", 10, &data, &len, &failure) == 0 && len == 10 &&
		      memcmp(data, "0123456789", 11) == 0,
	      "and read, with a zero byte behind");
	free(data);
	data = NULL;
	CHECK(file_write("a", "new", 3, 0644, &failure) == 0 &&
		      file_read("a", 10, &data, &len, &failure) == 0 && len == 3,
	      "writing again replaces it");
	free(data);
	data = NULL;
	CHECK(file_read("a", 2, &data, &len, &failure) == -E2BIG &&
		      failure.reason == SDEISTATE_OVER_LIMIT && !data,
	      "one byte above the limit is refused");
	CHECK(file_read("b", 2, &data, &len, &failure) == -ENOENT &&
		      strcmp(failure.object, "b") == 0,
	      "a missing file is named");
	CHECK(file_write("no/a", "x", 1, 0600, &failure) == -ENOENT, "and a missing folder");
	CHECK(mkdir("d", 0700) == 0 && file_write("d", "x", 1, 0600, &failure) == -EISDIR,
	      "a folder is not written over");
}

static void test_nothing_is_left_behind(void)
{
	struct failure failure;

	CHECK(mkdir("ro", 0500) == 0, "there is a folder that cannot be written to");
	if (geteuid() != 0)
		CHECK(file_write("ro/a", "x", 1, 0600, &failure) == -EACCES, "it is refused");
	CHECK(file_write("/dev/null", "x", 1, 0600, &failure) == 0, "a device is written to");
	CHECK(access("/dev/null", F_OK) == 0 && !is_mode("/dev/null", 0600), "and stays a device");
	CHECK(unlink("a") == 0 && rmdir("d") == 0 && rmdir("ro") == 0 && chdir("/") == 0 &&
		      rmdir(directory) == 0,
	      "no temporary file is left in the folder");
}

int main(void)
{
	return RUN_TESTS(test_whole_files, test_nothing_is_left_behind);
}
