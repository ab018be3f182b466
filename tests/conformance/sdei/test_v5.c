// SPDX-License-Identifier: Apache-2.0
/*
 * What profile kvm-v5 keeps of the posted series (22 Mar 2022), defects included; docs/abi-sdei.md,
 * "Quirks", has the numbers. None of it may show in profile `spec`, which the other tests hold.
 */
#include "rig.h"

#define PRIV 0x400001u
#define SHRD 0x400002u
#define CRIT 0x400003u

static void open_profile(struct rig *rig, enum kvmcore_profile profile)
{
	rig_open(rig, profile, 3);
	if (profile == KVMCORE_PROFILE_KVM_V5)
		rig_expose(rig, 0, PRIVATE, NORMAL);
	rig_expose(rig, PRIV, PRIVATE, NORMAL);
	rig_expose(rig, SHRD, SHARED, NORMAL);
	rig_expose(rig, CRIT, PRIVATE, CRITICAL);
}

static void open_v5(struct rig *rig)
{
	open_profile(rig, KVMCORE_PROFILE_KVM_V5);
}

static void open_spec(struct rig *rig)
{
	open_profile(rig, KVMCORE_PROFILE_SPEC);
}

static void test_b1_resets_take_the_wrong_type(void)
{
	struct rig rig;

	open_v5(&rig);
	rig_register(&rig, 0, PRIV, 0, 0);
	rig_register(&rig, 1, PRIV, 0, 0);
	rig_register(&rig, 0, SHRD, 0, 0);
	CHECK(call(&rig, 0, PRIVATE_RESET) == 0 && call(&rig, 0, EVENT_STATUS, SHRD) == 0,
	      "PRIVATE_RESET resets the shared event");
	CHECK(call(&rig, 0, EVENT_STATUS, PRIV) == 1, "and leaves the private one");
	CHECK(call(&rig, 0, SHARED_RESET) == 0 && call(&rig, 0, EVENT_STATUS, PRIV) == 0,
	      "SHARED_RESET resets the private event");
	CHECK(call(&rig, 1, EVENT_STATUS, PRIV) == 0, "on every vCPU");
	rig_close(&rig);

	open_spec(&rig);
	rig_register(&rig, 0, PRIV, 0, 0);
	rig_register(&rig, 1, PRIV, 0, 0);
	rig_register(&rig, 0, SHRD, 0, 0);
	call(&rig, 0, PRIVATE_RESET);
	CHECK(call(&rig, 0, EVENT_STATUS, PRIV) == 0 && call(&rig, 1, EVENT_STATUS, PRIV) == 1 &&
		      call(&rig, 0, EVENT_STATUS, SHRD) == 1,
	      "spec: PRIVATE_RESET is for the caller's private events");
	rig_close(&rig);
}

static void get_registered(struct rig *rig, struct kvm_sdei_registered_event_state *out)
{
	memset(out, 0xff, sizeof(*out));
	CHECK(rig_cmd(rig, -1, KVM_SDEI_CMD_GET_REGISTERED_EVENT, 1, out) == 0,
	      "the event can be read");
}

static void test_b2_first_register_stores_affinity_as_mode(void)
{
	static struct kvm_sdei_registered_event_state got;
	struct rig rig, copy;

	open_v5(&rig);
	rig_register(&rig, 0, PRIV, RM_PE, 5);
	get_registered(&rig, &got);
	CHECK(got.route_mode == 5 && got.route_affinity == 5,
	      "the mode is the affinity's low byte");
	open_v5(&copy);
	CHECK(rig_cmd(&copy, -1, KVM_SDEI_CMD_SET_REGISTERED_EVENT, 1, &got) == -22,
	      "which no destination takes (M7)");
	rig_close(&copy);
	rig_register(&rig, 1, PRIV, RM_PE, 7);
	get_registered(&rig, &got);
	CHECK(got.route_mode == RM_PE && got.route_affinity == 7,
	      "a later REGISTER stores it right");
	rig_close(&rig);

	open_v5(&rig);
	rig_register(&rig, 0, SHRD, RM_PE, 0x100);
	CHECK(call(&rig, 0, EVENT_GET_INFO, SHRD, INFO_ROUTING_MODE) == RM_ANY,
	      "affinity 0x100 becomes RM_ANY in silence");
	rig_close(&rig);

	open_spec(&rig);
	rig_register(&rig, 0, SHRD, RM_PE, RIG_MPIDR(1));
	CHECK(call(&rig, 0, EVENT_GET_INFO, SHRD, INFO_ROUTING_MODE) == RM_PE &&
		      call(&rig, 0, EVENT_GET_INFO, SHRD, INFO_ROUTING_AFF) ==
			      (int64_t)RIG_MPIDR(1),
	      "spec: mode and affinity are what the guest said");
	rig_close(&rig);
}

/* Register on two vCPUs, unregister on 0 inside its handler, complete. Return: can 0 register again? */
static int64_t register_again(struct rig *rig)
{
	rig_arm(rig, 0, PRIV);
	rig_arm(rig, 1, PRIV);
	rig_inject(rig, 0, PRIV);
	enter(rig, 0);
	CHECK(call(rig, 0, EVENT_UNREGISTER, PRIV) == PEND, "the handler unregisters itself");
	call(rig, 0, EVENT_COMPLETE, 0);
	return rig_register(rig, 0, PRIV, 0, 0);
}

static void test_b3_unregister_pending_is_never_cleared(void)
{
	struct rig rig;

	open_v5(&rig);
	CHECK(register_again(&rig) == DEN,
	      "the vCPU cannot register again while another holds the event");
	call(&rig, 1, EVENT_UNREGISTER, PRIV);
	CHECK(rig_register(&rig, 0, PRIV, 0, 0) == 0, "it can when the last one has let go");
	rig_close(&rig);

	open_spec(&rig);
	CHECK(register_again(&rig) == 0, "spec: M5, it can register again at once");
	rig_close(&rig);
}

static void test_b3_a_shared_event_on_two_vcpus_ends_safely(void)
{
	struct rig rig;

	open_v5(&rig);
	rig_arm(&rig, 0, SHRD);
	call(&rig, 1, PE_UNMASK);
	rig_inject(&rig, 0, SHRD);
	rig_inject(&rig, 1, SHRD);
	CHECK(enter(&rig, 0) && enter(&rig, 1),
	      "the handler of a shared event runs on two vCPUs at once");
	CHECK(call(&rig, 0, EVENT_UNREGISTER, SHRD) == PEND, "one of them unregisters it");
	call(&rig, 0, EVENT_COMPLETE, 0);
	CHECK(rig_count(&rig, -1, KVM_SDEI_CMD_GET_REGISTERED_EVENT_COUNT) == 0,
	      "its COMPLETE frees the event");
	call(&rig, 1, EVENT_COMPLETE, 0);
	CHECK(rig.regs[1].pc == 0x40000001, "the other one returns to where it was interrupted");
	CHECK(rig_register(&rig, 1, SHRD, 0, 0) == 0, "and the event can be registered again");
	rig_close(&rig);
}

static void test_b4_complete_never_says_denied(void)
{
	struct rig rig;

	open_v5(&rig);
	CHECK(call(&rig, 0, EVENT_COMPLETE, 0) == 0xc4000025 && rig.reply.changed == 0,
	      "x0 stays as it was, and nothing else changes");
	rig_close(&rig);
	open_spec(&rig);
	CHECK(call(&rig, 0, EVENT_COMPLETE, 0) == DEN, "spec: DENIED");
	rig_close(&rig);
}

static void fire(struct rig *rig)
{
	rig_arm(rig, 0, PRIV);
	rig->regs[0].spsr_el1 = 0x77;
	rig->regs[0].pstate = 0x60000000;
	rig->regs[0].x[9] = 0x99;
	rig_inject(rig, 0, PRIV);
	CHECK(enter(rig, 0), "the event is delivered");
}

static void test_b5_delivery_zeroes_x4_to_x17(void)
{
	struct rig rig;

	open_v5(&rig);
	fire(&rig);
	CHECK(rig.regs[0].x[9] == 0 && rig.regs[0].x[17] == 0, "x4 to x17 are zero");
	CHECK(call(&rig, 0, EVENT_CONTEXT, 9) == 0x99, "EVENT_CONTEXT still has them");
	rig_close(&rig);
	open_spec(&rig);
	fire(&rig);
	CHECK(rig.regs[0].x[9] == 0x99, "spec: they are live");
	rig_close(&rig);
}

static void test_b6_delivery_overwrites_spsr(void)
{
	struct rig rig;

	open_v5(&rig);
	fire(&rig);
	CHECK(rig.regs[0].spsr_el1 == 0x60000000 && rig.reply.changed & KVMCORE_MASK_SPSR_EL1,
	      "SPSR_EL1 becomes the interrupted PSTATE");
	rig_close(&rig);
	open_spec(&rig);
	fire(&rig);
	CHECK(rig.regs[0].spsr_el1 == 0x77, "spec: it is the guest's own");
	rig_close(&rig);
}

static void test_b7_delivery_does_not_look_again(void)
{
	struct rig rig;

	open_v5(&rig);
	rig_arm(&rig, 0, PRIV);
	rig_inject(&rig, 0, PRIV);
	call(&rig, 0, EVENT_DISABLE, PRIV);
	call(&rig, 0, PE_MASK);
	CHECK(enter(&rig, 0), "an event disabled and masked meanwhile is delivered");
	rig_close(&rig);
	open_spec(&rig);
	rig_arm(&rig, 0, PRIV);
	rig_inject(&rig, 0, PRIV);
	call(&rig, 0, PE_MASK);
	CHECK(!enter(&rig, 0), "spec: it waits");
	rig_close(&rig);
}

static void test_b7_triggers_while_masked_or_disabled_are_refused(void)
{
	struct rig rig;

	open_v5(&rig);
	rig_register(&rig, 0, PRIV, 0, 0);
	call(&rig, 0, EVENT_ENABLE, PRIV);
	CHECK(rig_inject(&rig, 0, PRIV) == -1, "masked: -EPERM");
	call(&rig, 0, PE_UNMASK);
	CHECK(!enter(&rig, 0), "and unmasking delivers nothing");
	call(&rig, 0, EVENT_DISABLE, PRIV);
	CHECK(rig_inject(&rig, 0, PRIV) == -1, "disabled: -EPERM");
	rig_close(&rig);
}

static void test_b8_pe_mask_never_tells_a_change(void)
{
	struct rig rig;

	open_v5(&rig);
	call(&rig, 0, PE_UNMASK);
	CHECK(call(&rig, 0, PE_MASK) == 0, "0, although it changed");
	rig_close(&rig);
	open_spec(&rig);
	call(&rig, 0, PE_UNMASK);
	CHECK(call(&rig, 0, PE_MASK) == 1 && call(&rig, 0, PE_MASK) == 0, "spec: 1, then 0");
	rig_close(&rig);
}

static void test_b9_complete_and_resume_ignores_x1(void)
{
	static const struct {
		const char *promise;
		uint64_t pstate, vector;
	} row[] = {
		{ "from EL1 with SP_EL1 at +0x280", 0x60000005, 0x280 },
		{ "from EL1 with SP_EL0 at +0x080", 0x60000004, 0x080 },
		{ "from EL0 at +0x480", 0x60000000, 0x480 },
		{ "from AArch32 at +0x680", 0x60000010, 0x680 },
	};
	struct rig rig;

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		open_v5(&rig);
		rig_arm(&rig, 0, PRIV);
		rig.regs[0].pstate = row[i].pstate;
		rig_inject(&rig, 0, PRIV);
		enter(&rig, 0);
		call(&rig, 0, EVENT_COMPLETE_AND_RESUME, 0x5555);
		CHECK(rig.regs[0].pc == rig.regs[0].vbar_el1 + row[i].vector, row[i].promise);
		CHECK(rig.regs[0].elr_el1 == 0x40000000 && rig.regs[0].spsr_el1 == row[i].pstate,
		      "as an IRQ taken from the interrupted code");
		rig_close(&rig);
	}
}

/* B10 is the list of codes that test_calls.c has; these are those that Arm's suite would trip over. */
static void test_b10_codes_differ_from_arms_suite(void)
{
	struct rig rig;

	open_v5(&rig);
	CHECK(call(&rig, 0, EVENT_ROUTING_SET, SHRD, RM_ANY) == INV,
	      "ROUTING_SET, unregistered: INVALID");
	CHECK(call(&rig, 0, EVENT_ROUTING_SET, PRIV, RM_ANY) == DEN,
	      "ROUTING_SET, private: DENIED");
	CHECK(call(&rig, 0, EVENT_UNREGISTER, PRIV) == INV,
	      "UNREGISTER, registered nowhere: INVALID");
	CHECK(call(&rig, 0, EVENT_ENABLE, 0x400088) == DEN, "ENABLE, no such event: DENIED");
	CHECK(call(&rig, 0, EVENT_STATUS, 0x400088) == 0, "STATUS, no such event: 0");
	rig_close(&rig);
}

static void test_b11_status_runs_if_queued_anywhere(void)
{
	struct rig rig;

	open_v5(&rig);
	rig_arm(&rig, 0, PRIV);
	rig_arm(&rig, 1, PRIV);
	rig_inject(&rig, 1, PRIV);
	CHECK(call(&rig, 0, EVENT_STATUS, PRIV) == 7, "queued on vCPU 1, vCPU 0 reads running");
	rig_close(&rig);
	open_spec(&rig);
	rig_arm(&rig, 0, PRIV);
	rig_arm(&rig, 1, PRIV);
	rig_inject(&rig, 1, PRIV);
	CHECK(call(&rig, 0, EVENT_STATUS, PRIV) == 3 && call(&rig, 1, EVENT_STATUS, PRIV) == 3,
	      "spec: nobody does");
	rig_close(&rig);
}

static void test_b12_set_vcpu_event_adds(void)
{
	const struct kvm_sdei_vcpu_event_state twice[] = { { PRIV, 2, 0 }, { PRIV, 3, 0 } };
	struct rig rig;

	open_v5(&rig);
	rig_register(&rig, 0, PRIV, 0, 0);
	CHECK(rig_cmd(&rig, 0, KVM_SDEI_CMD_SET_VCPU_EVENT, 2, twice) == 0 &&
		      rig_queued(&rig, 0, PRIV) == 5,
	      "entries of one array add up");
	CHECK(rig_cmd(&rig, 0, KVM_SDEI_CMD_SET_VCPU_EVENT, 1, twice) == 0 &&
		      rig_queued(&rig, 0, PRIV) == 7,
	      "and so does a second SET");
	rig_close(&rig);
}

static void test_b12_the_limit_counts_what_is_exposed_again(void)
{
	static struct kvm_sdei_exposed_event_state event[65];
	struct rig rig;

	rig_open(&rig, KVMCORE_PROFILE_KVM_V5, 1);
	for (unsigned int i = 0; i < 65; i++)
		event[i].num = 0x400000 + i;
	CHECK(rig_cmd(&rig, -1, KVM_SDEI_CMD_SET_EXPOSED_EVENT, 65, event) == 0, "65 events");
	CHECK(rig_cmd(&rig, -1, KVM_SDEI_CMD_SET_EXPOSED_EVENT, 65, event) == -34,
	      "the same 65 again are over the limit (M9)");
	CHECK(rig_cmd(&rig, -1, KVM_SDEI_CMD_SET_EXPOSED_EVENT, 63, event) == 0,
	      "63 of them are not");
	CHECK(rig_cmd(&rig, -1, KVM_SDEI_CMD_SET_EXPOSED_EVENT, ~0u, event) == -12,
	      "a count that wraps passes the limit and ends as -ENOMEM");
	rig_close(&rig);
}

static void test_b12_get_truncates_and_pads_in_silence(void)
{
	struct kvm_sdei_exposed_event_state event[6];
	struct rig rig;

	open_v5(&rig);
	memset(event, 0xee, sizeof(event));
	CHECK(rig_cmd(&rig, -1, KVM_SDEI_CMD_GET_EXPOSED_EVENT, 2, event) == 0 &&
		      event[1].num == PRIV,
	      "fewer than there are: the first ones");
	CHECK(event[2].num == 0xeeeeeeeeeeeeeeee, "and nothing behind");
	CHECK(rig_cmd(&rig, -1, KVM_SDEI_CMD_GET_EXPOSED_EVENT, 6, event) == 0 &&
		      event[3].num == CRIT,
	      "more than there are: all");
	CHECK(event[4].num == 0 && event[5].num == 0 && event[5].notifier == 0, "then zeros");
	rig_close(&rig);
}

static void test_b12_counts_are_runs(void)
{
	struct rig rig;
	unsigned int runs = 0;

	open_v5(&rig);
	rig_arm(&rig, 0, PRIV);
	rig_inject(&rig, 0, PRIV);
	enter(&rig, 0);
	for (int i = 0; i < 3; i++)
		rig_inject(&rig, 0, PRIV);
	CHECK(rig_queued(&rig, 0, PRIV) == 4, "event_count includes the run in progress");
	do {
		runs++;
		call(&rig, 0, EVENT_COMPLETE, 0);
	} while (enter(&rig, 0));
	CHECK(runs == 4, "three more triggers are three more runs (M3)");
	rig_close(&rig);
}

/* A vCPU with @num queued and, if asked for, a normal handler running. */
static void restore(struct rig *rig, uint64_t queued, bool runs, uint8_t masked)
{
	const struct kvm_sdei_vcpu_event_state entry[] = { { queued, 1, 0 }, { PRIV, 1, 0 } };
	const struct kvm_sdei_vcpu_state state = {
		.masked = masked,
		.critical_num = KVM_SDEI_INVALID_EVENT,
		.normal_num = runs ? PRIV : KVM_SDEI_INVALID_EVENT,
	};

	rig_register(rig, 0, PRIV, 0, 0);
	rig_register(rig, 0, CRIT, 0, 0);
	CHECK(rig_cmd(rig, 0, KVM_SDEI_CMD_SET_VCPU_EVENT, runs ? 2 : 1, entry) == 0 &&
		      rig_cmd(rig, 0, KVM_SDEI_CMD_SET_VCPU_STATE, 0, &state) == 0,
	      "the state is restored");
}

static void test_b13_restore_delivers_although_masked(void)
{
	struct rig rig;

	open_v5(&rig);
	restore(&rig, PRIV, false, 1);
	CHECK(enter(&rig, 0), "M4: v5 delivers to a masked vCPU");
	rig_close(&rig);
}

static void test_b13_restored_critical_waits_behind_normal(void)
{
	struct rig rig;

	open_v5(&rig);
	restore(&rig, CRIT, true, 0);
	CHECK(!enter(&rig, 0), "no request was made, so the critical event does not preempt");
	call(&rig, 0, EVENT_COMPLETE, 0);
	CHECK(enter(&rig, 0) && rig.regs[0].x[0] == CRIT,
	      "it comes when the normal handler completes");
	rig_close(&rig);
}

static void test_unregister_while_running_forces_the_count(void)
{
	struct rig rig;

	open_v5(&rig);
	rig_arm(&rig, 0, PRIV);
	rig_inject(&rig, 0, PRIV);
	enter(&rig, 0);
	rig_inject(&rig, 0, PRIV);
	call(&rig, 0, EVENT_UNREGISTER, PRIV);
	CHECK(rig_queued(&rig, 0, PRIV) == 1, "the count becomes 1");
	CHECK(call(&rig, 0, EVENT_STATUS, PRIV) == 7, "the event stays registered and enabled");
	CHECK(rig_inject(&rig, 0, PRIV) == -1, "and takes no more triggers");
	call(&rig, 0, EVENT_COMPLETE, 0);
	CHECK(call(&rig, 0, EVENT_STATUS, PRIV) == 0, "until its handler completes");
	rig_close(&rig);
}

int main(void)
{
	const int first =
		RUN_TESTS(test_b1_resets_take_the_wrong_type,
			  test_b2_first_register_stores_affinity_as_mode,
			  test_b3_unregister_pending_is_never_cleared,
			  test_b3_a_shared_event_on_two_vcpus_ends_safely,
			  test_b4_complete_never_says_denied, test_b5_delivery_zeroes_x4_to_x17,
			  test_b6_delivery_overwrites_spsr, test_b7_delivery_does_not_look_again,
			  test_b7_triggers_while_masked_or_disabled_are_refused);
	const int second =
		RUN_TESTS(test_b8_pe_mask_never_tells_a_change,
			  test_b9_complete_and_resume_ignores_x1,
			  test_b10_codes_differ_from_arms_suite,
			  test_b11_status_runs_if_queued_anywhere, test_b12_set_vcpu_event_adds,
			  test_b12_the_limit_counts_what_is_exposed_again,
			  test_b12_get_truncates_and_pads_in_silence, test_b12_counts_are_runs,
			  test_b13_restore_delivers_although_masked,
			  test_b13_restored_critical_waits_behind_normal,
			  test_unregister_while_running_forces_the_count);

	return first | second;
}
