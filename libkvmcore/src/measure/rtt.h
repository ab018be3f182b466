/* SPDX-License-Identifier: Apache-2.0 */
/*
 * measure/rtt.h - the stage-2 translation tables of a realm, as far as measuring needs them
 *
 * An entry is unassigned (with a RIPAS), assigned (holds data) or a table. Invariant: a child
 * exists exactly where the entry says ENTRY_TABLE.
 */
#ifndef MEASURE_RTT_H
#define MEASURE_RTT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RTT_ENTRIES    512u
#define RTT_LEVEL_PAGE 3
#define RTT_LEVEL_MIN  (-1)
#define RTT_MAX_ROOTS  16u

enum rtt_entry { ENTRY_EMPTY, ENTRY_RAM, ENTRY_ASSIGNED, ENTRY_ASSIGNED_EMPTY, ENTRY_TABLE };

struct rtt {
	uint8_t entry[RTT_ENTRIES];
	struct rtt *child[]; /* RTT_ENTRIES of them above level 3, else none */
};

struct rtt_space {
	uint32_t bits;
	int level_start;
	unsigned int n_roots;
	uint32_t n_tables;
	struct rtt *root[RTT_MAX_ROOTS];
};

/* Where a walk ended: the deepest table that exists for an address. */
struct rtt_walk {
	struct rtt *table;
	unsigned int index;
	int level;
};

/** rtt_entry_size() - bytes one entry of @level (-1..3) covers */
uint64_t rtt_entry_size(int level);

/** rtt_level_fits() - whether a translation of @bits may start at @level (1 to 16 root tables) */
bool rtt_level_fits(uint32_t bits, int level);

/** rtt_open() - root tables only. Return: 0; -ENOMEM */
int rtt_open(uint32_t bits, int level_start, struct rtt_space *space);

/** rtt_close() - all zero is allowed */
void rtt_close(struct rtt_space *space);

/** rtt_find() - walk to @ipa (inside the space), at most down to @level */
struct rtt_walk rtt_find(const struct rtt_space *space, uint64_t ipa, int level);

/**
 * rtt_split() - put a table of the next level where @at points; its entries inherit the RIPAS
 *
 * Return: 0; -ENOMEM; -ENOSPC beyond KVMCORE_MAX_RTTS.
 */
int rtt_split(struct rtt_space *space, const struct rtt_walk *at);

#endif
