// SPDX-License-Identifier: Apache-2.0
#include "measure/rtt.h"

#include <errno.h>
#include <kvmcore/measure.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_BITS   12u
#define STRIDE_BITS 9u

static unsigned int shift(int level)
{
	return PAGE_BITS + STRIDE_BITS * (unsigned int)(RTT_LEVEL_PAGE - level);
}

uint64_t rtt_entry_size(int level)
{
	return UINT64_C(1) << shift(level);
}

/* One root table covers 9 bits; 16 side by side cover 13. One bit less than a table is too few. */
bool rtt_level_fits(uint32_t bits, int level)
{
	uint32_t least;

	if (level < RTT_LEVEL_MIN || level > RTT_LEVEL_PAGE)
		return false;
	least = shift(level) + 1;
	return bits >= least && bits <= least + (STRIDE_BITS - 1) + 4;
}

/* Linux: the fewest levels that need at most 16 root tables (kvm_pgtable stage-2 start level). */
int kvmcore_level_start(uint32_t s2sz)
{
	uint32_t bits = s2sz > PAGE_BITS ? s2sz - PAGE_BITS : 1;
	uint32_t levels = (bits + STRIDE_BITS - 1) / STRIDE_BITS;

	if (levels > 1 && bits - STRIDE_BITS * (levels - 1) <= 4)
		levels--;
	return 4 - (int)levels;
}

static struct rtt *new_table(struct rtt_space *space, int level, uint8_t entry)
{
	size_t children = level < RTT_LEVEL_PAGE ? RTT_ENTRIES * sizeof(struct rtt *) : 0;
	struct rtt *table = calloc(1, sizeof(*table) + children);

	if (table) {
		memset(table->entry, entry, sizeof(table->entry));
		space->n_tables++;
	}
	return table;
}

int rtt_open(uint32_t bits, int level_start, struct rtt_space *space)
{
	struct rtt_space made = { .bits = bits, .level_start = level_start, .n_roots = 1 };
	unsigned int covered = shift(level_start) + STRIDE_BITS;

	if (bits > covered)
		made.n_roots = 1u << (bits - covered);
	for (unsigned int i = 0; i < made.n_roots; i++) {
		made.root[i] = new_table(&made, level_start, ENTRY_EMPTY);
		if (!made.root[i]) {
			rtt_close(&made);
			return -ENOMEM;
		}
	}
	*space = made;
	return 0;
}

/* At most five levels deep, so recursion is bounded. */
static void free_table(struct rtt *table, int level)
{
	if (!table)
		return;
	for (unsigned int i = 0; level < RTT_LEVEL_PAGE && i < RTT_ENTRIES; i++)
		free_table(table->child[i], level + 1);
	free(table);
}

void rtt_close(struct rtt_space *space)
{
	for (unsigned int i = 0; i < RTT_MAX_ROOTS; i++)
		free_table(space->root[i], space->level_start);
	*space = (struct rtt_space){ 0 };
}

struct rtt_walk rtt_find(const struct rtt_space *space, uint64_t ipa, int level)
{
	struct rtt_walk at = { .level = space->level_start };

	at.table = space->root[ipa >> (shift(at.level) + STRIDE_BITS)];
	for (;;) {
		at.index = (unsigned int)(ipa >> shift(at.level)) % RTT_ENTRIES;
		if (at.level >= level || at.table->entry[at.index] != ENTRY_TABLE)
			return at;
		at.table = at.table->child[at.index];
		at.level++;
	}
}

int rtt_split(struct rtt_space *space, const struct rtt_walk *at)
{
	struct rtt *table;

	if (space->n_tables >= KVMCORE_MAX_RTTS)
		return -ENOSPC;
	table = new_table(space, at->level + 1, at->table->entry[at->index]);
	if (!table)
		return -ENOMEM;
	at->table->child[at->index] = table;
	at->table->entry[at->index] = ENTRY_TABLE;
	return 0;
}
