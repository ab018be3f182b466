// SPDX-License-Identifier: Apache-2.0
/*
 * vCPUs caught between their exit and its end: drained where they are answered, carried where they
 * are not, never lost.
 */
#include "hooked.h"
#include "scene.h"

#include <sdeistate/sdeistate.h>
#include <stdlib.h>

#define FORWARDED 0xc6000050u
#define DEVICE    0x10000000u
#define MMIO_PC   0x80001000u

static const struct sdeistate_capture_options with_regs = { .flags = SDEISTATE_CAPTURE_REGS };

static struct model vm_with_filter(void)
{
	static const struct kvmcore_call_range answer = { FORWARDED, FORWARDED };
	const struct kvmcore_array answers = { .count = 1, .ptr = (uintptr_t)&answer };
	const struct kvmcore_config config = { .guard = KVMCORE_GUARD_OFF };
	struct model m = model_new(&config, 3);

	CHECK(model_attr(&m, -1, KVM_SET_DEVICE_ATTR, KVMCORE_GROUP_FILTER, KVMCORE_FILTER_ANSWERS,
			 &answers) == 0,
	      "a VMM names what it answers");
	return m;
}

static struct model source(void)
{
	struct model m = vm_with_filter();

	CHECK(model_filter(&m, FORWARDED, 1, KVM_SMCCC_FILTER_FWD_TO_USER) == 0, "forwarded");
	return m;
}

static struct model destination(void)
{
	struct model m = vm_with_filter();

	kvmcore_pause(m.vm);
	return m;
}

/* vCPU @vcpu loads into x7 from, or stores to, a device. */
static void touch(struct model *m, int vcpu, bool write)
{
	const struct kvmcore_mmio access = {
		.ipa = DEVICE,
		.len = 4,
		.write = write,
		.value = { 0xcafe },
		.reg = write ? 0 : 7,
	};
	struct kvmcore_mmio_result result;

	CHECK(model_set_reg(m, vcpu, KVMCORE_REG_PC, MMIO_PC) == 0 &&
		      kvmcore_vcpu_mmio(m->vm, vcpu, &access, &result, &m->reply) == 0 &&
		      m->reply.exit == KVMCORE_EXIT_MMIO,
	      "a vCPU leaves with MMIO");
}

static uint64_t reg(struct model *m, int vcpu, uint64_t id)
{
	uint64_t value = ~0ull;

	CHECK(model_get_reg(m, vcpu, id, &value) == 0, "a register can be read");
	return value;
}

static struct sdeistate *take(const struct kvm_port *port)
{
	struct sdeistate *state = NULL;

	CHECK(sdeistate_capture(port, &with_regs, &state, NULL) == 0, "captured");
	return state;
}

static void cross(struct sdeistate *state, struct model *to)
{
	struct sdeistate_buffer bytes = { .len = 0 };
	struct sdeistate *received = NULL;
	struct sdeistate_error err = { .code = 0 };
	uint8_t digest[SDEISTATE_DIGEST_SIZE], sent[SDEISTATE_DIGEST_SIZE];

	CHECK(sdeistate_encode(state, &bytes, NULL) == 0, "encoded");
	REQUIRE(sdeistate_decode(bytes.data, bytes.len, &received, NULL) == 0, "decoded");
	CHECK(sdeistate_replay(received, &to->port, &err) == 0, "replayed");
	CHECK(sdeistate_prove(received, &to->port, digest, &err) == 0 &&
		      sdeistate_digest(state, sent, NULL) == 0 &&
		      !memcmp(sent, digest, sizeof(sent)),
	      "and proved");
	sdeistate_buffer_free(&bytes);
	sdeistate_free(received);
}

static void test_answered_exits_are_drained(void)
{
	struct model from = source(), to = destination();
	const uint64_t read = 0x1234;
	struct sdeistate *state;

	touch(&from, 0, false);
	touch(&from, 1, true);
	model_call(&from, 2, FORWARDED, 0, 0, 0);
	CHECK(kvmcore_answer(from.vm, 0, (uint64_t[4]){ read }) == 0 &&
		      kvmcore_answer(from.vm, 1, (uint64_t[4]){ 0 }) == 0 &&
		      kvmcore_answer(from.vm, 2, (uint64_t[4]){ 1, 2, 3, 4 }) == 0,
	      "the VMM answers all");
	kvmcore_pause(from.vm);
	state = take(&from.port);
	REQUIRE(state, "captured");
	CHECK(state->n_exits == 0, "nothing is open");
	cross(state, &to);
	CHECK(reg(&to, 0, KVMCORE_REG_PC) == MMIO_PC + 4 && reg(&to, 0, KVMCORE_REG_X(7)) == read,
	      "the load is complete");
	CHECK(reg(&to, 1, KVMCORE_REG_PC) == MMIO_PC + 4, "the store is complete");
	CHECK(reg(&to, 2, KVMCORE_REG_X(0)) == 1 && reg(&to, 2, KVMCORE_REG_X(3)) == 4,
	      "the call has its result");
	sdeistate_free(state);
	model_free(&from);
	model_free(&to);
}

static void test_unanswered_exits_go_along(void)
{
	struct model from = source(), to = destination();
	struct sdeistate *state;

	touch(&from, 0, false);
	touch(&from, 1, true);
	model_call(&from, 2, FORWARDED, 5, 0, 0);
	kvmcore_pause(from.vm);
	state = take(&from.port);
	REQUIRE(state && state->n_exits == 3, "all three are carried");
	CHECK(reg(&from, 0, KVMCORE_REG_PC) == MMIO_PC, "and nothing was completed");
	cross(state, &to);
	CHECK(to.port.exit(to.vm, 0)->exit_reason == KVM_EXIT_MMIO &&
		      to.port.exit(to.vm, 0)->mmio.phys_addr == DEVICE &&
		      !to.port.exit(to.vm, 0)->mmio.is_write,
	      "the destination's VMM finds the load");
	CHECK(to.port.exit(to.vm, 1)->mmio.is_write &&
		      !memcmp(to.port.exit(to.vm, 1)->mmio.data, "\xfe\xca\0\0", 4),
	      "the store with its data");
	CHECK(to.port.exit(to.vm, 2)->exit_reason == KVM_EXIT_HYPERCALL &&
		      to.port.exit(to.vm, 2)->hypercall.nr == FORWARDED,
	      "and the call");
	CHECK(kvmcore_answer(to.vm, 0, (uint64_t[4]){ 0xabcd }) == 0 &&
		      kvmcore_answer(to.vm, 1, (uint64_t[4]){ 0 }) == 0 &&
		      kvmcore_answer(to.vm, 2, (uint64_t[4]){ 9, 8, 7, 6 }) == 0,
	      "it answers");
	kvmcore_resume(to.vm);
	for (int i = 0; i < 3; i++)
		CHECK(kvmcore_run(to.vm, i, false, &to.reply) == 0, "they go on");
	CHECK(reg(&to, 0, KVMCORE_REG_X(7)) == 0xabcd && reg(&to, 0, KVMCORE_REG_PC) == MMIO_PC + 4,
	      "the load has its value");
	CHECK(reg(&to, 2, KVMCORE_REG_X(0)) == 9 && reg(&to, 2, KVMCORE_REG_X(1)) == 8,
	      "the call its result");
	sdeistate_free(state);
	model_free(&from);
	model_free(&to);
}

static void test_answered_without_run_is_carried_as_answered(void)
{
	struct model from = source(), to = destination();
	struct kvm_port port;
	struct sdeistate *state;

	touch(&from, 0, false);
	CHECK(kvmcore_answer(from.vm, 0, (uint64_t[4]){ 0x55 }) == 0, "answered");
	kvmcore_pause(from.vm);
	port = from.port;
	port.run = NULL;
	state = take(&port);
	REQUIRE(state && state->n_exits == 1, "it cannot be drained, so it is carried");
	CHECK(state->exits[0].answered && state->exits[0].data == 0x55, "with the answer");
	cross(state, &to);
	CHECK(kvmcore_run(to.vm, 0, true, &to.reply) == -EINTR &&
		      reg(&to, 0, KVMCORE_REG_X(7)) == 0x55 &&
		      reg(&to, 0, KVMCORE_REG_PC) == MMIO_PC + 4,
	      "and the next run at the destination completes it");
	sdeistate_free(state);
	model_free(&from);
	model_free(&to);
}

static const struct kvm_run *page_of(void *vm, int vcpu)
{
	struct hooked *hooked = vm;

	return hooked->inner.exit(hooked->inner.vm, vcpu);
}

static int run_it(void *vm, int vcpu, int immediate_exit)
{
	struct hooked *hooked = vm;

	return hooked->inner.run(hooked->inner.vm, vcpu, immediate_exit);
}

/* A VMM on a bare kernel: the pages are all there is. */
static void test_a_kernel_without_the_group(void)
{
	const struct sdeistate_capture_options options = { .flags = SDEISTATE_CAPTURE_REGS,
							   .profile_given = true,
							   .profile = KVMCORE_PROFILE_KVM_V5 };
	const struct kvmcore_config config = { .profile = KVMCORE_PROFILE_KVM_V5,
					       .guard = KVMCORE_GUARD_OFF };
	struct model m = model_new(&config, 1);
	struct sdeistate_error err = { .code = 0 };
	struct sdeistate *state = NULL;
	struct hooked hooked;

	touch(&m, 0, true);
	kvmcore_pause(m.vm);
	hooked_begin(&hooked, m.vm);
	hooked.no_groups = true;
	hooked.port.exit = page_of;
	CHECK(sdeistate_capture(&hooked.port, &options, &state, &err) == -EOPNOTSUPP &&
		      !strcmp(err.object, "port") && !strcmp(err.field, "run"),
	      "what cannot be drained there is not lost silently");
	hooked.port.run = run_it;
	CHECK(sdeistate_capture(&hooked.port, &options, &state, &err) == 0, "it is drained");
	CHECK(reg(&m, 0, KVMCORE_REG_PC) == MMIO_PC + 4, "by a run with immediate exit");
	sdeistate_free(state);
	model_free(&m);
}

#define MUTATE(name, statement)               \
	static void name(struct sdeistate *s) \
	{                                     \
		statement;                    \
	}

MUTATE(order, s->exits[1].vcpu = 0)
MUTATE(no_vcpu, s->exits[2].vcpu = 3)
MUTATE(odd_reason, s->exits[0].reason = 1)
MUTATE(odd_flags, s->exits[2].flags = 1u << 2)
MUTATE(no_len, s->exits[0].len = 0)
MUTATE(long_len, s->exits[0].len = 9)
MUTATE(odd_reg, s->exits[0].reg = 33)
MUTATE(answer_for_nobody, s->exits[0].reg = KVMCORE_EXIT_REG_UNKNOWN; s->exits[0].answered = 1)
MUTATE(data_beyond, s->exits[1].data = UINT64_C(1) << 32)
MUTATE(read_too_early, s->exits[0].data = 1)
MUTATE(answered_call, s->exits[2].answered = 1)

static void test_each_broken_rule_is_named(void)
{
	static const struct {
		void (*mutate)(struct sdeistate *state);
		const char *field;
	} row[] = {
		{ order, "vcpu" },
		{ no_vcpu, "vcpu" },
		{ odd_reason, "reason" },
		{ odd_flags, "flags" },
		{ no_len, "len" },
		{ long_len, "len" },
		{ odd_reg, "reg" },
		{ data_beyond, "data" },
		{ read_too_early, "data" },
		{ answered_call, "answered" },
		{ answer_for_nobody, "answered" },
	};
	struct model m = source();

	touch(&m, 0, false);
	touch(&m, 1, true);
	model_call(&m, 2, FORWARDED, 5, 0, 0);
	kvmcore_pause(m.vm);
	for (unsigned int i = 0; i < ARRAY_SIZE(row); i++) {
		struct model fresh = destination();
		struct sdeistate_error err = { .code = 0 };
		struct sdeistate *state = take(&m.port);
		struct kvmcore_array request = { .count = 3 };

		REQUIRE(state && state->n_exits == 3, "captured");
		row[i].mutate(state);
		CHECK(sdeistate_validate(state, &err) == -EINVAL &&
			      !strcmp(err.field, row[i].field),
		      row[i].field);
		request.ptr = (uintptr_t)state->exits;
		CHECK(model_attr(&fresh, -1, KVM_SET_DEVICE_ATTR, KVMCORE_GROUP_VM,
				 KVMCORE_VM_EXITS, &request) == -EINVAL,
		      "the core refuses the same");
		sdeistate_free(state);
		model_free(&fresh);
	}
	model_free(&m);
}

static void test_a_destination_that_answers_no_calls(void)
{
	const struct kvmcore_config config = { .guard = KVMCORE_GUARD_OFF };
	struct model from = source(), to = model_new(&config, 3);
	struct sdeistate_obstacles all = { .n = 0 };
	struct sdeistate *state;

	kvmcore_pause(from.vm);
	kvmcore_pause(to.vm);
	state = take(&from.port);
	REQUIRE(state, "captured");
	CHECK(sdeistate_check(state, &to.port, &all, NULL) == -EOPNOTSUPP && all.n == 1 &&
		      !strcmp(all.list[0].object, "SMCCC filter range 0xc6000050") &&
		      all.list[0].reason == SDEISTATE_INCOMPATIBLE,
	      "a forwarded call needs somebody who answers it");
	sdeistate_obstacles_free(&all);
	sdeistate_free(state);
	model_free(&from);
	model_free(&to);
}

int main(void)
{
	return RUN_TESTS(test_answered_exits_are_drained, test_unanswered_exits_go_along,
			 test_answered_without_run_is_carried_as_answered,
			 test_a_kernel_without_the_group, test_each_broken_rule_is_named,
			 test_a_destination_that_answers_no_calls);
}
