/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source.h - the VM whose state leaves with QEMU's stream
 */
#ifndef SDEI_MIGRATE_HOOK_SOURCE_H
#define SDEI_MIGRATE_HOOK_SOURCE_H

#include "bus.h"
#include "side.h"

struct source {
	struct side side;
	struct sealing_keys keys;
	struct sealing_file invalid, empty, file;
	struct part part[PARTS_MAX];
	unsigned int n;
	bool asked[PARTS_MAX]; /* which were saved */
};

/**
 * source_open() - everything that can be done before QEMU asks
 *
 * Loads the keys, captures and seals a base of the running VM to see that it fits, seals the blobs that say "empty" and
 * "invalid", and writes the session down. Return: 0; -errno with @failure. To be closed in either case.
 */
int source_open(const struct tool *tool, const struct hook_args *args, struct source *source,
		struct failure *failure);

/** source_close() - for owned locals, too */
void source_close(struct source *source);

#define OWNED_SOURCE CLEANUP(source_close)

/* Save, Clear and Resume; the context is the struct source. */
extern const struct bus_ops source_ops;

/** source_clear() - the VM runs at the destination: end it here; @ctx is the struct source. Return: 0; -EPERM refused: nothing was given */
int source_clear(void *ctx, struct failure *failure);

/** source_take_back() - the migration came to nothing: let the VM run here again. Return: as above */
int source_take_back(struct source *source, const char *why, struct failure *failure);

/** source_all_asked() - has QEMU saved every part? */
bool source_all_asked(const struct source *source);

#endif
