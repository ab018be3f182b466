// SPDX-License-Identifier: Apache-2.0
/* What a stranger writes first; tests/install/consume builds it against the installed library. */
#include <transport/error.h>

#include <errno.h>
#include <stdio.h>

int main(void)
{
	struct transport_error error;

	if (transport_error_fill(&error, -EINVAL, "usage", "stranger", "name", "short|%s",
				 "long") != -EINVAL)
		return 1;
	printf("%s: %s, not %s\n", error.object, error.expected, error.actual);
	return 0;
}
