/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keyring.h - keys, peers and policy of a command that runs for months, read again when their files change
 *
 * Who has taken a mover keeps it; who comes later gets what is on disk by then, within a second. Files that cannot be read let nobody
 * in, but for this host's own key and certificate: until both are whole, the former serve.
 */
#ifndef SDEI_MIGRATE_KEYRING_H
#define SDEI_MIGRATE_KEYRING_H

#include "mover.h"

#include <pthread.h>

struct keyring_held;

/* What the files looked like. */
struct keyring_print {
	uint64_t own;    /* key and certificate */
	uint64_t others; /* peers, pre-shared keys, policy */
};

/* All zero is empty. */
struct keyring {
	const struct tool *tool;
	const struct mover_options *options;
	pthread_mutex_t lock;
	struct keyring_held *now; /* NULL: nobody may come in */
	struct keyring_print read;
	int64_t looked; /* ms */
};

/** keyring_open() - load them for the first time; @options are borrowed. Return: 0; -errno with @failure */
int keyring_open(struct keyring *ring, const struct tool *tool, const struct mover_options *options,
		 struct failure *failure);

/** keyring_take() - the keys of now, until keyring_leave(); NULL: there are none that could be read */
const struct mover *keyring_take(struct keyring *ring);

/** keyring_leave() - give back what was taken; takes NULL */
void keyring_leave(struct keyring *ring, const struct mover *mover);

/** keyring_is_current() - are these still the keys of now? */
bool keyring_is_current(struct keyring *ring, const struct mover *mover);

/** keyring_close() - what is still taken stays until it is given back */
void keyring_close(struct keyring *ring);

#endif
