// SPDX-License-Identifier: Apache-2.0
/*
 * Guest calls, firmware registers, register lists, capabilities and protected VMs against what Linux
 * 6.12 and 7.2 answered. The recorded guest had sentinels in x1..x17, so "changed" lists exactly the
 * registers that were written.
 */
#include "replay.h"
#include "support/check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define INSN 0x40001000ULL /* where the guest's HVC or SMC stands */

static struct exemption exemptions[] = {
	{ NULL, "nofilter/SDEI_VERSION", "the core has the SDEI service that these kernels lack",
	  0 },
	{ NULL, "handle-sdei/SDEI_VERSION-smc", "likewise, and HANDLE does not hide it", 0 },
	{ NULL, NULL, NULL, 0 },
};

/* --- Calls --------------------------------------------------------------------------------------- */

static int set_filter(struct kvmcore_vm *vm, const json_t *range)
{
	const struct kvm_smccc_filter filter = {
		.base = (uint32_t)replay_u64(range, "base"),
		.nr_functions = (uint32_t)replay_u64(range, "nr"),
		.action = (uint8_t)replay_u64(range, "action"),
	};
	struct kvm_device_attr attr = { .addr = (uintptr_t)&filter };

	return kvmcore_ioctl(vm, -1, KVM_SET_DEVICE_ATTR, &attr);
}

static int set_reg(struct kvmcore_vm *vm, uint64_t id, uint64_t value)
{
	struct kvm_one_reg reg = { id, (uintptr_t)&value };

	return kvmcore_ioctl(vm, 0, KVM_SET_ONE_REG, &reg);
}

static uint64_t get_reg(struct kvmcore_vm *vm, uint64_t id, int *ret)
{
	uint64_t value = 0;
	struct kvm_one_reg reg = { id, (uintptr_t)&value };

	*ret = kvmcore_ioctl(vm, 0, KVM_GET_ONE_REG, &reg);
	return value;
}

/* "reg 0x6030000000160002 set to 2 ret 0", "PSCI_VERSION reg set to 0x10001 errno 0" */
static void apply_note(struct kvmcore_vm *vm, const char *kernel, const char *name,
		       const char *note)
{
	unsigned long long id, value;
	int want, got;

	if (sscanf(note, "reg %llx set to %llu ret %d", &id, &value, &want) == 3)
		got = set_reg(vm, id, value) ? -1 : 0;
	else if (sscanf(note, "PSCI_VERSION reg set to %llx errno %d", &value, &want) == 2)
		got = -set_reg(vm, KVMCORE_REG_FW(0), value);
	else
		return;
	replay_result(kernel, name, got == want, "register: %d, not %d", got, want);
}

static void set_registers(struct kvmcore_vm *vm, const json_t *in)
{
	struct kvmcore_vcpu_regs regs = { .pc = INSN, .pstate = 0x3c5 };

	for (unsigned int i = 0; i < 18; i++) {
		char name[4];

		snprintf(name, sizeof(name), "x%u", i);
		regs.x[i] = json_object_get(in, name) ? replay_u64(in, name)
						      : 0xa5a5000000000000ULL + i * 0x100001111ULL;
	}
	regs.x[17] = 0xa5a5001100007777ULL;
	kvmcore_vcpu_regs_set(vm, 0, &regs);
}

static bool is_hypercall_exit(const struct kvm_run *run, const json_t *exit)
{
	uint64_t flags;
	bool zero = run->hypercall.ret == 0;

	memcpy(&flags, (const char *)run + 96, sizeof(flags));
	for (size_t i = 0; i < ARRAY_SIZE(run->hypercall.args); i++)
		zero = zero && run->hypercall.args[i] == 0;
	return run->exit_reason == KVM_EXIT_HYPERCALL && zero &&
	       run->hypercall.nr == replay_u64(exit, "nr") && flags == replay_u64(exit, "flags");
}

static bool is_event_exit(const struct kvm_run *run, const json_t *exit)
{
	return run->exit_reason == KVM_EXIT_SYSTEM_EVENT &&
	       run->system_event.type == replay_u64(exit, "type") &&
	       run->system_event.ndata == replay_u64(exit, "ndata") &&
	       run->system_event.data[0] == replay_u64(exit, "data0");
}

/* What the recorded program did at the exit. Return: the call has to be made again */
static bool act_as_user(struct kvmcore_vm *vm, struct kvm_run *run, const char *what)
{
	struct kvmcore_vcpu_regs regs;
	unsigned long long x0;

	kvmcore_vcpu_regs_get(vm, 0, &regs);
	if (sscanf(what, "x0=%llx", &x0) == 1) {
		set_reg(vm, KVMCORE_REG_X(0), x0);
	} else if (!strncmp(what, "run->hypercall", 14)) {
		run->hypercall.ret = 0xbad;
		run->hypercall.args[0] = 0xbad1;
	} else if (sscanf(what, "pc=insn again, x0=%llx", &x0) == 1) {
		set_reg(vm, KVMCORE_REG_PC, regs.pc - 4);
		set_reg(vm, KVMCORE_REG_X(0), x0);
		return true;
	}
	return false;
}

static bool check_exit(struct kvmcore_vm *vm, const char *kernel, const char *name,
		       const json_t *exit, bool *again)
{
	struct kvmcore_vcpu_regs regs;
	struct kvm_port port;
	struct kvm_run *run;
	bool same;

	kvmcore_port(vm, &port);
	run = (struct kvm_run *)(uintptr_t)port.exit(port.vm, 0);
	kvmcore_vcpu_regs_get(vm, 0, &regs);
	if (!strcmp(replay_text(exit, "reason"), "HYPERCALL"))
		same = is_hypercall_exit(run, exit) && regs.pstate == replay_u64(exit, "pstate") &&
		       regs.x[17] == replay_u64(exit, "x17");
	else
		same = is_event_exit(run, exit);
	same = same && regs.x[0] == replay_u64(exit, "x0") &&
	       regs.pc - INSN == replay_u64(exit, "pc_minus_insn");
	replay_result(kernel, name, same, "exit reason %u, x0 %#llx, pc %+lld", run->exit_reason,
		      (unsigned long long)regs.x[0], (long long)(regs.pc - INSN));
	*again = act_as_user(vm, run, replay_text(exit, "user"));
	return same;
}

static void make_call(struct kvmcore_vm *vm, const char *kernel, const char *name,
		      const json_t *object)
{
	const json_t *exits = json_object_get(object, "exits");
	const char *insn = replay_text(object, "insn");
	const struct kvmcore_trap trap = { .smc = !strncmp(insn, "smc", 3),
					   .imm = (uint16_t)strtoul(insn + 5, NULL, 0) };
	struct kvmcore_reply reply;
	size_t n_exits = 0;
	bool again = true;

	while (again) {
		const json_t *exit = json_array_get(exits, n_exits);
		int ret = kvmcore_vcpu_call(vm, 0, &trap, &reply);

		CHECK(ret == 0, "the call can be made");
		again = false;
		if (reply.exit == KVMCORE_EXIT_NONE)
			break;
		n_exits++;
		if (!exit || !check_exit(vm, kernel, name, exit, &again))
			break;
	}
	replay_result(kernel, name, n_exits == json_array_size(exits), "%zu exits, not %zu",
		      n_exits, json_array_size(exits));
}

static bool is_listed(const json_t *list, unsigned int n)
{
	const json_t *value;
	size_t i;

	json_array_foreach(list, i,
			   value) if ((unsigned int)json_number_value(value) == n) return true;
	return false;
}

static void check_registers(const char *kernel, const char *name, const json_t *object,
			    const struct kvmcore_vcpu_regs *before,
			    const struct kvmcore_vcpu_regs *after)
{
	const json_t *out = json_object_get(object, "out");
	const json_t *changed = json_object_get(object, "changed");

	for (unsigned int i = 0; i < 18 && json_is_object(out); i++) {
		char reg[4];

		snprintf(reg, sizeof(reg), "x%u", i);
		if (json_object_get(out, reg))
			replay_result(kernel, name, after->x[i] == replay_u64(out, reg),
				      "%s is %#llx, not %s", reg, (unsigned long long)after->x[i],
				      replay_text(out, reg));
		if (changed && !is_listed(changed, i))
			replay_result(kernel, name, after->x[i] == before->x[i], "%s changed", reg);
	}
	if (json_is_string(out)) /* random values: only the sign of x0 is known */
		replay_result(kernel, name,
			      (int)(after->x[0] >> 63) == !!replay_u64(object, "x0_sign") ||
				      !json_object_get(object, "x0_sign"),
			      "sign of x0");
}

static void call_row(const char *kernel, const json_t *object)
{
	const char *name = replay_text(object, "name");
	struct kvmcore_vcpu_regs before, after;
	struct kvmcore_vm *vm = replay_vm(kernel, KVMCORE_VM_ARM64, 1);
	const json_t *range;
	size_t i;

	json_array_foreach(json_object_get(object, "filter"), i, range)
		replay_result(kernel, name,
			      set_filter(vm, range) == -(int)replay_u64(range, "errno"), "filter");
	apply_note(vm, kernel, name, replay_text(object, "note"));
	set_registers(vm, json_object_get(object, "in"));
	kvmcore_vcpu_regs_get(vm, 0, &before);
	kvmcore_resume(vm);
	make_call(vm, kernel, name, object);
	kvmcore_vcpu_regs_get(vm, 0, &after);
	check_registers(kernel, name, object, &before, &after);
	kvmcore_vm_destroy(vm);
}

/* --- Registers: one VM for all rows before the first run and one for all after it, as recorded ----- */

static struct kvmcore_vm *reg_vm;
static bool reg_vm_has_run;

static void run_fresh_vm(const char *kernel)
{
	struct kvmcore_reply reply;

	kvmcore_vm_destroy(reg_vm);
	reg_vm = replay_vm(kernel, KVMCORE_VM_ARM64, 1);
	CHECK(kvmcore_run(reg_vm, 0, true, &reply) == -EINTR, "the VM runs once");
	reg_vm_has_run = true;
}

static void reg_row(const char *kernel, const json_t *object)
{
	const char *name = replay_text(object, "name");
	const uint64_t id = replay_u64(object, "id"), value = replay_u64(object, "value");
	const bool is_set = !strcmp(replay_text(object, "op"), "set");
	const int want = -(int)replay_u64(object, "errno");
	uint64_t now;
	int got, ret;

	if (!reg_vm_has_run && !strncmp(replay_text(object, "when"), "after-run", 9))
		run_fresh_vm(kernel);
	got = is_set ? set_reg(reg_vm, id, value) : 0;
	now = get_reg(reg_vm, id, &ret);
	replay_result(kernel, name, (is_set ? got : ret) == want, "%s %#llx: %d, not %d",
		      is_set ? "set" : "get", (unsigned long long)value, is_set ? got : ret, want);
	if (ret == 0)
		replay_result(kernel, name,
			      now == replay_u64(object, is_set ? "reads_back" : "value"),
			      "reads %#llx", (unsigned long long)now);
}

static void events_row(const char *kernel, const json_t *object)
{
	struct kvmcore_vm *vm = replay_vm(kernel, KVMCORE_VM_ARM64, 1);
	struct kvmcore_arm64_vcpu_events events = { 0 };
	struct kvm_mp_state mp = { 99 };
	bool same;

	if (json_object_get(object, "mp_state"))
		same = kvmcore_ioctl(vm, 0, KVM_GET_MP_STATE, &mp) == 0 &&
		       mp.mp_state == replay_u64(object, "mp_state");
	else
		same = kvmcore_ioctl(vm, 0, KVMCORE_GET_VCPU_EVENTS, &events) == 0 &&
		       events.serror_pending == replay_u64(object, "serror_pending") &&
		       events.serror_has_esr == replay_u64(object, "serror_has_esr") &&
		       events.ext_dabt_pending == replay_u64(object, "ext_dabt_pending");
	replay_result(kernel, replay_text(object, "kind"), same, "at reset");
	kvmcore_vm_destroy(vm);
}

static void probe_row(const char *kernel, const json_t *object)
{
	struct kvmcore_vm *vm = replay_vm(kernel, KVMCORE_VM_ARM64, 1);
	struct kvm_reg_list list = { 0 };

	(void)object;
	replay_result(kernel, "reglist",
		      kvmcore_ioctl(vm, 0, KVM_GET_REG_LIST, &list) == -E2BIG && list.n > 0,
		      "n = 0");
	kvmcore_vm_destroy(vm);
}

static void row(const char *kernel, const json_t *object)
{
	static const struct {
		const char *kind;
		void (*check)(const char *kernel, const json_t *object);
	} check_of[] = { { "call", call_row },
			 { "reg", reg_row },
			 { "reglist", probe_row },
			 { "events", events_row },
			 { "mp", events_row } };

	for (size_t i = 0; i < ARRAY_SIZE(check_of); i++)
		if (!strcmp(check_of[i].kind, replay_text(object, "kind")))
			check_of[i].check(kernel, object);
}

static void test_calls_and_registers_answer_as_recorded(void)
{
	static const struct {
		const char *file, *kernel;
	} recorded[] = { { "smccc-calls-kernel-6.12.107.jsonl", "6.12" },
			 { "smccc-calls-kernel-7.2.13.jsonl", "7.2" } };

	replay_exempt(exemptions);
	for (size_t i = 0; i < ARRAY_SIZE(recorded); i++) {
		reg_vm = replay_vm(recorded[i].kernel, KVMCORE_VM_ARM64, 1);
		reg_vm_has_run = false;
		replay_file(recorded[i].file, recorded[i].kernel, row);
		reg_vm = kvmcore_vm_destroy(reg_vm);
	}
	replay_check_exemptions();
}

int main(void)
{
	return RUN_TESTS(test_calls_and_registers_answer_as_recorded);
}
