/* SPDX-License-Identifier: Apache-2.0 */
/*
 * realm.h - what a model VM's realm needs beside its records
 *
 * The pages a realm was built from stay in the model's memory, and are read from there. On the way in they wait in
 * a file without a name until STAGE takes them, so that their size costs no memory twice.
 */
#ifndef SDEI_MIGRATE_MODEL_REALM_H
#define SDEI_MIGRATE_MODEL_REALM_H

#include "machine.h"

#include <transport/control.h>

/* Which addresses a capture of memory leaves out. All zero: none. */
struct realm_pages {
	struct kvmcore_realm_step *step; /* owned */
	uint64_t n_steps;
	uint64_t own; /* of an active realm: the end of the half that is its own */
};

/** realm_pages_read() - of a machine of any type. Return: 0; -ENOMEM */
int realm_pages_read(const struct machine *machine, struct realm_pages *pages);

/** realm_pages_has() - is the page at @ipa carried as a realm's content, or lost with it? */
bool realm_pages_has(const struct realm_pages *pages, uint64_t ipa);

void realm_pages_release(struct realm_pages *pages);

/** realm_read() - bytes of a part, appended to @out. Return: 0; the errors of sdeistate_realm_part_read() */
int realm_read(struct machine *machine, uint32_t part, uint64_t offset, size_t len,
	       struct transport_buffer *out, struct transport_error *err);

/* What LOAD brought. All zero is empty. */
struct realm_spool {
	int fd[2]; /* contents, digests; one more than the descriptor, 0: none */
};

/** realm_spool_add() - bytes of a part. Return: 0; -EINVAL usage for no part; -errno io */
int realm_spool_add(struct realm_spool *spool, uint32_t part, uint64_t offset,
		    const struct transport_state *bytes, struct transport_error *err);

/** realm_spool_source() - hand what is there to a replay; borrows @spool */
struct sdeistate_realm_source realm_spool_source(struct realm_spool *spool);

/** realm_spool_clear() - throw it away */
void realm_spool_clear(struct realm_spool *spool);

/** realm_token() - a token of the machine's realm, appended to @out. Return: 0; -EOPNOTSUPP port-lacks; -errno */
int realm_token(struct machine *machine, const uint8_t challenge[TRANSPORT_CHALLENGE_SIZE],
		struct transport_buffer *out, struct transport_error *err);

#endif
