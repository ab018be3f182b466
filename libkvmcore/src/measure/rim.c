// SPDX-License-Identifier: Apache-2.0
#include "measure/rim.h"
#include "measure/rtt.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

enum ripas_measured { RIPAS_BY_RANGE, RIPAS_BY_LEVEL, RIPAS_NOT };

/* What the versions of the RMM measure differently (docs/measurements.md, "Rules"). */
static const struct {
	const char *name;
	bool params;    /* seven parameters, else the hash algorithm alone */
	bool every_rec; /* else runnable ones only */
	enum ripas_measured ripas;
	unsigned int hashes;
} rules[KVMCORE_NR_RULES] = {
	[KVMCORE_RULE_1_0] = { "1.0", true, false, RIPAS_BY_RANGE,
			       1u << KVMCORE_HASH_SHA256 | 1u << KVMCORE_HASH_SHA512 },
	[KVMCORE_RULE_BET0] = { "bet0", false, true, RIPAS_BY_LEVEL,
				1u << KVMCORE_HASH_SHA256 | 1u << KVMCORE_HASH_SHA512 },
	[KVMCORE_RULE_2_0] = { "2.0", true, false, RIPAS_NOT,
			       1u << KVMCORE_HASH_SHA256 | 1u << KVMCORE_HASH_SHA512 |
				       1u << KVMCORE_HASH_SHA384 },
};

/* The 256 bytes that are hashed for each step (RmmMeasurementDescriptor*). */
enum descriptor_type { DESCRIPTOR_DATA, DESCRIPTOR_REC, DESCRIPTOR_RIPAS };

struct descriptor {
	uint8_t bytes[0x100];
};

static_assert(sizeof(struct descriptor) == 0x100, "a descriptor is hashed whole");

const char *kvmcore_rule_name(enum kvmcore_rule rule)
{
	return (unsigned int)rule < KVMCORE_NR_RULES ? rules[rule].name : NULL;
}

int kvmcore_rule_find(const char *name, enum kvmcore_rule *rule)
{
	for (unsigned int i = 0; i < KVMCORE_NR_RULES; i++)
		if (!strcmp(name, rules[i].name)) {
			*rule = (enum kvmcore_rule)i;
			return 0;
		}
	return -ENOENT;
}

bool kvmcore_rule_has_hash(enum kvmcore_rule rule, enum kvmcore_hash hash)
{
	return (unsigned int)rule < KVMCORE_NR_RULES && (unsigned int)hash < KVMCORE_NR_HASHES &&
	       (rules[rule].hashes >> hash & 1u);
}

static void put_le(uint8_t *to, uint64_t value, size_t size)
{
	for (size_t i = 0; i < size; i++)
		to[i] = (uint8_t)(value >> 8 * i);
}

static void begin(struct descriptor *d, enum descriptor_type type, const struct kvmcore_digest *rim)
{
	memset(d, 0, sizeof(*d));
	d->bytes[0] = (uint8_t)type;
	put_le(d->bytes + 0x08, sizeof(d->bytes), 8);
	memcpy(d->bytes + 0x10, rim->bytes, sizeof(rim->bytes));
}

static int finish(struct hash *hash, const struct descriptor *d, struct kvmcore_digest *rim)
{
	return hash_one(hash, d->bytes, sizeof(d->bytes), rim);
}

/* DEN0137, RmiRealmParams; bet0 after TF-RMM v0.3.0, which hashes the algorithm alone. */
int rim_create(enum kvmcore_rule rule, struct hash *hash, const struct kvmcore_realm_params *params,
	       struct kvmcore_digest *rim)
{
	uint8_t page[KVMCORE_GRANULE_SIZE] = { 0 };

	if (rules[rule].params) {
		put_le(page + 0x00, params->flags, 8);
		put_le(page + 0x08, params->s2sz, 4);
		put_le(page + 0x10, params->sve_vl, 4);
		put_le(page + 0x18, params->num_bps, 4);
		put_le(page + 0x20, params->num_wps, 4);
		put_le(page + 0x28, params->pmu_num_ctrs, 4);
		page[0x30] = (uint8_t)params->hash;
	} else {
		page[0x100] = (uint8_t)params->hash;
	}
	return hash_one(hash, page, sizeof(page), rim);
}

int rim_extend_data(struct hash *hash, uint64_t ipa, uint64_t flags,
		    const struct kvmcore_digest *content, struct kvmcore_digest *rim)
{
	struct descriptor d;

	begin(&d, DESCRIPTOR_DATA, rim);
	put_le(d.bytes + 0x50, ipa, 8);
	put_le(d.bytes + 0x58, flags, 8);
	if (flags & KVMCORE_DATA_MEASURE)
		memcpy(d.bytes + 0x60, content->bytes, sizeof(content->bytes));
	return finish(hash, &d, rim);
}

int rim_extend_rec(enum kvmcore_rule rule, struct hash *hash, const struct kvmcore_rec *rec,
		   struct kvmcore_digest *rim)
{
	uint8_t page[KVMCORE_GRANULE_SIZE] = { 0 };
	struct kvmcore_digest content;
	struct descriptor d;
	int ret;

	if (!rules[rule].every_rec && !(rec->flags & KVMCORE_REC_RUNNABLE))
		return 0;
	put_le(page + 0x000, rec->flags, 8);
	put_le(page + 0x200, rec->pc, 8);
	for (unsigned int i = 0; i < KVMCORE_REC_GPRS; i++)
		put_le(page + 0x300 + 8 * i, rec->gprs[i], 8);
	ret = hash_one(hash, page, sizeof(page), &content);
	if (ret)
		return ret;
	begin(&d, DESCRIPTOR_REC, rim);
	memcpy(d.bytes + 0x50, content.bytes, sizeof(content.bytes));
	return finish(hash, &d, rim);
}

int rim_extend_ripas(enum kvmcore_rule rule, struct hash *hash, uint64_t ipa, int level,
		     struct kvmcore_digest *rim)
{
	struct descriptor d;

	if (rules[rule].ripas == RIPAS_NOT)
		return 0;
	begin(&d, DESCRIPTOR_RIPAS, rim);
	put_le(d.bytes + 0x50, ipa, 8);
	if (rules[rule].ripas == RIPAS_BY_LEVEL)
		d.bytes[0x58] = (uint8_t)level;
	else
		put_le(d.bytes + 0x58, ipa + rtt_entry_size(level), 8);
	return finish(hash, &d, rim);
}

int rem_extend(struct hash *hash, const void *value, size_t size, struct kvmcore_digest *rem)
{
	return hash_two(hash, rem->bytes, kvmcore_hash_size(hash->algorithm), value, size, rem);
}

static int open_for(enum kvmcore_rule rule, enum kvmcore_hash algorithm, struct hash *hash)
{
	return kvmcore_rule_has_hash(rule, algorithm) ? hash_open(algorithm, hash) : -EINVAL;
}

int kvmcore_rim_create(enum kvmcore_rule rule, const struct kvmcore_realm_params *params,
		       struct kvmcore_digest *rim)
{
	hash_cleanup struct hash h = { 0 };
	int ret = open_for(rule, params->hash, &h);

	return ret ? ret : rim_create(rule, &h, params, rim);
}

int kvmcore_rim_extend_data(enum kvmcore_rule rule, enum kvmcore_hash hash, uint64_t ipa,
			    uint64_t flags, const struct kvmcore_digest *content,
			    struct kvmcore_digest *rim)
{
	hash_cleanup struct hash h = { 0 };
	int ret = open_for(rule, hash, &h);

	if (!ret && (flags & KVMCORE_DATA_MEASURE) && !content)
		ret = -EINVAL;
	return ret ? ret : rim_extend_data(&h, ipa, flags, content, rim);
}

int kvmcore_rim_extend_rec(enum kvmcore_rule rule, enum kvmcore_hash hash,
			   const struct kvmcore_rec *rec, struct kvmcore_digest *rim)
{
	hash_cleanup struct hash h = { 0 };
	int ret = open_for(rule, hash, &h);

	return ret ? ret : rim_extend_rec(rule, &h, rec, rim);
}

int kvmcore_rim_extend_ripas(enum kvmcore_rule rule, enum kvmcore_hash hash, uint64_t ipa,
			     int level, struct kvmcore_digest *rim)
{
	hash_cleanup struct hash h = { 0 };
	int ret = open_for(rule, hash, &h);

	if (!ret && (level < RTT_LEVEL_MIN || level > RTT_LEVEL_PAGE))
		ret = -EINVAL;
	return ret ? ret : rim_extend_ripas(rule, &h, ipa, level, rim);
}

int kvmcore_rem_extend(enum kvmcore_hash hash, const void *value, size_t size,
		       struct kvmcore_digest *rem)
{
	hash_cleanup struct hash h = { 0 };
	int ret = size > sizeof(rem->bytes) ? -EINVAL : hash_open(hash, &h);

	return ret ? ret : rem_extend(&h, value, size, rem);
}
