// SPDX-License-Identifier: Apache-2.0
#include "common/tool.h"

extern const struct verb verb_dbus, verb_qmp, verb_attach, verb_detach;

static const struct verb *const verbs[] = { &verb_dbus, &verb_qmp, &verb_attach, &verb_detach,
					    NULL };

static const struct program program = {
	.name = "sdei-migrate-hook",
	.summary = "Let a VM's state ride along with a QEMU migration",
	.version = PROJECT_VERSION,
	.env_prefix = "SDEI_MIGRATE_",
	.config = "sdei-migrate/config",
	.verbs = verbs,
};

int main(int argc, char **argv)
{
	return tool_main(&program, argc, argv);
}
