// SPDX-License-Identifier: Apache-2.0
/*
 * Records 12 to 16, all in one place: what comes out of a stream is validated and each broken rule of it refused by
 * name, each field has its path in a comparison, and a change of a field travels as that field.
 */
#include "s390_scene.h"
#include "scene.h"

#include <stdio.h>
#include <stdlib.h>

#define FORWARDED 0xc6000050u
#define DEVICE    0x10000000u

static struct model guarded(void)
{
	const struct kvmcore_config config = { .kernel = "7.2", .guard = KVMCORE_GUARD_S };
	const struct kvmcore_mmio load = { .ipa = DEVICE, .len = 4, .reg = 9 };
	struct kvmcore_mmio_result result;
	struct model m = model_new(&config, 3);

	CHECK(model_filter(&m, FORWARDED, 1, KVM_SMCCC_FILTER_FWD_TO_USER) == 0 &&
		      model_filter(&m, 0x84000050u, 4, KVM_SMCCC_FILTER_DENY) == 0,
	      "a filter");
	model_call(&m, 0, 0xc6000003u, 0, 0, 0);
	model_call(&m, 0, 0xc6000004u, DEVICE, 0, 0);
	model_call(&m, 1, FORWARDED, 5, 0, 0);
	CHECK(kvmcore_vcpu_mmio(m.vm, 2, &load, &result, &m.reply) == 0, "a load");
	kvmcore_pause(m.vm);
	return m;
}

static struct model mainframe(void)
{
	return busy((struct kvmcore_config){ 0 });
}

#define CHANGE(name, statement)               \
	static void name(struct sdeistate *s) \
	{                                     \
		statement;                    \
	}

CHANGE(filter_action, s->filter[0].action = 3)
CHANGE(filter_wraps, s->filter[1].nr_functions = UINT32_MAX)
CHANGE(filter_order, s->filter[1].base = s->filter[0].base)
CHANGE(guard_granule, s->guard.granule = 12288)
CHANGE(guard_base, s->guarded[0].base += 1)
CHANGE(fw_id, s->fw_regs[0].id = 5)
CHANGE(fw_order, s->fw_regs[1].id = s->fw_regs[0].id)
CHANGE(exit_vcpu, s->exits[1].vcpu = 3)
CHANGE(exit_reason, s->exits[0].reason = 2)
CHANGE(exit_len, s->exits[1].len = 0)
CHANGE(exit_reg, s->exits[1].reg = 33)
CHANGE(exit_data, s->exits[1].data = 1)
CHANGE(exit_answered, s->exits[0].answered = 1)
CHANGE(s390_flags, s->s390->flags |= 1u << 9)
CHANGE(s390_parts, s->s390->parts |= 1u << 9)
CHANGE(s390_clock, s->s390->parts &= ~(uint32_t)SDEISTATE_S390_TOD)
CHANGE(s390_wrapping, s->s390->processor.fac_list[1] &= ~(1ull << (127 - 76)))

static void refuse(struct model (*make)(void), void (*mutate)(struct sdeistate *state),
		   const char *object, const char *field)
{
	struct sdeistate *state, *received = NULL;
	struct sdeistate_buffer bytes = { .len = 0 };
	struct sdeistate_error err = { .code = 0 };
	struct model m = make();

	state = take(&m);
	REQUIRE(state, "captured");
	CHECK(sdeistate_encode(state, &bytes, NULL) == 0 &&
		      sdeistate_decode(bytes.data, bytes.len, &received, NULL) == 0 &&
		      sdeistate_validate(received, NULL) == 0,
	      "as it is, it is fine");
	received = sdeistate_free(received);
	sdeistate_buffer_free(&bytes);
	mutate(state);
	REQUIRE(sdeistate_encode(state, &bytes, &err) == 0, "a mutant can be written");
	if (sdeistate_decode(bytes.data, bytes.len, &received, &err) == 0)
		CHECK(sdeistate_validate(received, &err) == -EINVAL, "it is refused");
	if (!CHECK(!strncmp(err.object, object, strlen(object)) && !strcmp(err.field, field),
		   field))
		fprintf(stderr, "%s, %s: heard %s, %s\n", object, field, err.object, err.field);
	sdeistate_buffer_free(&bytes);
	sdeistate_free(received);
	sdeistate_free(state);
	model_free(&m);
}

static void test_each_broken_rule_of_a_stream_is_named(void)
{
	static const struct {
		struct model (*make)(void);
		void (*mutate)(struct sdeistate *state);
		const char *object, *field;
	} row[] = {
		{ guarded, filter_action, "SMCCC filter", "action" },
		{ guarded, filter_wraps, "SMCCC filter", "nr_functions" },
		{ guarded, filter_order, "SMCCC filter", "base" },
		{ guarded, guard_granule, "MMIO guard", "granule" },
		{ guarded, guard_base, "MMIO guard", "base" },
		{ guarded, fw_id, "firmware register", "id" },
		{ guarded, fw_order, "firmware register", "id" },
		{ guarded, exit_vcpu, "pending exit", "vcpu" },
		{ guarded, exit_reason, "pending exit", "reason" },
		{ guarded, exit_len, "pending exit", "len" },
		{ guarded, exit_reg, "pending exit", "reg" },
		{ guarded, exit_data, "pending exit", "data" },
		{ guarded, exit_answered, "pending exit", "answered" },
		{ mainframe, s390_flags, "s390", "flags" },
		{ mainframe, s390_parts, "s390", "parts" },
		{ mainframe, s390_clock, "s390", "clock" },
		{ mainframe, s390_wrapping, "s390", "key wrapping" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++)
		refuse(row[i].make, row[i].mutate, row[i].object, row[i].field);
}

CHANGE(psci, s->fw_regs[0].value = 0x10001)
CHANGE(hidden, s->fw_regs[5].value = 0)
CHANGE(other_call, s->exits[0].nr += 1)
CHANGE(other_place, s->exits[1].nr += 8)
CHANGE(other_register, s->exits[1].reg = 10)
CHANGE(now_answered, s->exits[1].answered = 1)
CHANGE(denied, s->filter[1].action = KVM_SMCCC_FILTER_DENY)
CHANGE(longer, s->guarded[0].size += 4096)
CHANGE(clock, s->s390->tod += 5)
CHANGE(facility, s->s390->processor.fac_list[2] ^= 1)
CHANGE(topology, s->s390->topology_changed ^= 1)
CHANGE(subfunction, s->s390->subfunc.block[3][0] ^= 1)

static const struct {
	struct model (*make)(void);
	void (*change)(struct sdeistate *state);
	const char *path;
	uint32_t record;
} change_row[] = {
	{ guarded, denied, "filter[0xc6000050].action", SDEISTATE_RECORD_FILTER },
	{ guarded, psci, "fw_regs[psci_version].value", SDEISTATE_RECORD_FW_REGS },
	{ guarded, hidden, "fw_regs[std_hyp].value", SDEISTATE_RECORD_FW_REGS },
	{ guarded, longer, "guard.range[0].size", SDEISTATE_RECORD_GUARD },
	{ guarded, other_call, "pending_exits[0].nr", SDEISTATE_RECORD_PENDING_EXITS },
	{ guarded, other_place, "pending_exits[1].nr", SDEISTATE_RECORD_PENDING_EXITS },
	{ guarded, other_register, "pending_exits[1].reg", SDEISTATE_RECORD_PENDING_EXITS },
	{ guarded, now_answered, "pending_exits[1].answered", SDEISTATE_RECORD_PENDING_EXITS },
	{ mainframe, clock, "s390.tod", SDEISTATE_RECORD_S390 },
	{ mainframe, facility, "s390.processor.fac_list[2]", SDEISTATE_RECORD_S390 },
	{ mainframe, topology, "s390.topology_changed", SDEISTATE_RECORD_S390 },
	{ mainframe, subfunction, "s390.subfunc[80]", SDEISTATE_RECORD_S390 },
};

struct heard {
	unsigned int n;
	char path[128];
	uint32_t record;
	bool differs;
};

static int hear(void *user, const struct sdeistate_change *change)
{
	struct heard *heard = user;

	heard->n++;
	snprintf(heard->path, sizeof(heard->path), "%s", change->path);
	heard->record = change->record;
	heard->differs = change->in_a && change->in_b && change->a != change->b;
	return 0;
}

static void test_each_difference_has_its_path(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(change_row); i++) {
		struct model m = change_row[i].make();
		struct sdeistate *a = take(&m), *b = take(&m);
		struct heard heard = { .n = 0 };

		REQUIRE(a && b, "captured");
		CHECK(sdeistate_diff(a, b, hear, &heard) == 0 && heard.n == 0, "no difference");
		change_row[i].change(b);
		CHECK(sdeistate_diff(a, b, hear, &heard) == 0 && heard.n == 1 && heard.differs &&
			      heard.record == change_row[i].record,
		      "one change is one, of its record");
		if (!CHECK(!strcmp(heard.path, change_row[i].path), "with its path"))
			fprintf(stderr, "expected %s, heard %s\n", change_row[i].path, heard.path);
		sdeistate_free(a);
		sdeistate_free(b);
		model_free(&m);
	}
}

static int count_whole(void *user, const struct sdeistate_delta_change *change)
{
	unsigned int *n = user;

	n[change->what == SDEISTATE_DELTA_WHOLE]++;
	return 0;
}

/* A delta from @a to @b. Return: how many records travel whole; the changes are made and compared */
static unsigned int travel(const struct sdeistate *a, const struct sdeistate *b)
{
	struct sdeistate_buffer stream = { .len = 0 }, delta = { .len = 0 };
	uint8_t have[SDEISTATE_DIGEST_SIZE], want[SDEISTATE_DIGEST_SIZE];
	struct sdeistate_base *base = NULL;
	struct sdeistate_error err = { .code = 0 };
	unsigned int n[2] = { 0, 0 };

	CHECK(sdeistate_encode(a, &stream, NULL) == 0 &&
		      sdeistate_base_new(stream.data, stream.len, &base, &err) == 0 &&
		      sdeistate_delta_compute(base, b, &delta, &err) == 0 &&
		      sdeistate_delta_list(delta.data, delta.len, count_whole, n, &err) == 0 &&
		      sdeistate_delta_apply(base, delta.data, delta.len, &err) == 0,
	      "a change travels and is made");
	CHECK(sdeistate_digest(sdeistate_base_state(base), have, NULL) == 0 &&
		      sdeistate_digest(b, want, NULL) == 0 && !memcmp(have, want, sizeof(have)),
	      "exactly");
	CHECK(n[0] + n[1] > 0, "something is told");
	sdeistate_base_free(base);
	sdeistate_buffer_free(&stream);
	sdeistate_buffer_free(&delta);
	return n[1];
}

static void test_a_change_travels_as_its_field(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(change_row); i++) {
		struct model m = change_row[i].make();
		struct sdeistate *a = take(&m), *b = take(&m);
		const bool has_lists = change_row[i].record != SDEISTATE_RECORD_S390;

		REQUIRE(a && b, "captured");
		change_row[i].change(b);
		CHECK(travel(a, b) == (has_lists ? 0 : 1), change_row[i].path);
		CHECK(travel(b, a) == (has_lists ? 0 : 1), "and back");
		sdeistate_free(a);
		sdeistate_free(b);
		model_free(&m);
	}
}

/* Entries that come and go; the last one takes its record with it. */
static void test_exits_come_and_go(void)
{
	struct model m = guarded();
	struct sdeistate *both = take(&m), *one = take(&m), *none = take(&m);

	REQUIRE(both && one && none, "captured");
	one->exits[0] = one->exits[1];
	one->n_exits = 1;
	none->n_exits = 0;
	CHECK(travel(both, one) == 0 && travel(one, both) == 0, "one goes, one comes");
	CHECK(travel(one, none) == 0 && travel(none, one) == 1, "the record goes, and comes whole");
	sdeistate_free(both);
	sdeistate_free(one);
	sdeistate_free(none);
	model_free(&m);
}

int main(void)
{
	return RUN_TESTS(test_each_broken_rule_of_a_stream_is_named,
			 test_each_difference_has_its_path, test_a_change_travels_as_its_field,
			 test_exits_come_and_go);
}
