/* SPDX-License-Identifier: Apache-2.0 */
/*
 * args.h - what `hook dbus` was told, and what both hooks are told alike
 */
#ifndef SDEI_MIGRATE_HOOK_ARGS_H
#define SDEI_MIGRATE_HOOK_ARGS_H

#include "../sealing.h"

struct hook_args {
	const char *control, *bus, *id, *role, *qmp, *state, *bus_user, *run_when;
	struct sealing_args sealing; /* source: all of it but out; destination: the key */
	struct option_list trust;    /* destination */
	struct policy_options policy;
	struct option_number ids, timeout; /* parts; ms that Save or Load may take */
	bool private_bus, no_qmp_guard, stay_paused;
};

#define HOOK_ROLE_ROW(type_of_args, is_required)                               \
	{                                                                      \
		.name = "--role", .argument = "SIDE",                          \
		.help = "which end of the migration this is",                  \
		.offset = offsetof(type_of_args, role), .type = OPTION_CHOICE, \
		.choices = "source|destination", .required = (is_required)     \
	}

#endif
