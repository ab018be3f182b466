/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settings.h - the folders of keys and rules that hold without being named: trust.d, policy.d
 *
 * The system's is /etc/sdei-migrate/NAME, the user's $XDG_CONFIG_HOME/sdei-migrate/NAME.
 */
#ifndef SDEI_MIGRATE_SETTINGS_H
#define SDEI_MIGRATE_SETTINGS_H

#include "common/tool.h"

#include <sdeistate/key.h>

#define SETTINGS_N 2u

struct settings_dirs {
	char *path[SETTINGS_N]; /* those that exist, the user's first; NULL behind them */
	size_t n;
};

/** settings_find() - which of the two folders exist. Return: 0; -errno with @failure */
int settings_find(const char *name, struct settings_dirs *dirs, struct failure *failure);

/** settings_release() - for owned locals */
void settings_release(struct settings_dirs *dirs);

#define OWNED_DIRS CLEANUP(settings_release)

/**
 * settings_own() - the folder this user changes: the system's for root, else his own
 * @given: what the command line names instead, or NULL
 * @make: make it if need be
 *
 * Return: 0 with an owned @path; -errno with @failure.
 */
int settings_own(const char *given, const char *name, bool make, char **path,
		 struct failure *failure);

#endif
