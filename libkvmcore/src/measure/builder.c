// SPDX-License-Identifier: Apache-2.0
#include "measure/builder.h"
#include "measure/limits.h"
#include "measure/rim.h"

#include <errno.h>
#include <stdlib.h>

static const char *const status_name[] = {
	[KVMCORE_RMI_SUCCESS] = "RMI_SUCCESS",
	[KVMCORE_RMI_ERROR_INPUT] = "RMI_ERROR_INPUT",
	[KVMCORE_RMI_ERROR_REALM] = "RMI_ERROR_REALM",
	[KVMCORE_RMI_ERROR_REC] = "RMI_ERROR_REC",
	[KVMCORE_RMI_ERROR_RTT] = "RMI_ERROR_RTT",
};

const char *kvmcore_rmi_name(int result)
{
	size_t status = (size_t)KVMCORE_RMI_STATUS(result);

	return status < sizeof(status_name) / sizeof(status_name[0]) ? status_name[status]
								     : "RMI_ERROR_?";
}

int kvmcore_builder_create(enum kvmcore_rule rule, const struct kvmcore_realm_params *params,
			   uint64_t rmm_features, struct kvmcore_builder **builder)
{
	struct kvmcore_builder *made;
	int ret;

	if ((unsigned int)rule >= KVMCORE_NR_RULES)
		return -EINVAL;
	if (!limits_allow(rule, params, rmm_features))
		return KVMCORE_RMI_ERROR_INPUT;
	made = calloc(1, sizeof(*made));
	if (!made)
		return -ENOMEM;
	made->rule = rule;
	made->params = *params;
	ret = hash_open(params->hash, &made->hash);
	if (!ret)
		ret = rtt_open(params->s2sz, params->level_start, &made->space);
	if (!ret)
		ret = rim_create(rule, &made->hash, params, &made->value[0]);
	if (ret) {
		kvmcore_builder_destroy(made);
		return ret;
	}
	*builder = made;
	return KVMCORE_RMI_SUCCESS;
}

struct kvmcore_builder *kvmcore_builder_destroy(struct kvmcore_builder *builder)
{
	if (builder) {
		rtt_close(&builder->space);
		hash_close(&builder->hash);
		free(builder);
	}
	return NULL;
}

bool builder_protects(const struct kvmcore_builder *b, uint64_t ipa)
{
	return ipa < UINT64_C(1) << (b->params.s2sz - 1);
}

/* RMI_RTT_CREATE: any address of the realm, in any of its states; the parent entry must be a leaf.
 */
int kvmcore_builder_rtt_create(struct kvmcore_builder *b, uint64_t ipa, int level)
{
	struct rtt_walk at;
	int ret;

	if (level <= b->space.level_start || level > RTT_LEVEL_PAGE || ipa >> b->params.s2sz ||
	    ipa & (rtt_entry_size(level - 1) - 1))
		return KVMCORE_RMI_ERROR_INPUT;
	at = rtt_find(&b->space, ipa, level - 1);
	if (at.level != level - 1 || at.table->entry[at.index] == ENTRY_TABLE)
		return builder_rtt_error(at.level);
	ret = rtt_split(&b->space, &at);
	return ret ? ret : KVMCORE_RMI_SUCCESS;
}

int kvmcore_builder_map(struct kvmcore_builder *b, uint64_t ipa, int level)
{
	int ret = KVMCORE_RMI_SUCCESS;

	if (ipa >> b->params.s2sz || level > RTT_LEVEL_PAGE)
		return KVMCORE_RMI_ERROR_INPUT;
	while (ret == KVMCORE_RMI_SUCCESS) {
		struct rtt_walk at = rtt_find(&b->space, ipa, level);

		if (at.level >= level)
			break;
		ret = kvmcore_builder_rtt_create(b, ipa & ~(rtt_entry_size(at.level) - 1),
						 at.level + 1);
	}
	return ret;
}

/* The page at @ipa, if data may be put there. Return: an RMI answer. */
static int find_free_page(const struct kvmcore_builder *b, uint64_t ipa, bool while_new,
			  struct rtt_walk *page)
{
	struct rtt_walk at;

	if (ipa & (KVMCORE_GRANULE_SIZE - 1) || !builder_protects(b, ipa))
		return KVMCORE_RMI_ERROR_INPUT;
	if (while_new && b->active)
		return KVMCORE_RMI_ERROR_REALM;
	at = rtt_find(&b->space, ipa, RTT_LEVEL_PAGE);
	if (at.level != RTT_LEVEL_PAGE || at.table->entry[at.index] > ENTRY_RAM)
		return builder_rtt_error(at.level);
	*page = at;
	return KVMCORE_RMI_SUCCESS;
}

/* bet0 leaves the RIPAS as it was; every later rule makes the page RAM. */
static void assign(const struct kvmcore_builder *b, const struct rtt_walk *page, bool unknown)
{
	uint8_t *entry = &page->table->entry[page->index];
	bool keep = unknown || b->rule == KVMCORE_RULE_BET0;

	*entry = keep && *entry == ENTRY_EMPTY ? ENTRY_ASSIGNED_EMPTY : ENTRY_ASSIGNED;
}

int kvmcore_builder_data(struct kvmcore_builder *b, uint64_t ipa, uint64_t flags,
			 const struct kvmcore_digest *content)
{
	struct rtt_walk page;
	int ret;

	if (flags & ~(uint64_t)KVMCORE_DATA_MEASURE)
		return KVMCORE_RMI_ERROR_INPUT;
	ret = find_free_page(b, ipa, true, &page);
	if (ret)
		return ret;
	ret = rim_extend_data(&b->hash, ipa, flags, content, &b->value[0]);
	if (!ret)
		assign(b, &page, false);
	return ret;
}

int kvmcore_builder_data_unknown(struct kvmcore_builder *b, uint64_t ipa)
{
	struct rtt_walk page;
	int ret = find_free_page(b, ipa, false, &page);

	if (!ret)
		assign(b, &page, true);
	return ret;
}

int kvmcore_builder_rec(struct kvmcore_builder *b, const struct kvmcore_rec *rec)
{
	int ret;

	if (b->active)
		return KVMCORE_RMI_ERROR_REALM;
	if (limits_rec_index(rec->mpidr) != (int64_t)b->n_recs)
		return KVMCORE_RMI_ERROR_INPUT;
	ret = rim_extend_rec(b->rule, &b->hash, rec, &b->value[0]);
	if (!ret)
		b->n_recs++;
	return ret;
}

int kvmcore_builder_activate(struct kvmcore_builder *b)
{
	if (b->active)
		return KVMCORE_RMI_ERROR_REALM;
	b->active = true;
	return KVMCORE_RMI_SUCCESS;
}

int kvmcore_builder_extend(struct kvmcore_builder *b, unsigned int index, const void *value,
			   size_t size)
{
	if (index < 1 || index > KVMCORE_NR_REMS || size > sizeof(b->value[0].bytes))
		return KVMCORE_RSI_ERROR_INPUT;
	return rem_extend(&b->hash, value, size, &b->value[index]);
}

int kvmcore_builder_read(const struct kvmcore_builder *b, unsigned int index,
			 struct kvmcore_digest *value)
{
	if (index > KVMCORE_NR_REMS)
		return KVMCORE_RSI_ERROR_INPUT;
	*value = b->value[index];
	return KVMCORE_RSI_SUCCESS;
}

enum kvmcore_ripas kvmcore_builder_ripas(const struct kvmcore_builder *b, uint64_t ipa)
{
	struct rtt_walk at;
	uint8_t entry;

	if (!builder_protects(b, ipa))
		return KVMCORE_RIPAS_EMPTY;
	at = rtt_find(&b->space, ipa, RTT_LEVEL_PAGE);
	entry = at.table->entry[at.index];
	return entry == ENTRY_RAM || entry == ENTRY_ASSIGNED ? KVMCORE_RIPAS_RAM
							     : KVMCORE_RIPAS_EMPTY;
}

const struct kvmcore_realm_params *kvmcore_builder_params(const struct kvmcore_builder *b)
{
	return &b->params;
}

enum kvmcore_rule kvmcore_builder_rule(const struct kvmcore_builder *b)
{
	return b->rule;
}
