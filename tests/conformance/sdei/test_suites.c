// SPDX-License-Identifier: Apache-2.0
/*
 * Scenarios of other people's test suites, in our own words: the SDEI system tests of tf-a-tests (T1 to
 * T9, profile `spec`) and the KVM selftest aarch64/sdei.c (kvm-v5, kvm-v7). T1 is every cell of
 * test_states.c, here on every CPU in turn as that suite does; T7 is in test_delivery.c, T8 in
 * test_contract.c.
 */
#include "rig.h"

#define N   4u
#define SPI 40u
#define PPI 23u

static void open_spec(struct rig *rig)
{
	rig_open(rig, KVMCORE_PROFILE_SPEC, N);
}

static bool all_denied(struct rig *rig, unsigned int v, uint64_t num)
{
	return call(rig, v, EVENT_ENABLE, num) == DEN && call(rig, v, EVENT_DISABLE, num) == DEN &&
	       call(rig, v, EVENT_UNREGISTER, num) == DEN &&
	       call(rig, v, EVENT_ROUTING_SET, num, RM_ANY) == DEN &&
	       call(rig, v, EVENT_CONTEXT, 0) == DEN && call(rig, v, EVENT_COMPLETE, 0) == DEN &&
	       call(rig, v, EVENT_COMPLETE_AND_RESUME, 0) == DEN;
}

static void test_t1a_bound_and_never_registered(void)
{
	struct rig rig;

	open_spec(&rig);
	for (unsigned int v = 0; v < N; v++) {
		const uint64_t num = (uint64_t)call(&rig, v, INTERRUPT_BIND, SPI);

		CHECK(call(&rig, v, EVENT_STATUS, num) == 0, "its status is 0");
		CHECK(all_denied(&rig, v, num), "seven calls are denied");
		CHECK(call(&rig, v, INTERRUPT_RELEASE, num) == 0, "it can be released");
	}
	rig_close(&rig);
}

static void test_t1b_registered(void)
{
	struct rig rig;

	open_spec(&rig);
	for (unsigned int v = 0; v < N; v++) {
		const uint64_t num = (uint64_t)call(&rig, v, INTERRUPT_BIND, SPI);

		CHECK(rig_register(&rig, v, num, RM_PE, RIG_MPIDR(v)) == 0,
		      "registered for itself");
		CHECK(call(&rig, v, EVENT_STATUS, num) == 1, "its status is 1");
		CHECK(rig_register(&rig, v, num, RM_PE, RIG_MPIDR(v)) == DEN &&
			      call(&rig, v, INTERRUPT_RELEASE, num) == DEN &&
			      call(&rig, v, EVENT_CONTEXT, 0) == DEN &&
			      call(&rig, v, EVENT_COMPLETE, 0) == DEN &&
			      call(&rig, v, EVENT_COMPLETE_AND_RESUME, 0) == DEN,
		      "five calls are denied");
		CHECK(call(&rig, v, EVENT_UNREGISTER, num) == 0 &&
			      call(&rig, v, INTERRUPT_RELEASE, num) == 0,
		      "it can be unregistered and released");
	}
	rig_close(&rig);
}

/* An SPI handler on @v that is inside its handler now. */
static uint64_t inside_handler(struct rig *rig, unsigned int v)
{
	const uint64_t num = (uint64_t)call(rig, v, INTERRUPT_BIND, SPI);

	rig_register(rig, v, num, RM_PE, RIG_MPIDR(v));
	call(rig, v, EVENT_ENABLE, num);
	call(rig, v, PE_UNMASK);
	CHECK(kvmcore_raise(rig->vm, SPI, 0, &rig->reply) == 0 && enter(rig, v),
	      "the handler runs");
	return num;
}

static void test_t1c_in_its_handler(void)
{
	struct rig rig;

	open_spec(&rig);
	for (unsigned int v = 0; v < N; v++) {
		const uint64_t num = inside_handler(&rig, v);

		CHECK(call(&rig, v, EVENT_STATUS, num) == 7, "its status is 7");
		CHECK(call(&rig, v, EVENT_DISABLE, num) == 0 &&
			      call(&rig, v, EVENT_STATUS, num) == 5,
		      "disabled, it is 5");
		CHECK(rig_register(&rig, v, num, RM_PE, RIG_MPIDR(v)) == DEN &&
			      call(&rig, v, INTERRUPT_RELEASE, num) == DEN &&
			      call(&rig, v, EVENT_ROUTING_SET, num, RM_ANY) == DEN,
		      "REGISTER, RELEASE and ROUTING_SET are denied");
		call(&rig, v, EVENT_COMPLETE, 0);
		CHECK(call(&rig, v, EVENT_UNREGISTER, num) == 0 &&
			      call(&rig, v, INTERRUPT_RELEASE, num) == 0,
		      "afterwards it can go");
		call(&rig, v, PE_MASK);
	}
	rig_close(&rig);
}

static void test_t1d_a_handler_unregisters_itself(void)
{
	struct rig rig;

	open_spec(&rig);
	for (unsigned int v = 0; v < N; v++) {
		const uint64_t num = inside_handler(&rig, v);

		CHECK(call(&rig, v, EVENT_UNREGISTER, num) == PEND &&
			      call(&rig, v, EVENT_STATUS, num) == 4,
		      "PENDING, and the status is 4");
		CHECK(rig_register(&rig, v, num, RM_PE, RIG_MPIDR(v)) == DEN &&
			      call(&rig, v, INTERRUPT_RELEASE, num) == DEN &&
			      call(&rig, v, EVENT_ENABLE, num) == DEN &&
			      call(&rig, v, EVENT_DISABLE, num) == DEN &&
			      call(&rig, v, EVENT_ROUTING_SET, num, RM_ANY) == DEN,
		      "five calls are denied");
		CHECK(call(&rig, v, EVENT_UNREGISTER, num) == PEND, "UNREGISTER is PENDING again");
		call(&rig, v, EVENT_COMPLETE, 0);
		CHECK(call(&rig, v, EVENT_UNREGISTER, num) == DEN &&
			      call(&rig, v, INTERRUPT_RELEASE, num) == 0,
		      "afterwards it is gone and can be released");
		call(&rig, v, PE_MASK);
	}
	rig_close(&rig);
}

static void test_t1e_registered_and_enabled(void)
{
	struct rig rig;

	open_spec(&rig);
	for (unsigned int v = 0; v < N; v++) {
		const uint64_t num = (uint64_t)call(&rig, v, INTERRUPT_BIND, SPI);

		rig_register(&rig, v, num, RM_PE, RIG_MPIDR(v));
		CHECK(call(&rig, v, EVENT_ENABLE, num) == 0 &&
			      call(&rig, v, EVENT_STATUS, num) == 3,
		      "enabled and idle, its status is 3");
		CHECK(rig_register(&rig, v, num, RM_PE, RIG_MPIDR(v)) == DEN &&
			      call(&rig, v, INTERRUPT_RELEASE, num) == DEN &&
			      call(&rig, v, EVENT_ROUTING_SET, num, RM_ANY) == DEN &&
			      call(&rig, v, EVENT_CONTEXT, 0) == DEN &&
			      call(&rig, v, EVENT_COMPLETE, 0) == DEN &&
			      call(&rig, v, EVENT_COMPLETE_AND_RESUME, 0) == DEN,
		      "six calls are denied");
		CHECK(call(&rig, v, EVENT_UNREGISTER, num) == 0 &&
			      call(&rig, v, INTERRUPT_RELEASE, num) == 0,
		      "it can be unregistered and released");
	}
	rig_close(&rig);
}

static void test_t2_a_shared_event_on_each_cpu_in_turn(void)
{
	struct rig rig;

	open_spec(&rig);
	for (unsigned int v = 0; v < N; v++) {
		const uint64_t num = inside_handler(&rig, v);

		CHECK(rig.regs[v].x[1] == ARG(v, num), "the argument is this CPU's cookie");
		call(&rig, v, EVENT_COMPLETE_AND_RESUME, rig.regs[v].x[2]);
		CHECK(rig.regs[v].pc == 0x40000000u + v, "it resumes where it was interrupted");
		CHECK(call(&rig, v, PE_MASK) >= 0 && call(&rig, v, EVENT_DISABLE, num) >= 0 &&
			      call(&rig, v, EVENT_UNREGISTER, num) >= 0,
		      "and nothing of the way back fails");
	}
	rig_close(&rig);
}

static void test_t3_a_private_event_on_all_cpus(void)
{
	struct rig rig;

	open_spec(&rig);
	for (unsigned int v = 0; v < N; v++)
		CHECK(rig_arm(&rig, v, (uint64_t)call(&rig, v, INTERRUPT_BIND, PPI)),
		      "each CPU binds the same line and registers for itself");
	for (unsigned int v = 0; v < N; v++)
		CHECK(kvmcore_raise(rig.vm, PPI, (int)v, &rig.reply) == 0 && kicks(&rig, v),
		      "each CPU's line goes up");
	for (unsigned int v = 0; v < N; v++)
		CHECK(enter(&rig, v) && rig.regs[v].x[1] == ARG(v, rig.regs[v].x[0]),
		      "all run at once, each with its own cookie");
	rig_close(&rig);
}

static void test_t4_signal_self(void)
{
	struct rig rig;

	for (unsigned int bits = 0; bits < 4; bits++) {
		open_spec(&rig);
		rig_register(&rig, 0, 0, RM_ANY, 0);
		if (bits & 2)
			call(&rig, 0, EVENT_ENABLE, 0);
		if (bits & 1)
			call(&rig, 0, PE_UNMASK);
		CHECK((call(&rig, 0, EVENT_SIGNAL, 0, RIG_MPIDR(0)) == 0) == (bits == 3),
		      "only an enabled event on an unmasked PE can be signalled");
		rig_close(&rig);
	}
}

static void test_t5_t6_signals_to_self_and_to_all(void)
{
	struct rig rig;

	open_spec(&rig);
	for (unsigned int v = 0; v < N; v++)
		rig_arm(&rig, v, 0);
	for (unsigned int v = 0; v < N; v++) {
		CHECK(call(&rig, v, EVENT_SIGNAL, 0, RIG_MPIDR(v)) == 0 && enter(&rig, v),
		      "each CPU signals itself, and the handler runs");
		call(&rig, v, EVENT_COMPLETE, 0);
	}
	for (unsigned int v = 0; v < N; v++)
		CHECK(v == 0 || call(&rig, 0, EVENT_SIGNAL, 0, RIG_MPIDR(v)) == 0,
		      "one signals all others");
	CHECK(!enter(&rig, 0), "nothing came to itself");
	for (unsigned int v = 1; v < N; v++)
		CHECK(enter(&rig, v), "each handler runs");
	rig_close(&rig);
}

static void test_t9_slots_run_out(void)
{
	const struct kvmcore_config two = { .slots_given = true,
					    .private_slots = 2,
					    .shared_slots = 5 };
	struct rig rig;

	open_spec(&rig);
	for (uint64_t intid = 16; intid < 19; intid++)
		CHECK(call(&rig, 0, INTERRUPT_BIND, intid) > 0, "three private slots");
	CHECK(call(&rig, 0, INTERRUPT_BIND, 19) == OOR, "a fourth line finds none");
	rig_close(&rig);
	rig_open_config(&rig, &two, 1);
	rig_go(&rig);
	CHECK(call(&rig, 0, FEATURES, 0) == (5 << 16 | 2),
	      "how many there are is the VMM's choice");
	CHECK(call(&rig, 0, INTERRUPT_BIND, 16) > 0 && call(&rig, 0, INTERRUPT_BIND, 17) > 0 &&
		      call(&rig, 0, INTERRUPT_BIND, 18) == OOR,
	      "and is kept");
	rig_close(&rig);
}

/* --- The selftest --------------------------------------------------------------------------------- */

static void selftest_on(struct rig *rig, unsigned int v)
{
	const uint64_t pointer = 0x7fff12345678; /* what that test passes as the target PE */
	const uint64_t pc = rig->regs[v].pc, pstate = rig->regs[v].pstate;

	CHECK(call(rig, v, VERSION) == 0x00010001004b564d, "VERSION 1.1, vendor KVM");
	CHECK(call(rig, v, FEATURES, 0) == 0 && call(rig, v, FEATURES, 1) == 0,
	      "no slots, no relative mode");
	CHECK(call(rig, v, SHARED_RESET) == 0 && call(rig, v, PRIVATE_RESET) == 0, "both resets");
	CHECK(call(rig, v, PE_UNMASK) == 0, "PE_UNMASK");
	CHECK(call(rig, v, EVENT_GET_INFO, 0, INFO_TYPE) == 0 &&
		      call(rig, v, EVENT_GET_INFO, 0, INFO_PRIORITY) == 0 &&
		      call(rig, v, EVENT_GET_INFO, 0, INFO_SIGNALED) == 1,
	      "private, normal, signalled");
	CHECK(rig_register(rig, v, 0, RM_ANY, 0) == 0 && call(rig, v, EVENT_ENABLE, 0) == 0,
	      "REGISTER and ENABLE");
	CHECK(call(rig, v, EVENT_SIGNAL, 0, pointer) == 0 && enter(rig, v),
	      "SIGNAL: the handler runs at once");
	CHECK(rig->regs[v].x[2] == pc && rig->regs[v].x[3] == pstate,
	      "x2 and x3 are what was interrupted");
	CHECK(call(rig, v, EVENT_STATUS, 0) == 7, "STATUS 7 inside it");
	for (unsigned int i = 0; i < 4; i++)
		CHECK(call(rig, v, EVENT_CONTEXT, i) >= 0, "CONTEXT 0 to 3");
	call(rig, v, EVENT_COMPLETE_AND_RESUME, rig->regs[v].vbar_el1 + 0x280);
	CHECK(rig->regs[v].pc == rig->regs[v].vbar_el1 + 0x280, "it resumes at the IRQ vector");
	CHECK(call(rig, v, PE_MASK) == 0 && call(rig, v, EVENT_DISABLE, 0) == 0 &&
		      call(rig, v, EVENT_UNREGISTER, 0) == 0,
	      "PE_MASK, DISABLE, UNREGISTER");
}

static void test_the_kvm_selftest(void)
{
	struct rig rig;

	for (enum kvmcore_profile p = KVMCORE_PROFILE_KVM_V5; p < KVMCORE_NR_PROFILES; p++) {
		rig_open(&rig, p, 2);
		if (p == KVMCORE_PROFILE_KVM_V5)
			rig_expose(&rig, 0, PRIVATE, NORMAL);
		for (unsigned int v = 0; v < 2; v++)
			selftest_on(&rig, v);
		rig_close(&rig);
	}
}

int main(void)
{
	return RUN_TESTS(test_t1a_bound_and_never_registered, test_t1b_registered,
			 test_t1c_in_its_handler, test_t1d_a_handler_unregisters_itself,
			 test_t1e_registered_and_enabled,
			 test_t2_a_shared_event_on_each_cpu_in_turn,
			 test_t3_a_private_event_on_all_cpus, test_t4_signal_self,
			 test_t5_t6_signals_to_self_and_to_all, test_t9_slots_run_out,
			 test_the_kvm_selftest);
}
