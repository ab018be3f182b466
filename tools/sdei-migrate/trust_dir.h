/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trust_dir.h - a folder of trusted keys that is being changed
 *
 * Between open and close no other sdei-migrate changes it. docs/trust.md says what is in it.
 */
#ifndef SDEI_MIGRATE_TRUST_DIR_H
#define SDEI_MIGRATE_TRUST_DIR_H

#include "sealed.h"

#include <sdeistate/trust.h>

struct trust_dir {
	char *path;
	int lock;
	struct sdeistate_trust *limits; /* what its list says, and nothing else */
};

/** trust_dir_open() - lock the folder and read its list. Return: 0; -errno with @failure */
int trust_dir_open(const char *given, struct trust_dir *dir, struct failure *failure);

/** trust_dir_close() - for owned locals */
void trust_dir_close(struct trust_dir *dir);

#define OWNED_TRUST_DIR CLEANUP(trust_dir_close)

/** trust_dir_limit() - write the limits of one key to the list. Return: 0; -errno with @failure */
int trust_dir_limit(struct trust_dir *dir, const uint8_t id[SDEISTATE_KEY_ID_SIZE],
		    const struct sdeistate_validity *validity, struct failure *failure);

/** trust_dir_write() - put a file there; @name must be new. Return: 0; -errno with @failure */
int trust_dir_write(const struct trust_dir *dir, const char *name, const void *bytes, size_t len,
		    struct failure *failure);

/**
 * trust_dir_drop() - remove every file that holds this key
 * @n: becomes how many there were
 *
 * Return: 0; -errno with @failure.
 */
int trust_dir_drop(const struct trust_dir *dir, const uint8_t id[SDEISTATE_KEY_ID_SIZE],
		   unsigned int *n, struct failure *failure);

/** trust_dir_load() - all of it, as a command that trusts it would. Return: 0; -errno with @failure */
int trust_dir_load(const struct trust_dir *dir, struct sdeistate_trust **trust,
		   struct failure *failure);

#endif
