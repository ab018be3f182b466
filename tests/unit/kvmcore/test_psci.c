// SPDX-License-Identifier: Apache-2.0
#include "support/model.h"

#include <errno.h>

#define VERSION        0x84000000u
#define CPU_SUSPEND    0xc4000001u
#define CPU_OFF        0x84000002u
#define CPU_ON         0xc4000003u
#define CPU_ON32       0x84000003u
#define AFFINITY_INFO  0xc4000004u
#define AFFINITY32     0x84000004u
#define MIGRATE_TYPE   0x84000006u
#define SYSTEM_OFF     0x84000008u
#define SYSTEM_RESET   0x84000009u
#define FEATURES       0x8400000au
#define SYSTEM_SUSPEND 0xc400000eu
#define RESET2         0xc4000012u
#define OFF2           0xc4000015u
#define OLD_CPU_OFF    0x95c1ba5fu
#define OLD_CPU_ON     0x95c1ba60u

#define NOT_SUPPORTED  (-1ULL)
#define INVALID        (-2ULL)
#define ALREADY_ON     (-4ULL)
#define FAILURE        (-6ULL)

static const struct kvmcore_config newest = { .kernel = "7.2" };

static void test_cpu_on_and_off(void)
{
	struct model m = model_new(&newest, 3);
	struct kvm_mp_state state;
	uint64_t pstate = 0;

	CHECK(model_call(&m, 0, CPU_ON, 1, 0x1000, 7) == ALREADY_ON, "a PE that is on stays on");
	model_call(&m, 1, CPU_OFF, 0, 0, 0);
	CHECK(m.reply.power == KVMCORE_POWER_OFF && m.reply.power_vcpu == 1 && !m.reply.returned,
	      "CPU_OFF does not return and tells the VMM");
	CHECK(kvmcore_ioctl(m.vm, 1, KVM_GET_MP_STATE, &state) == 0 &&
		      state.mp_state == KVM_MP_STATE_STOPPED,
	      "the PE is stopped");
	CHECK(model_call(&m, 0, AFFINITY_INFO, 1, 0, 0) == 1, "AFFINITY_INFO says off");
	CHECK(model_call(&m, 0, CPU_ON, 0x100000001ULL, 0x1000, 7) == INVALID,
	      "nobody has that MPIDR");
	CHECK(model_call(&m, 0, CPU_ON, 0x80000001ULL, 0x1000, 7) == INVALID,
	      "bits outside the affinity fields name nobody");
	CHECK(model_call(&m, 0, CPU_ON, 1, 0x1000, 7) == 0, "CPU_ON turns it on");
	CHECK(m.reply.power == KVMCORE_POWER_ON && m.reply.power_vcpu == 1 &&
		      m.reply.power_entry == 0x1000 && m.reply.power_context == 7 &&
		      m.reply.returned,
	      "and tells the VMM where it starts");
	kvmcore_vcpu_regs_get(m.vm, 1, &m.regs);
	CHECK(m.regs.pc == 0x1000 && m.regs.x[0] == 7 && m.regs.x[1] == 0, "the PE is reset");
	CHECK(model_get_reg(&m, 1, KVMCORE_REG_PSTATE, &pstate) == 0 && pstate == 0x3c5,
	      "it starts at EL1h with everything masked");
	CHECK(model_call(&m, 0, AFFINITY_INFO, 1, 0, 0) == 0, "AFFINITY_INFO says on");
	model_free(&m);
}

static void test_32_bit_calls_have_32_bit_arguments(void)
{
	struct model m = model_new(&newest, 2);

	model_call(&m, 1, CPU_OFF, 0, 0, 0);
	CHECK(model_call(&m, 0, CPU_ON32, 0xdead00000001ULL, 0xbeef00001000ULL,
			 0xf00d00000007ULL) == 0,
	      "the upper halves do not count");
	CHECK(m.reply.power_entry == 0x1000 && m.reply.power_context == 7, "anywhere");
	CHECK(model_call(&m, 0, AFFINITY32, 0xdead00000001ULL, 0, 0) == 0, "AFFINITY_INFO neither");
	CHECK(model_call(&m, 0, CPU_ON, 0xdead00000001ULL, 0x1000, 7) == INVALID,
	      "but they do in a 64-bit call");
	model_free(&m);
}

static void test_affinity_levels(void)
{
	static const struct {
		const char *promise;
		uint64_t target, level, want;
	} row[] = {
		{ "level 0 is one PE", 0x001, 0, 0 },
		{ "a PE that is off", 0x100, 0, 1 },
		{ "level 1 is a cluster that is off", 0x1ff, 1, 1 },
		{ "level 1 is a cluster that is on", 0x0ff, 1, 0 },
		{ "level 2 has both", 0xffff, 2, 0 },
		{ "level 3 too", 0xffffff, 3, 0 },
		{ "there is no level 4", 0, 4, INVALID },
		{ "nobody is there", 0x200, 0, INVALID },
		{ "no such cluster", 0x200, 1, INVALID },
	};
	struct model m = model_new(&newest, 2);

	CHECK(kvmcore_vcpu_create(m.vm, 2, 0x100) == 2, "a PE in another cluster");
	model_call(&m, 2, CPU_OFF, 0, 0, 0);
	for (size_t i = 0; i < ARRAY_SIZE(row); i++)
		CHECK(model_call(&m, 0, AFFINITY_INFO, row[i].target, row[i].level, 0) ==
			      row[i].want,
		      row[i].promise);
	CHECK(model_call(&m, 0, MIGRATE_TYPE, 0, 0, 0) == 2, "there is no trusted OS to migrate");
	model_free(&m);
}

static void test_suspend(void)
{
	const struct kvmcore_config v5 = { .kernel = "7.2", .profile = KVMCORE_PROFILE_KVM_V5 };
	struct model m = model_new(&newest, 1);
	struct kvm_mp_state state = { KVM_MP_STATE_RUNNABLE };

	CHECK(model_call(&m, 0, CPU_SUSPEND, 0, 0x2000, 9) == 0 && m.reply.returned &&
		      m.reply.power == KVMCORE_POWER_SUSPEND,
	      "standby returns to the caller");
	model_call(&m, 0, CPU_SUSPEND, 1u << 16, 0x2000, 9);
	CHECK(!m.reply.returned && m.reply.power == KVMCORE_POWER_SUSPEND &&
		      m.reply.power_entry == 0x2000,
	      "power-down does not");
	CHECK(m.regs.pc == 0x2000 && m.regs.x[0] == 9, "the PE will wake at its entry point");
	CHECK(kvmcore_run(m.vm, 0, false, &m.reply) == 0 &&
		      m.port.exit(m.port.vm, 0)->system_event.type == KVM_SYSTEM_EVENT_WAKEUP,
	      "its VMM hears of the wake-up");
	CHECK(kvmcore_ioctl(m.vm, 0, KVM_SET_MP_STATE, &state) == 0, "and lets it run");
	CHECK(kvmcore_run(m.vm, 0, false, &m.reply) == 0 && m.reply.exit == KVMCORE_EXIT_NONE,
	      "then it runs");
	model_free(&m);
	m = model_new(&v5, 1);
	CHECK(model_call(&m, 0, CPU_SUSPEND, 1u << 16, 0x2000, 9) == 0 && m.reply.returned,
	      "KVM makes every suspend a standby");
	model_free(&m);
}

static void test_a_handler_is_not_powered_down(void)
{
	struct model m = model_new(&newest, 1);

	CHECK(model_call(&m, 0, 0xc4000021, 0, 0x8000, 0) == 0 &&
		      model_call(&m, 0, 0xc4000022, 0, 0, 0) == 0 &&
		      model_call(&m, 0, 0xc400002c, 0, 0, 0) == 0 &&
		      model_call(&m, 0, 0xc400002f, 0, 0, 0) == 0,
	      "event 0 has a handler and is signalled");
	CHECK(kvmcore_run(m.vm, 0, false, &m.reply) == 0 && m.reply.delivered, "the handler runs");
	CHECK(model_call(&m, 0, CPU_SUSPEND, 1u << 16, 0x2000, 9) == 0 && m.reply.returned &&
		      m.regs.pc == 0x8004,
	      "power-down inside it is standby");
	model_free(&m);
}

static void test_the_system_ends(void)
{
	static const struct {
		const char *promise;
		uint64_t id, x1, x2;
		uint32_t type;
		uint64_t data;
	} row[] = {
		{ "SYSTEM_OFF", SYSTEM_OFF, 0, 0, KVM_SYSTEM_EVENT_SHUTDOWN, 0 },
		{ "SYSTEM_RESET", SYSTEM_RESET, 0, 0, KVM_SYSTEM_EVENT_RESET, 0 },
		{ "SYSTEM_RESET2, architectural", RESET2, 0, 0, KVM_SYSTEM_EVENT_RESET, 1 },
		{ "SYSTEM_RESET2, vendor", RESET2, 0x80000000, 5, KVM_SYSTEM_EVENT_RESET, 1 },
		{ "SYSTEM_OFF2, by default", OFF2, 0, 0, KVM_SYSTEM_EVENT_SHUTDOWN, 1 },
		{ "SYSTEM_OFF2, hibernate", OFF2, 1, 0, KVM_SYSTEM_EVENT_SHUTDOWN, 1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		struct model m = model_new(&newest, 3);
		struct kvmcore_vcpu_status other;
		const struct kvm_run *run;

		CHECK(model_call(&m, 1, row[i].id, row[i].x1, row[i].x2, 0) == FAILURE,
		      row[i].promise);
		run = m.port.exit(m.port.vm, 1);
		CHECK(run->exit_reason == KVM_EXIT_SYSTEM_EVENT &&
			      run->system_event.type == row[i].type &&
			      run->system_event.ndata == 1 &&
			      run->system_event.data[0] == row[i].data,
		      row[i].promise);
		kvmcore_vcpu_status(m.vm, 0, &other);
		CHECK(!other.powered && m.reply.any_kick && m.reply.kick[0] == 0x5,
		      "the other PEs stop");
		model_free(&m);
	}
}

static void test_refusals(void)
{
	struct model m = model_new(&newest, 1);

	CHECK(model_call(&m, 0, RESET2, 1, 0, 0) == INVALID, "no such reset type");
	CHECK(model_call(&m, 0, OFF2, 2, 0, 0) == INVALID, "no such type of OFF2");
	CHECK(model_call(&m, 0, OFF2, 1, 1, 0) == INVALID, "OFF2's cookie must be zero");
	CHECK(model_call(&m, 0, SYSTEM_SUSPEND, 0, 0, 0) == NOT_SUPPORTED,
	      "SUSPEND is off by default");
	CHECK(model_call(&m, 0, FEATURES, SYSTEM_SUSPEND, 0, 0) == NOT_SUPPORTED,
	      "and not announced");
	CHECK(model_enable(&m, KVM_CAP_ARM_SYSTEM_SUSPEND, 0) == 0, "a VMM can enable it");
	CHECK(model_call(&m, 0, FEATURES, SYSTEM_SUSPEND, 0, 0) == 0, "then it is announced");
	CHECK(model_call(&m, 0, SYSTEM_SUSPEND, 0x4000, 3, 0) == SYSTEM_SUSPEND &&
		      m.reply.event_type == KVM_SYSTEM_EVENT_SUSPEND && m.regs.x[1] == 0x4000,
	      "and leaves with the guest's registers untouched");
	model_free(&m);
}

/* Which version knows what: DEN0022 and arch/arm64/kvm/psci.c. */
static void test_versions(void)
{
	static const struct {
		uint64_t version;
		uint64_t features, reset2, off2;
	} row[] = {
		{ 0x00002, NOT_SUPPORTED, NOT_SUPPORTED, NOT_SUPPORTED },
		{ 0x10000, 0, NOT_SUPPORTED, NOT_SUPPORTED },
		{ 0x10001, 0, INVALID, NOT_SUPPORTED },
		{ 0x10002, 0, INVALID, NOT_SUPPORTED },
		{ 0x10003, 0, INVALID, INVALID },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		struct model m = model_new(&newest, 1);

		CHECK(model_set_reg(&m, 0, KVMCORE_REG_FW(0), row[i].version) == 0,
		      "can be chosen");
		CHECK(model_call(&m, 0, VERSION, 0, 0, 0) == row[i].version,
		      "is what VERSION says");
		CHECK(model_call(&m, 0, FEATURES, VERSION, 0, 0) == row[i].features, "FEATURES");
		CHECK(model_call(&m, 0, RESET2, 1, 0, 0) == row[i].reset2, "RESET2");
		CHECK(model_call(&m, 0, OFF2, 2, 0, 0) == row[i].off2, "OFF2");
		CHECK(model_call(&m, 0, OLD_CPU_ON, 0, 0, 0) == NOT_SUPPORTED,
		      "not the calls of 0.1");
		model_free(&m);
	}
}

static void test_version_0_1(void)
{
	struct kvm_vcpu_init init = { .target = KVM_ARM_TARGET_GENERIC_V8 };
	struct model m = model_new(&newest, 2);

	CHECK(kvmcore_ioctl(m.vm, 0, KVMCORE_ARM_VCPU_INIT, &init) == 0, "without PSCI_0_2");
	CHECK(model_call(&m, 0, VERSION, 0, 0, 0) == NOT_SUPPORTED, "0.1 has no VERSION call");
	CHECK(model_call(&m, 0, OLD_CPU_ON, 1, 0x1000, 0) == INVALID, "a PE that is on: INVALID");
	model_call(&m, 1, CPU_OFF, 0, 0, 0);
	CHECK(model_call(&m, 0, OLD_CPU_ON, 1, 0xffff000000001000ULL, 0) == 0 &&
		      m.reply.power_entry == 0xffff000000001000ULL,
	      "CPU_ON with whole addresses");
	model_call(&m, 0, OLD_CPU_OFF, 0, 0, 0);
	CHECK(m.reply.power == KVMCORE_POWER_OFF, "CPU_OFF");
	model_free(&m);
}

static void test_a_32_bit_guest_has_no_64_bit_calls(void)
{
	const struct kvmcore_trap hvc32 = { .aarch32 = true };
	struct model m = model_new(&newest, 1);
	struct kvmcore_vcpu_regs regs = { .x = { CPU_ON } };

	kvmcore_vcpu_regs_set(m.vm, 0, &regs);
	CHECK(kvmcore_vcpu_call(m.vm, 0, &hvc32, &m.reply) == 0, "the call can be made");
	kvmcore_vcpu_regs_get(m.vm, 0, &regs);
	CHECK(regs.x[0] == NOT_SUPPORTED, "and is not supported");
	regs.x[0] = FEATURES;
	regs.x[1] = CPU_ON;
	kvmcore_vcpu_regs_set(m.vm, 0, &regs);
	kvmcore_vcpu_call(m.vm, 0, &hvc32, &m.reply);
	kvmcore_vcpu_regs_get(m.vm, 0, &regs);
	CHECK(regs.x[0] == NOT_SUPPORTED, "nor announced");
	model_free(&m);
}

int main(void)
{
	return RUN_TESTS(test_cpu_on_and_off, test_32_bit_calls_have_32_bit_arguments,
			 test_affinity_levels, test_suspend, test_a_handler_is_not_powered_down,
			 test_the_system_ends, test_refusals, test_versions, test_version_0_1,
			 test_a_32_bit_guest_has_no_64_bit_calls);
}
