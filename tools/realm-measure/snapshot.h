/* SPDX-License-Identifier: Apache-2.0 */
/*
 * snapshot.h - the realm of a sealed snapshot: how it was built, as a list of steps
 *
 * docs/records.md 4.14. Nothing of a file is looked at before a trusted key has signed for it, unless it
 * is only to be shown.
 */
#ifndef REALM_MEASURE_SNAPSHOT_H
#define REALM_MEASURE_SNAPSHOT_H

#include "common/failure.h"
#include "common/option.h"
#include "common/realm/steps.h"

#include <jansson.h>

struct sdeistate;
struct sdeistate_opened;
struct sdeistate_realm;

/* How to open one. */
struct snapshot_options {
	const struct option_list *trust; /* public keys of whoever may have signed it */
	const char *key;                 /* to decrypt with; NULL: none */
	bool only_show;                  /* signatures, audience and expiry are not looked at */
	const uint8_t *bytes; /* the whole file, if it was read already; else it is opened */
	size_t len;
};

/* All zero is empty. */
struct snapshot {
	struct sdeistate *state;
	const struct sdeistate_realm *realm; /* of @state */
	void *digests; /* a mapping of the digests of all pages; NULL: the file has none */
	size_t digests_size;
};

/** snapshot_is() - whether @path names a sealed file; never for stdin */
bool snapshot_is(const char *path);

/** snapshot_is_bytes() - whether these bytes begin as one */
bool snapshot_is_bytes(const uint8_t *data, size_t len);

/**
 * snapshot_open() - verify, expand and decode @path ("-": stdin)
 *
 * Pages in it are hashed on all cores as they come, a piece at a time; their digests have to be those
 * that the state states. Return: 0; -errno with @failure.
 */
int snapshot_open(const char *path, const struct snapshot_options *options,
		  struct snapshot *snapshot, struct failure *failure);

/** snapshot_close() - all zero is allowed */
void snapshot_close(struct snapshot *snapshot);

#define snapshot_cleanup __attribute__((cleanup(snapshot_close)))

/**
 * snapshot_steps() - append how the realm was built, each step with the RIM that has to stand behind it
 * @steps: borrow the digests: @snapshot outlives them
 *
 * Return: 0; -ENODATA with @failure if pages were measured and neither they nor their digests are there;
 * -ENOMEM.
 */
int snapshot_steps(const struct snapshot *snapshot, struct steps *steps, struct failure *failure);

/** snapshot_json() - what the state says about its realm; NULL: no memory */
json_t *snapshot_json(const struct snapshot *snapshot);

#endif
