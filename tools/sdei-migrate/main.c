// SPDX-License-Identifier: Apache-2.0
#include "verbs.h"

static const struct verb *const verbs[] = {
#define X(name) &verb_##name,
	SDEI_MIGRATE_VERBS(X)
#undef X
		NULL,
};

static const struct program program = {
	.name = "sdei-migrate",
	.summary = "Move the SDEI and realm state of arm64 virtual machines",
	.version = PROJECT_VERSION,
	.env_prefix = "SDEI_MIGRATE_",
	.config = "sdei-migrate/config",
	.verbs = verbs,
};

int main(int argc, char **argv)
{
	return tool_main(&program, argc, argv);
}
