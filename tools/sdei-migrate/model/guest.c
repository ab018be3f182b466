// SPDX-License-Identifier: Apache-2.0
#include "request.h"

#include "common/cleanup.h"
#include "common/number.h"

#include <errno.h>
#include <string.h>

#define N_CALL_ARGS 17u /* x1..x17 */
#define N_CLEARED   7u  /* x1..x7 carry arguments (SMC Calling Convention 1.2, table 3-2) */

/* --- registers ------------------------------------------------------------------------------------ */

#define SPECIAL(name)                                           \
	{                                                       \
#name, offsetof(struct kvmcore_vcpu_regs, name) \
	}

static const struct {
	const char *name;
	size_t offset;
} special[] = {
	SPECIAL(sp),        SPECIAL(pc),       SPECIAL(pstate), SPECIAL(elr_el1), SPECIAL(spsr_el1),
	SPECIAL(sctlr_el1), SPECIAL(vbar_el1), SPECIAL(sp_el1), SPECIAL(esr_el1), SPECIAL(far_el1),
};

static uint64_t *find_register(struct kvmcore_vcpu_regs *regs, const char *name)
{
	uint64_t n;

	for (size_t i = 0; i < ARRAY_SIZE(special); i++)
		if (strcmp(special[i].name, name) == 0)
			return (void *)((char *)regs + special[i].offset);
	if (name[0] == 'x' && number_parse(name + 1, &n) && n < ARRAY_SIZE(regs->x))
		return &regs->x[n];
	return NULL;
}

static json_t *registers_json(struct kvmcore_vcpu_regs *regs)
{
	json_t *json = json_object();
	char name[8];

	for (unsigned int i = 0; i < ARRAY_SIZE(regs->x); i++) {
		snprintf(name, sizeof(name), "x%u", i);
		json_object_set_new(json, name, number_json(regs->x[i]));
	}
	for (size_t i = 0; i < ARRAY_SIZE(special); i++)
		json_object_set_new(json, special[i].name,
				    number_json(*find_register(regs, special[i].name)));
	return json;
}

static int set_registers(struct step *step, struct kvmcore_vcpu_regs *regs)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)step->request.set, name, value)
	{
		uint64_t *reg = find_register(regs, name);
		int ret;

		if (!reg)
			return step_refuse(step, name, "x0..x30, sp, pc, pstate or an _el1 name");
		ret = step_number(step, name, value, reg);
		if (ret)
			return ret;
	}
	step->model->touched = true;
	return kvmcore_vcpu_regs_set(step->machine->core, (int)step->request.vcpu, regs);
}

static int run_regs(struct step *step, json_t **reply)
{
	struct kvmcore_vcpu_regs regs;
	int ret = step_needs_vcpu(step);

	if (ret == 0)
		ret = kvmcore_vcpu_regs_get(step->machine->core, (int)step->request.vcpu, &regs);
	if (ret == 0 && step->request.set)
		ret = set_registers(step, &regs);
	if (ret == 0)
		*reply = registers_json(&regs);
	return ret;
}

static const struct field regs_fields[] = {
	REQUEST_VERB,
	REQUEST(vcpu, FIELD_U32, .required = true),
	REQUEST(set, FIELD_JSON, .required = false),
	REQUEST(expect, FIELD_JSON, 0),
	FIELD_END,
};

/* --- a call ----------------------------------------------------------------------------------------- */

static int find_fid(struct step *step, uint64_t *fid)
{
	const char *name = json_string_value(step->request.fid);
	int64_t id;

	if (number_from_json(step->request.fid, fid))
		return 0;
	id = name ? kvmcore_call_id(name) : -ENOENT;
	if (id < 0)
		return step_refuse(step, "fid", "a number, or a name such as SDEI_VERSION");
	*fid = (uint64_t)id;
	return 0;
}

static int load_arguments(struct step *step, struct kvmcore_vcpu_regs *regs)
{
	const json_t *args = step->request.args;
	size_t i;
	json_t *value;
	int ret = find_fid(step, &regs->x[0]);

	if (args && (!json_is_array(args) || json_array_size(args) > N_CALL_ARGS))
		return step_refuse(step, "args", "a list of at most 17 numbers");
	for (i = 1; i <= N_CLEARED; i++)
		regs->x[i] = 0;
	json_array_foreach((json_t *)(uintptr_t)args, i, value)
	{
		if (ret)
			break;
		ret = step_number(step, "args", value, &regs->x[i + 1]);
	}
	return ret;
}

static json_t *changed_json(uint32_t changed)
{
	json_t *list = json_array();

	for (int i = 0; i < 18; i++)
		if (changed >> i & 1)
			json_array_append_new(list, json_integer(i));
	return list;
}

static json_t *call_json(const struct kvmcore_vcpu_regs *regs, const struct kvmcore_reply *reply)
{
	json_t *exits = json_array();

	if (reply->exit != KVMCORE_EXIT_NONE)
		json_array_append_new(exits, exit_json(reply));
	return json_pack("{s:o, s:o, s:o, s:o, s:b, s:o, s:o, s:o, s:o, s:o}", "x0",
			 number_json(regs->x[0]), "x1", number_json(regs->x[1]), "x2",
			 number_json(regs->x[2]), "x3", number_json(regs->x[3]), "returned",
			 reply->returned, "changed", changed_json(reply->changed), "exits", exits,
			 "kick", kick_json(reply), "pc", number_json(regs->pc), "pstate",
			 number_json(regs->pstate));
}

static int run_call(struct step *step, json_t **json)
{
	const int vcpu = (int)step->request.vcpu;
	const struct kvmcore_trap trap = { .smc = step->request.smc,
					   .imm = (uint16_t)step->request.imm };
	struct kvmcore_vm *core = step->machine->core;
	struct kvmcore_vcpu_regs before, regs;
	struct kvmcore_reply reply;
	int ret = step_needs_vcpu(step);

	if (ret)
		return ret;
	ret = kvmcore_vcpu_regs_get(core, vcpu, &before);
	if (ret)
		return step_fail(step, ret);
	regs = before;
	ret = load_arguments(step, &regs);
	if (ret)
		return ret;
	ret = kvmcore_vcpu_regs_set(core, vcpu, &regs);
	if (ret == 0)
		ret = kvmcore_vcpu_call(core, vcpu, &trap, &reply);
	if (ret) {
		/* The guest did not get to make its call. */
		kvmcore_vcpu_regs_set(core, vcpu, &before);
		return step_fail(step, ret);
	}
	kvmcore_vcpu_regs_get(core, vcpu, &regs);
	*json = call_json(&regs, &reply);
	return 0;
}

static const struct field call_fields[] = {
	REQUEST_VERB,
	REQUEST(vcpu, FIELD_U32, .required = true),
	REQUEST(smc, FIELD_BOOL, .required = false),
	REQUEST(imm, FIELD_U32, .max = 0xffff),
	REQUEST(fid, FIELD_JSON, .required = true),
	REQUEST(args, FIELD_JSON, .required = false),
	REQUEST(expect, FIELD_JSON, .required = false),
	FIELD_END,
};

/* --- entering ----------------------------------------------------------------------------------------- */

static int run_run(struct step *step, json_t **json)
{
	const int vcpu = (int)step->request.vcpu;
	struct kvmcore_vm *core = step->machine->core;
	struct kvmcore_vcpu_regs regs;
	struct kvmcore_reply reply = { 0 };
	int ret = step_needs_vcpu(step);

	if (ret)
		return ret;
	ret = kvmcore_run(core, vcpu, step->request.immediate_exit, &reply);
	if (ret == -EINTR)
		reply.exit = KVMCORE_EXIT_INTR;
	else if (ret)
		return step_fail(step, ret);
	kvmcore_vcpu_regs_get(core, vcpu, &regs);
	*json = json_pack("{s:o, s:o, s:o, s:o}", "delivered",
			  reply.delivered ? number_json(regs.x[0]) : json_null(), "pc",
			  number_json(regs.pc), "exit", exit_json(&reply), "kick",
			  kick_json(&reply));
	return 0;
}

static const struct field run_fields[] = {
	REQUEST_VERB,
	REQUEST(vcpu, FIELD_U32, .required = true),
	REQUEST(immediate_exit, FIELD_BOOL, .required = false),
	REQUEST(expect, FIELD_JSON, .required = false),
	FIELD_END,
};

/* --- an access to memory --------------------------------------------------------------------------- */

static int touch_memory(struct step *step, const struct kvmcore_mmio *access, uint64_t *value)
{
	const struct kvm_port *port = &step->machine->port;

	return access->write ? port->mem_write(port->vm, access->ipa, value, access->len)
			     : port->mem_read(port->vm, access->ipa, value, access->len);
}

static json_t *abort_json(const struct kvmcore_mmio_result *result)
{
	return result->aborted ? json_pack("{s:o, s:o}", "esr", number_json(result->esr), "far",
					   number_json(result->far))
			       : json_null();
}

static int run_mmio(struct step *step, json_t **json)
{
	struct kvmcore_mmio access = { .ipa = step->request.ipa,
				       .va = step->request.ipa,
				       .len = (uint32_t)step->request.len,
				       .write = step->request.action == 1,
				       .no_syndrome = step->request.no_syndrome };
	struct kvmcore_mmio_result result = { 0 };
	struct kvmcore_reply reply = { 0 };
	uint64_t value[2] = { 0 };
	bool there;
	int ret = step_needs_vcpu(step);

	if (ret == 0 && access.len > sizeof(value))
		ret = step_refuse(step, "len", "1 to 16");
	if (ret == 0 && step->request.value)
		ret = step_number(step, "value", step->request.value, &value[0]);
	if (ret)
		return ret;
	memcpy(access.value, value, sizeof(value));
	there = touch_memory(step, &access, value) == 0;
	if (!there)
		ret = kvmcore_vcpu_mmio(step->machine->core, (int)step->request.vcpu, &access,
					&result, &reply);
	if (ret == -ENOSYS)
		/* As the kernel: KVM_RUN fails then (arch/arm64/kvm/mmio.c, io_mem_abort). */
		return transport_error_fill(step->err, ret, "refused", "access", "syndrome",
					    "one with a syndrome, or capability ARM_NISV_TO_USER "
					    "(vm ioctl KVM_ENABLE_CAP)|neither");
	if (ret)
		return step_fail(step, ret);
	*json = json_pack("{s:o, s:o, s:o}", "exit",
			  reply.exit == KVMCORE_EXIT_MMIO   ? json_string("mmio")
			  : reply.exit == KVMCORE_EXIT_NISV ? json_string("nisv")
							    : json_null(),
			  "abort", abort_json(&result), "value",
			  there || access.write ? number_json(value[0]) : json_null());
	return 0;
}

static const struct field mmio_fields[] = {
	REQUEST_VERB,
	REQUEST(vcpu, FIELD_U32, .required = true),
	REQUEST(action, FIELD_WORD, .required = true, .words = "read|write"),
	REQUEST(ipa, FIELD_U64, .required = true),
	REQUEST(len, FIELD_U64, .required = true, .min = 1, .max = 16),
	REQUEST(value, FIELD_JSON, .required = false),
	REQUEST(no_syndrome, FIELD_BOOL, .required = false),
	REQUEST(expect, FIELD_JSON, .required = false),
	FIELD_END,
};

const struct request_verb request_guest_verbs[] = {
	{ "call", call_fields, true, run_call },
	{ "run", run_fields, true, run_run },
	{ "regs", regs_fields, false, run_regs },
	{ "mmio", mmio_fields, true, run_mmio },
	{ NULL, NULL, false, NULL },
};
