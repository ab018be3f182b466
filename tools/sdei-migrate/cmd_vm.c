// SPDX-License-Identifier: Apache-2.0
/* What a model VM's guest and its VMM do: each command is one request of docs/model.md. */
#include "client.h"
#include "verbs.h"

#include <errno.h>
#include <string.h>

struct vm_args {
	const char *control, *fid, *action, *value, *ptr;
	struct option_number vcpu, imm, event, intid, group, attr, id, nr, ipa, len;
	struct option_list args, set, more;
	bool smc, immediate_exit, no_syndrome;
};

#define AT(member) offsetof(struct vm_args, member)

#define ROW_VCPU(is_required)                                                                    \
	{                                                                                        \
		.name = "--vcpu", .argument = "N", .help = "which vCPU, by creation index",      \
		.offset = AT(vcpu), .type = OPTION_NUMBER, .max = 511, .required = (is_required) \
	}
#define ROW_CONTROL CLIENT_CONTROL_ROW(struct vm_args)
#define ROW_ACTION(words)                                                             \
	{                                                                             \
		.name = "ACTION", .help = "what to do: " words, .offset = AT(action), \
		.type = OPTION_CHOICE, .choices = (words), .required = true           \
	}
#define ROW_NUMBER(word, member, text)                                                       \
	{                                                                                    \
		.name = (word), .help = (text), .offset = AT(member), .type = OPTION_NUMBER, \
		.required = true                                                             \
	}
#define ROW_PTR                                                                                    \
	{                                                                                          \
		.name = "--ptr", .argument = "OFFSET=HEX",                                         \
		.help = "place these bytes in memory and their address at OFFSET of the argument", \
		.offset = AT(ptr), .type = OPTION_TEXT                                             \
	}

/* --- requests --------------------------------------------------------------------------------------- */

static json_t *begin(const struct vm_args *args, const char *verb)
{
	json_t *request = json_pack("{s:s}", "do", verb);

	if (args->vcpu.given)
		json_object_set_new(request, "vcpu", json_integer((json_int_t)args->vcpu.value));
	if (args->action)
		json_object_set_new(request, "action", json_string(args->action));
	return request;
}

static void add_number(json_t *request, const char *name, const struct option_number *number)
{
	if (number->given)
		json_object_set_new(request, name, number_json(number->value));
}

static void add_text(json_t *request, const char *name, const char *text)
{
	if (text)
		json_object_set_new(request, name, json_string(text));
}

static void add_flag(json_t *request, const char *name, bool flag)
{
	if (flag)
		json_object_set_new(request, name, json_true());
}

/* Numbers become "0x..." strings; what is no number is left to the VM to refuse by name. */
static json_t *value_json(const char *text)
{
	uint64_t value;

	if (strcmp(text, "null") == 0)
		return json_null();
	return number_parse(text, &value) ? number_json(value) : json_string(text);
}

/* "OFFSET=HEX". Return: understood */
static bool add_pointer(json_t *request, const char *text)
{
	char offset[24] = "";
	const char *equals = text ? strchr(text, '=') : NULL;
	uint64_t value;

	if (!text)
		return true;
	if (!equals || (size_t)(equals - text) >= sizeof(offset))
		return false;
	memcpy(offset, text, (size_t)(equals - text));
	if (!number_parse(offset, &value))
		return false;
	json_object_set_new(request, "ptr_offset", number_json(value));
	json_object_set_new(request, "ptr", json_string(equals + 1));
	return true;
}

/* "NAME=VALUE" of both lists. Return: understood */
static bool add_assignments(json_t *set, const struct option_list *list)
{
	for (size_t i = 0; i < list->n; i++) {
		const char *equals = strchr(list->item[i], '=');
		OWNED_MEMORY char *name = NULL;

		if (!equals)
			return false;
		name = strndup(list->item[i], (size_t)(equals - list->item[i]));
		if (!name)
			return false;
		json_object_set_new(set, name, value_json(equals + 1));
	}
	return true;
}

/* --- vm call ---------------------------------------------------------------------------------------- */

static int run_call(struct tool *tool, void *opaque)
{
	const struct vm_args *args = opaque;
	json_t *request = begin(args, "call"), *list = json_array();

	for (size_t i = 0; i < args->args.n; i++)
		json_array_append_new(list, value_json(args->args.item[i]));
	json_object_set_new(request, "fid", value_json(args->fid));
	json_object_set_new(request, "args", list);
	add_number(request, "imm", &args->imm);
	add_flag(request, "smc", args->smc);
	return client_ask(tool, args->control, request);
}

static const struct option_row call_rows[] = {
	ROW_CONTROL,
	ROW_VCPU(true),
	{ .name = "--smc",
	  .help = "by SMC instead of HVC",
	  .offset = AT(smc),
	  .type = OPTION_FLAG },
	{ .name = "--imm",
	  .argument = "I",
	  .help = "the instruction's immediate",
	  .offset = AT(imm),
	  .type = OPTION_NUMBER,
	  .max = 0xffff },
	{ .name = "FID",
	  .help = "function: a number, or a name such as SDEI_VERSION",
	  .offset = AT(fid),
	  .type = OPTION_TEXT,
	  .required = true },
	{ .name = "X",
	  .help = "arguments: x1, x2 and so on; the rest of x1..x7 is zero",
	  .offset = AT(args),
	  .type = OPTION_LIST },
	OPTION_END,
};

const struct verb verb_vm_call = {
	.name = "vm call",
	.summary = "Let the guest make a call (HVC or SMC)",
	.about = "Prints x0 to x3 after the call, the registers that changed, exits to the VMM and "
		 "the "
		 "vCPUs that have to leave the guest. returned is false where the call does not go "
		 "on "
		 "behind itself: SDEI_EVENT_COMPLETE, CPU_OFF, or a call that the SMCCC filter "
		 "forwards, "
		 "which vm regs --set answers.",
	.options = call_rows,
	.args_size = sizeof(struct vm_args),
	.run = run_call,
};

/* --- vm run ----------------------------------------------------------------------------------------- */

static int run_run(struct tool *tool, void *opaque)
{
	const struct vm_args *args = opaque;
	json_t *request = begin(args, "run");

	add_flag(request, "immediate_exit", args->immediate_exit);
	return client_ask(tool, args->control, request);
}

static const struct option_row run_rows[] = {
	ROW_CONTROL,
	ROW_VCPU(true),
	{ .name = "--immediate-exit",
	  .help = "finish a pending exit and come back at once",
	  .offset = AT(immediate_exit),
	  .type = OPTION_FLAG },
	OPTION_END,
};

const struct verb verb_vm_run = {
	.name = "vm run",
	.summary = "Enter a vCPU once and deliver the event that is due",
	.options = run_rows,
	.args_size = sizeof(struct vm_args),
	.run = run_run,
};

/* --- vm regs ---------------------------------------------------------------------------------------- */

static int run_regs(struct tool *tool, void *opaque)
{
	const struct vm_args *args = opaque;
	json_t *request, *set = json_object();

	if (!add_assignments(set, &args->set) || !add_assignments(set, &args->more) ||
	    (args->more.n && !args->set.n)) {
		json_decref(set);
		return tool_usage(tool, "--set", "NAME=VALUE");
	}
	request = begin(args, "regs");
	if (json_object_size(set))
		json_object_set_new(request, "set", set);
	else
		json_decref(set);
	return client_ask(tool, args->control, request);
}

static const struct option_row regs_rows[] = {
	ROW_CONTROL,
	ROW_VCPU(true),
	{ .name = "--set",
	  .argument = "NAME=VALUE",
	  .help = "write this register first; more may follow",
	  .offset = AT(set),
	  .type = OPTION_LIST },
	{ .name = "NAME=VALUE",
	  .help = "more registers to write",
	  .offset = AT(more),
	  .type = OPTION_LIST },
	OPTION_END,
};

const struct verb verb_vm_regs = {
	.name = "vm regs",
	.summary = "Show or write a vCPU's registers",
	.options = regs_rows,
	.args_size = sizeof(struct vm_args),
	.run = run_regs,
};

/* --- vm inject, vm raise -------------------------------------------------------------------------- */

static int run_inject(struct tool *tool, void *opaque)
{
	const struct vm_args *args = opaque;
	json_t *request = begin(args, "inject");

	add_number(request, "event", &args->event);
	return client_ask(tool, args->control, request);
}

static const struct option_row inject_rows[] = {
	ROW_CONTROL,
	ROW_VCPU(true),
	ROW_NUMBER("EVENT", event, "event number"),
	OPTION_END,
};

const struct verb verb_vm_inject = {
	.name = "vm inject",
	.summary = "Trigger an event on a vCPU, as the VMM (INJECT_EVENT)",
	.options = inject_rows,
	.args_size = sizeof(struct vm_args),
	.run = run_inject,
};

static int run_raise(struct tool *tool, void *opaque)
{
	const struct vm_args *args = opaque;
	json_t *request = begin(args, "raise");

	add_number(request, "intid", &args->intid);
	return client_ask(tool, args->control, request);
}

static const struct option_row raise_rows[] = {
	ROW_CONTROL,
	ROW_VCPU(false),
	ROW_NUMBER("INTID", intid, "interrupt: 16 to 31 private (with --vcpu), from 32 on shared"),
	OPTION_END,
};

const struct verb verb_vm_raise = {
	.name = "vm raise",
	.summary = "Raise an interrupt that SDEI_INTERRUPT_BIND has bound to an event",
	.options = raise_rows,
	.args_size = sizeof(struct vm_args),
	.run = run_raise,
};

/* --- vm attr, vm reg, vm ioctl --------------------------------------------------------------------- */

static int run_attr(struct tool *tool, void *opaque)
{
	const struct vm_args *args = opaque;
	json_t *request = begin(args, "attr");

	if (!add_pointer(request, args->ptr)) {
		json_decref(request);
		return tool_usage(tool, "--ptr", "OFFSET=HEX");
	}
	add_number(request, "group", &args->group);
	add_number(request, "attr", &args->attr);
	if (args->value && strcmp(args->value, "null") == 0)
		json_object_set_new(request, "data", json_null());
	else
		add_text(request, "data", args->value);
	return client_ask(tool, args->control, request);
}

static const struct option_row attr_rows[] = {
	ROW_CONTROL,
	ROW_VCPU(false),
	ROW_PTR,
	ROW_ACTION("set|get|has"),
	ROW_NUMBER("GROUP", group, "attribute group"),
	ROW_NUMBER("ATTR", attr, "attribute of the group"),
	{ .name = "HEX",
	  .help = "the attribute's bytes, or null for a null pointer",
	  .offset = AT(value),
	  .type = OPTION_TEXT },
	OPTION_END,
};

const struct verb verb_vm_attr = {
	.name = "vm attr",
	.summary = "Set, get or look for a device attribute of the VM or of a vCPU",
	.about = "For get, HEX says how many bytes to read; 64 without it.",
	.options = attr_rows,
	.args_size = sizeof(struct vm_args),
	.run = run_attr,
};

static int run_reg(struct tool *tool, void *opaque)
{
	const struct vm_args *args = opaque;
	json_t *request = begin(args, "reg");

	add_number(request, "id", &args->id);
	/* A number or bytes: the register's size decides. */
	add_text(request, "value", args->value);
	return client_ask(tool, args->control, request);
}

static const struct option_row reg_rows[] = {
	ROW_CONTROL,
	ROW_VCPU(true),
	ROW_ACTION("get|set"),
	ROW_NUMBER("ID", id, "register id of KVM_GET_ONE_REG"),
	{ .name = "VALUE",
	  .help = "a number; hexadecimal bytes for a register of more than 8 bytes",
	  .offset = AT(value),
	  .type = OPTION_TEXT },
	OPTION_END,
};

const struct verb verb_vm_reg = {
	.name = "vm reg",
	.summary = "Get or set one register by its KVM id",
	.options = reg_rows,
	.args_size = sizeof(struct vm_args),
	.run = run_reg,
};

static int run_ioctl(struct tool *tool, void *opaque)
{
	const struct vm_args *args = opaque;
	json_t *request = begin(args, "ioctl");

	if (!add_pointer(request, args->ptr)) {
		json_decref(request);
		return tool_usage(tool, "--ptr", "OFFSET=HEX");
	}
	add_number(request, "nr", &args->nr);
	add_text(request, "data", args->value);
	return client_ask(tool, args->control, request);
}

static const struct option_row ioctl_rows[] = {
	ROW_CONTROL,
	ROW_VCPU(false),
	ROW_PTR,
	ROW_NUMBER("NR", nr, "ioctl number, e.g. 0xc010aed0"),
	{ .name = "HEX",
	  .help = "the argument's bytes; of an ioctl without a struct, the number itself, "
		  "little-endian",
	  .offset = AT(value),
	  .type = OPTION_TEXT,
	  .required = true },
	OPTION_END,
};

const struct verb verb_vm_ioctl = {
	.name = "vm ioctl",
	.summary = "Issue an ioctl on the VM or on a vCPU",
	.options = ioctl_rows,
	.args_size = sizeof(struct vm_args),
	.run = run_ioctl,
};

/* --- vm mmio, vm mem --------------------------------------------------------------------------------- */

static int run_mmio(struct tool *tool, void *opaque)
{
	const struct vm_args *args = opaque;
	json_t *request = begin(args, "mmio");

	add_number(request, "ipa", &args->ipa);
	add_number(request, "len", &args->len);
	if (args->value)
		json_object_set_new(request, "value", value_json(args->value));
	add_flag(request, "no_syndrome", args->no_syndrome);
	return client_ask(tool, args->control, request);
}

static const struct option_row mmio_rows[] = {
	ROW_CONTROL,
	ROW_VCPU(true),
	ROW_ACTION("read|write"),
	ROW_NUMBER("IPA", ipa, "intermediate physical address"),
	ROW_NUMBER("LEN", len, "bytes, 1 to 16"),
	{ .name = "VALUE", .help = "what is written", .offset = AT(value), .type = OPTION_TEXT },
	{ .name = "--no-syndrome",
	  .help = "by an instruction that leaves no syndrome (ISV = 0)",
	  .offset = AT(no_syndrome),
	  .type = OPTION_FLAG },
	OPTION_END,
};

const struct verb verb_vm_mmio = {
	.name = "vm mmio",
	.summary = "Let the guest read or write an address",
	.options = mmio_rows,
	.args_size = sizeof(struct vm_args),
	.run = run_mmio,
};

static int run_mem(struct tool *tool, void *opaque)
{
	const struct vm_args *args = opaque;
	json_t *request = begin(args, "mem");

	add_number(request, "ipa", &args->ipa);
	if (strcmp(args->action, "read") == 0)
		json_object_set_new(request, "len", value_json(args->value));
	else
		add_text(request, "data", args->value);
	return client_ask(tool, args->control, request);
}

static const struct option_row mem_rows[] = {
	ROW_CONTROL,
	ROW_ACTION("read|write"),
	ROW_NUMBER("IPA", ipa, "intermediate physical address"),
	{ .name = "LEN|HEX",
	  .help = "how many bytes to read, or the bytes to write",
	  .offset = AT(value),
	  .type = OPTION_TEXT,
	  .required = true },
	OPTION_END,
};

const struct verb verb_vm_mem = {
	.name = "vm mem",
	.summary = "Read or write the guest's memory",
	.options = mem_rows,
	.args_size = sizeof(struct vm_args),
	.run = run_mem,
};
