// SPDX-License-Identifier: Apache-2.0
#include "error_fill.h"
#include "support/check.h"

#include <errno.h>
#include <string.h>

static void test_error_fill_keeps_its_promises(void)
{
	struct kvmcore_error err;
	char field[512];

	CHECK(error_fill(NULL, -EIO, "a", "b", "c") == -EIO, "works without an object to fill");
	CHECK(error_fill(&err, -EINVAL, "token", "10", "%d bytes|%d bytes", 64, 63) == -EINVAL,
	      "returns the code it was given");
	CHECK(err.code == -EINVAL && !strcmp(err.object, "token") && !strcmp(err.field, "10") &&
		      !strcmp(err.expected, "64 bytes") && !strcmp(err.actual, "63 bytes"),
	      "splits the text at the bar");
	error_fill(&err, -EIO, "token", "", "readable");
	CHECK(err.actual[0] == '\0', "has no actual value without a bar");
	memset(field, 'x', sizeof(field) - 1);
	field[sizeof(field) - 1] = '\0';
	error_fill(&err, -EIO, field, field, "%s|%s", field, field);
	CHECK(strlen(err.object) == sizeof(err.object) - 1 &&
		      strlen(err.field) == sizeof(err.field) - 1 &&
		      strlen(err.expected) == sizeof(err.expected) - 1,
	      "cuts what does not fit");
}

int main(void)
{
	return RUN_TESTS(test_error_fill_keeps_its_promises);
}
