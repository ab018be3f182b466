// SPDX-License-Identifier: Apache-2.0
#include "schema_id.h"

#include <sdeistate/seal.h>

/* The first bytes of the SHA-256 of proto/sdeistate.proto, as it was when the library was built. */
static const uint8_t id[SDEISTATE_SCHEMA_SIZE] = SDEISTATE_SCHEMA_ID;

const uint8_t *sdeistate_schema_id(void)
{
	return id;
}
