// SPDX-License-Identifier: Apache-2.0
/*
 * 2,000 random lists of steps against a slow model of the RMM that shares nothing with the library.
 *
 * The model keeps no tables but a list of the entries that exist; it walks by searching that list and
 * hashes with the OpenSSL one-shot call. SEED in the environment repeats a run.
 */
#include "support/check.h"
#include "support/noise.h"

#include <kvmcore/measure.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define N_LISTS    2000
#define N_STEPS    40
#define MAX_TABLES 512

/* --- The slow model -------------------------------------------------------------------------------- */

struct table {
	int level;
	uint64_t base;
};

struct slow {
	enum kvmcore_rule rule;
	enum kvmcore_hash hash;
	unsigned int bits;
	int start;
	bool active;
	unsigned int n_recs, n_tables, n_pages;
	struct table table[MAX_TABLES];
	uint64_t page[512]; /* assigned */
	uint8_t rim[64], rem[4][64];
};

static size_t slow_hash(const struct slow *s, const void *data, size_t len, uint8_t out[64])
{
	memset(out, 0, 64);
	switch (s->hash) {
	case KVMCORE_HASH_SHA256:
		SHA256(data, len, out);
		return 32;
	case KVMCORE_HASH_SHA384:
		SHA384(data, len, out);
		return 48;
	case KVMCORE_HASH_SHA512:
	case KVMCORE_NR_HASHES:
	default:
		SHA512(data, len, out);
		return 64;
	}
}

static void le64(uint8_t *at, uint64_t value)
{
	for (unsigned int i = 0; i < 8; i++, value >>= 8)
		at[i] = (uint8_t)value;
}

static void slow_extend(struct slow *s, uint8_t type, uint64_t a, uint64_t b,
			const uint8_t *content, unsigned int at)
{
	uint8_t d[256] = { type }, out[64];

	le64(d + 8, 256);
	memcpy(d + 16, s->rim, 64);
	if (type != 1) {
		le64(d + 0x50, a);
		le64(d + 0x58, b);
	}
	if (content)
		memcpy(d + at, content, 64);
	slow_hash(s, d, sizeof(d), out);
	memcpy(s->rim, out, 64);
}

static uint64_t entry_bytes(int level)
{
	uint64_t size = 4096;

	for (int l = 3; l > level; l--)
		size *= 512;
	return size;
}

static bool slow_has_table(const struct slow *s, uint64_t ipa, int level)
{
	if (level == s->start)
		return true;
	for (unsigned int i = 0; i < s->n_tables; i++)
		if (s->table[i].level == level &&
		    s->table[i].base == ipa - ipa % (512 * entry_bytes(level)))
			return true;
	return false;
}

static int slow_depth(const struct slow *s, uint64_t ipa, int limit)
{
	int level = s->start;

	while (level < limit && slow_has_table(s, ipa, level + 1))
		level++;
	return level;
}

static bool slow_assigned(const struct slow *s, uint64_t ipa)
{
	for (unsigned int i = 0; i < s->n_pages; i++)
		if (s->page[i] == ipa)
			return true;
	return false;
}

static int slow_rtt(struct slow *s, uint64_t ipa, int level)
{
	int depth;

	if (level <= s->start || level > 3 || ipa >= 1ull << s->bits ||
	    ipa % entry_bytes(level - 1))
		return 1;
	depth = slow_depth(s, ipa, level - 1);
	if (depth != level - 1 || slow_has_table(s, ipa, level))
		return 4 | depth << 8;
	if (s->n_tables < MAX_TABLES)
		s->table[s->n_tables++] = (struct table){ level, ipa };
	return 0;
}

static int slow_map(struct slow *s, uint64_t ipa, int level)
{
	if (ipa >= 1ull << s->bits)
		return 1;
	for (int l = slow_depth(s, ipa, level); l < level; l++)
		slow_rtt(s, ipa - ipa % entry_bytes(l), l + 1);
	return 0;
}

static void slow_ripas_entry(struct slow *s, uint64_t ipa, int level)
{
	if (s->rule == KVMCORE_RULE_1_0)
		slow_extend(s, 2, ipa, ipa + entry_bytes(level), NULL, 0);
	else if (s->rule == KVMCORE_RULE_BET0)
		slow_extend(s, 2, ipa, (uint64_t)level, NULL, 0);
}

/* An entry that may become RAM: no table below it, no data in it. */
static bool slow_leaf(const struct slow *s, uint64_t ipa, int level)
{
	return !(level < 3 && slow_has_table(s, ipa, level + 1)) &&
	       !(level == 3 && slow_assigned(s, ipa));
}

static int slow_ripas(struct slow *s, uint64_t base, uint64_t top)
{
	uint64_t half = 1ull << (s->bits - 1), at = base;
	int level;

	if (base % 4096 || top % 4096 || top <= base || base >= half || top > half)
		return 1;
	if (s->active)
		return 2;
	level = slow_depth(s, base, 3);
	if (base % entry_bytes(level))
		return 4 | level << 8;
	while (at + entry_bytes(level) <= top && slow_leaf(s, at, level) &&
	       at / (512 * entry_bytes(level)) == base / (512 * entry_bytes(level))) {
		slow_ripas_entry(s, at, level);
		at += entry_bytes(level);
	}
	return at == base ? 4 | level << 8 : 0;
}

static int slow_data(struct slow *s, uint64_t ipa, uint64_t flags, const uint8_t *page)
{
	uint8_t content[64];
	int depth;

	if (flags > 1 || ipa % 4096 || ipa >= 1ull << (s->bits - 1))
		return 1;
	if (s->active)
		return 2;
	depth = slow_depth(s, ipa, 3);
	if (depth != 3 || slow_assigned(s, ipa))
		return 4 | depth << 8;
	slow_hash(s, page, 4096, content);
	slow_extend(s, 0, ipa, flags, flags ? content : NULL, 0x60);
	s->page[s->n_pages++] = ipa;
	return 0;
}

static int slow_rec(struct slow *s, const struct kvmcore_rec *rec)
{
	uint8_t page[4096] = { 0 }, content[64];

	if (s->active)
		return 2;
	if (rec->mpidr != (s->n_recs % 16 | (uint64_t)(s->n_recs / 16) << 8))
		return 1;
	s->n_recs++;
	if (s->rule != KVMCORE_RULE_BET0 && !(rec->flags & 1))
		return 0;
	le64(page, rec->flags);
	le64(page + 0x200, rec->pc);
	for (unsigned int i = 0; i < 8; i++)
		le64(page + 0x300 + 8 * i, rec->gprs[i]);
	slow_hash(s, page, sizeof(page), content);
	slow_extend(s, 1, 0, 0, content, 0x50);
	return 0;
}

static int slow_rem(struct slow *s, unsigned int index, const uint8_t *value, size_t size)
{
	uint8_t both[128], out[64];
	size_t n = s->hash == KVMCORE_HASH_SHA256 ? 32 : s->hash == KVMCORE_HASH_SHA384 ? 48 : 64;

	if (index < 1 || index > 4 || size > 64)
		return 1;
	memcpy(both, s->rem[index - 1], n);
	memcpy(both + n, value, size);
	slow_hash(s, both, n + size, out);
	memcpy(s->rem[index - 1], out, 64);
	return 0;
}

static void slow_create(struct slow *s, const struct kvmcore_realm_params *p)
{
	uint8_t page[4096] = { 0 };

	if (s->rule == KVMCORE_RULE_BET0) {
		page[0x100] = (uint8_t)p->hash;
	} else {
		le64(page, p->flags);
		page[0x08] = (uint8_t)p->s2sz;
		page[0x10] = (uint8_t)p->sve_vl;
		page[0x18] = (uint8_t)p->num_bps;
		page[0x20] = (uint8_t)p->num_wps;
		page[0x28] = (uint8_t)p->pmu_num_ctrs;
		page[0x30] = (uint8_t)p->hash;
	}
	slow_hash(s, page, sizeof(page), s->rim);
}

/* --- Both, step by step ------------------------------------------------------------------------------ */

/* A few places that meet each other, and some that are wrong. */
static uint64_t draw_ipa(void)
{
	static const uint64_t base[] = { 0,          0x80000000, 0x80200000,
					 0xbfe00000, 1ull << 33, 1ull << 39 };
	uint64_t ipa = base[pick(6)] + (uint64_t)pick(6) * 4096;

	return pick(16) ? ipa : ipa + pick(4096);
}

static int do_random(struct kvmcore_builder *b, struct slow *s, int *slow)
{
	uint64_t ipa = draw_ipa(),
		 top = ipa + (uint64_t)(1 + pick(3)) * (pick(2) ? 4096 : 1u << 21), out;
	uint64_t flags = pick(8) ? pick(2) : 2;
	uint8_t page[4096], value[80];
	struct kvmcore_rec rec = { .flags = pick(2),
				   .mpidr = pick(4) ? s->n_recs : pick(20),
				   .pc = noise(),
				   .gprs = { noise(), 0, 0, noise() } };
	struct kvmcore_digest digest;
	unsigned int index = pick(7);
	size_t size = pick(70);
	int level = 1 + (int)pick(4);

	memset(page, (int)pick(256), sizeof(page));
	memset(value, (int)pick(256), sizeof(value));
	switch (pick(40)) {
	case 0:
		*slow = s->active ? 2 : 0;
		s->active = true;
		return kvmcore_builder_activate(b);
	default:
		break;
	}
	switch (pick(7)) {
	case 0:
		ipa -= pick(2) ? ipa % entry_bytes(level > 3 ? 3 : level - 1) : 0;
		*slow = slow_rtt(s, ipa, level);
		return kvmcore_builder_rtt_create(b, ipa, level);
	case 1:
		*slow = slow_map(s, ipa, 3);
		return kvmcore_builder_map(b, ipa, 3);
	case 2:
	case 3:
		*slow = slow_ripas(s, ipa, top);
		return kvmcore_builder_init_ripas(b, ipa, top, &out);
	case 4:
		kvmcore_digest(s->hash, page, sizeof(page), &digest);
		*slow = slow_data(s, ipa, flags, page);
		return kvmcore_builder_data(b, ipa, flags, &digest);
	case 5:
		*slow = slow_rec(s, &rec);
		return kvmcore_builder_rec(b, &rec);
	default:
		*slow = slow_rem(s, index, value, size);
		return kvmcore_builder_extend(b, index, value, size);
	}
}

static bool same_registers(const struct kvmcore_builder *b, const struct slow *s)
{
	struct kvmcore_digest d;

	kvmcore_builder_read(b, 0, &d);
	if (memcmp(d.bytes, s->rim, 64) != 0)
		return false;
	for (unsigned int i = 0; i < 4; i++) {
		kvmcore_builder_read(b, i + 1, &d);
		if (memcmp(d.bytes, s->rem[i], 64) != 0)
			return false;
	}
	return true;
}

static bool run_list(struct slow *s)
{
	static const unsigned int sizes[] = { 33, 36, 40, 48 };
	struct kvmcore_realm_params p = {
		.s2sz = sizes[pick(4)],
		.num_bps = 1 + pick(15),
		.num_wps = 1 + pick(15),
		.sve_vl = pick(16),
		.pmu_num_ctrs = pick(32),
		.flags = pick(2) ? 6 : 0,
	};
	struct kvmcore_builder *b = NULL;
	bool same = true;

	*s = (struct slow){ .rule = (enum kvmcore_rule)pick(KVMCORE_NR_RULES) };
	p.hash = (enum kvmcore_hash)pick(s->rule == KVMCORE_RULE_2_0 ? 3 : 2);
	p.level_start = kvmcore_level_start(p.s2sz);
	if (p.flags && !p.pmu_num_ctrs)
		p.pmu_num_ctrs = 1;
	s->hash = p.hash;
	s->bits = p.s2sz;
	s->start = p.level_start;
	if (kvmcore_builder_create(s->rule, &p, 0, &b))
		return false;
	slow_create(s, &p);
	for (unsigned int i = 0; same && i < N_STEPS; i++) {
		int slow = -1, fast = do_random(b, s, &slow);

		same = fast == slow && same_registers(b, s);
		if (!same)
			fprintf(stderr, "step %u: library 0x%x, model 0x%x\n", i,
				(unsigned int)fast, (unsigned int)slow);
	}
	kvmcore_builder_destroy(b);
	return same;
}

static void test_random_lists_agree_with_the_slow_model(void)
{
	const char *given = getenv("SEED");
	uint64_t seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
	struct slow *s = malloc(sizeof(*s));
	unsigned int same = 0;

	REQUIRE(s, "memory");
	printf("SEED=%llu\n", (unsigned long long)seed);
	for (unsigned int i = 0; i < N_LISTS; i++) {
		noise_state = (seed + i) * 0x9e3779b97f4a7c15 | 1;
		if (run_list(s))
			same++;
		else
			fprintf(stderr, "list %u of SEED=%llu differs\n", i,
				(unsigned long long)seed);
	}
	CHECK(same == N_LISTS, "answers and registers are the model's after every step");
	free(s);
}

int main(void)
{
	return RUN_TESTS(test_random_lists_agree_with_the_slow_model);
}
