// SPDX-License-Identifier: Apache-2.0
/*
 * A realm built again from its record: random steps in both dialects and with both algorithms, refused and partial
 * ones among them; an active one from cold; each obstacle, and each difference by its cause.
 */
#include "unit/kvmcore/realm_vm.h"

#include "walk.h"

#include <errno.h>
#include <inttypes.h>
#include <sdeistate/sdeistate.h>
#include <string.h>

#define ROUNDS    60u
#define MAX_STEPS 12u

#define CONFIG    KVM_CAP_ARM_RME_CONFIG_REALM
#define CREATE    KVM_CAP_ARM_RME_CREATE_RD
#define INIT      KVM_CAP_ARM_RME_INIT_IPA_REALM
#define POPULATE  KVM_CAP_ARM_RME_POPULATE_REALM
#define ACTIVATE  KVM_CAP_ARM_RME_ACTIVATE_REALM

static void say(const char *what, const struct sdeistate_error *err)
{
	fprintf(stderr, "\t%s: %s, %s: expected %s, found %s\n", what, err->object, err->field,
		err->expected, err->actual);
}

static bool went(int ret, const char *promise, const struct sdeistate_error *err)
{
	if (!CHECK(ret == 0, promise))
		say(promise, err);
	return ret == 0;
}

static int config_hash(struct realm_vm *r, uint32_t hash)
{
	struct kvm_cap_arm_rme_config_item item = { .cfg = KVM_CAP_ARM_RME_CFG_HASH_ALGO };

	item.hash_algo = hash;
	return realm_cmd(r, CONFIG, &item);
}

static int config_rpv(struct realm_vm *r, uint8_t byte)
{
	struct kvm_cap_arm_rme_config_item item = { .cfg = KVM_CAP_ARM_RME_CFG_RPV };

	memset(item.rpv, byte, sizeof(item.rpv));
	return realm_cmd(r, CONFIG, &item);
}

static void fill_ram(struct realm_vm *r, struct walk *walk)
{
	for (unsigned int i = 0; i < RAM_SIZE; i += PAGE)
		memset(r->ram + i, (int)walk_number(walk, 256), PAGE);
}

static void add_vcpu(struct realm_vm *r, struct walk *walk)
{
	const int i = (int)kvmcore_vcpu_count(r->m.vm);

	CHECK(kvmcore_vcpu_create(r->m.vm, (uint32_t)i, (uint64_t)i) == i, "a vCPU comes");
	model_set_reg(&r->m, i, KVMCORE_REG_X(walk_number(walk, 8)), walk_number(walk, 1u << 30));
	model_set_reg(&r->m, i, KVMCORE_REG_PC, RAM + 8 * walk_number(walk, 100));
}

/* One command, which may well be refused. */
static void random_step(struct realm_vm *r, struct walk *walk)
{
	const uint64_t base = RAM + walk_number(walk, 16) * PAGE;
	const uint64_t size = (1 + walk_number(walk, 6)) * PAGE;
	const struct range range = { base, size, (uint32_t)walk_number(walk, 2), { 0 } };
	const unsigned int n = kvmcore_vcpu_count(r->m.vm);

	switch (walk_number(walk, 7)) {
	case 0:
		realm_range(r, INIT, base, size);
		break;
	case 1:
		realm_range(r, INIT, base & ~0x3fffffULL, 4u << 20);
		break;
	case 2:
		realm_range(r, INIT, base + 8, size);
		break;
	case 3:
		add_vcpu(r, walk);
		break;
	case 4:
		if (n)
			realm_finalize_vcpu(r, (int)walk_number(walk, n));
		break;
	default:
		realm_cmd(r, POPULATE, &range);
	}
}

static struct realm_vm random_realm(struct walk *walk, unsigned int v8)
{
	struct realm_vm r = realm_made(v8, NULL);

	fill_ram(&r, walk);
	CHECK(config_hash(&r, (uint32_t)walk_number(walk, 2)) == 0, "an algorithm is chosen");
	CHECK(config_rpv(&r, (uint8_t)walk_number(walk, 256)) == 0, "a value is given");
	if (walk_number(walk, 10) == 0)
		return r;
	CHECK(realm_cmd(&r, CREATE, NULL) == 0, "it is created");
	for (uint64_t i = walk_number(walk, MAX_STEPS); i > 0; i--)
		random_step(&r, walk);
	return r;
}

/* --- from VM to VM ------------------------------------------------------------------------------------ */

struct parts {
	const struct sdeistate_realm *realm;
	const struct kvm_port *port;
	uint64_t spoil; /* this byte of the contents arrives wrong */
};

static int read_part(void *user, uint32_t part, uint64_t offset, void *buf, size_t len)
{
	const struct parts *parts = user;
	int ret =
		sdeistate_realm_part_read(parts->realm, parts->port, part, offset, buf, len, NULL);

	if (part == SDEISTATE_REALM_CONTENTS && parts->spoil >= offset &&
	    parts->spoil - offset < len)
		((uint8_t *)buf)[parts->spoil - offset] ^= 1;
	return ret;
}

static struct sdeistate *take(struct realm_vm *r, unsigned int flags)
{
	const struct sdeistate_capture_options options = { .flags = flags };
	struct sdeistate_error err = { .code = 0 };
	struct sdeistate *state = NULL;

	kvmcore_pause(r->m.vm);
	kvmcore_port(r->m.vm, &r->m.port);
	if (!went(sdeistate_capture(&r->m.port, &options, &state, &err), "a realm is captured",
		  &err))
		return NULL;
	went(sdeistate_validate(state, &err), "what was captured is consistent", &err);
	return state;
}

/* Through its bytes. */
static struct sdeistate *copy(const struct sdeistate *state)
{
	struct sdeistate_buffer stream = { .len = 0 };
	struct sdeistate_error err = { .code = 0 };
	struct sdeistate *read = NULL;

	if (went(sdeistate_encode(state, &stream, &err), "it is encoded", &err) &&
	    went(sdeistate_decode(stream.data, stream.len, &read, &err), "it is decoded", &err))
		went(sdeistate_validate(read, &err), "what arrives is consistent", &err);
	sdeistate_buffer_free(&stream);
	return read;
}

static struct realm_vm empty_realm(unsigned int v8, const struct kvmcore_config *like)
{
	struct realm_vm r = realm_made(v8, like);

	kvmcore_pause(r.m.vm);
	return r;
}

static int build(const struct sdeistate *state, struct realm_vm *to, struct realm_vm *from,
		 uint64_t spoil, struct sdeistate_error *err)
{
	struct parts parts = { state->realm, &from->m.port, spoil };
	const struct sdeistate_realm_source source = { read_part, &parts };
	int ret = sdeistate_replay_realm(state, &to->m.port, &source, err);

	kvmcore_port(to->m.vm, &to->m.port);
	return ret;
}

static void move_and_compare(struct realm_vm *from, const struct sdeistate *state)
{
	struct realm_vm to = empty_realm(from->v8, NULL);
	uint8_t digest[SDEISTATE_DIGEST_SIZE], want[SDEISTATE_DIGEST_SIZE];
	struct sdeistate_error err = { .code = 0 };
	struct kvmcore_realm_info a, b;

	if (went(build(state, &to, from, UINT64_MAX, &err), "it is built again", &err) &&
	    went(sdeistate_prove(state, &to.m.port, digest, &err), "nothing differs", &err)) {
		CHECK(sdeistate_digest(state, want, NULL) == 0 &&
			      !memcmp(want, digest, sizeof(want)),
		      "the digest is the same");
		a = realm_info(from);
		b = realm_info(&to);
		CHECK(!memcmp(a.rim, b.rim, sizeof(a.rim)), "the RIM is the same");
		CHECK(!memcmp(a.rpv, b.rpv, sizeof(a.rpv)) && a.hash == b.hash,
		      "so are algorithm and personalisation value");
		CHECK(a.n_recs == b.n_recs && a.n_steps == b.n_steps && a.state == b.state,
		      "and how far it is");
	}
	realm_free(&to);
}

static void test_a_new_realm_is_built_again_exactly(void)
{
	unsigned int partial = 0, recs = 0, pages = 0;

	for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
		struct walk walk = walk_begin(seed, KVMCORE_PROFILE_SPEC, 1);
		struct realm_vm from = random_realm(&walk, seed % 2);
		struct sdeistate *state = take(&from, 0);
		struct sdeistate *read = state ? copy(state) : NULL;
		unsigned int failures = CU_get_number_of_failures();

		if (read) {
			move_and_compare(&from, read);
			for (uint32_t i = 0; i < read->realm->n_steps; i++)
				partial += read->realm->step[i].result != 0;
			recs += realm_info(&from).n_recs;
			pages += (unsigned int)read->realm->n_granules;
		}
		if (CU_get_number_of_failures() != failures)
			fprintf(stderr, "\tseed %" PRIu64 "\n", seed);
		sdeistate_free(read);
		sdeistate_free(state);
		realm_free(&from);
	}
	CHECK(partial && recs && pages, "there were refused steps, RECs and pages among them");
}

static void test_an_active_realm_starts_again_from_cold(void)
{
	const uint64_t value[] = { 2, 3, 0x636261 };

	EACH_DIALECT(v8)
	{
		struct realm_vm from = realm_made(v8, NULL);
		struct sdeistate_error err = { .code = 0 };
		struct sdeistate *state = NULL;

		from.ram[5] = 7;
		CHECK(realm_cmd(&from, CREATE, NULL) == 0 &&
			      kvmcore_vcpu_create(from.m.vm, 0, 0) == 0 &&
			      kvmcore_vcpu_create(from.m.vm, 1, 1) == 1 &&
			      model_set_reg(&from.m, 0, KVMCORE_REG_PC, RAM) == 0 &&
			      realm_range(&from, INIT, RAM, RAM_SIZE) == 0 &&
			      realm_range(&from, POPULATE, RAM + PAGE, PAGE) == 0 &&
			      realm_finalize_vcpu(&from, 0) == 0 &&
			      realm_finalize_vcpu(&from, 1) == 0 &&
			      realm_cmd(&from, ACTIVATE, NULL) == 0,
		      "a realm runs");
		CHECK(realm_smc(&from, 0xc4000193, value, ARRAY_SIZE(value)) == 0,
		      "and extends a REM");
		kvmcore_pause(from.m.vm);
		kvmcore_port(from.m.vm, &from.m.port);
		CHECK(sdeistate_capture(&from.m.port, NULL, &state, &err) == -EOPNOTSUPP &&
			      err.reason == SDEISTATE_INCOMPATIBLE &&
			      !strcmp(err.object, "realm") && !strcmp(err.field, "state"),
		      "it cannot be captured as it is");
		state = take(&from, SDEISTATE_CAPTURE_COLD);
		if (state) {
			CHECK(state->realm->n_extends == 1 && state->realm->extend[0].size == 3 &&
				      state->realm->rem[1][0],
			      "what it had extended is told");
			CHECK(state->vcpu[1].mp_state == KVM_MP_STATE_STOPPED,
			      "its other vCPU waits to be called");
			move_and_compare(&from, state);
		}
		sdeistate_free(state);
		realm_free(&from);
	}
}

/* What a vCPU waited for goes with what it was doing. */
static void test_a_host_call_that_waits_is_dropped(void)
{
	struct realm_vm from = realm_made(1, NULL);
	const uint64_t call[32] = { 0, 0xc6000010 };
	struct sdeistate *state;

	CHECK(model_filter(&from.m, 0xc6000010, 1, KVM_SMCCC_FILTER_FWD_TO_USER) == 0,
	      "a call is forwarded");
	realm_bring(&from, ACTIVE);
	memcpy(from.ram, call, sizeof(call));
	SMC(&from, 0xc4000199, RAM);
	CHECK(from.m.reply.exit == KVMCORE_EXIT_HYPERCALL, "and waits for the VMM");
	state = take(&from, SDEISTATE_CAPTURE_COLD);
	CHECK(state && state->n_exits == 0 && state->n_filter == 1, "it does not wait any more");
	sdeistate_free(state);
	realm_free(&from);
}

/* --- obstacles and differences ------------------------------------------------------------------------- */

static struct realm_vm built(unsigned int v8)
{
	struct realm_vm r = realm_made(v8, NULL);

	memset(r.ram, 0x5a, RAM_SIZE);
	CHECK(config_hash(&r, 1) == 0 && config_rpv(&r, 9) == 0 &&
		      realm_cmd(&r, CREATE, NULL) == 0 &&
		      realm_range(&r, INIT, RAM, RAM_SIZE) == 0 &&
		      realm_range(&r, POPULATE, RAM, 4 * PAGE) == 0 &&
		      kvmcore_vcpu_create(r.m.vm, 0, 0) == 0 && realm_finalize_vcpu(&r, 0) == 0,
	      "a realm is built");
	return r;
}

static bool lists(const struct sdeistate_obstacles *all, const char *field)
{
	for (unsigned int i = 0; i < all->n; i++)
		if (!strcmp(all->list[i].field, field))
			return true;
	fprintf(stderr, "\tnot named: %s\n", field);
	return false;
}

static void test_all_limits_of_a_host_are_named_first(void)
{
	/* 36 bits, no SVE, 2 breakpoints, 2 watchpoints, no PMU, SHA-256 alone. */
	const struct kvmcore_config poor = { .type = KVMCORE_VM_REALM,
					     .ipa_bits = 36,
					     .host = { .rmm_features = 36 | 2u << 14 | 2u << 20 |
								       1ULL << 32 } };
	struct realm_vm from = built(0),
			to = { .ram = realm_memory(RAM_SIZE), .shared = realm_memory(PAGE) };
	struct sdeistate_obstacles all = { .n = 0 };
	struct sdeistate *state = take(&from, 0);
	struct kvmcore_realm_info before, after;

	to.m = model_new(&poor, 0);
	kvmcore_pause(to.m.vm);
	CHECK(model_memory(&to.m, 0, RAM, RAM_SIZE, to.ram) == 0, "a small host has memory");
	before = realm_info(&to);
	state->realm->flags |= 6;
	state->realm->sve_vl = 3;
	state->realm->pmu_num_ctrs = 4;
	CHECK(sdeistate_check(state, &to.m.port, &all, NULL) == -EOPNOTSUPP, "a poor host cannot");
	CHECK(lists(&all, "hash") && lists(&all, "s2sz") && lists(&all, "num_bps") &&
		      lists(&all, "num_wps") && lists(&all, "sve") && lists(&all, "sve_vl") &&
		      lists(&all, "pmu") && lists(&all, "pmu_num_ctrs"),
	      "every limit is named");
	CHECK(sdeistate_replay(state, &to.m.port, NULL) == -EOPNOTSUPP, "nor is it tried");
	after = realm_info(&to);
	CHECK(!memcmp(&before, &after, sizeof(before)), "nothing was configured");
	sdeistate_obstacles_free(&all);
	sdeistate_free(state);
	realm_free(&to);
	realm_free(&from);
}

static void test_dialects_and_rules_do_not_mix(void)
{
	const struct kvmcore_config bet0 = { .host = { .rmm_rule = KVMCORE_RULE_BET0 } };

	EACH_DIALECT(v8)
	{
		struct realm_vm from = built(v8), other = empty_realm(!v8, NULL),
				old = empty_realm(v8, &bet0);
		struct sdeistate_obstacles all = { .n = 0 };
		struct sdeistate *state = take(&from, 0);

		CHECK(sdeistate_check(state, &other.m.port, &all, NULL) == -EOPNOTSUPP &&
			      lists(&all, "dialect"),
		      "another dialect is an obstacle");
		sdeistate_obstacles_free(&all);
		CHECK(sdeistate_check(state, &old.m.port, &all, NULL) == -EOPNOTSUPP &&
			      lists(&all, "rule"),
		      "so is another rule");
		sdeistate_obstacles_free(&all);
		sdeistate_free(state);
		realm_free(&old);
		realm_free(&other);
		realm_free(&from);
	}
}

struct spoilt {
	void (*spoil)(struct sdeistate_realm *realm);
	const char *cause, *promise;
};

static void spoil_pc(struct sdeistate_realm *realm)
{
	realm->step[3].pc += 4;
}

static void spoil_range(struct sdeistate_realm *realm)
{
	realm->step[1].size = realm->step[1].done = RAM_SIZE - PAGE;
}

static void spoil_rim(struct sdeistate_realm *realm)
{
	realm->step[1].rim[3] ^= 1;
}

static const struct spoilt spoilt[] = {
	{ spoil_rim, "tables", "a RIM that nobody can explain" },
	{ spoil_range, "tables", "another range than was measured" },
	{ spoil_pc, "tables", "another entry than was measured" },
};

static void test_the_first_difference_is_named(void)
{
	EACH_DIALECT(v8)
	for (size_t i = 0; i < ARRAY_SIZE(spoilt); i++) {
		struct realm_vm from = built(v8), to = empty_realm(v8, NULL);
		struct sdeistate_error err = { .code = 0 };
		struct sdeistate *state = take(&from, 0);

		spoilt[i].spoil(state->realm);
		CHECK(build(state, &to, &from, UINT64_MAX, &err) == -ESTALE &&
			      err.reason == SDEISTATE_DIFFERS &&
			      !strcmp(err.field, spoilt[i].cause),
		      spoilt[i].promise);
		CHECK(strstr(err.expected, "RIM ") && strstr(err.actual, "RIM "), "with both RIMs");
		CHECK(realm_info(&to).state != ACTIVE, "it does not become active");
		sdeistate_free(state);
		realm_free(&to);
		realm_free(&from);
	}
}

static void test_a_page_that_arrives_wrong_is_named(void)
{
	EACH_DIALECT(v8)
	{
		struct realm_vm from = built(v8), to = empty_realm(v8, NULL);
		struct sdeistate_error err = { .code = 0 };
		struct sdeistate *state = take(&from, 0);

		CHECK(build(state, &to, &from, 2 * PAGE + 17, &err) == -ESTALE &&
			      err.reason == SDEISTATE_DIFFERS &&
			      !strcmp(err.field, "page-content") &&
			      !strcmp(err.object, "realm step 2 (populate 0x80000000)") &&
			      strstr(err.expected, "page 0x80002000 "),
		      "step, cause and page");
		sdeistate_free(state);
		realm_free(&to);
		realm_free(&from);
	}
}

int main(void)
{
	return RUN_TESTS(test_a_new_realm_is_built_again_exactly,
			 test_an_active_realm_starts_again_from_cold,
			 test_a_host_call_that_waits_is_dropped,
			 test_all_limits_of_a_host_are_named_first,
			 test_dialects_and_rules_do_not_mix, test_the_first_difference_is_named,
			 test_a_page_that_arrives_wrong_is_named);
}
