// SPDX-License-Identifier: Apache-2.0
/* What a stranger writes first; tests/install/consume builds it against the installed library. */
#include <sdeistate/error.h>

#include <stdio.h>

int main(void)
{
	const char *name = sdeistate_reason_name(SDEISTATE_BAD_SIGNATURE);

	return name && puts(name) >= 0 ? 0 : 1;
}
