/* SPDX-License-Identifier: Apache-2.0 */
/*
 * journal.h - entries with fields for systemd's journal, where standard error goes there
 */
#ifndef SDEI_MIGRATE_JOURNAL_H
#define SDEI_MIGRATE_JOURNAL_H

#include <stddef.h>

/* MESSAGE_ID of the one entry that each session leaves on each host. */
#define JOURNAL_SESSION_OVER "8d1f0c5b7c1e4f0f9d0b0d6a1f5a3c52"

struct journal_field {
	const char *name; /* capitals, digits, underscores */
	const char *value;
};

/**
 * journal_send() - one entry of @n fields, if this process's standard error is the journal
 *
 * The native protocol of systemd, "Journal Native Protocol"; $JOURNAL_STREAM as systemd.exec(5) has it. A journal that
 * does not take the entry at once goes without it.
 */
void journal_send(const struct journal_field *field, size_t n);

#endif
