// SPDX-License-Identifier: Apache-2.0
/*
 * A realm's calls read the registers that kvmcore_call_reads() names, and no other: two realms make the same calls, one
 * with noise in all the rest, and neither can tell.
 */
#include "realm_vm.h"
#include "support/noise.h"
#include "support/words.h"

#define FIRST   0xc4000190u
#define N_CALLS 6000u
#define X(n)    KVMCORE_MASK_X(n)
#define TO(n)   ((X((n) + 1) - 1) & ~X(0)) /* x1 to x<n> */

enum { VERSION, FEATURES, READ, EXTEND, TOKEN, TOKEN_CONTINUE, CONFIG, SET, GET, HOST_CALL };

static uint64_t some_value(unsigned int n)
{
	const uint64_t value[] = {
		pick(5),        8 * pick(9), RAM,    RAM + PAGE * pick(16), RAM + 256 * pick(16),
		RAM + RAM_SIZE, 0x10000,     noise()
	};

	return n < 4 && pick(8) ? value[pick(ARRAY_SIZE(value))] : noise();
}

static uint32_t some_id(void)
{
	const unsigned int which = pick(10);

	if (pick(4000) == 0)
		return 0x84000000u + pick(16); /* PSCI, which may end it all */
	return FIRST + (which == TOKEN && pick(50) ? (unsigned int)VERSION : which);
}

static struct kvmcore_regs noisy(void)
{
	struct kvmcore_regs regs;

	for (unsigned int bit = 0; bit < KVMCORE_N_MASKED; bit++)
		*word_of(&regs, bit) = noise();
	regs.features = 0;
	return regs;
}

static bool same_call(struct realm_vm *all, struct realm_vm *asked)
{
	const struct kvmcore_trap smc = { .smc = true };
	const uint32_t id = some_id();
	struct kvmcore_regs full = noisy(), given = noisy(), guest;

	full.x[0] = id;
	for (unsigned int n = 1; n < 18; n++)
		full.x[n] = some_value(n);
	guest = full;
	words_copy(&given, &full, kvmcore_call_reads(asked->m.vm, id, 0));
	given.x[0] = id;
	if (kvmcore_call(all->m.vm, 0, &smc, &full, &all->m.reply) ||
	    kvmcore_call(asked->m.vm, 0, &smc, &given, &asked->m.reply))
		return false;
	words_copy(&guest, &given, asked->m.reply.changed);
	if (all->m.reply.exit == KVMCORE_EXIT_SYSTEM_EVENT)
		return true; /* what is left of a realm then is not asked */
	return all->m.reply.changed == asked->m.reply.changed && !asked->m.reply.cleared &&
	       all->m.reply.returned == asked->m.reply.returned &&
	       all->m.reply.power == asked->m.reply.power &&
	       !memcmp(guest.x, full.x, sizeof(full.x));
}

static void test_what_is_not_read_does_not_matter(void)
{
	EACH_DIALECT(v8)
	{
		struct realm_vm all = realm_in(v8, ACTIVE, NULL);
		struct realm_vm asked = realm_in(v8, ACTIVE, NULL);
		bool same = true;

		for (unsigned int i = 0; i < N_CALLS && same; i++) {
			same = same_call(&all, &asked);
			if (all.m.reply.power == KVMCORE_POWER_OFF ||
			    all.m.reply.exit == KVMCORE_EXIT_SYSTEM_EVENT)
				break;
		}
		CHECK(same, "two realms cannot be told apart");
		CHECK(memcmp(all.shared, asked.shared, PAGE) == 0, "nor what they share");
		realm_free(&all);
		realm_free(&asked);
	}
}

static void test_each_call_reads_its_arguments(void)
{
	static const uint32_t reads[] = {
		[VERSION] = TO(1), [FEATURES] = 0,           [READ] = TO(1),   [EXTEND] = TO(10),
		[TOKEN] = TO(8),   [TOKEN_CONTINUE] = TO(3), [CONFIG] = TO(1), [SET] = TO(3),
		[GET] = TO(2),     [HOST_CALL] = TO(17)
	};
	struct realm_vm realm = realm_in(0, ACTIVE, NULL);
	struct model plain = model_new(&(struct kvmcore_config){ 0 }, 1);

	for (uint32_t n = 0; n < ARRAY_SIZE(reads); n++) {
		CHECK(kvmcore_call_reads(realm.m.vm, FIRST + n, ~0u) == reads[n],
		      "no more than DEN0137 gives it");
		CHECK(kvmcore_call_reads(plain.vm, FIRST + n, ~0u) == 0, "outside a realm none");
	}
	model_free(&plain);
	realm_free(&realm);
}

int main(void)
{
	return RUN_TESTS(test_what_is_not_read_does_not_matter, test_each_call_reads_its_arguments);
}
