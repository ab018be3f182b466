// SPDX-License-Identifier: Apache-2.0
/*
 * The guest's steps. "call": a guest with a known value in each of x0..x17 executes HVC or SMC; every exit
 * is told and answered, then every register that is not what it was. "access": it loads or stores where
 * no memory is, and what the next run makes of the answer.
 */
#include "steps.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MAX_EXITS 8u

static json_t *hex(uint64_t value)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "0x%" PRIx64, value);
	return json_string(digits);
}

static uint64_t get_reg(struct machine *m, uint64_t id)
{
	uint64_t value = 0;
	struct kvm_one_reg reg = { id, (uintptr_t)&value };

	m->port.ioctl(m->port.vm, 0, KVM_GET_ONE_REG, &reg);
	return value;
}

static void set_reg(struct machine *m, uint64_t id, uint64_t value)
{
	struct kvm_one_reg reg = { id, (uintptr_t)&value };

	m->port.ioctl(m->port.vm, 0, KVM_SET_ONE_REG, &reg);
}

static struct machine_call read_call(const json_t *step)
{
	struct machine_call call = {
		.smc = json_is_true(json_object_get(step, "smc")),
		.imm = (uint16_t)steps_u64(step, "imm"),
	};

	for (unsigned int i = 0; i < CALL_REGS; i++) {
		char name[4];

		snprintf(name, sizeof(name), "x%u", i);
		call.x[i] =
			json_object_get(step, name)
				? steps_u64(step, name)
				: 0xa5a5000000000000ULL | (uint64_t)i << 32 | 0x1111ULL * (i % 10);
	}
	return call;
}

/* With "random": only that they changed, and the sign of x0 (an error or not). */
static json_t *changed(struct machine *m, const struct machine_call *call, bool random)
{
	json_t *all = json_object();

	for (unsigned int i = 0; i < CALL_REGS; i++) {
		const uint64_t now = get_reg(m, KVMCORE_REG_X(i));
		char name[4];

		snprintf(name, sizeof(name), "x%u", i);
		if (now == call->x[i])
			continue;
		json_object_set_new(all, name,
				    !random ? hex(now)
					    : json_string((int64_t)now < 0 && i == 0 ? "negative"
										     : "random"));
	}
	return all;
}

static json_t *tell_hypercall(const struct kvm_run *page)
{
	json_t *args = json_array();
	uint64_t flags; /* the union's name for it differs between header versions */

	memcpy(&flags, (const char *)&page->hypercall + 64, sizeof(flags));
	for (unsigned int i = 0; i < 6; i++)
		json_array_append_new(args, hex(page->hypercall.args[i]));
	return json_pack("{s:o,s:o,s:o,s:o}", "nr", hex(page->hypercall.nr), "args", args, "ret",
			 hex(page->hypercall.ret), "flags", hex(flags));
}

static json_t *tell_exit(struct machine *m, const struct machine_call *call)
{
	const struct kvm_run *page = m->port.exit(m->port.vm, 0);
	json_t *told =
		page->exit_reason == KVM_EXIT_HYPERCALL ? tell_hypercall(page) : json_object();

	if (page->exit_reason == KVM_EXIT_SYSTEM_EVENT) {
		json_object_set_new(told, "type", json_integer(page->system_event.type));
		json_object_set_new(told, "ndata", json_integer(page->system_event.ndata));
		if (page->system_event.ndata)
			json_object_set_new(told, "data", hex(page->system_event.data[0]));
	}
	json_object_set_new(told, "reason", json_integer(page->exit_reason));
	json_object_set_new(told, "pc",
			    json_integer((json_int_t)(get_reg(m, KVMCORE_REG_PC) - m->insn)));
	json_object_set_new(told, "pstate", hex(get_reg(m, KVMCORE_REG_PSTATE)));
	json_object_set_new(told, "changed", changed(m, call, false));
	return told;
}

/* What the VMM does at the exit: registers, "pc" as a distance from the call, and the page itself. */
static void answer(struct machine *m, const json_t *user)
{
	struct kvm_run *page = (struct kvm_run *)(uintptr_t)m->port.exit(m->port.vm, 0);
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)user, key, value)
	{
		unsigned int n;

		if (sscanf(key, "x%u", &n) == 1)
			set_reg(m, KVMCORE_REG_X(n), steps_u64(user, key));
		else if (!strcmp(key, "pc"))
			set_reg(m, KVMCORE_REG_PC, m->insn + steps_u64(user, key));
		else if (!strcmp(key, "page_ret"))
			page->hypercall.ret = steps_u64(user, key);
		else if (!strcmp(key, "page_arg0"))
			page->hypercall.args[0] = steps_u64(user, key);
	}
}

json_t *steps_call(struct machine *m, const json_t *step)
{
	const struct machine_call call = read_call(step);
	const json_t *users = json_object_get(step, "user");
	json_t *exits = json_array();
	int ret = machine_place(m, &call);

	while (ret == 0 && json_array_size(exits) < MAX_EXITS) {
		const json_t *user = json_array_get(users, json_array_size(exits));

		ret = machine_go(m);
		if (ret == 0) {
			json_array_append_new(exits, tell_exit(m, &call));
			if (!user)
				break; /* the row ends at this exit */
			answer(m, user);
		}
	}
	return json_pack("{s:o,s:i,s:o}", "exits", exits, "ret", ret, "x",
			 changed(m, &call, json_is_true(json_object_get(step, "random"))));
}

/* Little-endian, as the guest is. Bytes beyond the access are nobody's. */
static uint64_t data_of(const struct kvm_run *page)
{
	uint64_t data = 0;

	memcpy(&data, page->mmio.data, page->mmio.len <= 8 ? page->mmio.len : 8);
	return data;
}

static json_t *tell_mmio(struct machine *m, const struct kvm_run *page)
{
	return json_pack("{s:i,s:o,s:i,s:i,s:o,s:I}", "reason", (int)page->exit_reason, "ipa",
			 hex(page->mmio.phys_addr), "len", (int)page->mmio.len, "write",
			 (int)page->mmio.is_write, "data",
			 page->mmio.is_write ? hex(data_of(page)) : json_null(), "pc",
			 (json_int_t)(get_reg(m, KVMCORE_REG_PC) - m->insn));
}

/* Where the guest stands after the abort; the vector's base is where the row put it. */
static json_t *tell_abort(struct machine *m, uint64_t vbar)
{
	return json_pack("{s:I,s:I,s:o,s:o,s:o,s:o,s:o}", "pc",
			 (json_int_t)(get_reg(m, KVMCORE_REG_PC) - vbar), "elr",
			 (json_int_t)(get_reg(m, KVMCORE_REG_ELR_EL1) - m->insn), "esr",
			 hex(get_reg(m, KVMCORE_REG_ESR_EL1)), "far",
			 hex(get_reg(m, KVMCORE_REG_FAR_EL1)), "pstate",
			 hex(get_reg(m, KVMCORE_REG_PSTATE)), "spsr",
			 hex(get_reg(m, KVMCORE_REG_SPSR_EL1)), "x0",
			 hex(get_reg(m, KVMCORE_REG_X(0))));
}

/*
 * The VMM refuses the access: an external abort, and a run with an immediate exit for each of "runs". With
 * "drain" the access was completed before, which is what a VMM must not do.
 */
static json_t *refuse(struct machine *m, const json_t *step)
{
	struct kvmcore_arm64_vcpu_events events = { .ext_dabt_pending = 1 };
	const uint64_t vbar = steps_u64(step, "vbar");
	json_t *seen = json_array();

	set_reg(m, KVMCORE_REG_VBAR_EL1, vbar);
	if (json_is_true(json_object_get(step, "drain")))
		json_array_append_new(seen, json_integer(m->port.run(m->port.vm, 0, 1)));
	json_array_append_new(seen, json_integer(m->port.ioctl(m->port.vm, 0,
							       KVMCORE_SET_VCPU_EVENTS, &events)));
	for (uint64_t i = 0; i < steps_u64(step, "runs"); i++) {
		json_array_append_new(seen, json_integer(m->port.run(m->port.vm, 0, 1)));
		json_array_append_new(seen, tell_abort(m, vbar));
	}
	return seen;
}

json_t *steps_access(struct machine *m, const json_t *step)
{
	const struct machine_access access = {
		.write = json_is_true(json_object_get(step, "write")),
		.len = (uint8_t)steps_u64(step, "len"),
		.ipa = steps_u64(step, "ipa"),
		.value = steps_u64(step, "value"),
	};
	const uint64_t read = steps_u64(step, "answer");
	struct kvm_run *page;
	json_t *exit;
	int ret = machine_access(m, &access), drained;

	if (ret)
		return json_integer(ret);
	page = (struct kvm_run *)(uintptr_t)m->port.exit(m->port.vm, 0);
	exit = tell_mmio(m, page);
	if (!access.write)
		memcpy(page->mmio.data, &read, sizeof(read));
	if (json_object_get(step, "vbar"))
		return json_pack("{s:o,s:o}", "exit", exit, "refused", refuse(m, step));
	if (json_object_get(step, "pc"))
		set_reg(m, KVMCORE_REG_PC, m->insn + steps_u64(step, "pc"));
	drained = m->port.run(m->port.vm, 0, 1);
	return json_pack("{s:o,s:i,s:I,s:o}", "exit", exit, "drained", drained, "pc",
			 (json_int_t)(get_reg(m, KVMCORE_REG_PC) - m->insn), "x0",
			 hex(get_reg(m, KVMCORE_REG_X(0))));
}
