// SPDX-License-Identifier: Apache-2.0
#include "measure/builder.h"
#include "measure/rim.h"

#include <errno.h>

/* The entry at @at becomes RAM, and is measured even if it was RAM before. */
static int take_entry(struct kvmcore_builder *b, const struct rtt_walk *at, uint64_t ipa)
{
	int ret = rim_extend_ripas(b->rule, &b->hash, ipa, at->level, &b->value[0]);

	if (!ret)
		at->table->entry[at->index] = ENTRY_RAM;
	return ret;
}

static bool in_protected_half(const struct kvmcore_builder *b, uint64_t base, uint64_t top)
{
	return !(base & (KVMCORE_GRANULE_SIZE - 1)) && !(top & (KVMCORE_GRANULE_SIZE - 1)) &&
	       base < top && builder_protects(b, base) && builder_protects(b, top - 1);
}

/* RMI_RTT_INIT_RIPAS, TF-RMM rel0 runtime/rmi/rtt.c: one table, as far as entries are leaves and
 * fit. */
int kvmcore_builder_init_ripas(struct kvmcore_builder *b, uint64_t base, uint64_t top,
			       uint64_t *out_top)
{
	struct kvmcore_digest before = b->value[0];
	struct rtt_walk at;
	uint64_t size, next = base;
	int ret = 0;

	if (!in_protected_half(b, base, top))
		return KVMCORE_RMI_ERROR_INPUT;
	if (b->active)
		return KVMCORE_RMI_ERROR_REALM;
	at = rtt_find(&b->space, base, RTT_LEVEL_PAGE);
	size = rtt_entry_size(at.level);
	if (base & (size - 1))
		return builder_rtt_error(at.level);
	for (; at.index < RTT_ENTRIES && top - next >= size; at.index++, next += size) {
		if (at.table->entry[at.index] > ENTRY_RAM)
			break;
		ret = take_entry(b, &at, next);
		if (ret)
			break;
	}
	if (ret) {
		b->value[0] = before;
		return ret;
	}
	if (next == base)
		return builder_rtt_error(at.level);
	*out_top = next;
	return KVMCORE_RMI_SUCCESS;
}

/* RMI_RTT_INIT_RIPAS of 1.0-bet0 (TF-RMM v0.3.0). */
int kvmcore_builder_init_ripas_level(struct kvmcore_builder *b, uint64_t ipa, int level)
{
	struct rtt_walk at;

	if (level < b->space.level_start || level > RTT_LEVEL_PAGE ||
	    ipa & (rtt_entry_size(level) - 1) || !builder_protects(b, ipa))
		return KVMCORE_RMI_ERROR_INPUT;
	if (b->active)
		return KVMCORE_RMI_ERROR_REALM;
	at = rtt_find(&b->space, ipa, level);
	if (at.level != level || at.table->entry[at.index] > ENTRY_RAM)
		return builder_rtt_error(at.level);
	return take_entry(b, &at, ipa);
}

/* The lowest level whose blocks a host of this policy still asks for. */
static int top_level(const struct kvmcore_builder *b, enum kvmcore_ripas_policy policy)
{
	switch (policy) {
	case KVMCORE_RIPAS_PAGES:
		return RTT_LEVEL_PAGE;
	case KVMCORE_RIPAS_RFC_V1:
		return b->space.level_start < RTT_LEVEL_PAGE ? b->space.level_start + 1
							     : RTT_LEVEL_PAGE;
	case KVMCORE_RIPAS_LARGEST:
	default:
		return b->space.level_start;
	}
}

/* Linux, realm_init_ipa_range: try; on an RTT error add the one level that the walk was short of.
 */
int kvmcore_builder_init_ripas_range(struct kvmcore_builder *b, uint64_t base, uint64_t top,
				     enum kvmcore_ripas_policy policy,
				     struct kvmcore_ripas_walk *walk)
{
	struct kvmcore_ripas_walk done = { .end = base };
	int least = top_level(b, policy);
	int ret = KVMCORE_RMI_SUCCESS;

	if (!in_protected_half(b, base, top))
		ret = KVMCORE_RMI_ERROR_INPUT;
	else if (b->active)
		ret = KVMCORE_RMI_ERROR_REALM;
	while (ret == KVMCORE_RMI_SUCCESS && done.end < top) {
		ret = kvmcore_builder_map(b, done.end, least);
		if (!ret)
			ret = kvmcore_builder_init_ripas(b, done.end, top, &done.end);
		if (!ret) {
			done.calls++;
		} else if (ret > 0 && KVMCORE_RMI_STATUS(ret) == KVMCORE_RMI_ERROR_RTT &&
			   KVMCORE_RMI_INDEX(ret) < RTT_LEVEL_PAGE) {
			int level = KVMCORE_RMI_INDEX(ret) + 1;

			ret = kvmcore_builder_map(b, done.end, level);
		}
	}
	*walk = done;
	return ret;
}
