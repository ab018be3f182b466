// SPDX-License-Identifier: Apache-2.0
/* What a stranger's first program does; tests/install/consume puts the library's headers before it.
 */
#include <stdio.h>

int main(void)
{
	const char *name = sdeistate_reason_name(SDEISTATE_BAD_SIGNATURE);

	return name && puts(name) >= 0 ? 0 : 1;
}
