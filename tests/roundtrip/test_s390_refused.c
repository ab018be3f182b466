// SPDX-License-Identifier: Apache-2.0
/*
 * What keeps an s390 VM from moving: a host that lacks something, a destination that is not fresh, a state that is broken,
 * an ioctl that fails.
 */
#include "hooked.h"
#include "s390_scene.h"

#define PAGE 4096u

static bool is_obstacle(const struct sdeistate_obstacles *all, const char *object,
			const char *field)
{
	for (unsigned int i = 0; i < all->n; i++)
		if (!strcmp(all->list[i].object, object) && !strcmp(all->list[i].field, field))
			return true;
	return false;
}

static void test_all_a_host_lacks_is_told(void)
{
	static uint64_t facility[256] = { ~0ULL, ~0ULL, ~0ULL };
	const struct kvmcore_config poor = { .host = { .s390_facilities = facility,
						       .s390_lacks = KVMCORE_S390_LACKS_CMMA |
								     KVMCORE_S390_LACKS_AP } };
	struct model from = busy((struct kvmcore_config){ 0 }), to;
	struct sdeistate *state = take(&from);
	struct sdeistate_obstacles all = { .n = 0 };

	REQUIRE(state, "captured");
	facility[1] &= ~(1ULL << (127 - 76));
	facility[2] &= ~(1ULL << (191 - 139));
	to = s390_vm(poor, 0);
	state->s390->feat.feat[15] |= 1;
	state->s390->subfunc.block[3][15] = 1;
	state->s390->subfunc.sortl[0] = 1;
	state->s390->processor.ibc = 0x3a2;
	state->s390->parts |= SDEISTATE_S390_UV_FEAT;
	state->s390->uv_feat = 1;
	CHECK(sdeistate_check(state, &to.port, &all, NULL) == -EOPNOTSUPP, "it cannot go there");
	CHECK(is_obstacle(&all, "s390 facility 76", "host"), "facility 76");
	CHECK(is_obstacle(&all, "s390 facility 139", "host"), "facility 139");
	CHECK(is_obstacle(&all, "s390 CPU feature 1023", "host"), "the last CPU feature");
	CHECK(is_obstacle(&all, "s390 subfunctions of km", "host"), "a subfunction of KM");
	CHECK(is_obstacle(&all, "s390 subfunctions of sortl", "host"), "and of SORTL");
	CHECK(is_obstacle(&all, "s390 CPU model", "ibc"), "an ibc it would clamp");
	CHECK(is_obstacle(&all, "s390 UV features", "host"), "a feature of the ultravisor");
	CHECK(is_obstacle(&all, "s390 CMMA", "host"), "CMMA");
	CHECK(is_obstacle(&all, "s390 AP interpretation", "host"), "AP");
	CHECK(all.n == 9, "and nothing else");
	sdeistate_obstacles_free(&all);
	sdeistate_free(state);
	model_free(&from);
	model_free(&to);
}

/* @m cannot take what @state says, for this one reason. */
static void check_one(const struct sdeistate *state, struct model *m, const char *object,
		      const char *field)
{
	struct sdeistate_obstacles all = { .n = 0 };

	CHECK(sdeistate_check(state, &m->port, &all, NULL) == -EOPNOTSUPP, object);
	if (!CHECK(all.n == 1 && is_obstacle(&all, object, field), field))
		for (unsigned int i = 0; i < all.n; i++)
			fprintf(stderr, "%s, %s\n", all.list[i].object, all.list[i].field);
	sdeistate_obstacles_free(&all);
	model_free(m);
}

static void test_what_a_destination_holds_already(void)
{
	const struct kvmcore_config plain = { 0 };
	const struct kvmcore_config protected = { .host = { .s390_lacks =
								    KVMCORE_S390_PROTECTED } };
	struct model from = s390_vm(plain, 2), other = busy(plain), to;
	struct sdeistate *state = take(&from), *full = take(&other);
	struct sdeistate_obstacles all = { .n = 0 };
	uint8_t digest[SDEISTATE_DIGEST_SIZE];

	REQUIRE(state && full, "captured");
	to = s390_vm(plain, 0);
	set(&to, MEM, 0, NULL);
	check_one(state, &to, "s390", "flags");
	to = s390_vm(plain, 2);
	set(&to, CRYPTO, 1, NULL);
	check_one(state, &to, "s390", "flags");
	to = s390_vm(plain, 2);
	check_one(full, &to, "vcpus", "count");
	to = s390_vm(protected, 0);
	check_one(state, &to, "s390", "protected");
	to = s390_vm(plain, 2);
	CHECK(sdeistate_replay(state, &to.port, NULL) == 0 &&
		      sdeistate_prove(state, &to.port, digest, NULL) == 0,
	      "vCPUs that were made with the guest's own model are no obstacle");
	model_free(&to);
	to = model_new(&plain, 0);
	kvmcore_pause(to.vm);
	CHECK(sdeistate_check(state, &to.port, &all, NULL) == -EOPNOTSUPP &&
		      is_obstacle(&all, "vm", "type"),
	      "an arm64 VM is no place for it");
	sdeistate_obstacles_free(&all);
	model_free(&to);
	sdeistate_free(state);
	sdeistate_free(full);
	model_free(&from);
	model_free(&other);
}

static void count_note(void *user, const char *object, const char *field, const char *text)
{
	(void)field;
	(void)text;
	if (!strcmp(object, "storage keys") || !strcmp(object, "CMMA values"))
		++*(unsigned int *)user;
}

static void test_keys_and_cmma_values_go_with_memory(void)
{
	static _Alignas(PAGE) uint8_t memory[2 * PAGE];
	const struct sdeistate_region region = { .ipa = 0, .size = PAGE };
	unsigned int told = 0;
	const struct sdeistate_capture_options alone = { .notice = count_note,
							 .notice_user = &told };
	const struct sdeistate_capture_options with = { .regions = &region, .n_regions = 1 };
	uint8_t value = 2;
	struct kvm_s390_skeys keys = { .count = 1, .skeydata_addr = (uintptr_t)&value };
	struct kvm_s390_cmma_log log = { .count = 1, .mask = ~0ULL, .values = (uintptr_t)&value };

	for (unsigned int cmma = 0; cmma < 2; cmma++) {
		struct model m = s390_vm((struct kvmcore_config){ 0 }, 0);
		struct sdeistate_error err = { .code = 0 };
		struct sdeistate *state = NULL;

		set(&m, MEM, 0, NULL);
		CHECK(model_memory(&m, 0, 0, sizeof(memory), memory) == 0, "memory");
		CHECK(sdeistate_capture(&m.port, &with, &state, &err) == 0 && state->n_regions == 1,
		      "memory of a guest that uses neither is carried");
		state = sdeistate_free(state);
		CHECK(cmma ? kvmcore_ioctl(m.vm, -1, KVM_S390_SET_CMMA_BITS, &log) == 0
			   : kvmcore_ioctl(m.vm, -1, KVM_S390_SET_SKEYS, &keys) == 0,
		      "one in use");
		CHECK(sdeistate_capture(&m.port, &with, &state, &err) == -EOPNOTSUPP &&
			      !strcmp(err.object, cmma ? "CMMA values" : "storage keys"),
		      "of one that does is not: what belongs to it would be lost");
		CHECK(sdeistate_capture(&m.port, &alone, &state, &err) == 0 && told == cmma + 1,
		      "where the VMM moves memory it is told");
		state = sdeistate_free(state);
		model_free(&m);
	}
}

#define MUTATE(name, statement)                    \
	static void name(struct sdeistate_s390 *s) \
	{                                          \
		statement;                         \
	}

MUTATE(flags, s->flags |= 0x80)
MUTATE(parts, s->parts |= 0x80)
MUTATE(no_clock, s->parts &= ~(uint32_t)SDEISTATE_S390_TOD)
MUTATE(two_clocks, s->flags |= KVMCORE_S390_INFO_PROTECTED)
MUTATE(stray_subfunc, s->parts &= ~(uint32_t)SDEISTATE_S390_SUBFUNC)
MUTATE(stray_uv, s->parts &= ~(uint32_t)SDEISTATE_S390_UV_FEAT; s->uv_feat = 1)
MUTATE(stray_topology, s->parts &= ~(uint32_t)SDEISTATE_S390_TOPOLOGY; s->topology_changed = true)
MUTATE(no_76, s->processor.fac_list[1] &= ~(1ULL << (127 - 76)))
MUTATE(no_139, s->processor.fac_list[2] &= ~(1ULL << (191 - 139)))
MUTATE(no_11, s->processor.fac_list[0] &= ~(1ULL << (63 - 11)))

static void test_each_broken_rule_is_named(void)
{
	static const struct {
		void (*mutate)(struct sdeistate_s390 *s);
		const char *field;
	} row[] = {
		{ flags, "flags" },           { parts, "parts" },
		{ no_clock, "clock" },        { two_clocks, "clock" },
		{ stray_subfunc, "subfunc" }, { stray_uv, "uv_feat" },
		{ no_76, "key wrapping" },    { stray_topology, "topology_changed" },
		{ no_139, "epoch_idx" },      { no_11, "topology_changed" },
	};
	struct model m = busy((struct kvmcore_config){ 0 });

	for (unsigned int i = 0; i < ARRAY_SIZE(row); i++) {
		struct sdeistate_error err = { .code = 0 };
		struct sdeistate *state = take(&m);

		REQUIRE(state, "captured");
		row[i].mutate(state->s390);
		CHECK(sdeistate_validate(state, &err) == -EINVAL && !strcmp(err.object, "s390") &&
			      !strcmp(err.field, row[i].field),
		      row[i].field);
		sdeistate_free(state);
	}
	model_free(&m);
}

static void test_each_ioctl_may_fail(void)
{
	struct model m = busy((struct kvmcore_config){ 0 });
	struct sdeistate *state = NULL, *good = take(&m);
	struct sdeistate_error err;
	struct hooked hooked;
	unsigned int n = 0;
	int ret;

	REQUIRE(good, "captured");
	do {
		hooked_begin(&hooked, m.vm);
		hooked.fail_at = ++n;
		hooked.fail_code = -EIO;
		ret = sdeistate_capture(&hooked.port, NULL, &state, &err);
		/* A look at the storage keys or CMMA values that fails is no reason not to go. */
		CHECK(ret == 0 || (ret == -EIO && err.reason == SDEISTATE_CAPTURE_FAILED &&
				   err.object[0]),
		      "a GET that fails is named");
		state = sdeistate_free(state);
	} while (hooked.n_ioctls >= n);
	CHECK(n > 10, "there were GETs to fail");
	for (n = 1, ret = -EIO; ret && n < 200; n++) {
		struct model to = s390_vm((struct kvmcore_config){ 0 }, 0);

		hooked_begin(&hooked, to.vm);
		hooked.fail_at = n;
		hooked.fail_code = -EIO;
		err = (struct sdeistate_error){ .code = 0 };
		ret = sdeistate_replay(good, &hooked.port, &err);
		CHECK(!ret || err.object[0], "a SET that fails is named");
		model_free(&to);
	}
	CHECK(n > 20, "there were SETs to fail");
	sdeistate_free(good);
	model_free(&m);
}

/* A stream with one wrong bit: refused, or a state like any other that says so of itself. */
static bool is_survived(const uint8_t *data, size_t len, struct model *to)
{
	struct sdeistate_obstacles all = { .n = 0 };
	struct sdeistate_buffer again = { .len = 0 };
	struct sdeistate *state = NULL;
	bool same = true;

	if (sdeistate_decode(data, len, &state, NULL))
		return false;
	/* a column may have stood in another form than a writer chooses */
	CHECK(sdeistate_encode(state, &again, NULL) == 0 && again.len <= len,
	      "what is taken can be written again");
	if (state->kind == SDEISTATE_FINAL && sdeistate_validate(state, NULL) == 0)
		same = sdeistate_check(state, &to->port, &all, NULL) != -EINVAL;
	CHECK(same, "and can be looked at");
	sdeistate_obstacles_free(&all);
	sdeistate_buffer_free(&again);
	sdeistate_free(state);
	return true;
}

static void test_no_flip_of_a_bit_is_a_surprise(void)
{
	struct model m = busy((struct kvmcore_config){ 0 });
	struct model to = s390_vm((struct kvmcore_config){ 0 }, 0);
	struct sdeistate_buffer stream = { .len = 0 };
	struct sdeistate *state = take(&m);
	unsigned int n_taken = 0, n_refused = 0;

	REQUIRE(state && sdeistate_encode(state, &stream, NULL) == 0, "a stream to spoil");
	CHECK(is_survived(stream.data, stream.len, &to), "unspoiled it is taken");
	for (size_t i = 0; i < stream.len * 8; i += 5) { /* five and eight share no divisor */
		const uint8_t bit = (uint8_t)(1u << (i % 8));

		stream.data[i / 8] ^= bit;
		if (is_survived(stream.data, stream.len, &to))
			n_taken++;
		else
			n_refused++;
		stream.data[i / 8] ^= bit;
	}
	CHECK(n_taken > 200 && n_refused > 200, "both happen");
	sdeistate_buffer_free(&stream);
	sdeistate_free(state);
	model_free(&m);
	model_free(&to);
}

int main(void)
{
	return RUN_TESTS(test_all_a_host_lacks_is_told, test_what_a_destination_holds_already,
			 test_keys_and_cmma_values_go_with_memory, test_each_broken_rule_is_named,
			 test_each_ioctl_may_fail, test_no_flip_of_a_bit_is_a_surprise);
}
