// SPDX-License-Identifier: Apache-2.0
/*
 * When an event is delivered, and where, in profile `spec`: DEN0054 §4.3 (routing), §5.2.1 (masking),
 * §6.2 (dispatch), §6.5 (power).
 */
#include "rig.h"

#define PRIV  0x1001u
#define PRIV2 0x1004u
#define SHRD  0x1002u
#define CRIT  0x1003u
#define CRIT2 0x1005u
#define SPI   40u
#define PPI   23u
#define N     4u

static void open_spec(struct rig *rig)
{
	rig_open(rig, KVMCORE_PROFILE_SPEC, N);
	rig_expose(rig, PRIV, PRIVATE, NORMAL);
	rig_expose(rig, PRIV2, PRIVATE, NORMAL);
	rig_expose(rig, SHRD, SHARED, NORMAL);
	rig_expose(rig, CRIT, PRIVATE, CRITICAL);
	rig_expose(rig, CRIT2, PRIVATE, CRITICAL);
}

static bool pending_in_vm(struct rig *rig, uint64_t num)
{
	struct kvmcore_sdei_pending entry[8];
	uint64_t n;

	if (rig_attr_get(rig, KVMCORE_SDEI_PENDING, entry, ARRAY_SIZE(entry), &n))
		return false;
	for (uint64_t i = 0; i < n; i++)
		if (entry[i].num == num && entry[i].vcpu == KVMCORE_SDEI_NO_VCPU &&
		    entry[i].count == 1)
			return true;
	return false;
}

static void test_masked_triggers_wait_for_unmask(void)
{
	struct rig rig;

	open_spec(&rig);
	rig_register(&rig, 0, PRIV, RM_ANY, 0);
	call(&rig, 0, EVENT_ENABLE, PRIV);
	CHECK(rig_inject(&rig, 0, PRIV) == 0 && !kicks(&rig, 0),
	      "a masked PE takes the trigger in silence");
	CHECK(rig_queued(&rig, 0, PRIV) == 1 && !enter(&rig, 0), "it waits in the PE's queue");
	call(&rig, 0, PE_UNMASK);
	CHECK(enter(&rig, 0) && rig.regs[0].x[0] == PRIV, "unmasking delivers it");
	rig_close(&rig);
}

static void test_disabled_triggers_wait_for_enable(void)
{
	struct rig rig;

	open_spec(&rig);
	rig_register(&rig, 0, PRIV, RM_ANY, 0);
	call(&rig, 0, PE_UNMASK);
	CHECK(rig_inject(&rig, 0, PRIV) == 0 && !enter(&rig, 0),
	      "a disabled event is not delivered");
	call(&rig, 0, EVENT_ENABLE, PRIV);
	CHECK(enter(&rig, 0) && rig.regs[0].x[0] == PRIV, "enabling it is");
	rig_close(&rig);
}

static void test_triggers_while_running_merge_into_one(void)
{
	struct rig rig;
	unsigned int runs = 0;

	open_spec(&rig);
	rig_arm(&rig, 0, PRIV);
	rig_inject(&rig, 0, PRIV);
	enter(&rig, 0);
	for (int i = 0; i < 3; i++)
		rig_inject(&rig, 0, PRIV);
	CHECK(rig_queued(&rig, 0, PRIV) == 2, "the queue shows the run and one trigger");
	do {
		runs++;
		call(&rig, 0, EVENT_COMPLETE, 0);
	} while (enter(&rig, 0));
	CHECK(runs == 2, "three more triggers are one more run (M3)");
	rig_close(&rig);
}

static void test_unregistering_drops_what_waits(void)
{
	struct rig rig;

	open_spec(&rig);
	rig_register(&rig, 0, PRIV, RM_ANY, 0);
	rig_inject(&rig, 0, PRIV);
	call(&rig, 0, EVENT_UNREGISTER, PRIV);
	CHECK(rig_queued(&rig, 0, PRIV) == 0, "the queue is empty");
	rig_arm(&rig, 0, PRIV);
	CHECK(!enter(&rig, 0), "a new registration starts without a trigger");
	rig_close(&rig);
}

static void test_classes_nest_once(void)
{
	struct rig rig;

	open_spec(&rig);
	rig_arm(&rig, 0, PRIV);
	rig_arm(&rig, 0, PRIV2);
	rig_arm(&rig, 0, CRIT);
	rig_arm(&rig, 0, CRIT2);
	rig_inject(&rig, 0, PRIV);
	rig_inject(&rig, 0, PRIV2);
	CHECK(enter(&rig, 0) && rig.regs[0].x[0] == PRIV, "first come, first served");
	CHECK(!enter(&rig, 0), "a normal event waits for a normal handler");
	rig_inject(&rig, 0, CRIT);
	rig_inject(&rig, 0, CRIT2);
	CHECK(enter(&rig, 0) && rig.regs[0].x[0] == CRIT, "a critical event does not");
	CHECK(!enter(&rig, 0), "a critical event waits for a critical handler");
	call(&rig, 0, EVENT_COMPLETE, 0);
	CHECK(enter(&rig, 0) && rig.regs[0].x[0] == CRIT2,
	      "critical events come before normal ones");
	call(&rig, 0, EVENT_COMPLETE, 0);
	CHECK(!enter(&rig, 0), "the normal handler still runs");
	call(&rig, 0, EVENT_COMPLETE, 0);
	CHECK(enter(&rig, 0) && rig.regs[0].x[0] == PRIV2,
	      "then it is the other normal event's turn");
	rig_close(&rig);
}

static void test_normal_events_wait_for_critical_handlers(void)
{
	struct rig rig;

	open_spec(&rig);
	rig_arm(&rig, 0, PRIV);
	rig_arm(&rig, 0, CRIT);
	rig_inject(&rig, 0, CRIT);
	enter(&rig, 0);
	CHECK(rig_inject(&rig, 0, PRIV) == 0 && !kicks(&rig, 0) && !enter(&rig, 0),
	      "nothing interrupts a critical handler");
	call(&rig, 0, EVENT_COMPLETE, 0);
	CHECK(enter(&rig, 0) && rig.regs[0].x[0] == PRIV, "the normal event comes behind it");
	rig_close(&rig);
}

static void test_the_oldest_deliverable_trigger_comes_first(void)
{
	struct rig rig;

	open_spec(&rig);
	rig_arm(&rig, 0, PRIV);
	rig_arm(&rig, 0, PRIV2);
	rig_inject(&rig, 0, PRIV);
	enter(&rig, 0);
	rig_inject(&rig, 0, PRIV2);
	rig_inject(&rig, 0, PRIV);
	call(&rig, 0, EVENT_COMPLETE, 0);
	CHECK(enter(&rig, 0) && rig.regs[0].x[0] == PRIV2,
	      "the other event was there before the second trigger");
	rig_close(&rig);
}

static void test_signal_reaches_the_named_pe(void)
{
	struct rig rig;

	open_spec(&rig);
	for (unsigned int v = 0; v < N; v++)
		rig_arm(&rig, v, 0);
	CHECK(call(&rig, 0, EVENT_SIGNAL, 0, RIG_MPIDR(2)) == 0 && kicks(&rig, 2) &&
		      !kicks(&rig, 0),
	      "the target is kicked, the caller is not");
	CHECK(!enter(&rig, 0) && !enter(&rig, 1) && enter(&rig, 2), "it alone runs the handler");
	CHECK(call(&rig, 0, EVENT_SIGNAL, 0, RIG_MPIDR(2)) == 0,
	      "a running handler can be signalled");
	call(&rig, 2, EVENT_COMPLETE, 0);
	CHECK(enter(&rig, 2), "and runs once more");
	rig_close(&rig);
}

/* --- Shared events -------------------------------------------------------------------------------- */

static uint64_t bind_spi(struct rig *rig, uint64_t flags, uint64_t affinity)
{
	const uint64_t num = (uint64_t)call(rig, 0, INTERRUPT_BIND, SPI);

	rig_register(rig, 0, num, flags, affinity);
	call(rig, 0, EVENT_ENABLE, num);
	for (unsigned int v = 0; v < N; v++)
		call(rig, v, PE_UNMASK);
	return num;
}

static void raise_spi(struct rig *rig)
{
	CHECK(kvmcore_raise(rig->vm, SPI, 0, &rig->reply) == 0, "the line can be raised");
}

static void test_rm_pe_goes_to_its_pe_only(void)
{
	struct rig rig;
	uint64_t num;

	open_spec(&rig);
	num = bind_spi(&rig, RM_PE, RIG_MPIDR(3));
	raise_spi(&rig);
	CHECK(kicks(&rig, 3) && !kicks(&rig, 0), "the PE of the route is kicked");
	CHECK(!enter(&rig, 0) && enter(&rig, 3), "and runs the handler");
	CHECK(rig.regs[3].x[1] == ARG(0, num), "with the argument of the one registration");
	call(&rig, 3, EVENT_COMPLETE, 0);
	call(&rig, 3, PE_MASK);
	raise_spi(&rig);
	CHECK(!enter(&rig, 0) && rig_queued(&rig, 3, num) == 1,
	      "while that PE is masked it waits there");
	rig_close(&rig);
}

static void test_rm_any_waits_in_the_vm_until_a_pe_can(void)
{
	struct rig rig;
	uint64_t num;

	open_spec(&rig);
	num = bind_spi(&rig, RM_ANY, 0);
	for (unsigned int v = 0; v < N; v++)
		call(&rig, v, PE_MASK);
	raise_spi(&rig);
	CHECK(pending_in_vm(&rig, num) && !rig.reply.any_kick,
	      "with every PE masked it waits in the VM");
	for (unsigned int v = 0; v < N; v++)
		CHECK(!enter(&rig, v), "no masked PE takes it");
	call(&rig, 2, PE_UNMASK);
	CHECK(enter(&rig, 2), "the first that unmasks does");
	CHECK(!pending_in_vm(&rig, num) && rig_queued(&rig, 2, num) == 1,
	      "which then holds the run");
	raise_spi(&rig);
	CHECK(!enter(&rig, 2) && !enter(&rig, 1), "one instance runs in the whole system");
	CHECK(pending_in_vm(&rig, num), "a trigger behind it waits in the VM");
	call(&rig, 2, EVENT_COMPLETE, 0);
	CHECK(enter(&rig, 2), "and follows");
	rig_close(&rig);
}

static void test_rm_any_moves_on_when_the_asked_pe_masks(void)
{
	struct rig rig;
	unsigned int asked = 0, next;

	open_spec(&rig);
	bind_spi(&rig, RM_ANY, 0);
	raise_spi(&rig);
	while (asked < N && !kicks(&rig, asked))
		asked++;
	REQUIRE(asked < N, "one PE is asked");
	call(&rig, asked, PE_MASK);
	for (next = 0; next < N && !kicks(&rig, next); next++)
		;
	CHECK(next < N && next != asked, "when it masks, another PE is asked");
	CHECK(!enter(&rig, asked) && enter(&rig, next % N), "which takes it");
	rig_close(&rig);
}

static void test_t7_every_trigger_runs_once_and_every_pe_is_served(void)
{
	unsigned int runs[N] = { 0 }, total = 0;
	struct rig rig;

	open_spec(&rig);
	bind_spi(&rig, RM_ANY, 0);
	for (unsigned int trigger = 0; trigger < 100 * N; trigger++) {
		raise_spi(&rig);
		for (unsigned int v = 0; v < N; v++) /* PE 0 is always the first to enter */
			if (enter(&rig, v)) {
				runs[v]++;
				total++;
				call(&rig, v, EVENT_COMPLETE, 0);
			}
	}
	CHECK(total == 100 * N, "as many runs as triggers");
	for (unsigned int v = 0; v < N; v++)
		CHECK(runs[v] == 100, "each PE has its share");
	rig_close(&rig);
}

static void test_routing_set_takes_the_trigger_along(void)
{
	struct rig rig;
	uint64_t num;

	open_spec(&rig);
	num = bind_spi(&rig, RM_PE, RIG_MPIDR(3));
	call(&rig, 0, EVENT_DISABLE, num);
	raise_spi(&rig);
	CHECK(rig_queued(&rig, 3, num) == 1, "disabled, the trigger waits where the route says");
	CHECK(call(&rig, 0, EVENT_ROUTING_SET, num, RM_PE, RIG_MPIDR(1)) == 0,
	      "the route can change");
	CHECK(rig_queued(&rig, 3, num) == 0 && rig_queued(&rig, 1, num) == 1,
	      "the trigger goes along");
	call(&rig, 0, EVENT_ROUTING_SET, num, RM_ANY, 0);
	CHECK(pending_in_vm(&rig, num) && rig_queued(&rig, 1, num) == 0,
	      "RM_ANY lets it wait in the VM");
	call(&rig, 0, EVENT_ENABLE, num);
	CHECK(enter(&rig, 0) || enter(&rig, 1) || enter(&rig, 2) || enter(&rig, 3),
	      "enabling delivers it");
	rig_close(&rig);
}

/* --- Interrupts ------------------------------------------------------------------------------------- */

static void test_raise_errors(void)
{
	struct rig rig;

	open_spec(&rig);
	CHECK(kvmcore_raise(rig.vm, 15, 0, &rig.reply) == -22, "an SGI is out of range");
	CHECK(kvmcore_raise(rig.vm, 64, 0, &rig.reply) == -22, "so is a line above the last SPI");
	CHECK(kvmcore_raise(rig.vm, SPI, 0, &rig.reply) == -2, "nothing is bound to this one");
	CHECK(kvmcore_raise(rig.vm, PPI, (int)N, &rig.reply) == -9, "a PPI needs a PE");
	rig_close(&rig);
}

static void test_a_bound_interrupt_without_handler_is_lost(void)
{
	struct rig rig;
	uint64_t num;

	open_spec(&rig);
	num = (uint64_t)call(&rig, 0, INTERRUPT_BIND, PPI);
	CHECK(kvmcore_raise(rig.vm, PPI, 1, &rig.reply) == 0, "it can be raised");
	rig_arm(&rig, 1, num);
	CHECK(!enter(&rig, 1), "but there is no instance to wait for");
	rig_close(&rig);
}

static void test_bindings_show_what_is_active(void)
{
	struct kvmcore_sdei_binding entry[8];
	struct rig rig;
	uint64_t ppi, n;

	open_spec(&rig);
	ppi = (uint64_t)call(&rig, 0, INTERRUPT_BIND, PPI);
	call(&rig, 0, INTERRUPT_BIND, SPI);
	rig_arm(&rig, 2, ppi);
	kvmcore_raise(rig.vm, PPI, 2, &rig.reply);
	enter(&rig, 2);
	CHECK(rig_attr_get(&rig, KVMCORE_SDEI_BINDINGS, entry, 8, &n) == 0 && n == 2,
	      "two bindings");
	CHECK(entry[0].num == ppi && entry[0].intid == PPI && !entry[0].shared &&
		      entry[0].slot == 0,
	      "the PPI has the first private slot");
	CHECK(entry[0].active[0] == 1u << 2, "and is active where its handler runs");
	CHECK(entry[1].intid == SPI && entry[1].shared == 1 && !entry[1].active[0],
	      "the SPI is not active");
	rig_close(&rig);
}

/* --- Power ------------------------------------------------------------------------------------------ */

static void test_cpu_on_starts_without_private_handlers(void)
{
	struct rig rig;

	open_spec(&rig);
	rig_arm(&rig, 1, PRIV);
	rig_arm(&rig, 1, SHRD);
	rig_inject(&rig, 1, PRIV);
	call(&rig, 1, PSCI_CPU_OFF);
	CHECK(rig.reply.power == KVMCORE_POWER_OFF, "the PE is off");
	CHECK(rig_queued(&rig, 1, PRIV) == 0 && rig_state(&rig, 1).masked == 1,
	      "nothing waits there, and it is masked");
	CHECK(call(&rig, 0, EVENT_SIGNAL, 0, RIG_MPIDR(1)) == INV, "no event powers it on");
	CHECK(call(&rig, 0, PSCI_CPU_ON, RIG_MPIDR(1), 0x1000, 0) == 0, "CPU_ON does");
	CHECK(call(&rig, 1, EVENT_STATUS, PRIV) == 0, "its private handlers are gone");
	CHECK(call(&rig, 1, EVENT_STATUS, SHRD) == 3, "shared ones are not its own");
	CHECK(call(&rig, 1, PE_MASK) == 0, "it was masked already");
	CHECK(rig_arm(&rig, 1, PRIV), "it can register again");
	rig_close(&rig);
}

static void test_power_down_suspend_keeps_registrations(void)
{
	struct rig rig;

	open_spec(&rig);
	rig_arm(&rig, 1, PRIV);
	call(&rig, 1, PSCI_CPU_SUSPEND, 1u << 16, 0x1000, 0);
	CHECK(rig_state(&rig, 1).masked == 1, "the PE wakes masked");
	rig_inject(&rig, 1, PRIV);
	CHECK(!enter(&rig, 1), "so a trigger waits");
	CHECK(call(&rig, 1, EVENT_STATUS, PRIV) == 3, "registrations survive");
	call(&rig, 1, PE_UNMASK);
	CHECK(enter(&rig, 1), "and the trigger is delivered on unmask");
	rig_close(&rig);
}

static void test_cpu_off_completes_the_handlers_first(void)
{
	struct rig rig;
	uint64_t num;

	open_spec(&rig);
	num = bind_spi(&rig, RM_PE, RIG_MPIDR(1));
	rig_arm(&rig, 1, CRIT);
	raise_spi(&rig);
	enter(&rig, 1);
	rig_inject(&rig, 1, CRIT);
	enter(&rig, 1);
	call(&rig, 1, PSCI_CPU_OFF);
	CHECK(rig_state(&rig, 1).critical_num == KVM_SDEI_INVALID_EVENT &&
		      rig_state(&rig, 1).normal_num == KVM_SDEI_INVALID_EVENT,
	      "nothing runs on a PE that is off (DEN0054 §6.5.4)");
	CHECK(call(&rig, 0, EVENT_STATUS, num) == 3, "the shared handler has completed");
	rig_close(&rig);
}

static void test_an_off_pe_passes_on_what_it_was_asked_to_take(void)
{
	unsigned int asked = 0, taken = 0;
	struct rig rig;

	open_spec(&rig);
	bind_spi(&rig, RM_ANY, 0);
	raise_spi(&rig);
	while (asked < N && !kicks(&rig, asked))
		asked++;
	REQUIRE(asked < N, "one PE is asked");
	call(&rig, asked, PSCI_CPU_OFF);
	for (unsigned int v = 0; v < N; v++)
		taken += v != asked && enter(&rig, v);
	CHECK(taken == 1, "another PE takes it");
	rig_close(&rig);
}

/* DEN0054 §5.1.18, §5.1.19: each reset takes what is its own, SHARED_RESET the bindings, too. */
static void test_resets_take_what_is_theirs(void)
{
	int64_t spi, ppi;
	struct rig rig;

	rig_open(&rig, KVMCORE_PROFILE_SPEC, 2);
	rig_expose(&rig, 0x1001, PRIVATE, NORMAL);
	rig_expose(&rig, 0x1002, SHARED, NORMAL);
	spi = call(&rig, 0, INTERRUPT_BIND, 40);
	ppi = call(&rig, 0, INTERRUPT_BIND, 23);
	for (unsigned int v = 0; v < 2; v++)
		rig_arm(&rig, v, 0x1001);
	rig_arm(&rig, 0, 0x1002);
	CHECK(call(&rig, 0, PRIVATE_RESET) == 0, "PRIVATE_RESET");
	CHECK(call(&rig, 0, EVENT_STATUS, 0x1001) == 0, "takes the caller's private handlers");
	CHECK(call(&rig, 1, EVENT_STATUS, 0x1001) == 3, "not another PE's");
	CHECK(call(&rig, 0, EVENT_STATUS, 0x1002) == 3, "not shared ones");
	CHECK(call(&rig, 0, INTERRUPT_BIND, 40) == spi, "and no binding");
	CHECK(call(&rig, 1, SHARED_RESET) == 0, "SHARED_RESET");
	CHECK(call(&rig, 0, EVENT_STATUS, 0x1002) == 0, "takes shared handlers, from any PE");
	CHECK(call(&rig, 1, EVENT_STATUS, 0x1001) == 3, "not private ones");
	CHECK(call(&rig, 0, INTERRUPT_RELEASE, (uint64_t)spi) == INV &&
		      call(&rig, 0, INTERRUPT_RELEASE, (uint64_t)ppi) == INV,
	      "and every binding is released");
	rig_close(&rig);
}

int main(void)
{
	const int first = RUN_TESTS(test_masked_triggers_wait_for_unmask,
				    test_disabled_triggers_wait_for_enable,
				    test_triggers_while_running_merge_into_one,
				    test_unregistering_drops_what_waits, test_classes_nest_once,
				    test_normal_events_wait_for_critical_handlers,
				    test_the_oldest_deliverable_trigger_comes_first,
				    test_signal_reaches_the_named_pe);
	const int second = RUN_TESTS(test_rm_pe_goes_to_its_pe_only,
				     test_rm_any_waits_in_the_vm_until_a_pe_can,
				     test_rm_any_moves_on_when_the_asked_pe_masks,
				     test_t7_every_trigger_runs_once_and_every_pe_is_served,
				     test_routing_set_takes_the_trigger_along, test_raise_errors,
				     test_a_bound_interrupt_without_handler_is_lost,
				     test_bindings_show_what_is_active,
				     test_cpu_on_starts_without_private_handlers,
				     test_power_down_suspend_keeps_registrations,
				     test_cpu_off_completes_the_handlers_first,
				     test_an_off_pe_passes_on_what_it_was_asked_to_take,
				     test_resets_take_what_is_theirs);

	return first | second;
}
