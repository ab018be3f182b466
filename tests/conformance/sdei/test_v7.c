// SPDX-License-Identifier: Apache-2.0
/*
 * What profile kvm-v7 keeps of the series posted on 27 May 2022: two private events, one trigger each,
 * pseudo-registers; and its defects (docs/abi-sdei.md, "Quirks").
 */
#include "rig.h"

#define REG(name) KVM_REG_ARM_SDEI_##name

static int one_reg(struct rig *rig, unsigned long cmd, unsigned int v, uint64_t id, void *value)
{
	struct kvm_one_reg reg = { .id = id, .addr = (uintptr_t)value };

	return kvmcore_ioctl(rig->vm, (int)v, cmd, &reg);
}

static uint64_t get(struct rig *rig, unsigned int v, uint64_t id)
{
	uint64_t value = 0xdead;

	CHECK(one_reg(rig, KVM_GET_ONE_REG, v, id, &value) == 0, "the register can be read");
	return value;
}

static void set(struct rig *rig, unsigned int v, uint64_t id, uint64_t value)
{
	CHECK(one_reg(rig, KVM_SET_ONE_REG, v, id, &value) == 0, "the register can be written");
}

static void init_vcpus(struct rig *rig)
{
	struct kvm_vcpu_init init = { .target = KVM_ARM_TARGET_GENERIC_V8 };

	for (unsigned int v = 0; v < rig->n; v++)
		CHECK(kvmcore_ioctl(rig->vm, (int)v, KVMCORE_ARM_VCPU_INIT, &init) == 0,
		      "the vCPU is initialised");
}

static void open_v7(struct rig *rig)
{
	rig_open_paused(rig, KVMCORE_PROFILE_KVM_V7, 2);
	init_vcpus(rig);
	rig_go(rig);
}

static void test_registers_show_the_state(void)
{
	struct kvm_sdei_v7_handler handler;
	struct kvm_sdei_v7_context context;
	struct rig rig;

	open_v7(&rig);
	CHECK(get(&rig, 0, REG(PE_STATE)) == 1, "a PE starts masked");
	rig_arm(&rig, 0, 0);
	rig_arm(&rig, 0, 1);
	CHECK(get(&rig, 0, REG(EVENT_REGISTERED)) == 3 && get(&rig, 0, REG(EVENT_ENABLED)) == 3,
	      "a bit per event");
	CHECK(get(&rig, 1, REG(EVENT_REGISTERED)) == 0, "of this vCPU");
	CHECK(get(&rig, 0, REG(PE_STATE)) == 0, "0 is unmasked");
	rig_inject(&rig, 0, 1);
	CHECK(get(&rig, 0, REG(EVENT_PENDING)) == 2 && get(&rig, 0, REG(EVENT_RUNNING)) == 0,
	      "pending");
	enter(&rig, 0);
	CHECK(get(&rig, 0, REG(EVENT_PENDING)) == 0 && get(&rig, 0, REG(EVENT_RUNNING)) == 2,
	      "then running");
	CHECK(one_reg(&rig, KVM_GET_ONE_REG, 0, KVM_REG_ARM_SDEI_EVENT_HANDLER(1), &handler) == 0 &&
		      handler.ep_addr == ENTRY(0, 1) && handler.ep_arg == ARG(0, 1),
	      "HANDLER_1 is entry point and argument");
	CHECK(one_reg(&rig, KVM_GET_ONE_REG, 0, REG(EVENT_CONTEXT), &context) == 0 &&
		      context.pc == 0x40000000 && context.regs[17] == 0x1011,
	      "the context is what was interrupted");
	rig_close(&rig);
}

static void test_handlers_2_and_3_read_zero(void)
{
	struct kvm_sdei_v7_handler handler = { 1, 2 };
	struct rig rig;

	open_v7(&rig);
	for (uint64_t n = 2; n < 4; n++) {
		handler = (struct kvm_sdei_v7_handler){ 1, 2 };
		CHECK(one_reg(&rig, KVM_SET_ONE_REG, 0, KVM_REG_ARM_SDEI_EVENT_HANDLER(n),
			      &handler) == 0,
		      "the write is ignored");
		CHECK(one_reg(&rig, KVM_GET_ONE_REG, 0, KVM_REG_ARM_SDEI_EVENT_HANDLER(n),
			      &handler) == 0 &&
			      handler.ep_addr == 0 && handler.ep_arg == 0,
		      "it reads 0");
	}
	rig_close(&rig);
}

static void test_the_registers_are_listed_in_order(void)
{
	uint64_t list[1 + 256] = { 256 }; /* struct kvm_reg_list: n, then the ids */
	const uint64_t *id = &list[1];
	const uint64_t want[] = {
		KVM_REG_ARM_SDEI_EVENT_HANDLER(0),
		KVM_REG_ARM_SDEI_EVENT_HANDLER(1),
		KVM_REG_ARM_SDEI_EVENT_HANDLER(2),
		KVM_REG_ARM_SDEI_EVENT_HANDLER(3),
		REG(EVENT_REGISTERED),
		REG(EVENT_ENABLED),
		REG(EVENT_RUNNING),
		REG(EVENT_PENDING),
		REG(EVENT_CONTEXT),
		REG(PE_STATE),
	};
	uint64_t at = 0;
	struct rig rig;

	open_v7(&rig);
	REQUIRE(kvmcore_ioctl(rig.vm, 0, KVM_GET_REG_LIST, list) == 0, "the list can be read");
	while (at < list[0] && id[at] != want[0])
		at++;
	for (size_t i = 0; i < ARRAY_SIZE(want); i++)
		CHECK(at + i < list[0] && id[at + i] == want[i], "ten registers, in their order");
	rig_close(&rig);
	rig_open_paused(&rig, KVMCORE_PROFILE_SPEC, 1);
	init_vcpus(&rig);
	CHECK(one_reg(&rig, KVM_GET_ONE_REG, 0, REG(PE_STATE), &at) == -2,
	      "other profiles have none of them");
	rig_close(&rig);
}

/* Move every register from one VM to another, in the order given. */
static void move(struct rig *from, struct rig *to, const uint64_t *id, size_t n)
{
	uint64_t buf[32];

	for (size_t i = 0; i < n; i++) {
		CHECK(one_reg(from, KVM_GET_ONE_REG, 0, id[i], buf) == 0, "read at the source");
		CHECK(one_reg(to, KVM_SET_ONE_REG, 0, id[i], buf) == 0,
		      "written at the destination");
	}
}

static void test_any_order_of_writes_restores(void)
{
	uint64_t id[] = { KVM_REG_ARM_SDEI_EVENT_HANDLER(0),
			  KVM_REG_ARM_SDEI_EVENT_HANDLER(1),
			  REG(EVENT_REGISTERED),
			  REG(EVENT_ENABLED),
			  REG(EVENT_RUNNING),
			  REG(EVENT_PENDING),
			  REG(EVENT_CONTEXT),
			  REG(PE_STATE) };
	struct rig rig, copy;

	for (unsigned int turn = 0; turn < ARRAY_SIZE(id); turn++) {
		const uint64_t first = id[0];

		open_v7(&rig);
		rig_arm(&rig, 0, 0);
		rig_arm(&rig, 0, 1);
		rig_inject(&rig, 0, 0);
		enter(&rig, 0);
		rig_inject(&rig, 0, 1);
		rig_inject(&rig, 0, 0);
		open_v7(&copy);
		move(&rig, &copy, id, ARRAY_SIZE(id));
		call(&copy, 0, EVENT_COMPLETE, 0);
		CHECK(copy.regs[0].pc == rig.regs[0].x[2],
		      "the handler completes where it was interrupted");
		set(&copy, 0, REG(PE_STATE), 0);
		CHECK(enter(&copy, 0) && copy.regs[0].x[0] == 0,
		      "then what waited is delivered, lowest number first");
		rig_close(&copy);
		rig_close(&rig);
		memmove(&id[0], &id[1], sizeof(id) - sizeof(id[0]));
		id[ARRAY_SIZE(id) - 1] = first;
	}
}

static void test_pending_waits_for_unmask_and_enable(void)
{
	struct rig rig;

	open_v7(&rig);
	rig_register(&rig, 0, 0, 0, 0);
	CHECK(call(&rig, 0, EVENT_SIGNAL, 0) == 0 && !enter(&rig, 0), "SIGNAL succeeds and waits");
	call(&rig, 0, PE_UNMASK);
	CHECK(!enter(&rig, 0), "the event is disabled still");
	call(&rig, 0, EVENT_ENABLE, 0);
	CHECK(enter(&rig, 0), "enabling delivers");
	call(&rig, 0, PE_MASK);
	call(&rig, 0, EVENT_COMPLETE, 0);
	call(&rig, 0, EVENT_SIGNAL, 0);
	CHECK(!enter(&rig, 0), "masked, it waits");
	call(&rig, 0, PE_UNMASK);
	CHECK(enter(&rig, 0), "unmasking delivers");
	rig_close(&rig);
}

static void test_b15_a_disabled_pending_event_does_not_hang(void)
{
	struct rig rig;

	open_v7(&rig);
	rig_register(&rig, 0, 0, 0, 0);
	rig_arm(&rig, 0, 1);
	call(&rig, 0, EVENT_SIGNAL, 0);
	rig_inject(&rig, 0, 1);
	call(&rig, 0, PE_UNMASK);
	CHECK(enter(&rig, 0) && rig.regs[0].x[0] == 1,
	      "event 0 waits disabled, event 1 is delivered");
	rig_close(&rig);
}

static void test_b16_complete_makes_no_request(void)
{
	struct rig rig;

	open_v7(&rig);
	rig_arm(&rig, 0, 0);
	rig_arm(&rig, 0, 1);
	rig_inject(&rig, 0, 0);
	enter(&rig, 0);
	rig_inject(&rig, 0, 1);
	CHECK(!enter(&rig, 0), "nothing nests");
	call(&rig, 0, EVENT_COMPLETE, 0);
	CHECK(!enter(&rig, 0), "the second event waits although it could be delivered");
	call(&rig, 0, PE_UNMASK);
	CHECK(enter(&rig, 0) && rig.regs[0].x[0] == 1, "until something else makes a request");
	rig_close(&rig);
}

static void test_b17_unregister_leaves_the_trigger(void)
{
	struct rig rig;

	open_v7(&rig);
	rig_register(&rig, 0, 0, 0, 0);
	call(&rig, 0, EVENT_SIGNAL, 0);
	call(&rig, 0, EVENT_UNREGISTER, 0);
	CHECK(get(&rig, 0, REG(EVENT_PENDING)) == 1, "the pending bit stays");
	rig_arm(&rig, 0, 0);
	CHECK(enter(&rig, 0), "and fires when the event is registered again");
	rig_close(&rig);
}

static void test_b17_private_reset_ignores_what_runs(void)
{
	struct rig rig;

	open_v7(&rig);
	rig_arm(&rig, 0, 0);
	rig_inject(&rig, 0, 0);
	enter(&rig, 0);
	rig_inject(&rig, 0, 0);
	CHECK(call(&rig, 0, PRIVATE_RESET) == 0, "PRIVATE_RESET inside a handler succeeds");
	CHECK(get(&rig, 0, REG(EVENT_REGISTERED)) == 0 && get(&rig, 0, REG(EVENT_RUNNING)) == 1 &&
		      get(&rig, 0, REG(EVENT_PENDING)) == 1,
	      "running and pending stay");
	call(&rig, 0, EVENT_COMPLETE, 0);
	CHECK(rig.regs[0].pc == 0x40000000, "the handler still completes");
	rig_close(&rig);
}

static void test_b18_registers_take_anything(void)
{
	struct rig rig;

	open_v7(&rig);
	set(&rig, 0, REG(EVENT_RUNNING), 3);
	set(&rig, 0, REG(EVENT_ENABLED), 1);
	CHECK(get(&rig, 0, REG(EVENT_RUNNING)) == 3, "two running bits");
	CHECK(get(&rig, 0, REG(EVENT_ENABLED)) == 1 && get(&rig, 0, REG(EVENT_REGISTERED)) == 0,
	      "enabled without registered");
	set(&rig, 0, REG(EVENT_PENDING), ~0ULL);
	CHECK(get(&rig, 0, REG(EVENT_PENDING)) == 3,
	      "bits of events it does not have vanish in silence");
	set(&rig, 0, REG(PE_STATE), 0x80);
	CHECK(get(&rig, 0, REG(PE_STATE)) == 1, "any value but 0 masks");
	call(&rig, 0, EVENT_COMPLETE, 0);
	CHECK(get(&rig, 0, REG(EVENT_RUNNING)) == 2, "COMPLETE ends one of two");
	call(&rig, 0, EVENT_COMPLETE, 0);
	CHECK(get(&rig, 0, REG(EVENT_RUNNING)) == 0, "and then the other");
	rig_close(&rig);
}

static void test_b18_context_has_96_bytes_nobody_writes(void)
{
	struct kvm_sdei_v7_context context;
	struct rig rig;

	open_v7(&rig);
	memset(&context, 0x5a, sizeof(context));
	CHECK(one_reg(&rig, KVM_SET_ONE_REG, 0, REG(EVENT_CONTEXT), &context) == 0,
	      "256 bytes are written");
	CHECK(one_reg(&rig, KVM_GET_ONE_REG, 0, REG(EVENT_CONTEXT), &context) == 0 &&
		      context.regs[17] == 0x5a5a5a5a5a5a5a5a,
	      "160 of them come back");
	CHECK(context.reserved[0] == 0 && context.reserved[11] == 0, "the others read 0 here");
	rig_close(&rig);
}

int main(void)
{
	return RUN_TESTS(test_registers_show_the_state, test_handlers_2_and_3_read_zero,
			 test_the_registers_are_listed_in_order, test_any_order_of_writes_restores,
			 test_pending_waits_for_unmask_and_enable,
			 test_b15_a_disabled_pending_event_does_not_hang,
			 test_b16_complete_makes_no_request, test_b17_unregister_leaves_the_trigger,
			 test_b17_private_reset_ignores_what_runs, test_b18_registers_take_anything,
			 test_b18_context_has_96_bytes_nobody_writes);
}
